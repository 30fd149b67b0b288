//! Local check of many files: options, prober and cache. Rule selection is in `check`, file
//! discovery in `walk`.

use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use clap::builder::{PossibleValuesParser, TypedValueParser};
use jiff::civil::Date;
use tl_client::RouteChoice;
use tl_client::checker::Checked;
use tl_validate::{
    Engine, ProbeError, ProbeErrorKind, ProbeOptions, Prober, Route, RulePack, Target, check,
    check_probe_failure, fix_all_with, open_media,
};

use crate::args::rules::{self, RulesArgs};
use crate::check::cache::{self, Cache, Fingerprint, Probed};
use crate::failure::Failure;
use crate::text::path_name::path_name;
use crate::text::units;
use crate::ui::output::Output;

/// Default timeout per file with `--thorough`. A terabyte cannot be read in less.
const THOROUGH_DEADLINE: Duration = Duration::from_secs(600);

/// Options of the local check.
#[derive(Debug, Args)]
#[command(next_help_heading = "Local check")]
pub(crate) struct CheckArgs {
    /// Check for this upload route; each has its own size limit [default: the route that `tl
    /// ingest` chooses]
    #[arg(long, value_name = "ROUTE", value_parser = routes())]
    route: Option<Route>,
    #[command(flatten)]
    rules: RulesArgs,
    /// Use this built-in rule pack, alone or as the base of --rules FILE [default: the newest]
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
    /// Read every packet to measure durations instead of trusting the headers
    #[arg(long)]
    thorough: bool,
    /// Set the timeout per file [default: 10s; with --thorough 10m]
    #[arg(long, value_name = "DURATION", value_parser = units::parse_duration)]
    probe_timeout: Option<Duration>,
    /// Read this many files in parallel [default: number of CPUs, at most 8]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u8).range(1..=64))]
    jobs: Option<u8>,
}

/// Cache options, for commands that read unchanged files repeatedly.
#[derive(Debug, Args)]
#[command(next_help_heading = "Local check")]
pub(crate) struct CacheArgs {
    /// Do not read or write the cache
    #[arg(long)]
    no_cache: bool,
    /// Set the cache directory [default: the user's cache directory]
    #[arg(
        long,
        value_name = "DIR",
        conflicts_with = "no_cache",
        help_heading = "Local check"
    )]
    cache_dir: Option<PathBuf>,
}

pub(crate) fn routes() -> impl TypedValueParser<Value = Route> {
    PossibleValuesParser::new(Route::ALL.map(Route::as_str)).try_map(|name| name.parse::<Route>())
}

/// Reads files and checks them.
pub(crate) struct Checker {
    prober: Arc<dyn Prober>,
    pack: RulePack,
    /// The selected route. Without one, each file is checked for the route that an upload would
    /// use.
    route: Option<Route>,
    /// Target for the largest files if no route was selected.
    target: Target,
    cache: Option<Cache>,
    jobs: NonZeroUsize,
}

/// What is checked, as far as the default route depends on it.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Subject {
    /// A local file and its size in bytes.
    File(u64),
    /// A URL that the platform downloads.
    Link,
}

/// Result of the check of one file.
pub(crate) struct CheckResult {
    pub(crate) checked: Checked,
    /// Whether the result was cached.
    pub(crate) from_cache: bool,
    /// Why the file could not be read, if that is not an error of the file itself. The report says
    /// so too.
    pub(crate) failure: Option<Failure>,
    /// Additional notes, one line each.
    pub(crate) notes: Vec<String>,
}

