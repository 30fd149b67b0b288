//! Results of an ingestion: success, failure, and interrupted inputs.

use std::sync::{Arc, OnceLock};

use serde_json::json;
use tl_client::{Ingested, Stage};
use tl_model::IndexId;
use tl_validate::Report;

use crate::batch::item::ItemState;
use crate::batch::outcome::{details, merge, refused};
use crate::batch::repeated::RepeatedFailures;
use crate::batch::summary::{RESUME, interrupted_item, summary};
use crate::batch::wait_hint::{self, with_wait_hint};
use crate::failure::Failure;
use crate::text::units;
use crate::ui::escape::plain_line;
use crate::ui::output::Output;
use crate::ui::style::GOOD;

/// A failed input, and what exists of it at the platform.
pub(super) struct Failed {
    pub(super) failure: Failure,
    reached: Option<Ingested>,
    stage: Option<&'static str>,
}

impl From<Failure> for Failed {
    fn from(failure: Failure) -> Self {
        Self {
            failure,
            reached: None,
            stage: None,
        }
    }
}

/// Prints the result of each input.
pub(super) struct Reporter {
    output: Arc<Output>,
    /// Whether the same command can resume an upload.
    keeps_checkpoint: bool,
    /// The id of the index, once it was looked up.
    index: OnceLock<IndexId>,
    /// Failures that several inputs have in common are printed once.
    shared: RepeatedFailures,
}

impl Reporter {
    pub(super) fn new(output: &Arc<Output>, keeps_checkpoint: bool) -> Self {
        Self {
            output: Arc::clone(output),
            keeps_checkpoint,
            index: OnceLock::new(),
            shared: RepeatedFailures::default(),
        }
    }

    /// Sets the index that results name.
    pub(super) fn set_index(&self, index: IndexId) {
        // The index is looked up once; another value would be the same.
        let _ = self.index.set(index);
    }

    pub(super) fn succeeded(&self, name: &str, video: &Ingested) {
        let is_ready = video.indexed_asset.is_some() || video.task.is_some();
        let head = json!({
            "input": name,
            "ok": true,
            "exit_code": 0,
            "index_id": self.index.get(),
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
                .zip(self.index.get())
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
            "index_id": self.index.get(),
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
        let is_kept = self.keeps_checkpoint && reached.as_ref().is_some_and(is_kept);
        let there = reached.as_ref();
        let task = there.and_then(|reached| reached.task_id.as_ref());
        let video = there
            .and_then(|reached| reached.video_id.as_ref())
            .zip(self.index.get());
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

    /// Reports the unfinished inputs after a signal, of `total`.
    pub(super) fn interrupted(&self, unfinished: &[(&str, ItemState)], total: usize) {
        for (name, state) in unfinished {
            let (failure, reached) = interrupted_item(name, state, self.keeps_checkpoint);
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
                .failure_text(&summary(unfinished, total, self.keeps_checkpoint));
        }
    }

    /// Prints how many failures were not printed.
    pub(super) fn finish(&self) {
        self.shared.finish(&self.output);
    }
}

/// Whether a later run can resume.
fn is_kept(reached: &Ingested) -> bool {
    reached.upload_id.is_some() || reached.asset_id.is_some()
}

/// The report, if it has findings.
fn notable(report: Option<Report>) -> Option<Report> {
    report.filter(|report| !report.findings.is_empty())
}
