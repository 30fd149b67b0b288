//! `tl ingest` with a ledger: directories, lists and manifests, resumed after any interruption.

use std::path::Path;
use std::sync::Arc;

use tl_bulk::event::ItemFailure;
use tl_bulk::source::{Entry, Location, SourceError, SourceErrorKind, Sources};
use tl_bulk::{Ending, Found, Settings};
use tl_model::{Index, IndexModel};
use tl_protocol::Observer;
use tl_protocol::flow::WatchSettings;

use super::Ingest;
use crate::args::index_ref::model;
use crate::bulk::report::Reporter;
use crate::bulk::run::{Input, check_file, exit_of, program, run};
use crate::check::remote;
use crate::context::Context;
use crate::failure::Failure;
use crate::failure::exit::Exit;
use crate::runtime::{self, interrupt};

impl Ingest {
    /// Whether the run needs a ledger: it was asked for, or there may be many videos.
    pub(super) fn is_bulk(&self) -> bool {
        if self.upload.needs_checkpoint_files() {
            return false;
        }
        let has_many = |input: &std::ffi::OsString| {
            let path = Path::new(input);
            path.is_dir() || (!path.exists() && remote::address(path).is_none() && is_pattern(path))
        };
        self.ledger.is_set()
            || self.again.is_set()
            || self.budget.is_set()
            || self.source.is_set()
            || self.outputs.is_set()
            || self.inputs.iter().any(has_many)
    }

    /// Ingests with a ledger.
    pub(super) fn run_bulk(self, context: &Context) -> Result<Exit, Failure> {
        let models = self
            .create_index
            .iter()
            .map(|text| model(text))
            .collect::<Result<Vec<_>, _>>()?;
        let sources = self.sources()?;
        let check = (!self.no_check)
            .then(|| self.rules.local_check(&self.cache, &context.output))
            .transpose()?
            .map(Arc::new);
        let for_duration = check.clone();
        let (account, in_flight) = self.plan.account(&context.connection)?;
        let mut client = context
            .connection
            .client_with_url_policy(self.upload.supplied_urls(), Observer::none())?;
        if let Some(check) = &check {
            client = client.with_checker(check.checker().clone());
        }
        let ledger = self.ledger.address()?.open()?;
        let is_checked = check.is_some();
        let mut settings = Settings::new(account, program());
        settings.limits.jobs = self.jobs.into();
        settings.limits.in_flight = in_flight;
        settings.limits.wait = self.wait;
        settings.limits.wait_for_quota = self.plan.waits_for_quota(false);
        self.budget.apply(&mut settings.limits);
        settings.capacity = self.plan.capacity(&context.connection);
        settings.again = self.again.again();
        settings.report_skipped = true;
        settings.route = self.upload.route;
        settings.chunks = self.upload.settings();
        settings.video_stream = Some(!self.no_video_stream);
        let policy = self.wait_args.policy();
        settings.deadline = policy.deadline;
        settings.watch = WatchSettings::default()
            .with_first(policy.first_interval)
            .with_min(WatchSettings::default().min.min(policy.first_interval));
        if let Some(check) = check {
            let pack = check.pack();
            settings.rules = format!("{} {}", pack.name(), pack.date());
            settings.check = Some(check_file(check));
        }
        let entries = self.source.entries(&sources, for_duration.as_deref())?;
        let reporter = Reporter::new(&context.output);
        let outputs = self.outputs.open(&context.output)?;
        runtime::block_on(async {
            let stop = interrupt::stop_on_signal().await;
            let index = self.find_index(&client, models).await?;
            settings.index = Some(index);
            let entries = entries.map(move |entry| found(entry, is_checked));
            let input = Input::Entries(Box::new(entries));
            let summary = run(&client, ledger, settings, input, &reporter, &outputs, &stop).await?;
            let written = outputs.finish();
            let totals = &summary.totals;
            if summary.ending == Ending::Complete && totals.items + totals.unreadable == 0 {
                return Err(Failure::no_videos("ingest"));
            }
            reporter.finish(&summary);
            written?;
            Ok(exit_of(summary.ending).unwrap_or_else(|| reporter.exit()))
        })
    }

    /// What the command line names. Manifests are read once before anything is sent.
    pub(super) fn sources(&self) -> Result<Sources, Failure> {
        self.source.sources(&self.inputs, &self.metadata)
    }

    async fn find_index(
        &self,
        client: &tl_client::Client,
        models: Vec<IndexModel>,
    ) -> Result<Index, Failure> {
        match models.is_empty() {
            true => self.index.get(client).await,
            false => self.index.get_or_create(client, models).await,
        }
    }
}

/// Whether a path contains characters of a glob pattern.
fn is_pattern(path: &Path) -> bool {
    path.to_string_lossy().contains(['*', '?', '['])
}

/// An entry for the run, or the failure of its input.
fn found(entry: Result<Entry, SourceError>, is_checked: bool) -> Found {
    match entry {
        Ok(entry) => {
            if let Location::Url(text) = &entry.location
                && is_checked
                && let Some(url) = remote::address(Path::new(text))
                && let Err(failure) = remote::precheck_url(&url, jiff::Timestamp::now())
            {
                return Err((
                    text.clone(),
                    ItemFailure::new(failure.kind(), failure.message()),
                ));
            }
            Ok(entry)
        }
        Err(error) => {
            let kind = match error.kind() {
                SourceErrorKind::Manifest | SourceErrorKind::Row | SourceErrorKind::Duplicate => {
                    "manifest"
                }
                _ => "file",
            };
            let name = error.path().map(|path| path.display().to_string());
            let failure = ItemFailure::new(kind, error.to_string());
            Err((name.unwrap_or_else(|| "input".to_owned()), failure))
        }
    }
}
