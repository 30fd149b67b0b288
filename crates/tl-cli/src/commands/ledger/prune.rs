//! `tl ledger prune`.

use clap::Args;
use jiff::Timestamp;

use super::selection::{Age, age};
use crate::args::ledger::LedgerArgs;
use crate::context::Context;
use crate::failure::Failure;
use crate::failure::exit::Exit;
use crate::ui::table;

/// `tl ledger prune`.
#[derive(Debug, Args)]
#[command(
    after_help = "Removes requests and uploaded chunks of items that are done, webhook events, results of probes and runs. Items are kept, so that they are not sent again; see `tl ledger forget`."
)]
pub(crate) struct Prune {
    /// Remove what is older than this, or from before this time
    #[arg(long, value_name = "AGE|TIME", value_parser = age, default_value = "30d")]
    older_than: Age,
    #[command(flatten)]
    ledger: LedgerArgs,
}

impl Prune {
    pub(crate) fn run(self, context: &Context) -> Result<Exit, Failure> {
        let mut ledger = self.ledger.address()?.open_existing()?;
        let now = ledger.time(Timestamp::now())?;
        let pruned = ledger.prune(self.older_than.time(now))?;
        context.output.json(&pruned);
        let removed = |count: u64| Some(format!("{count} removed"));
        context.output.line(&table::pairs(&[
            ("requests and chunks", removed(pruned.attempts)),
            ("webhook events", removed(pruned.events)),
            ("probe results", removed(pruned.probes)),
            ("connections", removed(pruned.sessions)),
            ("runs", removed(pruned.runs)),
            ("contents", removed(pruned.contents)),
        ]));
        Ok(Exit::Ok)
    }
}
