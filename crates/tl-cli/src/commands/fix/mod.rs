//! `tl fix`: converts files so that they pass the check. The source is never modified; a copy is
//! moved to its target after it was checked. `comparison` compares it with its source.

mod comparison;
mod report;

use std::path::{Path, PathBuf};
use std::time::Instant;

use clap::Args;
use tl_client::checker::Checked;
use tl_validate::program::Job;
use tl_validate::split::PacketReader;
use tl_validate::{Fix, FixOptions, MediaFacts, Tracks};

use self::comparison::{Comparison, Side};
use self::report::{Fixed, Outcome, print_outcome, sound_seconds};
use crate::args::check::CheckArgs;
use crate::check::cache_location::CacheLocation;
use crate::check::local_check::LocalCheck;
use crate::context::Context;
use crate::failure::Failure;
use crate::failure::exit::Exit;
use crate::ffmpeg::error::ffmpeg_failure;
use crate::ffmpeg::output_dir::{OutputDir, file_stem};
use crate::ffmpeg::packets;
use crate::text::path_name::path_name;

/// Convert files with FFmpeg so that they pass the local check.
#[derive(Debug, Args)]
pub(crate) struct FixArgs {
    /// Files to convert; they are not modified
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Write the copies to this directory as FILE.mp4
    #[arg(long, short, value_name = "DIR")]
    out: PathBuf,
    /// Overwrite existing copies
    #[arg(long)]
    force: bool,
    /// Allow truncating files that are too long; the loss is reported
    #[arg(long)]
    allow_cut: bool,
    /// Convert HDR to SDR when re-encoding [default: keep HDR with 10 bits]
    #[arg(long)]
    tone_map: bool,
    /// Print the FFmpeg commands without running them
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    check: CheckArgs,
}

impl FixArgs {
    pub(crate) fn run(&self, context: &Context) -> Result<Exit, Failure> {
        let checker = self
            .check
            .local_check(CacheLocation::Disabled, &context.output)?;
        context.output.note(&checker.describe());
        let mut output_dir = match self.dry_run {
            true => None,
            false => Some(OutputDir::new(
                context,
                &self.out,
                self.force,
                self.check.requires_sandbox(),
            )?),
        };
        let mut exits = Vec::with_capacity(self.files.len());
        for file in &self.files {
            let done = self.one(&checker, output_dir.as_mut(), file);
            let exit = print_outcome(context, file, &done);
            exits.push(exit);
            if exit.stops_run() {
                return Ok(exit);
            }
        }
        Ok(Exit::of_items(&exits))
    }

