//! Re-encodes a file with key frames at the cuts, for files that cannot be cut without re-encoding.

use std::path::{Path, PathBuf};

use tl_validate::program::Job;
use tl_validate::split::PacketReader;
use tl_validate::{MediaFacts, Tracks, picture_encoder};

use crate::failure::Failure;
use crate::failure::exit::Exit;
use crate::ffmpeg::error::ffmpeg_failure;
use crate::ffmpeg::output_dir::{JobProgress, OutputDir};
use crate::ffmpeg::packets::{self, ALL_STREAMS};

/// A re-encoded file.
pub(super) struct Encoded {
    pub(super) path: PathBuf,
    pub(super) listed: PacketReader,
}

/// Encodes `file` into `folder` with a key frame at each of `times`, and checks that no frame is
/// lost.
pub(super) fn encode(
    output_dir: &OutputDir<'_>,
    file: &Path,
    facts: &MediaFacts,
    source: &PacketReader,
    times: &[f64],
    folder: &Path,
    line: &JobProgress,
) -> Result<Encoded, Failure> {
    let tracks = Tracks::of(facts);
    let path = folder.join("encoded.mp4");
    let times: Vec<String> = times.iter().map(|time| format!("{time:.6}")).collect();
    let mut job = Job::new().input(file).args(&tracks.map);
    if let Some(video) = facts.video() {
        job = job
            .args(picture_encoder(video, false))
            .args(["-crf", "18"])
            // Keep every frame with its own timestamp: by default, FFmpeg rounds to whole frames
            // and drops some of a variable rate.
            .args(["-fps_mode", "passthrough", "-enc_time_base", "1:90000"])
            // Closed GOPs: no frame shown after a key frame is stored before it.
            .args(["-flags", "+cgop"]);
        if !times.is_empty() {
            job = job.args(["-force_key_frames", &times.join(",")]);
        }
    }
    job = job
        .args([
            "-c:a",
            "aac",
            "-b:a",
            "128000",
            "-map_chapters",
            "-1",
            "-f",
            "mp4",
        ])
        .expects_seconds(source.outline().duration_seconds())
        .cancelled_by(&output_dir.cancel);
    output_dir
        .ffmpeg
        .write(&job, &path, &mut |progress| line.update(&progress))
        .map_err(|error| ffmpeg_failure(&error))?;
    let listed = packets::list(output_dir, &path, &ALL_STREAMS)?;
    let (planned, shown) = (source.outline().shown(), listed.outline().shown());
    if facts.video().is_some() && planned != shown {
        // Two packets may contain one frame (two fields), and one packet none: decode to count
        // frames.
        let map = tracks.map.get(..2).unwrap_or_default();
        let decoded = packets::frames(output_dir, file, map, None)?.len() as u64;
        if decoded != shown {
            return Err(Failure::new(
                Exit::RefusedLocally,
                "not_split",
                format!("ffmpeg encoded {shown} of {decoded} frames; all parts were discarded"),
            )
            .hint("convert the file with another program first"));
        }
    }
    Ok(Encoded { path, listed })
}
