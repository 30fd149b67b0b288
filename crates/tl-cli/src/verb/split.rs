//! `tl split`: cuts files that are too long or too large into parts that pass, at key frames and without encoding again.
//! Where to cut is decided in `tl_validate::split`; how the packets are listed and the parts written, in `cutting`.

mod cutting;

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;
use serde_json::{Value, json};
use tl_client::checker::Checked;
use tl_validate::rules::{Bound, Measure};
use tl_validate::split::{CannotSplit, Limits, container, cuts};
use tl_validate::timeline::Timeline;

use self::cutting::{Cut, outline};
use crate::args::Context;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::judging::{CacheArgs, Judge, JudgeArgs};
use crate::making::{Maker, stem};
use crate::output::{GOOD, plain_line};
use crate::path_name::path_name;
use crate::report::size;
use crate::{span, table};

/// Cut files that are too long or too large into parts that pass, by the program ffmpeg; the files are not touched.
#[derive(Debug, Args)]
pub(crate) struct Split {
    /// The files
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// The folder that the parts go to, as FILE-001.mp4 and so on, with FILE.parts.json, which says where each begins
    #[arg(long, short, value_name = "DIR")]
    out: PathBuf,
    /// The longest part, such as 30m; never more than the rules allow [default: what the rules allow]
    #[arg(long, value_name = "DURATION", value_parser = span::parse)]
    max_duration: Option<Duration>,
    /// Encode again with key frames where parts have to begin, for files that have none there
    #[arg(long)]
    reencode: bool,
    /// Replace parts of an earlier run
    #[arg(long)]
    force: bool,
    #[command(flatten)]
    judge: JudgeArgs,
}

/// How one file ended.
enum Done {
    /// It need not be cut.
    Whole(Box<Checked>),
    Parts {
        map: PathBuf,
        timeline: Timeline,
        reports: Vec<Checked>,
        reencoded: bool,
    },
}

impl Split {
    pub(crate) fn run(&self, context: &Context) -> Result<Exit, Failure> {
        let judge = self.judge.judge(&CacheArgs::none(), &context.output)?;
        context.output.note(&judge.introduction());
        let mut maker = Maker::new(
            context,
            &self.out,
            self.force,
            self.judge.requires_sandbox(),
        )?;
        let mut exits = Vec::with_capacity(self.files.len());
        for file in &self.files {
            let done = self.one(&judge, &mut maker, file);
            let exit = tell(context, file, &done);
            exits.push(exit);
            if exit.ends_the_run() {
                return Ok(exit);
            }
        }
        Ok(Exit::of_items(&exits))
    }

    fn limits(&self, judge: &Judge) -> Limits {
        let mut limits = Limits::of(judge.target(), judge.pack());
        if let Some(wanted) = self.max_duration {
            let wanted = wanted.as_secs_f64();
            limits.max_seconds = Some(limits.max_seconds.map_or(wanted, |max| max.min(wanted)));
        }
        limits
    }

