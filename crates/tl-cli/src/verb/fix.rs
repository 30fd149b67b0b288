//! `tl fix`: makes copies that pass. The source is only read; a copy gets its name when it has been checked.
//! Whether a copy holds everything that its source holds is checked in `copy`.

mod copy;

use std::path::{Path, PathBuf};
use std::time::Instant;

use clap::Args;
use serde_json::{Value, json};
use tl_client::checker::Checked;
use tl_validate::program::Job;
use tl_validate::split::PacketReader;
use tl_validate::{Fix, FixOptions, MediaFacts, Severity, Tracks};

use self::copy::Comparison;
use crate::args::Context;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::judging::{CacheArgs, Judge, JudgeArgs};
use crate::making::{Maker, listing, of_program, stem};
use crate::output::{BOLD, GOOD, plain, plain_line};
use crate::path_name::path_name;
use crate::report::size;
use crate::{span, table};

/// Make copies of files that pass the local check, by the program ffmpeg; the files themselves are not touched.
#[derive(Debug, Args)]
pub(crate) struct FixVerb {
    /// The files
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// The folder that the copies go to, as FILE.mp4; it is made where it is not there
    #[arg(long, short, value_name = "DIR")]
    out: PathBuf,
    /// Replace copies of an earlier run
    #[arg(long)]
    force: bool,
    /// Allow cutting off the end of files that are too long; what is lost is reported
    #[arg(long)]
    allow_cut: bool,
    /// Convert HDR to standard range when a picture is encoded again [default: keep HDR in 10 bits]
    #[arg(long)]
    tone_map: bool,
    /// Say what would be done, and do nothing
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    judge: JudgeArgs,
}

/// How one file ended.
enum Done {
    /// It passes as it is.
    Good(Checked),
    /// This would be done.
    Planned(Checked, Fix, PathBuf),
    /// A copy that passes was made.
    Fixed(Box<Fixed>),
}

struct Fixed {
    before: Side,
    after: Side,
    left_out: Vec<String>,
    fix: Fix,
    output: PathBuf,
    seconds: f64,
}

/// A file, and the packets that were listed of its kept streams.
struct Side {
    checked: Checked,
    listed: PacketReader,
}

impl FixVerb {
    pub(crate) fn run(&self, context: &Context) -> Result<Exit, Failure> {
        let judge = self.judge.judge(&CacheArgs::none(), &context.output)?;
        context.output.note(&judge.introduction());
        let mut maker = match self.dry_run {
            true => None,
            false => Some(Maker::new(
                context,
                &self.out,
                self.force,
                self.judge.requires_sandbox(),
            )?),
        };
        let mut exits = Vec::with_capacity(self.files.len());
        for file in &self.files {
            let done = self.one(&judge, maker.as_mut(), file);
            let exit = tell(context, file, &done);
            exits.push(exit);
            if exit.ends_the_run() {
                return Ok(exit);
            }
        }
        Ok(Exit::of_items(&exits))
    }

