//! The corpus in the directory of the test clips, and expected values determined by `ffprobe`.

use std::path::{Path, PathBuf};

use super::folder;

/// One file of the corpus.
pub(crate) struct Entry {
    pub(crate) name: String,
    inner: tl_corpus::Entry,
}

impl Entry {
    /// The path of the file; created if it does not exist.
    pub(crate) fn path(&self) -> PathBuf {
        let made = self.inner.path_in(&folder());
        made.unwrap_or_else(|failure| panic!("{failure}"))
    }
}

/// Every entry; derived ones come after their sources.
pub(crate) fn entries() -> Vec<Entry> {
    let entry = |inner: tl_corpus::Entry| Entry {
        name: inner.name.clone(),
        inner,
    };
    tl_corpus::entries().into_iter().map(entry).collect()
}

/// Expected values from `ffprobe`, which decodes every frame: from the first to the last
/// presentation time plus the duration of the last frame, and the size of the first frame. `None`
/// for a file without decodable video.
pub(crate) fn decoded(path: &Path) -> Option<Decoded> {
    let output = std::process::Command::new("ffprobe")
        .args(["-v", "error", "-select_streams", "V:0", "-show_frames", "-show_entries"])
        .args(["frame=best_effort_timestamp_time,pkt_duration_time,duration_time,width,height,pict_type", "-of", "json"])
        .arg(path)
        .output()
        .expect("the `ffprobe` program comes with ffmpeg");
    let value: serde_json::Value =
        serde_json::from_slice(&output.stdout).expect("ffprobe writes JSON");
    let frames = value["frames"].as_array()?;
    let number = |frame: &serde_json::Value, key: &str| {
        frame[key].as_str().and_then(|t| t.parse::<f64>().ok())
    };
    let mut times: Vec<f64> = Vec::new();
    let (mut finished, mut last_duration) = (0.0, 0.0f64);
    for frame in frames {
        let Some(time) = number(frame, "best_effort_timestamp_time") else {
            continue;
        };
        last_duration = number(frame, "duration_time")
            .or_else(|| number(frame, "pkt_duration_time"))
            .unwrap_or(last_duration);
        if times.last().is_some_and(|last| time < last - 1.0) {
            finished += times[times.len() - 1] - times[0] + last_duration;
            times.clear();
        }
        times.push(time);
    }
    if last_duration == 0.0 && times.len() > 1 {
        last_duration = (times[times.len() - 1] - times[0]) / (times.len() - 1) as f64;
    }
    let first = frames.first()?;
    let size = (
        u32::try_from(first["width"].as_u64()?).ok()?,
        u32::try_from(first["height"].as_u64()?).ok()?,
    );
    let span = times
        .last()
        .zip(times.first())
        .map(|(last, first)| last - first + last_duration + finished);
    Some(Decoded {
        seconds: span,
        frame: last_duration,
        frames: frames.len(),
        size,
    })
}

/// Expected values.
#[derive(Debug)]
pub(crate) struct Decoded {
    pub(crate) seconds: Option<f64>,
    pub(crate) frame: f64,
    pub(crate) frames: usize,
    pub(crate) size: (u32, u32),
}
