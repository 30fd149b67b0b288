//! The two calls of `ffmpeg` that cutting takes: listing the packets, and writing the parts in one pass.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use tl_validate::MediaFacts;
use tl_validate::program::Job;
use tl_validate::split::{Outline, container};

use crate::failure::Failure;
use crate::making::{Line, Maker, of_program};

/// How far a key frame may be from the time it was listed with: times are written in microseconds.
const DELTA: &str = "0.002";

/// Lists the packets of the file: where it can be cut, and how much there is in between.
pub(super) fn outline(
    maker: &Maker<'_>,
    file: &Path,
    facts: &MediaFacts,
    _line: &Line,
) -> Result<Outline, Failure> {
    let job = Job::new()
        .input(file)
        .args([
            "-map", "0:V:0?", "-map", "0:a?", "-c", "copy", "-f", "framecrc",
        ])
        .cancelled_by(&maker.cancel);
    let mut reader = Reader::new(facts.video().is_some());
    maker
        .ffmpeg
        .lines(&job, &mut |line| reader.line(line))
        .map_err(|error| of_program(&error))?;
    Ok(reader.outline)
}

/// Reads ffmpeg's `framecrc`: `#tb 0: 1/12800` and `#media_type 0: video`, then
/// `stream, dts, pts, duration, size, checksum` and flags where the packet is no key frame.
struct Reader {
    outline: Outline,
    /// Seconds in one unit of each stream.
    units: BTreeMap<u32, f64>,
    /// Whether there is a picture: then only its key frames are places to cut.
    has_video: bool,
    videos: Vec<u32>,
}

impl Reader {
    fn new(has_video: bool) -> Self {
        Self {
            outline: Outline::new(),
            units: BTreeMap::new(),
            has_video,
            videos: Vec::new(),
        }
    }

    /// Takes one line; what is not understood is passed over.
    fn line(&mut self, line: &str) {
        if let Some(head) = line.strip_prefix("#tb ") {
            if let Some((stream, unit)) = head.split_once(':')
                && let (Ok(stream), Some((num, den))) =
                    (stream.trim().parse(), unit.trim().split_once('/'))
                && let (Ok(num), Ok(den)) = (num.parse::<f64>(), den.parse::<f64>())
                && den > 0.0
            {
                self.units.insert(stream, num / den);
            }
            return;
        }
        if let Some(head) = line.strip_prefix("#media_type ") {
            if let Some((stream, kind)) = head.split_once(':')
                && let (Ok(stream), "video") = (stream.trim().parse(), kind.trim())
            {
                self.videos.push(stream);
            }
            return;
        }
        let mut fields = line.split(',').map(str::trim);
        let mut number = || fields.next()?.parse::<f64>().ok();
        let (Some(stream), Some(_dts), Some(pts), Some(duration), Some(size)) =
            (number(), number(), number(), number(), number())
        else {
            return;
        };
        // Stream numbers are small and whole; the casts saturate.
        let stream = stream as u32;
        let Some(unit) = self.units.get(&stream) else {
            return;
        };
        let key = !fields.any(|field| field.starts_with("F="));
        let cut = key && (!self.has_video || self.videos.contains(&stream));
        self.outline
            .packet(pts * unit, duration * unit, size as u64, cut);
    }
}

/// One file, and where its parts begin.
pub(super) struct Cut<'a> {
    pub(super) file: &'a Path,
    pub(super) facts: &'a MediaFacts,
    pub(super) starts: &'a [f64],
    pub(super) reencode: bool,
    pub(super) seconds: f64,
}

impl Cut<'_> {
    /// Writes the parts into the new folder, and gives their names in order.
    pub(super) fn run(
        &self,
        maker: &Maker<'_>,
        folder: &Path,
        line: &Line,
    ) -> Result<Vec<PathBuf>, Failure> {
        let times = self.starts[1..]
            .iter()
            .map(|time| format!("{time:.6}"))
            .collect::<Vec<_>>()
            .join(",");
        let format = if self.reencode {
            "mp4"
        } else {
            container(self.facts)
        };
        let ending = if format == "mp4" { "mp4" } else { "mkv" };
        let mut job = Job::new()
            .input(self.file)
            .args(["-map", "0:V:0?", "-map", "0:a?"]);
        job = if self.reencode {
            job.args([
                "-c:v", "libx264", "-pix_fmt", "yuv420p", "-crf", "18", "-c:a", "aac", "-b:a",
                "128000",
            ])
            .args(["-force_key_frames", &times])
        } else {
            job.args(["-c", "copy"])
        };
        job = job.args(["-f", "segment", "-segment_format", format]);
        if format == "mp4" {
            job = job.args(["-segment_format_options", "movflags=+faststart"]);
        }
        if self.starts.len() > 1 {
            job = job.args(["-segment_times", &times, "-segment_time_delta", DELTA]);
        } else {
            job = job.args(["-segment_time", "1000000000"]);
        }
        job = job
            .args(["-reset_timestamps", "1"])
            .arg(format!("part%06d.{ending}"))
            .expects_seconds(self.seconds)
            .cancelled_by(&maker.cancel);
        maker
            .ffmpeg
            .write_folder(&job, folder, &mut |progress| line.tell(&progress))
            .map_err(|error| of_program(&error))?;
        let unreadable = |error: &std::io::Error| {
            Failure::usage("the parts that ffmpeg wrote cannot be read").because(error)
        };
        let mut parts = Vec::new();
        for entry in std::fs::read_dir(folder).map_err(|error| unreadable(&error))? {
            parts.push(entry.map_err(|error| unreadable(&error))?.path());
        }
        parts.sort();
        Ok(parts)
    }
}

#[cfg(test)]
mod tests {
    use super::Reader;

    #[test]
    fn packets_are_read_as_ffmpeg_lists_them() {
        let text = "#software: Lavf59\n#tb 0: 1/10\n#media_type 0: video\n#tb 1: 1/1000\n#media_type 1: audio\n\
                    0,          0,          0,        5,      100, 0x1\n\
                    1,          0,          0,      500,       10, 0x2\n\
                    0,          5,         10,        5,       50, 0x3, F=0x0\n\
                    0,         15,         20,       10,      100, 0x4\n\
                    nonsense\n9, 1, 1, 1, 1, 0x5\n";
        let read = |has_video| {
            let mut reader = Reader::new(has_video);
            text.lines().for_each(|line| reader.line(line));
            (
                reader.outline.key_frames(),
                reader.outline.duration_seconds(),
                reader.outline.bytes(),
            )
        };
        assert_eq!(read(true), (2, 3.0, 260));
    }
}