    fn one(
        &self,
        judge: &Judge,
        maker: Option<&mut Maker<'_>>,
        file: &Path,
    ) -> Result<Done, Failure> {
        let name = path_name(file);
        let judged = judge.file(file);
        if let Some(failure) = judged.failure {
            return Err(failure);
        }
        let before = judged.checked;
        if !before.report.is_refused() {
            return Ok(Done::Good(before));
        }
        let unfixable: Vec<&str> = before
            .report
            .errors()
            .filter(|finding| finding.fix.is_none())
            .map(|f| f.rule.as_str())
            .collect();
        let mut tracks = before.facts.as_ref().map(Tracks::of).unwrap_or_default();
        if before.facts.is_none() {
            // A format that the check does not open: its fix keeps the picture and all sounds.
            tracks.map = listing::MADE.map(str::to_owned).to_vec();
        }
        // Without a maker nothing is run, so the headers have to do.
        let listed = match &maker {
            Some(maker) if unfixable.is_empty() => {
                let listed = listing::packets(maker, file, &tracks.map);
                Some(listed.map_err(|failure| failure.about(&name))?)
            }
            _ => None,
        };
        let options = FixOptions::default()
            .with_tone_map(self.tone_map)
            .with_sound_seconds(listed.as_ref().map(longest_sound));
        let plan = before
            .facts
            .as_ref()
            .and_then(|facts| judge.fix(&measured(facts, listed.as_ref()), &options))
            .or_else(|| of_unopened(&before))
            .filter(|_| unfixable.is_empty());
        let Some(fix) = plan else {
            return Err(Failure::new(
                Exit::RefusedLocally,
                "not_fixable",
                format!(
                    "`{name}`: no call of ffmpeg makes this file pass ({})",
                    unfixable.join(", ")
                ),
            )
            .about(&name)
            .with_report(Some(before.report))
            .next("look at the findings; another --engine, --route or source may do"));
        };
        if let Some(end) = fix.cut_at_seconds.filter(|_| !self.allow_cut) {
            return Err(Failure::new(
                Exit::RefusedLocally,
                "would_cut",
                format!(
                    "`{name}`: the file is too long; a copy that passes would end at {end:.2} s and lack {}",
                    fix.losses.join(", ")
                ),
            )
            .about(&name)
            .with_report(Some(before.report))
            .next("keep everything in several parts with `tl split FILE --out DIR`, or allow the cut with --allow-cut"));
        }
        let target_name = format!("{}.mp4", stem(file));
        let (Some(maker), Some(listed)) = (maker, listed) else {
            return Ok(Done::Planned(before, fix, self.out.join(target_name)));
        };
        let output = maker.target(file, &target_name)?;
        let begun = Instant::now();
        let workshop = maker.workshop()?;
        let made = workshop.path().join("made.mp4");
        let seconds = before.facts.as_ref().and_then(MediaFacts::duration_seconds);
        let job = Job::of_fix(&fix, file)
            .expects_seconds(seconds.unwrap_or(0.0))
            .cancelled_by(&maker.cancel);
        let line = maker.line(&name);
        maker
            .ffmpeg
            .write(&job, &made, &mut |progress| line.tell(&progress))
            .map_err(|error| of_program(&error).about(&name))?;
        drop(line);
        let after = judge.file(&made);
        if let Some(failure) = after.failure {
            return Err(failure);
        }
        if after.checked.report.is_refused() {
            return Err(Failure::new(
                Exit::RefusedLocally,
                "not_fixed",
                format!("`{name}`: the copy that ffmpeg made would be refused as well, so it was not kept"),
            )
            .about(&name)
            .with_report(Some(after.checked.report))
            .next("encode the file by hand to what the findings allow"));
        }
        let after = Side {
            listed: listing::packets(maker, &made, &listing::MADE)
                .map_err(|failure| failure.about(&name))?,
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
        .run(maker)
        .map_err(|failure| failure.about(&name))?;
        maker.deliver(&made, &output)?;
        Ok(Done::Fixed(Box::new(Fixed {
            before,
            after,
            left_out: tracks.left_out,
            fix,
            output,
            seconds: begun.elapsed().as_secs_f64(),
        })))
    }
}

/// The fix for a file of a format that the check does not open: the one that its only finding offers.
fn of_unopened(checked: &Checked) -> Option<Fix> {
    let mut fixes = checked.report.errors().filter_map(|f| f.fix.clone());
    fixes.next().filter(|_| checked.facts.is_none())
}

fn tell(context: &Context, file: &Path, done: &Result<Done, Failure>) -> Exit {
    let (output, name) = (&context.output, path_name(file));
    let object = |exit: Exit, more: Value| {
        let mut object = json!({"input": name, "ok": exit == Exit::Ok, "exit_code": exit.code()});
        if let (Value::Object(object), Value::Object(more)) = (&mut object, more) {
            object.extend(more);
        }
        object
    };
    let side = |checked: &Checked| json!({"facts": checked.facts, "report": checked.report});
    let measured = |measured: &Side| {
        let mut side = side(&measured.checked);
        side["sound_seconds"] = json!(sound_seconds(&measured.listed));
        side
    };
    match done {
        Ok(Done::Good(checked)) => {
            output.json(&object(
                Exit::Ok,
                json!({"output": null, "before": side(checked)}),
            ));
            output.line(&format!(
                "{GOOD}good    {GOOD:#} {}  passes as it is; nothing was made",
                plain_line(&name)
            ));
            Exit::Ok
        }
        Ok(Done::Planned(before, fix, target)) => {
            let command = fix.command(&name, &path_name(target));
            output.json(&object(Exit::Ok, json!({"output": path_name(target), "fix": fix, "command": command, "before": side(before), "dry_run": true})));
            output.line(&format!(
                "{BOLD}plan    {BOLD:#} {}  {}\n           {}",
                plain_line(&name),
                plain(&described(fix)),
                plain_line(&shell_words::join(command))
            ));
            Exit::Ok
        }
        Ok(Done::Fixed(fixed)) => {
            let command = fixed.fix.command(&name, &path_name(&fixed.output));
            output.json(&object(
                Exit::Ok,
                json!({
                    "output": path_name(&fixed.output),
                    "fix": fixed.fix,
                    "command": command,
                    "before": measured(&fixed.before),
                    "after": measured(&fixed.after),
                    "left_out": fixed.left_out,
                    "seconds": fixed.seconds,
                }),
            ));
            output.line(&format!(
                "{GOOD}fixed   {GOOD:#} {} -> {}  {}, in {}\n{}",
                plain_line(&name),
                plain_line(&path_name(&fixed.output)),
                plain(&described(&fixed.fix)),
                span::show(std::time::Duration::from_secs_f64(fixed.seconds)),
                changes(fixed)
            ));
            Exit::Ok
        }
        Err(failure) => {
            output.json(&object(failure.exit(), json!({"error": failure.to_json()})));
            output.failure_text(failure);
            failure.exit()
        }
    }
}

fn described(fix: &Fix) -> String {
    let mut loss = match fix.lossless {
        true if fix.losses.is_empty() => "nothing is lost".to_owned(),
        true => "not encoded again".to_owned(),
        false if fix.cut_at_seconds.is_some() => "the end is cut off".to_owned(),
        false => "encoded again".to_owned(),
    };
    if !fix.losses.is_empty() {
        loss.push_str(&format!("; lost: {}", fix.losses.join(", ")));
    }
    format!("{} ({loss})", fix.summary)
}

/// How long each sound lasts, in seconds.
fn sound_seconds(listed: &PacketReader) -> Vec<f64> {
    let sounds = listed.streams().iter().filter(|(stream, _)| **stream > 0);
    sounds.map(|(_, sound)| sound.seconds()).collect()
}

/// Facts with the duration that is there, where a file is cut off and its header claims more.
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

/// What changed, before beside after.
fn changes(fixed: &Fixed) -> String {
    let (before, after) = (row_values(&fixed.before), row_values(&fixed.after));
    let mut rows: Vec<[String; 3]> = LABELS
        .iter()
        .zip(before.into_iter().zip(after))
        .filter(|(label, (before, after))| before != after || ALWAYS.contains(*label))
        .map(|(label, (before, after))| [format!("  {label}"), before, after])
        .collect();
    for track in &fixed.left_out {
        rows.push(["  left out".to_owned(), track.clone(), "none".to_owned()]);
    }
    table::render(["  ", "BEFORE", "AFTER"], &rows)
}

const LABELS: [&str; 10] = [
    "frame",
    "video",
    "bit depth",
    "range",
    "sound",
    "sound lasts",
    "duration",
    "container",
    "size",
    "errors",
];

/// Rows that are shown even if nothing changed.
const ALWAYS: [&str; 3] = ["bit depth", "sound lasts", "errors"];

fn row_values(side: &Side) -> [String; 10] {
    let checked = &side.checked;
    let errors = checked
        .report
        .findings
        .iter()
        .filter(|f| f.severity == Severity::Error)
        .count();
    let none = || "none".to_owned();
    let Some(facts) = &checked.facts else {
        let mut row = std::array::from_fn(|_| none());
        row[9] = errors.to_string();
        return row;
    };
    let sounds = sound_seconds(&side.listed);
    [
        facts
            .video()
            .map_or_else(none, |video| format!("{}x{}", video.width, video.height)),
        facts.video().map_or_else(none, |video| video.codec.clone()),
        facts
            .video()
            .and_then(|video| video.bit_depth)
            .map_or_else(|| "unknown".to_owned(), |bits| format!("{bits} bits")),
        match facts.video() {
            Some(video) if video.is_hdr => "HDR".to_owned(),
            _ => "standard".to_owned(),
        },
        facts
            .known_audio()
            .next()
            .map_or_else(none, |audio| audio.codec.clone()),
        match sounds.is_empty() {
            true => none(),
            false => {
                let each = sounds.iter().map(|seconds| format!("{seconds:.2} s"));
                each.collect::<Vec<_>>().join(", ")
            }
        },
        facts
            .duration_seconds()
            .map_or_else(none, |seconds| format!("{seconds:.2} s")),
        facts.file_mime_type.clone().unwrap_or_else(none),
        size(facts.file_size_bytes),
        errors.to_string(),
    ]
}
