//! `tl status`: the state of bulk ingestions, from the ledger.

use std::time::Duration;

use clap::Args;
use jiff::Timestamp;
use serde_json::json;
use tl_ledger::{Account, Counts, State};

use crate::args::ledger::LedgerArgs;
use crate::context::Context;
use crate::failure::Failure;
use crate::failure::exit::Exit;
use crate::runtime;
use crate::text::units::{format_bytes, format_duration};
use crate::ui::escape::plain_line;

/// How often the state is read with `--watch`.
const INTERVAL: Duration = Duration::from_secs(2);

/// Show the state of bulk ingestions.
#[derive(Debug, Args)]
pub(crate) struct Status {
    /// Print the state again when it changes, until nothing is left to do
    #[arg(long)]
    watch: bool,
    #[command(flatten)]
    ledger: LedgerArgs,
}

impl Status {
    pub(crate) fn run(self, context: &Context) -> Result<Exit, Failure> {
        let mut ledger = self.ledger.address()?.open_read_only()?;
        let mut last = None;
        let mut read = || -> Result<(Vec<(Account, Counts)>, bool), Failure> {
            let mut all = Vec::new();
            let now = Timestamp::now();
            for account in ledger.accounts()? {
                let counts = ledger.counts(now, account.id)?;
                all.push((account, counts));
            }
            let is_new = last.as_ref() != Some(&all);
            last = Some(all.clone());
            Ok((all, is_new))
        };
        if !self.watch {
            show(context, &read()?.0);
            return Ok(Exit::Ok);
        }
        let watch = async {
            loop {
                let (all, is_new) = read()?;
                if is_new {
                    show(context, &all);
                }
                if all.iter().all(|(_, counts)| left(counts) == 0) {
                    return Ok(Exit::Ok);
                }
                tokio::time::sleep(INTERVAL).await;
            }
        };
        runtime::run(watch, || Failure::interrupted("interrupted"))
    }
}

/// Items that have not ended.
fn left(counts: &Counts) -> u64 {
    let open = State::ALL.iter().filter(|state| !state.is_final());
    open.map(|state| counts.of(*state)).sum()
}

fn show(context: &Context, all: &[(Account, Counts)]) {
    let output = &context.output;
    for (account, counts) in all {
        output.json(&json!({
            "base_url": account.base_url,
            "key_tag": account.key_tag,
            "plan": account.plan,
            "total": counts.total(),
            "left": left(counts),
            "counts": counts,
        }));
        let done = counts.states.get(&State::Done).copied().unwrap_or_default();
        let parts: Vec<String> = State::ALL
            .iter()
            .filter(|state| counts.of(**state) > 0)
            .map(|state| format!("{} {state}", counts.of(*state)))
            .chain((counts.held > 0).then(|| format!("{} held", counts.held)))
            .chain((counts.in_doubt > 0).then(|| format!("{} in doubt", counts.in_doubt)))
            .collect();
        output.line(&format!(
            "{}  key {}  plan {}\n  {} of {} left: {}\n  done: {}, {} of video",
            plain_line(&account.base_url),
            account.key_tag,
            plain_line(&account.plan),
            left(counts),
            counts.total(),
            if parts.is_empty() {
                "no videos".to_owned()
            } else {
                parts.join(", ")
            },
            format_bytes(done.bytes),
            format_duration(done.video),
        ));
    }
    if all.is_empty() {
        output.line("the ledger has no videos");
    }
}
