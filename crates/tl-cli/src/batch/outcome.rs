//! Result of one input: what exists at the platform, as JSON, and errors that name the input.

use serde_json::{Value, json};
use tl_client::{ErrorKind, Ingested, Stage};
use tl_validate::Report;

use crate::failure::Failure;
use crate::failure::exit::Exit;

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
fn names_its_file(kind: ErrorKind) -> bool {
    matches!(
        kind,
        ErrorKind::File
            | ErrorKind::CheckFailed
            | ErrorKind::RefusedLocally
            | ErrorKind::SourceChanged
            | ErrorKind::SourceFailed
    )
}
