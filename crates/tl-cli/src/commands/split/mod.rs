//! `tl split`: cuts files that are too long or too large into parts that pass, at key frames and
//! without re-encoding. `tl_validate::split` chooses the cuts; `parts` writes and checks the parts.

mod cut;
mod encode;
mod error;
mod parts;
mod report;

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;
use tl_client::checker::Checked;
use tl_validate::rules::{Bound, Measure};
use tl_validate::split::{CannotSplit, Limits, container, cuts};
use tl_validate::timeline::Timeline;
use tl_validate::{MediaFacts, Tracks};

use self::cut::Source;
use self::error::{can_be_encoded, cannot_split};
use self::report::{Outcome, print_outcome};
use crate::args::check::CheckArgs;
use crate::check::cache_location::CacheLocation;
use crate::check::local_check::LocalCheck;
use crate::context::Context;
use crate::failure::Failure;
use crate::failure::exit::Exit;
use crate::ffmpeg::output_dir::{OutputDir, file_stem};
use crate::ffmpeg::packets;
use crate::text::path_name::path_name;
use crate::text::units;

/// Split files that are too long or too large with FFmpeg.
#[derive(Debug, Args)]
pub(crate) struct Split {
    /// Files to split; they are not modified
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Write the parts and their start times to this directory
    #[arg(long, short, value_name = "DIR")]
    out: PathBuf,
    /// Limit the duration of a part, e.g. 30m [default: by the rules]
    #[arg(long, value_name = "DURATION", value_parser = units::parse_duration)]
    max_duration: Option<Duration>,
    /// Re-encode files that have no suitable key frames to cut at
    #[arg(long)]
    reencode: bool,
    /// Overwrite existing parts
    #[arg(long)]
    force: bool,
    #[command(flatten)]
    check: CheckArgs,
}

impl Split {
    pub(crate) fn run(&self, context: &Context) -> Result<Exit, Failure> {
        let checker = self
            .check
            .local_check(CacheLocation::Disabled, &context.output)?;
        context.output.note(&checker.describe());
        let mut output_dir = OutputDir::new(
            context,
            &self.out,
            self.force,
            self.check.requires_sandbox(),
        )?;
        let mut exits = Vec::with_capacity(self.files.len());
        for file in &self.files {
            let done = self.one(&checker, &mut output_dir, file);
            let exit = print_outcome(context, file, &done);
            exits.push(exit);
            if exit.stops_run() {
                return Ok(exit);
            }
        }
        Ok(Exit::of_items(&exits))
    }

    fn limits(&self, checker: &LocalCheck) -> Limits {
        let mut limits = Limits::of(checker.target(), checker.pack());
        if let Some(wanted) = self.max_duration {
            let wanted = wanted.as_secs_f64();
            limits.max_seconds = Some(limits.max_seconds.map_or(wanted, |max| max.min(wanted)));
        }
        limits
    }

