//! Listing what is in a media file by the program `ffmpeg`: its packets, or the first frames that it shows.

use std::path::Path;

use tl_validate::program::Job;
use tl_validate::split::{FrameReader, PacketReader};

use super::{OutputDir, ffmpeg_failure};
use crate::failure::Failure;

/// Keeps every frame once, with its own time: the default rounds times to whole frames of the nominal rate.
const EVERY_FRAME: [&str; 4] = ["-fps_mode", "passthrough", "-enc_time_base", "1:90000"];

/// The `-map` arguments for all pictures and sounds of a file that was made here.
pub(crate) const MADE: [&str; 4] = ["-map", "0:V:0?", "-map", "0:a?"];

/// Lists the packets of the streams in `map` without decoding them. Times count from the start of the file.
pub(crate) fn list(
    output_dir: &OutputDir<'_>,
    file: &Path,
    map: &[impl AsRef<std::ffi::OsStr>],
) -> Result<PacketReader, Failure> {
    let job = Job::new()
        .input(file)
        .args(map)
        .args(["-c", "copy", "-f", "framecrc"])
        .cancelled_by(&output_dir.cancel);
    let mut reader = PacketReader::new();
    output_dir
        .ffmpeg
        .lines(&job, &mut |line| reader.line(line))
        .map_err(|error| ffmpeg_failure(&error))?;
    Ok(reader)
}

/// Decodes the picture in `map` and gives time and hash of its first `count` frames, or of all. Times are those of the file.
pub(crate) fn frames(
    output_dir: &OutputDir<'_>,
    file: &Path,
    map: &[impl AsRef<std::ffi::OsStr>],
    count: Option<u64>,
) -> Result<Vec<(f64, String)>, Failure> {
    let mut job = Job::new()
        .arg("-copyts")
        .input(file)
        .args(map)
        .args(EVERY_FRAME);
    if let Some(count) = count {
        job = job.args(["-frames:v", &count.to_string()]);
    }
    job = job
        .args(["-f", "framehash", "-hash", "md5"])
        .cancelled_by(&output_dir.cancel);
    let mut reader = FrameReader::new();
    output_dir
        .ffmpeg
        .lines(&job, &mut |line| reader.line(line))
        .map_err(|error| ffmpeg_failure(&error))?;
    Ok(reader.frames().to_vec())
}

/// When the first frame is shown, in seconds from the start of the streams in `map`; the picture comes first in it.
pub(crate) fn first_frame(
    output_dir: &OutputDir<'_>,
    file: &Path,
    map: &[impl AsRef<std::ffi::OsStr>],
) -> Result<Option<f64>, Failure> {
    let job = Job::new()
        .input(file)
        .args(map)
        .args(EVERY_FRAME)
        .args(["-frames:v", "1", "-frames:a", "1"])
        .args(["-f", "framehash", "-hash", "md5"])
        .cancelled_by(&output_dir.cancel);
    let mut reader = FrameReader::new();
    output_dir
        .ffmpeg
        .lines(&job, &mut |line| reader.line(line))
        .map_err(|error| ffmpeg_failure(&error))?;
    Ok(reader.frames().first().map(|(seconds, _)| *seconds))
}
