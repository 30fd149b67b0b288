//! Options of every run on a ledger, and the settings that `ingest`, `ingest-one` and `worker` make
//! of them.

use std::sync::Arc;

use clap::Args;
use tl_bulk::Settings;
use tl_client::Client;
use tl_protocol::Observer;

use crate::args::bulk::PlanArgs;
use crate::args::cache::CacheArgs;
use crate::args::ledger::{LedgerAddress, LedgerArgs};
use crate::args::outputs::OutputsArgs;
use crate::args::rules::RulesArgs;
use crate::args::upload::SendArgs;
use crate::args::wait::WaitArgs;
use crate::bulk::run::{check_file, program};
use crate::check::local_check::LocalCheck;
use crate::context::Context;
use crate::failure::Failure;

/// Options of every run on a ledger.
#[derive(Debug, Args)]
pub(crate) struct RunArgs {
    /// Do not make the videos available for streaming
    #[arg(long)]
    no_video_stream: bool,
    #[command(flatten)]
    pub(crate) ledger: LedgerArgs,
    #[command(flatten)]
    pub(crate) plan: PlanArgs,
    #[command(flatten)]
    pub(crate) outputs: OutputsArgs,
    #[command(flatten)]
    pub(crate) send: SendArgs,
    #[command(flatten)]
    rules: RulesArgs,
    #[command(flatten)]
    cache: CacheArgs,
    /// Skip the local check
    #[arg(long, conflicts_with_all = ["engines", "options", "rules"], help_heading = "Local check")]
    no_check: bool,
}

/// What a run needs besides its ledger and its entries.
pub(crate) struct Prepared {
    pub(crate) client: Client,
    pub(crate) settings: Settings,
    /// `None` if the check is skipped.
    pub(crate) check: Option<Arc<LocalCheck>>,
}

impl RunArgs {
    /// Makes a client and the settings of a run with so many uploads in parallel.
    /// `waits_for_quota` is what the command does without `--on-quota`.
    ///
    /// # Errors
    /// There is no key, or a rule pack or the helper is missing.
    pub(crate) fn prepare(
        &self,
        context: &Context,
        jobs: u8,
        waits_for_quota: bool,
    ) -> Result<Prepared, Failure> {
        let (account, in_flight) = self.plan.account(&context.connection)?;
        let mut client = context
            .connection
            .client_with_url_policy(self.send.supplied_urls(), Observer::none())?;
        let mut settings = Settings::new(account, program());
        settings.limits.jobs = jobs.into();
        settings.limits.in_flight = in_flight;
        settings.limits.wait_for_quota = self.plan.waits_for_quota(waits_for_quota);
        settings.capacity = self.plan.capacity(&context.connection);
        settings.report_skipped = true;
        settings.route = self.send.route;
        settings.chunks = self.send.settings();
        settings.video_stream = Some(!self.no_video_stream);
        let check = self.local_check(context)?.map(Arc::new);
        if let Some(check) = &check {
            client = client.with_checker(check.checker().clone());
            settings.rules = check.rules_id();
            settings.check = Some(check_file(Arc::clone(check), &context.output));
        }
        Ok(Prepared {
            client,
            settings,
            check,
        })
    }

    /// The local check, or `None` if it is skipped.
    pub(crate) fn local_check(&self, context: &Context) -> Result<Option<LocalCheck>, Failure> {
        (!self.no_check)
            .then(|| self.rules.local_check(&self.cache, &context.output))
            .transpose()
    }

    /// Whether videos are made available for streaming.
    pub(crate) fn has_video_stream(&self) -> bool {
        !self.no_video_stream
    }
}

impl Prepared {
    /// Keeps the results of probes in the ledger of the run. If it cannot be opened, the run says so.
    pub(crate) fn keep_probes_in(&self, address: &LedgerAddress) {
        if let Some(check) = &self.check
            && let Ok(ledger) = address.open()
        {
            check.keep_probes_in(ledger);
        }
    }

    /// Sets how long the run waits on the platform, and how often it looks.
    pub(crate) fn wait(&mut self, wait: bool, arguments: &WaitArgs) {
        let settings = &mut self.settings;
        settings.limits.wait = wait;
        settings.deadline = arguments.policy().deadline;
        settings.watch = arguments.watch();
    }
}
