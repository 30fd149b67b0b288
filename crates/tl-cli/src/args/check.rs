//! Options of the local check.

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use clap::builder::{PossibleValuesParser, TypedValueParser};
use jiff::civil::Date;
use tl_validate::{ProbeOptions, Route, RulePack};

use crate::args::rules::RulesArgs;
use crate::check::cache_location::CacheLocation;
use crate::check::local_check::{CheckSettings, LocalCheck};
use crate::check::probers::parallelism;
use crate::check::rule_packs::{built_in_pack, pack_from_file};
use crate::failure::Failure;
use crate::text::units;
use crate::ui::output::Output;

/// Default timeout per file with `--thorough`. A terabyte cannot be read in less.
const THOROUGH_DEADLINE: Duration = Duration::from_secs(600);

/// Options of the local check.
#[derive(Debug, Args)]
#[command(next_help_heading = "Local check")]
pub(crate) struct CheckArgs {
    /// Check for this upload route [default: chosen by size]
    #[arg(long, value_name = "ROUTE", value_parser = routes())]
    route: Option<Route>,
    #[command(flatten)]
    rules: RulesArgs,
    /// Use this built-in rule pack; --rules FILE changes it [default: newest]
    #[arg(
        long,
        value_name = "NAME",
        conflicts_with = "date",
        help_heading = "Local check"
    )]
    pack: Option<String>,
    /// Use the rules that applied on this date
    #[arg(long, value_name = "YYYY-MM-DD")]
    date: Option<Date>,
    /// Measure durations by reading every packet, not only headers
    #[arg(long)]
    thorough: bool,
    /// Set the timeout per file [default: 10s; with --thorough 10m]
    #[arg(long, value_name = "DURATION", value_parser = units::parse_duration)]
    probe_timeout: Option<Duration>,
    /// Read this many files in parallel [default: number of CPUs, at most 8]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u8).range(1..=64))]
    jobs: Option<u8>,
}

pub(crate) fn routes() -> impl TypedValueParser<Value = Route> {
    PossibleValuesParser::new(Route::ALL.map(Route::as_str)).try_map(|name| name.parse::<Route>())
}

impl CheckArgs {
    /// The local check with these options.
    pub(crate) fn local_check(
        &self,
        cache: CacheLocation,
        output: &Arc<Output>,
    ) -> Result<LocalCheck, Failure> {
        let pack = self.pack()?;
        let standard = ProbeOptions::default();
        let probe = standard
            .with_deadline(self.probe_timeout.unwrap_or(if self.thorough {
                THOROUGH_DEADLINE
            } else {
                standard.deadline
            }))
            .with_thorough(self.thorough);
        let settings = CheckSettings {
            engines: self.rules.engines_of(&pack)?,
            options: self.rules.options.clone(),
            pack,
            route: self.route,
            probe,
            jobs: self
                .jobs
                .and_then(|jobs| NonZeroUsize::new(jobs.into()))
                .unwrap_or_else(parallelism),
            require_sandbox: self.requires_sandbox(),
        };
        LocalCheck::new(settings, cache, output)
    }

    /// Whether `--require-sandbox` was set.
    pub(crate) fn requires_sandbox(&self) -> bool {
        self.rules.require_sandbox
    }

    fn pack(&self) -> Result<RulePack, Failure> {
        let base = match (&self.pack, self.date) {
            (None, None) => return self.rules.pack(),
            (Some(name), _) => built_in_pack(name)?,
            (None, Some(date)) => built_in_pack(&date.to_string())?,
        };
        match &self.rules.rules {
            None => Ok(base),
            Some(file) => pack_from_file(file, &base),
        }
    }
}