    fn one(
        &self,
        checker: &LocalCheck,
        output_dir: Option<&mut OutputDir<'_>>,
        file: &Path,
    ) -> Result<Outcome, Failure> {
        let name = path_name(file);
        let result = checker.check_file(file);
        if let Some(failure) = result.failure {
            return Err(failure);
        }
        let before = result.checked;
        if !before.report.is_refused() {
            return Ok(Outcome::Good(before));
        }
        let unfixable: Vec<&str> = before
            .report
            .errors()
            .filter(|finding| finding.fix.is_none())
            .map(|f| f.rule.as_str())
            .collect();
        let mut tracks = before.facts.as_ref().map(Tracks::of).unwrap_or_default();
        if before.facts.is_none() {
            // A format that the check does not open: its fix keeps the video and all audio.
            tracks.map = packets::ALL_STREAMS.map(str::to_owned).to_vec();
        }
        // Nothing is run with `--dry-run`, so only the headers are available.
        let listed = match &output_dir {
            Some(output_dir) if unfixable.is_empty() => {
                let listed = packets::list(output_dir, file, &tracks.map);
                Some(listed.map_err(|failure| failure.with_file(&name))?)
            }
            _ => None,
        };
        let options = FixOptions::default()
            .with_tone_map(self.tone_map)
            .with_sound_seconds(listed.as_ref().map(longest_sound));
        let plan = before
            .facts
            .as_ref()
            .and_then(|facts| checker.fix(&measured(facts, listed.as_ref()), &options))
            .or_else(|| fix_for_unopened(&before))
            .filter(|_| unfixable.is_empty());
        let Some(fix) = plan else {
            return Err(Failure::new(
                Exit::RefusedLocally,
                "not_fixable",
                format!(
                    "`{name}`: ffmpeg cannot fix this file ({})",
                    unfixable.join(", ")
                ),
            )
            .with_file(&name)
            .with_report(Some(before.report))
            .hint("see the findings; try another --engine, --route or source file"));
        };
        if let Some(end) = fix.cut_at_seconds.filter(|_| !self.allow_cut) {
            return Err(Failure::new(
                Exit::RefusedLocally,
                "would_cut",
                format!(
                    "`{name}`: file is too long; a copy that passes would end at {end:.2} s and lose {}",
                    fix.losses.join(", ")
                ),
            )
            .with_file(&name)
            .with_report(Some(before.report))
            .hint("split the file with `tl split FILE --out DIR`, or pass --allow-cut to truncate it"));
        }
        let target_name = format!("{}.mp4", file_stem(file));
        let (Some(output_dir), Some(listed)) = (output_dir, listed) else {
            return Ok(Outcome::Planned(before, fix, self.out.join(target_name)));
        };
        let output = output_dir.target(file, &target_name)?;
        let started = Instant::now();
        let temp_dir = output_dir.temp_dir()?;
        let made = temp_dir.path().join("made.mp4");
        let seconds = before.facts.as_ref().and_then(MediaFacts::duration_seconds);
        let job = Job::of_fix(&fix, file)
            .expects_seconds(seconds.unwrap_or(0.0))
            .cancelled_by(&output_dir.cancel);
        let line = output_dir.progress(&name);
        output_dir
            .ffmpeg
            .write(&job, &made, &mut |progress| line.update(&progress))
            .map_err(|error| ffmpeg_failure(&error).with_file(&name))?;
        drop(line);
        let after = checker.check_file(&made);
        if let Some(failure) = after.failure {
            return Err(failure);
        }
        if after.checked.report.is_refused() {
            return Err(Failure::new(
                Exit::RefusedLocally,
                "not_fixed",
                format!("`{name}`: the converted copy does not pass either; it was discarded"),
            )
            .with_file(&name)
            .with_report(Some(after.checked.report))
            .hint("re-encode the file manually within the limits in the findings"));
        }
        let after = Side {
            listed: packets::list(output_dir, &made, &packets::ALL_STREAMS)
                .map_err(|failure| failure.with_file(&name))?,
            checked: after.checked,
        };
        let before = Side {
            checked: before,
            listed,
        };
        Comparison {
            source: file,
            map: &tracks.map,
            before: &before,
            copy: &made,
            after: &after,
            fix: &fix,
        }
        .run(output_dir)
        .map_err(|failure| failure.with_file(&name))?;
        output_dir.persist(&made, &output)?;
        Ok(Outcome::Fixed(Box::new(Fixed {
            before,
            after,
            left_out: tracks.left_out,
            fix,
            output,
            seconds: started.elapsed().as_secs_f64(),
        })))
    }
}

/// The fix for a file of a format that the check does not open: that of its only finding.
fn fix_for_unopened(checked: &Checked) -> Option<Fix> {
    let mut fixes = checked.report.errors().filter_map(|f| f.fix.clone());
    fixes.next().filter(|_| checked.facts.is_none())
}

/// Facts with the measured duration, if the file is truncated and its header claims more.
fn measured(facts: &MediaFacts, listed: Option<&PacketReader>) -> MediaFacts {
    let mut facts = facts.clone();
    let picture = listed.and_then(|listed| listed.streams().get(&0));
    if let Some(picture) = picture.filter(|_| facts.truncated.is_some())
        && picture.start.is_some()
    {
        facts.duration_seconds = Some(picture.seconds());
    }
    facts
}

fn longest_sound(listed: &PacketReader) -> f64 {
    sound_seconds(listed).into_iter().fold(0.0, f64::max)
}
