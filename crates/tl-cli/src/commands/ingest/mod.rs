//! `tl ingest`: checks, uploads and indexes videos.

mod bulk;
mod dry_run;
mod report;
mod run;

use std::ffi::OsString;
use std::sync::Arc;

use clap::Args;

use self::report::Reporter;
use self::run::{Settings, execute};
use crate::args::bulk::{AgainArgs, BudgetArgs, PlanArgs};
use crate::args::cache::CacheArgs;
use crate::args::index_ref::IndexRef;
use crate::args::ledger::LedgerArgs;
use crate::args::metadata::MetadataArgs;
use crate::args::outputs::OutputsArgs;
use crate::args::rules::RulesArgs;
use crate::args::source::SourceArgs;
use crate::args::upload::UploadArgs;
use crate::args::wait::WaitArgs;
use crate::context::Context;
use crate::failure::Failure;
use crate::failure::exit::Exit;
use crate::ui::progress::Progress;

/// Check, upload and index videos.
#[derive(Debug, Args)]
pub(crate) struct Ingest {
    /// Video files, directories, patterns, or https URLs that the platform downloads
    #[arg(
        required_unless_present_any = SourceArgs::ALTERNATIVES,
        value_name = "FILE|DIR|URL"
    )]
    inputs: Vec<OsString>,
    /// Add the videos to this index
    #[arg(long, value_name = "ID|NAME")]
    index: IndexRef,
    /// Create the index with this model if none has the name. Repeatable
    #[arg(long = "create-index", value_name = "MODEL[:OPTIONS]")]
    create_index: Vec<String>,
    /// Wait until the videos are indexed
    #[arg(long, overrides_with = "no_wait")]
    wait: bool,
    /// Return as soon as the platform has accepted the videos (default)
    #[arg(long, overrides_with = "wait")]
    no_wait: bool,
    /// Check and upload this many videos in parallel
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u8).range(1..=16))]
    jobs: u8,
    /// Do not make the videos available for streaming
    #[arg(long)]
    no_video_stream: bool,
    /// Show what would be sent, how long it takes and which limit decides
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    source: SourceArgs,
    #[command(flatten)]
    ledger: LedgerArgs,
    #[command(flatten)]
    again: AgainArgs,
    #[command(flatten)]
    plan: PlanArgs,
    #[command(flatten)]
    budget: BudgetArgs,
    #[command(flatten)]
    outputs: OutputsArgs,
    #[command(flatten)]
    upload: UploadArgs,
    #[command(flatten)]
    wait_args: WaitArgs,
    #[command(flatten)]
    metadata: MetadataArgs,
    #[command(flatten)]
    rules: RulesArgs,
    #[command(flatten)]
    cache: CacheArgs,
    /// Skip the local check
    #[arg(long, conflicts_with_all = ["engines", "options", "rules"], help_heading = "Local check")]
    no_check: bool,
}

impl Ingest {
    pub(crate) fn run(self, context: &Context) -> Result<Exit, Failure> {
        self.wait_args.require_wait(self.wait)?;
        if self.dry_run {
            return self.dry_run(context);
        }
        if self.is_bulk() {
            return self.run_bulk(context);
        }
        let metadata = self.metadata.read()?;
        let progress = Progress::new(&context.output, self.inputs.len());
        let mut client = context
            .connection
            .client_with_url_policy(self.upload.supplied_urls(), progress.observer())?;
        let check = (!self.no_check)
            .then(|| self.rules.local_check(&self.cache, &context.output))
            .transpose()?;
        if let Some(check) = &check {
            client = client.with_checker(check.checker().clone());
        }
        let settings = Settings {
            output: Arc::clone(&context.output),
            client,
            check: check.map(Arc::new),
            index: self.index,
            metadata,
            video_stream: !self.no_video_stream,
            wait: self.wait.then(|| self.wait_args.policy()),
            progress,
            reporter: Reporter::new(&context.output, self.upload.keeps_checkpoint()),
            upload: self.upload,
        };
        execute(settings, self.inputs, self.jobs)
    }
}
