//! What an ingestion says: of each input that was taken or failed, and of what goes on after Ctrl-C.

use serde_json::{Value, json};
use tl_client::{Ingested, Stage};
use tl_validate::Report;

use super::{Failed, Run};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::{GOOD, plain_line};
use crate::sending::{cut_off, same_command};
use crate::span;
use crate::waiting::{self, waits_again};

/// What there is of a video, for programs: the members are always there.
pub(crate) fn members(video: &Ingested) -> Value {
    let seconds = |stage| video.time(stage).map(|took| took.as_secs_f64());
    let history: Vec<Value> = video
        .history
        .iter()
        .map(|(stage, seen)| {
            json!({"stage": stage.as_str(), "status": seen.status, "after": seen.after.as_secs_f64()})
        })
        .collect();
    json!({
        "route": video.route.as_ref().map(|choice| choice.route),
        "because": video.route.as_ref().map(|choice| &choice.because),
        "upload_id": video.upload_id,
        "asset_id": video.asset_id,
        "indexed_asset_id": video.indexed_asset_id,
        "task_id": video.task_id,
        "video_id": video.video_id,
        "asset": video.asset,
        "indexed_asset": video.indexed_asset,
        "task": video.task,
        "chunks": video.upload.as_ref().map(|upload| json!({
            "total": upload.chunks,
            "resumed": upload.resumed,
            "attempts": upload.attempts,
        })),
        "history": history,
        "seconds": {
            "check": seconds(Stage::Check),
            "upload": seconds(Stage::Upload),
            "processing": seconds(Stage::Processing),
            "indexing": seconds(Stage::Indexing),
        },
        "reconciled": video.reconciled,
    })
}

/// `more` with the members of `object` after it.
pub(crate) fn joined(mut more: Value, object: Value) -> Value {
    if let (Some(more), Value::Object(object)) = (more.as_object_mut(), object) {
        more.extend(object);
    }
    more
}

impl Run {
    pub(super) fn taken(&self, name: &str, video: &Ingested) {
        let is_ready = video.indexed_asset.is_some() || video.task.is_some();
        let head = json!({
            "input": name,
            "ok": true,
            "exit_code": 0,
            "index_id": self.index,
            "status": is_ready.then(|| video.status()),
            "report": video.report,
        });
        self.output.json(&joined(head, members(video)));
        let id = plain_line(video.video_id.as_ref().map_or("", |id| id.as_str()));
        let (what, made) = match (&video.task_id, &video.asset_id) {
            (Some(task), _) => ("task", task.as_str()),
            (None, Some(asset)) => ("asset", asset.as_str()),
            (None, None) => ("asset", "unknown"),
        };
        let made = plain_line(made);
        let upload = video.time(Stage::Upload).unwrap_or_default();
        let shown = plain_line(name);
        let text = match (self.output.is_quiet(), is_ready, &video.task_id) {
            (true, false, Some(_)) => made.clone(),
            (true, ..) => id,
            (false, true, _) => format!(
                "{GOOD}ready{GOOD:#}    {shown}  video {id}  {what} {made}  (uploaded in {}, ready after {})",
                span::show(upload),
                span::show(video.time(Stage::Indexing).unwrap_or_default())
            ),
            (false, false, _) => format!(
                "{GOOD}created{GOOD:#}  {shown}  video {id}  {what} {made}  (uploaded in {})",
                span::show(upload)
            ),
        };
        self.output.line(&text);
        if video.reconciled {
            self.output.note(&format!(
                "an answer was lost; {what} {made} is what the lost request had made"
            ));
        }
        let next = match (&video.task_id, &video.video_id) {
            _ if is_ready => None,
            (Some(task), _) => Some(waiting::task_command(task)),
            (None, id) => id
                .as_ref()
                .map(|id| waiting::video_command(id, &self.index)),
        };
        if let Some(command) = next {
            self.output
                .note(&format!("next: `{command}` waits until it is indexed"));
        }
    }

    pub(super) fn failed(&self, name: &str, failed: &Failed) {
        let nothing = Ingested::default();
        let head = json!({
            "input": name,
            "ok": false,
            "exit_code": failed.failure.exit().code(),
            "index_id": self.index,
            "stage": failed.stage,
            "error": failed.failure.to_json(),
        });
        let reached = members(failed.reached.as_ref().unwrap_or(&nothing));
        self.output.json(&joined(head, reached));
        self.output.failure_text(&failed.failure);
    }

    /// What the client says of an input, with what there is of it and how to go on.
    pub(super) fn failed_with(&self, name: &str, error: tl_client::Error) -> Failed {
        let reached = error.reached().cloned();
        let stage = error.stage().map(Stage::as_str);
        let failure = refused(name, error.into());
        let is_kept = self.sending.keeps() && reached.as_ref().is_some_and(is_kept);
        let there = reached.as_ref();
        let task = there.and_then(|reached| reached.task_id.as_ref());
        let video = there.and_then(|reached| reached.video_id.as_ref());
        let failure = match (task, video) {
            (Some(task), _) => waits_again(failure, &waiting::task_command(task)),
            _ if is_kept && stage.is_some() && failure.exit().may_pass() => {
                failure.next(format!("`{}` goes on where it ended", same_command()))
            }
            (None, Some(video)) => {
                waits_again(failure, &waiting::video_command(video, &self.index))
            }
            (None, None) => failure,
        };
        let failure = match reached.as_ref() {
            Some(reached) => failure.with_report(notable(reached.report.clone())),
            None => failure,
        };
        Failed {
            failure,
            reached,
            stage,
        }
    }

    /// Tells, after Ctrl-C, what became of every input that was not done, and what goes on without us.
    pub(super) fn interrupted(&self) {
        let items = self.items().clone();
        for item in items.iter().filter(|item| item.exit.is_none()) {
            let standing = item.followed.standing();
            let (failure, reached) = cut_off(&item.name, &standing, self.sending.keeps());
            let failed = Failed {
                failure,
                reached: Some(reached),
                stage: None,
            };
            self.failed(&item.name, &failed);
        }
    }
}

/// Whether something is there that a later run takes up.
fn is_kept(reached: &Ingested) -> bool {
    reached.upload_id.is_some() || reached.asset_id.is_some()
}

/// What was given is neither a path nor a link that the platform can follow.
pub(crate) fn no_input(name: &str, error: tl_client::Error) -> Failure {
    let failure = Failure::from(error);
    let message = format!("`{name}`: {}", failure.message());
    failure
        .saying(message)
        .next("give an https link to the raw file, or download it and give its path")
}

/// Names the file in what went wrong with it; the findings come from the report.
pub(crate) fn refused(name: &str, failure: Failure) -> Failure {
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
fn notable(report: Option<Report>) -> Option<Report> {
    report.filter(|report| !report.findings.is_empty())
}

pub(crate) fn not_tried(exit: Exit) -> Failure {
    let because = match exit {
        Exit::KeyRefused => "the platform refused the key",
        Exit::Limit => "a limit of the account is used up",
        _ => "the index could not be looked at",
    };
    Failure::new(exit, "not_tried", format!("not tried: {because}"))
        .next("mend that, then send it again")
}
