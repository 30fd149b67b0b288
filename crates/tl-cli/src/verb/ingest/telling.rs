//! What an ingestion says: of each input that was taken or failed, and of what goes on after Ctrl-C.

use serde_json::{Value, json};
use tl_validate::Report;

use super::{Failed, Run, Stage, Taken};
use crate::exit::Exit;
use crate::failure::{self, Failure};
use crate::output::{GOOD, plain_line};
use crate::span;

impl Run {
    pub(super) fn taken(&self, name: &str, taken: &Taken) {
        let Taken { ingested, waited } = taken;
        let task = &ingested.task;
        let video = waited
            .as_ref()
            .and_then(|waited| waited.value.video_id.as_ref())
            .or(task.created.video_id.as_ref());
        self.output.json(&json!({
            "input": name,
            "ok": true,
            "exit_code": 0,
            "index_id": self.index,
            "task_id": task.created.id,
            "video_id": video,
            "status": waited.as_ref().and_then(|waited| waited.value.status.as_ref()),
            "task": waited.as_ref().map(|waited| &waited.value),
            "history": waited.as_ref().map_or_else(|| Value::Array(Vec::new()), |waited| failure::history(&waited.history)),
            "seconds": {
                "check": ingested.checking.as_secs_f64(),
                "upload": task.upload.as_secs_f64(),
                "indexing": waited.as_ref().map(|waited| waited.took.as_secs_f64()),
            },
            "reconciled": task.reconciled,
            "report": ingested.report,
        }));
        let id = task.created.id.as_str();
        let text = match (self.output.is_quiet(), waited) {
            (true, Some(_)) => video.map_or_else(String::new, ToString::to_string),
            (true, None) => id.to_owned(),
            (false, Some(waited)) => format!(
                "{GOOD}ready{GOOD:#}    {}  video {}  task {id}  (uploaded in {}, ready after {})",
                plain_line(name),
                video.map_or("unknown", |video| video.as_str()),
                span::show(task.upload),
                span::show(waited.took)
            ),
            (false, None) => format!(
                "{GOOD}created{GOOD:#}  {}  task {id}  (uploaded in {})",
                plain_line(name),
                span::show(task.upload)
            ),
        };
        self.output.line(&text);
        if task.reconciled {
            self.output.note(&format!(
                "the answer to the upload was lost; task {id} is what it had made"
            ));
        }
        if waited.is_none() {
            self.output.note(&format!(
                "next: `tl task wait {id}` waits until it is indexed"
            ));
        }
    }

    pub(super) fn failed(&self, name: &str, failed: &Failed) {
        self.output.json(&json!({
            "input": name,
            "ok": false,
            "exit_code": failed.failure.exit().code(),
            "index_id": self.index,
            "task_id": failed.task,
            "error": failed.failure.to_json(),
        }));
        self.output.failure_text(&failed.failure);
    }

    /// Tells, after Ctrl-C, what became of every input that was not done, and what goes on without us.
    pub(super) fn interrupted(&self) {
        let stages = self.stages().clone();
        for (name, stage) in &stages {
            let shown = plain_line(name);
            let (text, next, task) = match stage {
                Stage::Done(_) => continue,
                Stage::NotBegun | Stage::Checking => (
                    format!("interrupted: nothing of `{shown}` was sent"),
                    "run it again".to_owned(),
                    None,
                ),
                Stage::Sending => (
                    format!(
                        "interrupted while `{shown}` was being sent: the platform drops an upload that is not complete"
                    ),
                    format!(
                        "look whether it was complete before you send it again: tl task list --index {}",
                        self.index
                    ),
                    None,
                ),
                Stage::Waiting(task) => (
                    format!("interrupted: the platform has `{shown}` and goes on with task {task}"),
                    format!("`tl task wait {task}` waits for it"),
                    Some(task.clone()),
                ),
            };
            let failure = Failure::new(Exit::Interrupted, "interrupted", text).next(next);
            self.failed(name, &Failed { failure, task });
        }
    }
}

/// What was given is neither a path nor a link that the platform can follow.
pub(super) fn no_input(name: &str, error: tl_client::Error) -> Failure {
    let failure = Failure::from(error);
    let message = format!("`{name}`: {}", failure.message());
    failure
        .saying(message)
        .next("give an https link to the raw file, or download it and give its path")
}

/// Names the file in what went wrong with it; the findings come from the report.
pub(super) fn refused(name: &str, failure: Failure) -> Failure {
    match failure.exit() {
        Exit::RefusedLocally => failure
            .about(name)
            .saying(format!(
                "`{name}` was not sent: the platform would refuse it"
            ))
            .next(
                "correct the file; where the account has other limits, give them by --rules FILE",
            ),
        _ if failure.message().contains(name) => failure,
        _ => {
            let message = format!("`{name}`: {}", failure.message());
            failure.about(name).saying(message)
        }
    }
}

/// The report, where it says something.
pub(super) fn notable(report: Option<Report>) -> Option<Report> {
    report.filter(|report| !report.findings.is_empty())
}

pub(super) fn not_tried(exit: Exit) -> Failure {
    let because = match exit {
        Exit::KeyRefused => "the platform refused the key",
        Exit::Limit => "a limit of the account is used up",
        _ => "the index could not be looked at",
    };
    Failure::new(exit, "not_tried", format!("not tried: {because}"))
        .next("mend that, then send it again")
}
