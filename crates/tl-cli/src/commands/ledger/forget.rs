//! `tl ledger forget`.

use std::ops::ControlFlow;

use clap::Args;
use jiff::Timestamp;
use serde_json::json;

use super::selection::SelectionArgs;
use crate::args::ledger::LedgerArgs;
use crate::context::Context;
use crate::failure::Failure;
use crate::failure::exit::Exit;
use crate::text::units::pluralize;
use crate::ui::confirm::Confirm;

/// `tl ledger forget`.
#[derive(Debug, Args)]
pub(crate) struct Forget {
    #[command(flatten)]
    selection: SelectionArgs,
    /// Select all items
    #[arg(long, help_heading = "Selection")]
    all: bool,
    #[command(flatten)]
    confirm: Confirm,
    #[command(flatten)]
    ledger: LedgerArgs,
}

impl Forget {
    pub(crate) fn run(self, context: &Context) -> Result<Exit, Failure> {
        let mut ledger = self.ledger.address()?.open_existing()?;
        let now = Timestamp::now();
        let selection = self.selection.require(&mut ledger, now, self.all)?;
        let mut count = 0;
        ledger.for_each(&selection, |_| {
            count += 1;
            ControlFlow::Continue(())
        })?;
        let what = format!("the record of {}", pluralize(count, "item", "items"));
        if count > 0 && self.confirm.needs_prompt(&what)? && !Confirm::ask(&what) {
            context.output.note("nothing was deleted");
            return Ok(Exit::Ok);
        }
        let forgotten = ledger.forget(now, &selection)?;
        context.output.json(&json!({ "forgotten": forgotten }));
        let removed = usize::try_from(forgotten).unwrap_or(usize::MAX);
        context
            .output
            .line(&format!("{} removed", pluralize(removed, "item", "items")));
        if removed < count {
            context
                .output
                .note("items that are claimed by a running process are left out");
        }
        Ok(Exit::Ok)
    }
}
