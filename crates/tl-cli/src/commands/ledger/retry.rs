//! `tl ledger retry`.

use clap::Args;
use jiff::Timestamp;
use serde_json::json;
use tl_ledger::Retry;

use super::selection::SelectionArgs;
use crate::args::ledger::LedgerArgs;
use crate::context::Context;
use crate::failure::Failure;
use crate::failure::exit::Exit;
use crate::text::units::pluralize;

/// `tl ledger retry`.
#[derive(Debug, Args)]
pub(crate) struct RetryItems {
    #[command(flatten)]
    selection: SelectionArgs,
    /// Select all items
    #[arg(long, help_heading = "Selection")]
    all: bool,
    /// Forget what exists on the platform and send the items again, also those that are done
    #[arg(long)]
    restart: bool,
    #[command(flatten)]
    ledger: LedgerArgs,
}

impl RetryItems {
    pub(crate) fn run(self, context: &Context) -> Result<Exit, Failure> {
        let mut ledger = self.ledger.address()?.open_existing()?;
        let now = Timestamp::now();
        let selection = self.selection.require(&mut ledger, now, self.all)?;
        let retry = if self.restart {
            Retry::Restart
        } else {
            Retry::Resume
        };
        let retried = ledger.retry(now, &selection, retry)?;
        context.output.json(&json!({ "retried": retried }));
        let count = usize::try_from(retried).unwrap_or(usize::MAX);
        context.output.line(&format!(
            "{} due again",
            pluralize(count, "item is", "items are")
        ));
        if retried == 0 {
            context
                .output
                .note("items that are done or claimed by a running process are left out");
        }
        Ok(Exit::Ok)
    }
}
