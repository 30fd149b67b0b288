//! `tl analyze batch results`.

use clap::Args;
use tl_model::{AnalyzeBatchId, AnalyzeBatchItemStatus};
use tl_protocol::endpoint::GetAnalyzeBatchResults;

use crate::context::Context;
use crate::failure::Failure;
use crate::failure::exit::Exit;
use crate::text::units::pluralize;

/// `tl analyze batch results`.
#[derive(Debug, Args)]
#[command(after_help = "\
One line per item, in any order; `custom_id` tells which one it is. Items that have not ended have \
no answer yet.")]
pub(crate) struct Results {
    /// Batch id
    #[arg(value_name = "BATCH")]
    id: AnalyzeBatchId,
}

impl Results {
    pub(crate) fn run(self, context: &Context) -> Result<Exit, Failure> {
        let output = &context.output;
        let (mut items, mut failed, mut waiting) = (0, 0, 0);
        context.call(async |client| {
            let mut results = client.stream(&GetAnalyzeBatchResults::new(self.id));
            while let Some(result) = results.next().await {
                let result = result?;
                items += 1;
                match &result.status {
                    Some(AnalyzeBatchItemStatus::Ready) => {}
                    Some(status) if status.is_terminal() => failed += 1,
                    _ => waiting += 1,
                }
                let line = serde_json::to_string(&result).map_err(|error| {
                    Failure::usage("failed to serialize a result").with_source(&error)
                })?;
                output.text(&line);
            }
            Ok(())
        })?;
        output.note(&format!(
            "{}: {failed} failed or canceled, {waiting} not ended",
            pluralize(items, "item", "items")
        ));
        Ok(match failed {
            0 => Exit::Ok,
            _ => Exit::SomeFailed,
        })
    }
}