impl CheckArgs {
    pub(crate) fn checker(&self, cache: &CacheArgs, output: &Output) -> Result<Checker, Failure> {
        let pack = self.pack()?;
        let engines = self.rules.engines_of(&pack)?;
        let largest = RouteChoice::for_file(u64::MAX, &pack).route;
        let mut target = Target::new(self.route.unwrap_or(largest));
        target.engines = engines;
        target.options.clone_from(&self.rules.options);
        target.engines = pack.engines_for(&target).to_vec();
        let jobs = NonZeroUsize::new(self.jobs.map_or_else(processors, usize::from))
            .unwrap_or(NonZeroUsize::MIN);
        let standard = ProbeOptions::default();
        let probe = ProbeOptions {
            deadline: self.probe_timeout.unwrap_or(if self.thorough {
                THOROUGH_DEADLINE
            } else {
                standard.deadline
            }),
            thorough: self.thorough,
            ..standard
        };
        let (prober, reader) = rules::probers(jobs.get(), probe, self.requires_sandbox())?;
        let reader = format!("{}|{reader}|{}", env!("CARGO_PKG_VERSION"), self.thorough);
        Ok(Checker {
            prober,
            pack,
            route: self.route,
            target,
            cache: cache.open(reader, output),
            jobs,
        })
    }

    /// Whether `--require-sandbox` was set.
    pub(crate) fn requires_sandbox(&self) -> bool {
        self.rules.require_sandbox
    }

    fn pack(&self) -> Result<RulePack, Failure> {
        let base = match (&self.pack, self.date) {
            (None, None) => return self.rules.pack(),
            (Some(name), _) => rules::built_in_pack(name)?,
            (None, Some(date)) => rules::built_in_pack(&date.to_string())?,
        };
        match &self.rules.rules {
            None => Ok(base),
            Some(file) => rules::pack_from_file(file, &base),
        }
    }
}

impl CacheArgs {
    /// No cache: for commands that check files they have just written.
    pub(crate) fn none() -> Self {
        Self {
            no_cache: true,
            cache_dir: None,
        }
    }

    fn open(&self, reader: String, output: &Output) -> Option<Cache> {
        if self.no_cache {
            return None;
        }
        let folder = self.cache_dir.clone().or_else(cache::default_dir)?;
        let (cache, note) = Cache::open(&folder, reader);
        match note {
            // A missing default cache is only worth a log line.
            Some(note) if cache.is_none() && self.cache_dir.is_none() => output.detail(&note),
            Some(note) => output.note(&note),
            None => {}
        }
        cache
    }
}

fn processors() -> usize {
    std::thread::available_parallelism().map_or(1, |n| n.get().min(8))
}

impl Checker {
    pub(crate) fn pack(&self) -> &RulePack {
        &self.pack
    }

    /// Target for the largest files.
    pub(crate) fn target(&self) -> &Target {
        &self.target
    }

    /// Target of one subject: with the selected route, or the one that `tl ingest` would use.
    fn target_of(&self, subject: Subject) -> Target {
        let chosen = || match subject {
            Subject::File(bytes) => RouteChoice::for_file(bytes, &self.pack),
            Subject::Link => RouteChoice::for_url(&self.pack),
        };
        Target {
            route: self.route.unwrap_or_else(|| chosen().route),
            ..self.target.clone()
        }
    }

    pub(crate) fn jobs(&self) -> NonZeroUsize {
        self.jobs
    }

    pub(crate) fn prober(&self) -> &Arc<dyn Prober> {
        &self.prober
    }

    /// `rules v1.3-2026-10 of 2026-10-06, route chosen by size, marengo3.0`
    pub(crate) fn describe(&self) -> String {
        let engines: Vec<&str> = self.target.engines.iter().map(Engine::as_str).collect();
        let route = match self.route {
            Some(route) => format!("route {route}"),
            None => "route chosen by size".to_owned(),
        };
        format!(
            "rules {} of {}, {route}, {}",
            self.pack.name(),
            self.pack.date(),
            engines.join(" + ")
        )
    }

