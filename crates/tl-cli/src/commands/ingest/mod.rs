//! `tl ingest`: checks, uploads and indexes videos. One file is a run of one item.

mod dry_run;
mod entries;
mod indexes;
mod run;
mod tasks;

use std::ffi::OsString;

use clap::Args;
use tl_validate::Route;

use crate::args::bulk::{AgainArgs, BudgetArgs, FirstArgs};
use crate::args::index_ref::IndexRef;
use crate::args::metadata::MetadataArgs;
use crate::args::outputs::FieldsArgs;
use crate::args::run::RunArgs;
use crate::args::source::SourceArgs;
use crate::args::upload::ResumeArgs;
use crate::args::wait::WaitArgs;
use crate::context::Context;
use crate::failure::Failure;
use crate::failure::exit::Exit;

/// Check, upload and index videos.
#[derive(Debug, Args)]
pub(crate) struct Ingest {
    /// Video files, directories, patterns, or https URLs that the platform downloads
    #[arg(
        required_unless_present_any = SourceArgs::ALTERNATIVES,
        value_name = "FILE|DIR|URL"
    )]
    inputs: Vec<OsString>,
    /// Add the videos to this index; rows of a manifest may name another
    #[arg(long, value_name = "ID|NAME", required_unless_present = "from")]
    index: Option<IndexRef>,
    /// Create the index with this model if none has the name. Repeatable
    #[arg(
        long = "create-index",
        value_name = "MODEL[:OPTIONS]",
        requires = "index"
    )]
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
    /// Show what would be sent, how long it takes and which limit decides
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    source: SourceArgs,
    #[command(flatten)]
    again: AgainArgs,
    #[command(flatten)]
    budget: BudgetArgs,
    #[command(flatten)]
    first: FirstArgs,
    #[command(flatten)]
    fields: FieldsArgs,
    #[command(flatten)]
    resume: ResumeArgs,
    #[command(flatten)]
    wait_args: WaitArgs,
    #[command(flatten)]
    metadata: MetadataArgs,
    #[command(flatten)]
    run: RunArgs,
}

impl Ingest {
    pub(crate) fn run(self, context: &Context) -> Result<Exit, Failure> {
        self.wait_args.require_wait(self.wait)?;
        if self.dry_run {
            return self.dry_run(context);
        }
        if self.run.send.route == Some(Route::Tasks) {
            return self.run_tasks(context);
        }
        self.run_on_ledger(context)
    }
}
