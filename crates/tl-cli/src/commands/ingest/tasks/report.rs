//! Results of tasks: success, failure, and interrupted inputs.

use std::sync::{Arc, OnceLock};

use serde_json::json;
use tl_client::{Ingested, Stage};
use tl_model::IndexId;
use tl_validate::Report;

use crate::batch::item::ItemState;
use crate::batch::outcome::{details, merge, refused};
use crate::batch::repeated::RepeatedFailures;
use crate::batch::summary::{interrupted_item, summary};
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
    /// The id of the index, once it was looked up.
    index: OnceLock<IndexId>,
    /// Failures that several inputs have in common are printed once.
    shared: RepeatedFailures,
}

impl Reporter {
    pub(super) fn new(output: &Arc<Output>) -> Self {
        Self {
            output: Arc::clone(output),
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
        let made = plain_line(video.task_id.as_ref().map_or("unknown", |id| id.as_str()));
        let upload = video.time(Stage::Upload).unwrap_or_default();
        let shown = plain_line(name);
        let text = match (self.output.is_quiet(), is_ready) {
            (true, false) => made.clone(),
            (true, true) => id,
            (false, true) => format!(
                "{GOOD}ready{GOOD:#}    {shown}  video {id}  task {made}  (uploaded in {}, ready after {})",
                units::format_duration(upload),
                units::format_duration(video.time(Stage::Indexing).unwrap_or_default())
            ),
            (false, false) => format!(
                "{GOOD}created{GOOD:#}  {shown}  video {id}  task {made}  (uploaded in {})",
                units::format_duration(upload)
            ),
        };
        self.output.line(&text);
        if video.reconciled {
            self.output.note(&format!(
                "a response was lost; its request had created task {made}"
            ));
        }
        if let (false, Some(task)) = (is_ready, &video.task_id) {
            let command = wait_hint::task_command(task);
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
        let task = reached
            .as_ref()
            .and_then(|reached| reached.task_id.as_ref());
        let failure = match task {
            Some(task) => with_wait_hint(failure, &wait_hint::task_command(task)),
            None => failure,
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
            let (failure, reached) = interrupted_item(name, state, false);
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
            self.output.failure_text(&summary(unfinished, total, false));
        }
    }

    /// Prints how many failures were not printed.
    pub(super) fn finish(&self) {
        self.shared.finish(&self.output);
    }
}

/// The report, if it has findings.
fn notable(report: Option<Report>) -> Option<Report> {
    report.filter(|report| !report.findings.is_empty())
}
