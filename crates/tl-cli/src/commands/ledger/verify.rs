//! `tl ledger verify`.

use clap::Args;
use serde_json::json;

use crate::args::ledger::LedgerArgs;
use crate::context::Context;
use crate::failure::Failure;
use crate::failure::exit::Exit;
use crate::text::units::pluralize;

/// `tl ledger verify`.
#[derive(Debug, Args)]
pub(crate) struct Verify {
    #[command(flatten)]
    ledger: LedgerArgs,
}

impl Verify {
    pub(crate) fn run(self, context: &Context) -> Result<Exit, Failure> {
        let address = self.ledger.address()?;
        let mut ledger = address.open_read_only()?;
        let problems = ledger.verify()?;
        context.output.json(&json!({
            "ledger": address.to_string(),
            "is_consistent": problems.is_empty(),
            "problems": problems,
        }));
        if problems.is_empty() {
            context
                .output
                .line(&format!("{address}: no problems found"));
            return Ok(Exit::Ok);
        }
        for problem in &problems {
            context.output.line(&problem.to_string());
        }
        context.output.note(&format!(
            "{} in {address}; `tl ledger export` saves the items that can be read",
            pluralize(problems.len(), "problem", "problems")
        ));
        Ok(Exit::SomeFailed)
    }
}
