//! `tl ledger show`.

use clap::Args;
use serde_json::json;
use tl_ledger::ItemId;

use super::view::pairs;
use crate::args::ledger::LedgerArgs;
use crate::context::Context;
use crate::failure::Failure;
use crate::failure::exit::Exit;
use crate::ui::table;

/// `tl ledger show`.
#[derive(Debug, Args)]
pub(crate) struct Show {
    /// Number of the item
    #[arg(value_name = "ITEM")]
    item: ItemId,
    #[command(flatten)]
    ledger: LedgerArgs,
}

impl Show {
    pub(crate) fn run(self, context: &Context) -> Result<Exit, Failure> {
        let mut ledger = self.ledger.address()?.open_read_only()?;
        let item = ledger.item(self.item)?;
        let sources = ledger.sources(item.id)?;
        let attempts = ledger.attempts(item.id)?;
        let chunks = ledger.chunks(item.id)?;
        let facts = ledger.facts(item.content)?;
        let output = &context.output;
        output.json(&json!({
            "item": item,
            "sources": sources,
            "attempts": attempts,
            "chunks": chunks.len(),
            "facts": facts,
        }));
        let mut pairs = pairs(&item);
        for source in &sources {
            pairs.push(("source", Some(source.clone())));
        }
        if !chunks.is_empty() {
            pairs.push(("chunks", Some(format!("{} sent", chunks.len()))));
        }
        output.line(&table::pairs(&pairs));
        if attempts.is_empty() {
            return Ok(Exit::Ok);
        }
        let rows: Vec<[String; 6]> = attempts
            .iter()
            .map(|attempt| {
                let outcome = &attempt.outcome;
                let result = match (&outcome.result_id, &outcome.code, attempt.outcome_at) {
                    (Some(id), ..) => id.clone(),
                    (None, Some(code), _) => code.clone(),
                    (None, None, Some(_)) => "not created".to_owned(),
                    (None, None, None) => "in doubt".to_owned(),
                };
                [
                    attempt.operation.name().to_owned(),
                    format!("{:.0}", attempt.intent_at),
                    outcome
                        .http
                        .map_or_else(String::new, |status| status.to_string()),
                    attempt.run.to_string(),
                    outcome.request_id.clone().unwrap_or_default(),
                    result,
                ]
            })
            .collect();
        let headings = ["REQUEST", "SENT", "STATUS", "RUN", "REQUEST ID", "RESULT"];
        output.line(&format!("\n{}", table::render(headings, &rows)));
        Ok(Exit::Ok)
    }
}
