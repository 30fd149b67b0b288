//! Results of an ingestion: success, failure, and interrupted inputs.

use serde_json::{Value, json};
use tl_client::{ErrorKind as Client, Ingested, Stage};
use tl_protocol::ErrorKind as Api;
use tl_validate::Report;

use super::{Failed, Run};
use crate::batch::summary::{RESUME, interrupted_item, summary};
use crate::batch::wait_hint::{self, with_wait_hint};
use crate::failure::Failure;
use crate::failure::exit::Exit;
use crate::text::units;
use crate::ui::escape::plain_line;
use crate::ui::style::GOOD;

/// JSON members of a video. All of them are always present.
pub(crate) fn details(video: &Ingested) -> Value {
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

/// Appends the members of `object` to `more`.
pub(crate) fn merge(mut more: Value, object: Value) -> Value {
    if let (Some(more), Value::Object(object)) = (more.as_object_mut(), object) {
        more.extend(object);
    }
    more
}

impl Run {
    pub(super) fn succeeded(&self, name: &str, video: &Ingested) {
        let is_ready = video.indexed_asset.is_some() || video.task.is_some();
        let head = json!({
            "input": name,
            "ok": true,
            "exit_code": 0,
            "index_id": self.index_id(),
            "status": is_ready.then(|| video.status()),
            "report": video.report,
        });
        self.output.json(&merge(head, details(video)));
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
                units::format_duration(upload),
                units::format_duration(video.time(Stage::Indexing).unwrap_or_default())
            ),
            (false, false, _) => format!(
                "{GOOD}created{GOOD:#}  {shown}  video {id}  {what} {made}  (uploaded in {})",
                units::format_duration(upload)
            ),
        };
        self.output.line(&text);
        if video.reconciled {
            self.output.note(&format!(
                "a response was lost; its request had created {what} {made}"
            ));
        }
        let next = match (&video.task_id, &video.video_id) {
            _ if is_ready => None,
            (Some(task), _) => Some(wait_hint::task_command(task)),
            (None, id) => id
                .as_ref()
                .zip(self.index_id())
                .map(|(id, index)| wait_hint::video_command(id, index)),
        };
        if let Some(command) = next {
            self.output.note(&format!(
                "next: run `{command}` to wait until it is indexed"
            ));
        }
    }

    pub(super) fn failed(&self, name: &str, failed: &Failed) {
        self.failed_json(name, failed);
        self.shared.report(&self.output, &failed.failure);
    }

    fn failed_json(&self, name: &str, failed: &Failed) {
        let nothing = Ingested::default();
        let head = json!({
            "input": name,
            "ok": false,
            "exit_code": failed.failure.exit().code(),
            "index_id": self.index_id(),
            "stage": failed.stage,
            "error": failed.failure.to_json(),
        });
        let reached = details(failed.reached.as_ref().unwrap_or(&nothing));
        self.output.json(&merge(head, reached));
    }

    /// Converts a client error, with what exists at the platform and a hint.
    pub(super) fn failed_with(&self, name: &str, error: tl_client::Error) -> Failed {
        let reached = error.reached().cloned();
        let stage = error.stage().map(Stage::as_str);
        let failure = refused(name, error);
        let is_kept = self.upload.keeps_checkpoint() && reached.as_ref().is_some_and(is_kept);
        let there = reached.as_ref();
        let task = there.and_then(|reached| reached.task_id.as_ref());
        let video = there
            .and_then(|reached| reached.video_id.as_ref())
            .zip(self.index_id());
        let failure = match (task, video) {
            (Some(task), _) => with_wait_hint(failure, &wait_hint::task_command(task)),
            _ if is_kept && stage.is_some() && failure.exit().is_retryable() => {
                failure.hint(RESUME)
            }
            (None, Some((video, index))) => {
                with_wait_hint(failure, &wait_hint::video_command(video, index))
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

    /// Reports every unfinished input after a signal.
    pub(super) fn interrupted(&self) {
        let items = self.items().clone();
        let kept = self.upload.keeps_checkpoint();
        let unfinished: Vec<_> = items
            .iter()
            .filter(|item| item.exit.is_none())
            .map(|item| (item.name.as_str(), item.tracker.state()))
            .collect();
        for (name, state) in &unfinished {
            let (failure, reached) = interrupted_item(name, state, kept);
            let failed = Failed {
                failure,
                reached: Some(reached),
                stage: None,
            };
            self.failed_json(name, &failed);
            if unfinished.len() == 1 {
                self.output.failure_text(&failed.failure);
            }
        }
        if unfinished.len() > 1 {
            self.output
                .failure_text(&summary(&unfinished, items.len(), kept));
        }
    }
}

/// Whether a later run can resume.
fn is_kept(reached: &Ingested) -> bool {
    reached.upload_id.is_some() || reached.asset_id.is_some()
}

/// Error of an input that is neither a path nor a supported URL.
pub(crate) fn invalid_input(name: &str, error: tl_client::Error) -> Failure {
    let failure = Failure::from(error);
    let message = format!("`{name}`: {}", failure.message());
    failure
        .with_message(message)
        .hint("pass a direct https URL of the file, or download it and pass its path")
}

/// Converts a client error of the input `name`, with the findings of the local check.
pub(crate) fn refused(name: &str, error: tl_client::Error) -> Failure {
    let is_named = names_its_file(error.kind());
    let failure = Failure::from(error);
    if failure.report().is_some_and(Report::is_refused) {
        return refused_locally(name, failure);
    }
    if is_named {
        return failure.with_file(name);
    }
    let message = format!("`{name}`: {}", failure.message());
    failure.with_file(name).with_message(message)
}

/// Error of an input that failed the local check; `failure` contains the report.
fn refused_locally(name: &str, failure: Failure) -> Failure {
    failure
        .with_file(name)
        .with_message(format!("`{name}` was not sent: local check failed"))
        .hint("correct the file; if the account has other limits, pass them with --rules FILE")
}

/// Error of the input `name` that failed the local check with `report`.
pub(crate) fn refused_by(name: &str, report: Report) -> Failure {
    let failure = Failure::new(Exit::RefusedLocally, "refused_locally", String::new());
    refused_locally(name, failure.with_report(Some(report)))
}

/// Whether the message of the client already contains the path of the file.
fn names_its_file(kind: Client) -> bool {
    matches!(
        kind,
        Client::File
            | Client::CheckFailed
            | Client::RefusedLocally
            | Client::SourceChanged
            | Client::Api(Api::SourceFailed)
    )
}

/// The report, if it has findings.
fn notable(report: Option<Report>) -> Option<Report> {
    report.filter(|report| !report.findings.is_empty())
}
