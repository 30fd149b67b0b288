//! `tl analyze batch list`.

use clap::Args;
use tl_model::{AnalyzeBatch, AnalyzeBatchStatus, AnalyzeMode};
use tl_protocol::endpoint::ListAnalyzeBatches;

use crate::args::pages::PartArgs;
use crate::context::Context;
use crate::failure::Failure;
use crate::failure::exit::Exit;
use crate::ui::table::cell;

/// `tl analyze batch list`.
#[derive(Debug, Args)]
pub(crate) struct List {
    /// Filter by status, e.g. completed. Repeatable
    #[arg(long, value_name = "STATUS", value_delimiter = ',')]
    status: Vec<AnalyzeBatchStatus>,
    /// Filter by mode: general or time_based_metadata. Repeatable
    #[arg(long, value_name = "MODE", value_delimiter = ',')]
    mode: Vec<AnalyzeMode>,
    #[command(flatten)]
    part: PartArgs,
}

impl List {
    pub(crate) fn run(self, context: &Context) -> Result<Exit, Failure> {
        let list = ListAnalyzeBatches::default()
            .page(self.part.page())
            .status(self.status)
            .analysis_mode(self.mode);
        let listed = context.call(async |client| self.part.fetch(client, list).await)?;
        listed.show(
            &context.output,
            "batches",
            ["BATCH", "STATUS", "ITEMS", "READY", "FAILED", "CREATED"],
            |batch: &AnalyzeBatch| {
                [
                    batch.batch_id.to_string(),
                    cell(batch.status.as_ref()),
                    cell(batch.total_items.as_ref()),
                    cell(batch.ready_items.as_ref()),
                    cell(batch.failed_items.as_ref()),
                    cell(batch.created_at.as_ref()),
                ]
            },
        );
        Ok(Exit::Ok)
    }
}
