//! `tl analyze --batch`: analyses of many assets, in batches that the platform accepts.
//!
//! Reads the manifest and the options; `tl_client::analysis::batch` does the rest. The ids of the
//! batches are in a file beside the results, from which another run with the same manifest and
//! settings continues.

use std::path::Path;
use std::sync::Arc;

use serde_json::json;
use tl_client::analysis::batch::{BatchRun, Row};
use tl_model::AnalyzeRequest;
use tl_protocol::pegasus::MAX_ACTIVE_BATCHES;
use tl_protocol::{ErrorKind, Event, Observer};

use super::Question;
use super::cost::Cost;
use super::video::Video;
use crate::context::Context;
use crate::failure::Failure;
use crate::failure::exit::Exit;
use crate::text::units::pluralize;
use crate::ui::output::Output;

/// A line of the manifest.
#[derive(Debug, serde::Deserialize)]
struct Line {
    asset: String,
    #[serde(default)]
    id: Option<String>,
    #[serde(default)]
    prompt: Option<String>,
}

pub(super) fn run(
    context: &Context,
    manifest: &Path,
    out: &Path,
    request: &AnalyzeRequest,
    command: &Question,
) -> Result<Exit, Failure> {
    let rows = read(manifest)?;
    let run = BatchRun::new(request, rows).map_err(|fault| {
        Failure::new(
            Exit::RefusedLocally,
            "refused_locally",
            format!("the batch is not allowed: {fault}"),
        )
        .hint("correct the manifest or the option; nothing was sent")
    })?;
    let output = Arc::clone(&context.output);
    let (items, batches) = (run.rows().len(), run.batches());
    if command.dry_run {
        output.json(&json!({"dry_run": true, "items": items, "batches": batches}));
        output.line(&format!(
            "would analyze {} in {}",
            pluralize(items, "asset", "assets"),
            pluralize(batches, "batch", "batches")
        ));
        output.line("nothing was sent");
        return Ok(Exit::Ok);
    }
    let answers = context.call(async |client| {
        if let Some(budget) = command.budget {
            let mut seconds = 0.0;
            for row in run.rows() {
                let video = Video::Asset(row.asset.clone());
                let duration = video.asset_duration(client).await?;
                let Some(cost) = Cost::of(request, duration).seconds() else {
                    return Err(Failure::new(
                        Exit::RefusedLocally,
                        "over_budget",
                        format!("the duration of asset {} is not known", row.asset),
                    ));
                };
                seconds += cost;
            }
            let all = Cost {
                window: Some(seconds),
                definitions: 1,
            };
            all.check(Some(budget))?;
        }
        let batch = client.analyze_batch(run).wait(command.wait.policy());
        let batch = batch.save_to(out).observe(notes(&output));
        batch.await.map_err(failure)
    })?;
    let failed = answers.failed();
    output.json(&json!({"items": items, "failed": failed, "out": out.display().to_string()}));
    output.line(&format!(
        "{} of {} are in {}",
        items - failed,
        pluralize(items, "answer", "answers"),
        out.display()
    ));
    Ok(if failed == 0 {
        Exit::Ok
    } else {
        Exit::SomeFailed
    })
}

fn read(manifest: &Path) -> Result<Vec<Row>, Failure> {
    let invalid = |error: &dyn std::error::Error| {
        Failure::usage(format!("invalid manifest `{}`", manifest.display()))
            .with_source(&error.to_string().as_str().into_error())
            .hint("pass a CSV file with the columns `asset`, and optionally `id` and `prompt`")
    };
    let mut reader = csv::ReaderBuilder::new()
        .trim(csv::Trim::All)
        .from_path(manifest)
        .map_err(|error| invalid(&error))?;
    let mut rows = Vec::new();
    for line in reader.deserialize() {
        let Line { asset, id, prompt } = line.map_err(|error| invalid(&error))?;
        let mut row = Row::new(asset.as_str());
        row.id = id.filter(|id| !id.is_empty());
        row.prompt = prompt.filter(|prompt| !prompt.is_empty());
        rows.push(row);
    }
    Ok(rows)
}

/// A text as an error.
trait IntoError {
    fn into_error(self) -> std::io::Error;
}

impl IntoError for &str {
    fn into_error(self) -> std::io::Error {
        std::io::Error::other(self.to_owned())
    }
}

/// Writes a note for each batch that is created, found, delayed or has ended.
fn notes(output: &Arc<Output>) -> Observer {
    let output = Arc::clone(output);
    Observer::new(move |event| {
        match event {
        Event::Created { resource } => output.note(&format!("created {resource}")),
        Event::Reconciled { resource } => {
            output.note(&format!("found {resource} of an earlier run"));
        }
        Event::Status {
            resource, status, ..
        } => output.note(&format!("{resource} is {status}")),
        Event::CreationDelayed {
            limits_active: true,
            ..
        } => output.note(&format!(
            "the account has {MAX_ACTIVE_BATCHES} active batches already: the next one is created when one ends"
        )),
        Event::CreationDelayed { .. } => {
            output.note("the platform limits the requests: the next batch is created later");
        }
        other => output.detail(&tl_client::Event::Api(other.clone()).to_string()),
    }
    })
}

/// The failure of a run, with how to continue it.
fn failure(error: tl_client::Error) -> Failure {
    let hint = match error.kind() {
        ErrorKind::Checkpoint => {
            "pass another --out, or delete the state file; its batches keep running"
        }
        ErrorKind::File => "pass --out in a directory that exists and can be written",
        ErrorKind::DeadlinePassed => {
            "run the same command again to continue; nothing is analyzed twice"
        }
        ErrorKind::OutcomeUnknown => {
            "run the same command again: it looks the batch up before it creates one"
        }
        _ => return error.into(),
    };
    Failure::from(error).hint(hint)
}