    fn one(&self, judge: &Judge, maker: &mut Maker<'_>, file: &Path) -> Result<Done, Failure> {
        let name = path_name(file);
        let judged = judge.file(file);
        if let Some(failure) = judged.failure {
            return Err(failure);
        }
        let checked = judged.checked;
        let Some(facts) = checked
            .facts
            .as_ref()
            .filter(|_| !breaks_more_than_length(judge, &checked))
        else {
            return Err(Failure::new(
                Exit::RefusedLocally,
                "not_fixable",
                format!(
                    "`{name}`: cutting does not help, as parts would be refused for other reasons"
                ),
            )
            .about(&name)
            .with_report(Some(checked.report))
            .next("mend the file first: `tl fix FILE --out DIR`"));
        };
        let limits = self.limits(judge);
        let line = maker.line(&format!("{name} (looking for key frames)"));
        let mut outline = outline(maker, file, facts, &line)?;
        drop(line);
        let found = match cuts(&outline, &limits) {
            Err(CannotSplit::NoKeyFrame { .. }) if self.reencode => {
                outline = outline.reencoded(1.0);
                cuts(&outline, &limits).map(|cuts| (cuts, true))
            }
            other => other.map(|cuts| (cuts, false)),
        };
        let (starts, reencoded) = found.map_err(|error| cannot(&name, &error, self.reencode))?;
        if starts.len() == 1 && !checked.report.is_refused() {
            return Ok(Done::Whole(Box::new(checked)));
        }
        let ending = if reencoded || container(facts) == "mp4" {
            "mp4"
        } else {
            "mkv"
        };
        let base = stem(file);
        let digits = starts.len().to_string().len().max(3);
        let targets: Vec<PathBuf> = (1..=starts.len())
            .map(|number| maker.target(file, &format!("{base}-{number:0digits$}.{ending}")))
            .collect::<Result<_, _>>()?;
        let map = maker.target(file, &format!("{base}.parts.json"))?;

        let workshop = maker.workshop()?;
        let line = maker.line(&name);
        let cut = Cut {
            file,
            facts,
            starts: &starts,
            reencode: reencoded,
            seconds: outline.duration_seconds(),
        };
        let parts = cut.run(maker, &workshop.path().join("parts"), &line)?;
        drop(line);
        if parts.len() != starts.len() {
            return Err(Failure::new(
                Exit::RefusedLocally,
                "not_split",
                format!(
                    "`{name}`: ffmpeg made {} parts where {} were planned, so none were kept",
                    parts.len(),
                    starts.len()
                ),
            )
            .next("try --reencode"));
        }

        let source = file
            .file_name()
            .unwrap_or(file.as_os_str())
            .to_string_lossy();
        let mut timeline = Timeline::new(source);
        timeline.source_size_bytes = Some(facts.file_size_bytes);
        timeline.source_duration_seconds = Some(outline.duration_seconds());
        let mut reports = Vec::with_capacity(parts.len());
        for ((part, target), start) in parts.iter().zip(&targets).zip(&starts) {
            let judged = judge.file(part);
            if let Some(failure) = judged.failure {
                return Err(failure);
            }
            let part_name = target.file_name().unwrap_or_default().to_string_lossy();
            if judged.checked.report.is_refused() {
                return Err(Failure::new(
                    Exit::RefusedLocally,
                    "not_split",
                    format!("`{name}`: the part `{part_name}` would be refused, so none were kept"),
                )
                .about(&part_name)
                .with_report(Some(judged.checked.report))
                .next("try a smaller --max-duration, or --reencode"));
            }
            let facts = judged.checked.facts.as_ref();
            let seconds = facts
                .and_then(tl_validate::MediaFacts::duration_seconds)
                .unwrap_or(0.0);
            timeline.push(part_name, *start, seconds);
            if let Some(last) = timeline.parts.last_mut() {
                last.size_bytes = facts.map(|facts| facts.file_size_bytes);
            }
            reports.push(judged.checked);
        }
        // The map comes last: where it is, all parts are.
        let text = serde_json::to_string_pretty(&timeline)
            .map_err(|error| Failure::usage("the map has no JSON form").because(&error))?;
        let drawn = workshop.path().join("map.json");
        fs::write(&drawn, text + "\n").map_err(|error| {
            Failure::usage(format!(
                "the folder `{}` cannot be written",
                self.out.display()
            ))
            .because(&error)
        })?;
        for (part, target) in parts.iter().zip(&targets) {
            maker.deliver(part, target)?;
        }
        maker.deliver(&drawn, &map)?;
        Ok(Done::Parts {
            map,
            timeline,
            reports,
            reencoded,
        })
    }
}

/// Whether anything but its length and size speaks against the file.
fn breaks_more_than_length(judge: &Judge, checked: &Checked) -> bool {
    checked.report.errors().any(|finding| {
        !judge.pack().rules().iter().any(|rule| {
            rule.id == finding.rule
                && matches!(rule.measure, Measure::Duration | Measure::FileSize)
                && matches!(rule.bound, Bound::Max(_))
        })
    })
}

fn cannot(name: &str, error: &CannotSplit, reencoded: bool) -> Failure {
    let next = match error {
        CannotSplit::NoKeyFrame { .. } if !reencoded => {
            "encode it again with key frames where they are needed: add --reencode"
        }
        _ => "allow other lengths (--max-duration), or other rules (--engine, --route, --rules)",
    };
    Failure::new(
        Exit::RefusedLocally,
        "not_split",
        format!("`{name}`: {error}"),
    )
    .next(next)
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
    match done {
        Ok(Done::Whole(checked)) => {
            output.json(&object(
                Exit::Ok,
                json!({"map": null, "parts": [], "report": checked.report}),
            ));
            output.line(&format!(
                "{GOOD}good    {GOOD:#} {}  passes in one piece; nothing was cut",
                plain_line(&name)
            ));
            Exit::Ok
        }
        Ok(Done::Parts {
            map,
            timeline,
            reports,
            reencoded,
        }) => {
            let verdicts: Vec<_> = reports
                .iter()
                .map(|checked| checked.report.verdict)
                .collect();
            output.json(&object(
                Exit::Ok,
                json!({"map": path_name(map), "timeline": timeline, "verdicts": verdicts, "reencoded": reencoded}),
            ));
            let how = if *reencoded {
                "encoded again"
            } else {
                "nothing is lost"
            };
            output.line(&format!(
                "{GOOD}split   {GOOD:#} {}  {} parts ({how}), map in {}",
                plain_line(&name),
                timeline.parts.len(),
                plain_line(&path_name(map))
            ));
            let rows: Vec<[String; 4]> = timeline
                .parts
                .iter()
                .map(|part| {
                    [
                        format!("{:.3} s", part.start_seconds),
                        format!("{:.3} s", part.duration_seconds),
                        part.size_bytes.map(size).unwrap_or_default(),
                        part.name.clone(),
                    ]
                })
                .collect();
            output.line(&table::render(["BEGINS", "LASTS", "SIZE", "PART"], &rows));
            Exit::Ok
        }
        Err(failure) => {
            output.json(&object(failure.exit(), json!({"error": failure.to_json()})));
            output.failure_text(failure);
            failure.exit()
        }
    }
}
