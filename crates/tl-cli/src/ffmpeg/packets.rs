//! Inspection of media files with FFmpeg: packets and frames.

use std::path::Path;

use tl_validate::program::Job;
use tl_validate::split::{FrameReader, PacketReader};

use super::output_dir::OutputDir;
use crate::failure::Failure;
use crate::ffmpeg::error::ffmpeg_failure;

/// Keep every frame once with its own timestamp. By default, FFmpeg rounds to the nominal frame
/// rate.
const EVERY_FRAME: [&str; 4] = ["-fps_mode", "passthrough", "-enc_time_base", "1:90000"];

/// `-map` arguments for all video and audio streams of a file that `tl` has written.
pub(crate) const ALL_STREAMS: [&str; 4] = ["-map", "0:V:0?", "-map", "0:a?"];

/// Lists the packets of the streams in `map` without decoding. Times are relative to the start of
/// the file.
pub(crate) fn list(
    output_dir: &OutputDir<'_>,
    file: &Path,
    map: &[impl AsRef<std::ffi::OsStr>],
) -> Result<PacketReader, Failure> {
    let job = Job::new()
        .input(file)
        .args(map)
        .args(["-c", "copy", "-f", "framecrc"]);
    let mut reader = PacketReader::new();
    read_lines(output_dir, job, &mut |line| reader.line(line))?;
    Ok(reader)
}

/// Runs `ffmpeg` and passes each line of its output to `read`.
fn read_lines(
    output_dir: &OutputDir<'_>,
    job: Job,
    read: &mut dyn FnMut(&str),
) -> Result<(), Failure> {
    let job = job.cancelled_by(&output_dir.cancel);
    output_dir
        .ffmpeg
        .lines(&job, read)
        .map_err(|error| ffmpeg_failure(&error))
}

/// Decodes the video stream in `map` and returns time and hash of the first `count` frames, or of
/// all. Times are those in the file.
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
    job = job.args(["-f", "framehash", "-hash", "md5"]);
    let mut reader = FrameReader::new();
    read_lines(output_dir, job, &mut |line| reader.line(line))?;
    Ok(reader.frames().to_vec())
}

/// Returns the time of the first frame in seconds from the start of the streams in `map`. The video
/// stream must come first.
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
        .args(["-f", "framehash", "-hash", "md5"]);
    let mut reader = FrameReader::new();
    read_lines(output_dir, job, &mut |line| reader.line(line))?;
    Ok(reader.frames().first().map(|(seconds, _)| *seconds))
}