    /// Probes the file at `path`, or returns the cached result.
    pub(crate) fn probe(&self, path: &Path) -> (Probed, bool) {
        let before = path.metadata().ok().and_then(|meta| Fingerprint::of(&meta));
        let cache = self.cache.as_ref().zip(before);
        if let Some(known) = cache
            .as_ref()
            .and_then(|(cache, mark)| cache.get(path, mark))
        {
            return (known, true);
        }
        let name = path_name(path);
        let probed = open_media(path).and_then(|file| self.prober.probe_file(file, &name));
        if let Some((cache, mark)) = cache {
            let lasting = probed
                .as_ref()
                .map_or_else(|error| error.kind().is_about_the_file(), |_| true);
            // If the file changed during the probe, the result may mix two versions.
            let settled = path
                .metadata()
                .ok()
                .and_then(|meta| Fingerprint::of(&meta))
                .as_ref()
                == Some(&mark);
            if lasting && settled {
                cache.put(path, &mark, &probed);
            }
        }
        (probed, false)
    }

    /// Returns the cached thumbnail of the file at `path` by `producer`, or calls `take`. An empty
    /// thumbnail means that the file has none and is cached; `None` is not cached.
    pub(crate) fn thumbnail(
        &self,
        path: &Path,
        producer: &str,
        take: impl FnOnce() -> Option<Vec<u8>>,
    ) -> Option<Vec<u8>> {
        let mark = || path.metadata().ok().and_then(|meta| Fingerprint::of(&meta));
        let cache = self.cache.as_ref().zip(mark());
        let known = cache
            .as_ref()
            .and_then(|(cache, mark)| cache.thumbnail(path, mark, producer));
        let thumbnail = match known {
            Some(known) => known,
            None => {
                let thumbnail = take()?;
                // Do not cache the thumbnail of a file that changed in the meantime.
                if let Some((cache, before)) = cache
                    && mark().as_ref() == Some(&before)
                {
                    cache.put_thumbnail(path, &before, producer, &thumbnail);
                }
                thumbnail
            }
        };
        (!thumbnail.is_empty()).then_some(thumbnail)
    }

    /// Reads and checks the file at `path`.
    pub(crate) fn check_file(&self, path: &Path) -> CheckResult {
        let (probed, from_cache) = self.probe(path);
        // If the probe failed, use the size from the file system.
        let bytes = match &probed {
            Ok(facts) => facts.file_size_bytes,
            Err(_) => path.metadata().map_or(0, |meta| meta.len()),
        };
        CheckResult {
            from_cache,
            ..self.evaluate(probed, Subject::File(bytes))
        }
    }

    /// Applies the rules to the result of a probe.
    pub(crate) fn evaluate(&self, probed: Probed, subject: Subject) -> CheckResult {
        let target = self.target_of(subject);
        match probed {
            Ok(facts) => CheckResult {
                checked: Checked {
                    report: check(&facts, &target, &self.pack),
                    facts: Some(facts),
                },
                from_cache: false,
                failure: None,
                notes: Vec::new(),
            },
            Err(error) => CheckResult {
                checked: Checked {
                    report: check_probe_failure(&error, &target, &self.pack),
                    facts: None,
                },
                from_cache: false,
                failure: (!error.kind().is_about_the_file()).then(|| error.into()),
                notes: Vec::new(),
            },
        }
    }

    /// Result for `name`, which could not be read.
    pub(crate) fn read_error(&self, name: &str, failure: Failure, subject: Subject) -> CheckResult {
        let error = ProbeError::new(ProbeErrorKind::Io, name, failure.message());
        CheckResult {
            failure: Some(failure),
            ..self.evaluate(Err(error), subject)
        }
    }

    /// Returns one FFmpeg command that fixes all fixable errors.
    pub(crate) fn fix(
        &self,
        facts: &tl_validate::MediaFacts,
        options: &tl_validate::FixOptions,
    ) -> Option<tl_validate::Fix> {
        let target = self.target_of(Subject::File(facts.file_size_bytes));
        fix_all_with(facts, &target, &self.pack, options)
    }
}