    fn one(
        &self,
        checker: &LocalCheck,
        output_dir: &mut OutputDir<'_>,
        file: &Path,
    ) -> Result<Outcome, Failure> {
        let name = path_name(file);
        let result = checker.check_file(file);
        if let Some(failure) = result.failure {
            return Err(failure);
        }
        let checked = result.checked;
        let Some(facts) = checked
            .facts
            .as_ref()
            .filter(|_| !breaks_more_than_length(checker, &checked))
        else {
            return Err(Failure::new(
                Exit::RefusedLocally,
                "not_fixable",
                format!(
                    "`{name}`: splitting cannot fix this file: its parts would fail the check for other reasons"
                ),
            )
            .with_file(&name)
            .with_report(Some(checked.report))
            .hint("fix the file first with `tl fix FILE --out DIR`"));
        };
        let limits = self.limits(checker);
        let tracks = Tracks::of(facts);
        let line = output_dir.progress(&format!("{name} (scanning key frames)"));
        let listed = packets::list(output_dir, file, &tracks.map)
            .map_err(|failure| failure.with_file(&name))?;
        drop(line);
        let outline = listed.outline();
        let hides = outline.begins_hidden() && container(facts) == "matroska";
        let found = match cuts(outline, &limits) {
            // Matroska has no edit lists.
            Ok(starts) if starts.len() > 1 && hides => Err(CannotSplit::HiddenFrames),
            other => other,
        };
        let starts = match found {
            Err(error) if self.reencode && can_be_encoded(&error) => None,
            other => Some(other.map_err(|error| cannot_split(&name, &error, self.reencode))?),
        };
        if starts.as_ref().is_some_and(|starts| starts.len() == 1) && !checked.report.is_refused() {
            return Ok(Outcome::Whole(Box::new(checked)));
        }

        let temp_dir = output_dir.temp_dir()?;
        let line = output_dir.progress(&name);
        let source = Source {
            file,
            facts,
            tracks: &tracks,
            listed: &listed,
            limits: &limits,
        };
        let cut = match starts {
            Some(starts) => match source.copy(output_dir, &starts, temp_dir.path(), &line) {
                // A part does not decode by itself: re-encode the whole file.
                Err(failure) if self.reencode && failure.exit() == Exit::RefusedLocally => {
                    source.encode(output_dir, &temp_dir.path().join("again"), &line)
                }
                other => other,
            },
            None => source.encode(output_dir, temp_dir.path(), &line),
        };
        let cut = cut.map_err(|failure| failure.with_file(&name))?;
        drop(line);

        let base = file_stem(file);
        let digits = cut.written.len().to_string().len().max(3);
        let ending = cut.ending;
        let targets: Vec<PathBuf> = (1..=cut.written.len())
            .map(|number| output_dir.target(file, &format!("{base}-{number:0digits$}.{ending}")))
            .collect::<Result<_, _>>()?;
        let map = output_dir.target(file, &format!("{base}.parts.json"))?;

        let source = file
            .file_name()
            .unwrap_or(file.as_os_str())
            .to_string_lossy();
        let mut timeline = Timeline::new(source);
        timeline.source_size_bytes = Some(facts.file_size_bytes);
        timeline.source_duration_seconds = Some(outline.duration_seconds());
        timeline.source_first_timestamp_seconds = facts.start_time_seconds;
        let mut reports = Vec::with_capacity(cut.written.len());
        for (part, target) in cut.written.iter().zip(&targets) {
            let result = checker.check_file(&part.path);
            if let Some(failure) = result.failure {
                return Err(failure);
            }
            let part_name = target.file_name().unwrap_or_default().to_string_lossy();
            if result.checked.report.is_refused() {
                return Err(Failure::new(
                    Exit::RefusedLocally,
                    "not_split",
                    format!(
                        "`{name}`: part `{part_name}` failed the check; all parts were discarded"
                    ),
                )
                .with_file(&part_name)
                .with_report(Some(result.checked.report))
                .hint("try a smaller --max-duration, or --reencode"));
            }
            let facts = result.checked.facts.as_ref();
            let seconds = facts.and_then(MediaFacts::duration_seconds).unwrap_or(0.0);
            timeline.push(part_name, part.start_seconds, seconds);
            if let Some(last) = timeline.parts.last_mut() {
                last.size_bytes = facts.map(|facts| facts.file_size_bytes);
            }
            reports.push(result.checked);
        }
        // Write the list last: if it exists, all parts exist.
        let text = serde_json::to_string_pretty(&timeline).map_err(|error| {
            Failure::usage("failed to serialize the part list").with_source(&error)
        })?;
        let drawn = temp_dir.path().join("map.json");
        fs::write(&drawn, text + "\n").map_err(|error| {
            Failure::usage(format!(
                "failed to write to the directory `{}`",
                self.out.display()
            ))
            .with_source(&error)
        })?;
        for (part, target) in cut.written.iter().zip(&targets) {
            output_dir.persist(&part.path, target)?;
        }
        output_dir.persist(&drawn, &map)?;
        Ok(Outcome::Parts {
            map,
            timeline,
            reports,
            reencoded: cut.reencoded,
            left_out: tracks.left_out,
        })
    }
}

/// Whether the file breaks rules other than maximum duration and size.
fn breaks_more_than_length(checker: &LocalCheck, checked: &Checked) -> bool {
    checked.report.errors().any(|finding| {
        !checker.pack().rules().iter().any(|rule| {
            rule.id == finding.rule
                && matches!(rule.measure, Measure::Duration | Measure::FileSize)
                && matches!(rule.bound, Bound::Max(_))
        })
    })
}
