//! `tl fix`: makes copies that pass. The source is only read; a copy gets its name when it has been checked.

use std::path::{Path, PathBuf};
use std::time::Instant;

use clap::Args;
use serde_json::{Value, json};
use tl_client::checker::Checked;
use tl_validate::program::Job;
use tl_validate::{Fix, MediaFacts, Severity};

use crate::args::Context;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::judging::{CacheArgs, Judge, JudgeArgs};
use crate::making::{Maker, of_program, stem};
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
    before: Checked,
    after: Checked,
    fix: Fix,
    output: PathBuf,
    seconds: f64,
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
        let plan = before
            .facts
            .as_ref()
            .and_then(|facts| judge.fix(facts))
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
        let target_name = format!("{}.mp4", stem(file));
        let Some(maker) = maker else {
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
        maker.deliver(&made, &output)?;
        Ok(Done::Fixed(Box::new(Fixed {
            before,
            after: after.checked,
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
                    "before": side(&fixed.before),
                    "after": side(&fixed.after),
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
    let loss = if fix.lossless {
        "nothing is lost"
    } else {
        "encoded again"
    };
    format!("{} ({loss})", fix.summary)
}

/// What changed, before beside after.
fn changes(fixed: &Fixed) -> String {
    let (before, after) = (row_values(&fixed.before), row_values(&fixed.after));
    let rows: Vec<[String; 3]> = LABELS
        .iter()
        .zip(before.into_iter().zip(after))
        .filter(|(label, (before, after))| before != after || **label == "errors")
        .map(|(label, (before, after))| [format!("  {label}"), before, after])
        .collect();
    table::render(["  ", "BEFORE", "AFTER"], &rows)
}

const LABELS: [&str; 7] = [
    "frame",
    "video",
    "sound",
    "duration",
    "container",
    "size",
    "errors",
];

fn row_values(checked: &Checked) -> [String; 7] {
    let errors = checked
        .report
        .findings
        .iter()
        .filter(|f| f.severity == Severity::Error)
        .count();
    let none = || "none".to_owned();
    let Some(facts) = &checked.facts else {
        return [
            none(),
            none(),
            none(),
            none(),
            none(),
            none(),
            errors.to_string(),
        ];
    };
    [
        facts
            .video()
            .map_or_else(none, |video| format!("{}x{}", video.width, video.height)),
        facts.video().map_or_else(none, |video| video.codec.clone()),
        facts.audio().map_or_else(none, |audio| audio.codec.clone()),
        facts
            .duration_seconds()
            .map_or_else(none, |seconds| format!("{seconds:.2} s")),
        facts.file_mime_type.clone().unwrap_or_else(none),
        size(facts.file_size_bytes),
        errors.to_string(),
    ]
}
