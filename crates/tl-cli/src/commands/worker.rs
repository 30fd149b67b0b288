//! `tl worker`: works on the items of a ledger, as one of several processes on one or more machines.

use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use tl_bulk::Settings;
use tl_protocol::Observer;

use crate::args::bulk::{BudgetArgs, PlanArgs};
use crate::args::cache::CacheArgs;
use crate::args::ledger::LedgerArgs;
use crate::args::outputs::OutputsArgs;
use crate::args::rules::RulesArgs;
use crate::args::upload::UploadArgs;
use crate::bulk::report::Reporter;
use crate::bulk::run::{Input, check_file, exit_of, program, run};
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
    /// Do not make the videos available for streaming
    #[arg(long)]
    no_video_stream: bool,
    #[command(flatten)]
    ledger: LedgerArgs,
    #[command(flatten)]
    plan: PlanArgs,
    #[command(flatten)]
    budget: BudgetArgs,
    #[command(flatten)]
    outputs: OutputsArgs,
    #[command(flatten)]
    upload: UploadArgs,
    #[command(flatten)]
    rules: RulesArgs,
    #[command(flatten)]
    cache: CacheArgs,
    /// Skip the local check
    #[arg(long, conflicts_with_all = ["engines", "options", "rules"], help_heading = "Local check")]
    no_check: bool,
}

impl Worker {
    pub(crate) fn run(self, context: &Context) -> Result<Exit, Failure> {
        let (account, in_flight) = self.plan.account(&context.connection)?;
        let client = context
            .connection
            .client_with_url_policy(self.upload.supplied_urls(), Observer::none())?;
        let address = self.ledger.address()?;
        let mut settings = Settings::new(account, program());
        settings.limits.jobs = self.jobs.into();
        settings.limits.in_flight = in_flight;
        settings.limits.drain = self.drain;
        settings.limits.wait_for_quota = self.plan.waits_for_quota(true);
        self.budget.apply(&mut settings.limits);
        settings.capacity = self.plan.capacity(&context.connection);
        settings.route = self.upload.route;
        settings.chunks = self.upload.settings();
        settings.video_stream = Some(!self.no_video_stream);
        if !self.no_check {
            let check = self.rules.local_check(&self.cache, &context.output)?;
            let pack = check.pack();
            settings.rules = format!("{} {}", pack.name(), pack.date());
            settings.check = Some(check_file(Arc::new(check)));
        }
        let reporter = Reporter::new(&context.output);
        let outputs = self.outputs.open(&context.output)?;
        runtime::block_on(async {
            let stop = interrupt::stop_on_signal().await;
            let mut attempts = 0;
            loop {
                let result = match address.open() {
                    Ok(ledger) => {
                        let settings = settings.clone();
                        run(
                            &client,
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
