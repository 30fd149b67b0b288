//! Cuts results from local files. By default, streams are copied with an edit list, which is exact
//! and fast; `--exact` re-encodes for players that ignore edit lists.

use std::path::Path;

use tl_validate::program::Job;

use super::ranges::Range;
use super::source::Sources;
use crate::context::Context;
use crate::failure::Failure;
use crate::failure::exit::Exit;
use crate::ffmpeg::error::ffmpeg_failure;
use crate::ffmpeg::output_dir::{OutputDir, file_stem};
use crate::ffmpeg::packets::ALL_STREAMS;
use crate::text::path_name::path_name;

/// Settings of the clips.
pub(super) struct Clips<'a> {
    pub(super) folder: &'a Path,
    pub(super) exact: bool,
    pub(super) force: bool,
}

impl Clips<'_> {
    /// Writes a clip per range.
    pub(super) fn write(
        &self,
        context: &Context,
        ranges: &[Range],
        sources: &Sources,
    ) -> Result<(), Failure> {
        let mut output_dir = OutputDir::new(context, self.folder, self.force, false)?;
        // Find all files first, so that a missing one does not leave half of the clips.
        let located = ranges.iter().map(|range| sources.locate(range));
        let located = located.collect::<Result<Vec<_>, _>>()?;
        let digits = ranges.len().to_string().len().max(2);
        let mut names = Vec::with_capacity(ranges.len());
        for (range, (file, _)) in ranges.iter().zip(&located) {
            let name = format!(
                "{:0digits$}-{}-{}.mp4",
                range.rank,
                file_stem(file),
                label(range.start)
            );
            names.push(output_dir.target(file, &name)?);
        }
        for ((range, (file, offset)), target) in ranges.iter().zip(&located).zip(&names) {
            let progress = output_dir.progress(&path_name(target));
            let temp_dir = output_dir.temp_dir()?;
            let clip = temp_dir.path().join("clip.mp4");
            let job = self.job(file, range.start + offset, range.end - range.start);
            let job = job.cancelled_by(&output_dir.cancel);
            let written = output_dir
                .ffmpeg
                .write(&job, &clip, &mut |state| progress.update(&state));
            drop(progress);
            written.map_err(|error| self.failure(&error, file))?;
            output_dir.persist(&clip, target)?;
            context.output.note(&format!("wrote {}", target.display()));
        }
        let how = match self.exact {
            true => "re-encoded",
            false => "cut by edit lists without re-encoding",
        };
        context
            .output
            .note(&format!("{} clips, {how}", ranges.len()));
        Ok(())
    }

    /// `-ss` before the input and `-t` after it: FFmpeg starts at the key frame before the start and
    /// hides what is before it with an edit list. `-avoid_negative_ts make_zero` would show it.
    fn job(&self, file: &Path, start: f64, seconds: f64) -> Job {
        let job = Job::new()
            .args(["-ss", &format!("{start:.6}")])
            .input(file)
            .args(["-t", &format!("{seconds:.6}")])
            .args(ALL_STREAMS)
            .args(["-map_chapters", "-1"]);
        let job = match self.exact {
            true => job.args([
                "-c:v", "libx264", "-crf", "18", "-pix_fmt", "yuv420p", "-c:a", "aac", "-b:a",
                "192k",
            ]),
            false => job.args(["-c", "copy"]),
        };
        job.args(["-movflags", "+faststart", "-f", "mp4"])
            .expects_seconds(seconds)
    }

    fn failure(&self, error: &tl_validate::program::ProgramError, file: &Path) -> Failure {
        let failure = ffmpeg_failure(error).with_file(&path_name(file));
        match failure.exit() {
            Exit::RefusedLocally if !self.exact => {
                failure.hint("pass --exact to re-encode; mp4 does not hold every codec")
            }
            _ => failure,
        }
    }
}

/// The start in a file name: `1h02m03.4s`.
fn label(seconds: f64) -> String {
    // Times are at most days.
    let tenths = (seconds * 10.0).round() as u64;
    let (whole, tenth) = (tenths / 10, tenths % 10);
    format!(
        "{}h{:02}m{:02}.{tenth}s",
        whole / 3600,
        whole / 60 % 60,
        whole % 60
    )
}
