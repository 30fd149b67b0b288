//! `tl analyze batch get`.

use clap::Args;
use tl_model::AnalyzeBatchId;

use crate::context::Context;
use crate::failure::Failure;
use crate::failure::exit::Exit;
use crate::ui::table;

/// `tl analyze batch get`.
#[derive(Debug, Args)]
pub(crate) struct Get {
    /// Batch id
    #[arg(value_name = "BATCH")]
    id: AnalyzeBatchId,
}

impl Get {
    pub(crate) fn run(self, context: &Context) -> Result<Exit, Failure> {
        let batch =
            context.call(async |client| Ok(client.analyze_batches().get(self.id).await?))?;
        context.output.json(&batch);
        let count = |items: Option<u64>| items.map(|count| count.to_string());
        context.output.line(&table::pairs(&[
            ("batch", Some(batch.batch_id.to_string())),
            ("status", batch.status.as_ref().map(ToString::to_string)),
            ("model", batch.model_name.as_ref().map(ToString::to_string)),
            (
                "mode",
                batch.analysis_mode.as_ref().map(ToString::to_string),
            ),
            ("items", count(batch.total_items)),
            ("queued", count(batch.queued_items)),
            ("processing", count(batch.processing_items)),
            ("ready", count(batch.ready_items)),
            ("failed", count(batch.failed_items)),
            ("canceled", count(batch.canceled_items)),
            (
                "created",
                batch.created_at.as_ref().map(ToString::to_string),
            ),
            (
                "expires",
                batch.expires_at.as_ref().map(ToString::to_string),
            ),
            (
                "completed",
                batch.completed_at.as_ref().map(ToString::to_string),
            ),
        ]));
        Ok(Exit::Ok)
    }
}
