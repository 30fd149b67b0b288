//! `tl worker`: works on the items of a ledger, as one of several processes on one or more machines.

use std::time::Duration;

use clap::Args;

use crate::args::bulk::BudgetArgs;
use crate::args::outputs::FieldsArgs;
use crate::args::run::RunArgs;
use crate::bulk::report::Reporter;
use crate::bulk::run::{Input, exit_of, run};
use crate::context::Context;
use crate::failure::Failure;
use crate::failure::exit::Exit;
use crate::runtime::{self, interrupt};

/// How long to wait for a ledger that cannot be reached before the next attempt.
const RECONNECT: Duration = Duration::from_secs(5);

/// Number of attempts in a row to reach the ledger.
const MAX_RECONNECTS: u32 = 60;

/// Work on the videos in a ledger until stopped.
#[derive(Debug, Args)]
pub(crate) struct Worker {
    /// Exit when nothing is left to do
    #[arg(long)]
    drain: bool,
    /// Check and upload this many videos in parallel
    #[arg(long, value_name = "N", default_value_t = 4, value_parser = clap::value_parser!(u8).range(1..=16))]
    jobs: u8,
    #[command(flatten)]
    budget: BudgetArgs,
    #[command(flatten)]
    fields: FieldsArgs,
    #[command(flatten)]
    run: RunArgs,
}

impl Worker {
    pub(crate) fn run(self, context: &Context) -> Result<Exit, Failure> {
        let mut prepared = self.run.prepare(context, self.jobs, true)?;
        prepared.settings.limits.drain = self.drain;
        self.budget.apply(&mut prepared.settings.limits);
        let address = self.run.ledger.address()?;
        let reporter = Reporter::new(&context.output, None, self.fields.fields);
        let outputs = self.run.outputs.open(&context.output)?;
        runtime::block_on(async {
            let stop = interrupt::stop_on_signal().await;
            let mut attempts = 0;
            loop {
                let result = match address.open() {
                    Ok(ledger) => {
                        prepared.keep_probes_in(&address);
                        let settings = prepared.settings.clone();
                        run(
                            &prepared.client,
                            ledger,
                            settings,
                            Input::Account,
                            &reporter,
                            &outputs,
                            &stop,
                        )
                        .await
                    }
                    Err(failure) => Err(failure),
                };
                match result {
                    Ok(summary) => {
                        let written = outputs.finish();
                        reporter.finish(&summary);
                        written?;
                        return Ok(exit_of(summary.ending).unwrap_or_else(|| reporter.exit()));
                    }
                    // The state is in the ledger: what was in flight is looked up again.
                    Err(failure)
                        if failure.exit() == Exit::Temporary && attempts < MAX_RECONNECTS =>
                    {
                        attempts += 1;
                        context.output.note(&format!(
                            "the ledger cannot be used ({}): trying again",
                            failure.message()
                        ));
                        tokio::select! {
                            () = tokio::time::sleep(RECONNECT) => {}
                            () = stop.canceled() => return Err(failure),
                        }
                    }
                    Err(failure) => return Err(failure),
                }
            }
        })
    }
}
