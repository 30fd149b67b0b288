//! What a file is held against, and what reads it, for the verbs that look at many files: options, prober, cache.
//! The rules alone live in `checking`; which files there are, in `walk`.

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

use crate::cache::{self, Cache, Fingerprint, Probed};
use crate::check::{self, RulesArgs};
use crate::failure::Failure;
use crate::output::Output;
use crate::path_name::path_name;
use crate::units;

/// What `--thorough` may take for one file, where no limit is given: a terabyte is not read in less.
const THOROUGH_DEADLINE: Duration = Duration::from_secs(600);

/// The options that say how files are judged.
#[derive(Debug, Args)]
#[command(next_help_heading = "Local check")]
pub(crate) struct CheckArgs {
    /// Check for this upload route; each has its own size limit [default: the route that `tl ingest` chooses]
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

/// The options of the cache, for verbs that read unchanged files again and again.
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

/// Reads files, and judges what it read.
pub(crate) struct Checker {
    prober: Arc<dyn Prober>,
    pack: RulePack,
    /// The route that was asked for; without one, each file is judged by the route that an upload of it would take.
    route: Option<Route>,
    /// By the route of the largest files, where none was asked for.
    target: Target,
    cache: Option<Cache>,
    jobs: NonZeroUsize,
}

/// What is judged, as far as its route depends on it.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Subject {
    /// A file on this machine, of so many bytes.
    File(u64),
    /// A link, which the platform fetches.
    Link,
}

/// What came of one file.
pub(crate) struct CheckResult {
    pub(crate) checked: Checked,
    /// Whether the file was not read again.
    pub(crate) from_cache: bool,
    /// Why the file could not be looked at, where that is not its own fault. The report says so too.
    pub(crate) failure: Option<Failure>,
    /// What is worth knowing beside the verdict, as lines.
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
        let (prober, reader) = check::probers(jobs.get(), probe, self.requires_sandbox())?;
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

    /// Whether `--require-sandbox` was given.
    pub(crate) fn requires_sandbox(&self) -> bool {
        self.rules.require_sandbox
    }

    fn pack(&self) -> Result<RulePack, Failure> {
        let base = match (&self.pack, self.date) {
            (None, None) => return self.rules.pack(),
            (Some(name), _) => check::built_in_pack(name)?,
            (None, Some(date)) => check::built_in_pack(&date.to_string())?,
        };
        match &self.rules.rules {
            None => Ok(base),
            Some(file) => check::pack_from_file(file, &base),
        }
    }
}

impl CacheArgs {
    /// No cache: for verbs that read what they have just made.
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
            // Where nobody asked for a cache by name, doing without one is no news.
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

    /// The target of the largest files.
    pub(crate) fn target(&self) -> &Target {
        &self.target
    }

    /// The target of one subject: by the route that was asked for, else by the one that `tl ingest` would take.
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
    pub(crate) fn introduction(&self) -> String {
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

    /// Reads the file at `path`, or remembers what was found in it.
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
            // A file that was changed while it was read may have given a bit of both.
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

    /// The picture of the file at `path` that an earlier run took by `producer`, or else the one that `take` gives. An empty
    /// picture means that there is none, which is remembered too; `None` from `take` is not.
    pub(crate) fn picture(
        &self,
        path: &Path,
        producer: &str,
        take: impl FnOnce() -> Option<Vec<u8>>,
    ) -> Option<Vec<u8>> {
        let mark = || path.metadata().ok().and_then(|meta| Fingerprint::of(&meta));
        let cache = self.cache.as_ref().zip(mark());
        let known = cache
            .as_ref()
            .and_then(|(cache, mark)| cache.picture(path, mark, producer));
        let picture = match known {
            Some(known) => known,
            None => {
                let picture = take()?;
                // As for facts: a file that changed meanwhile is not remembered.
                if let Some((cache, before)) = cache
                    && mark().as_ref() == Some(&before)
                {
                    cache.put_picture(path, &before, producer, &picture);
                }
                picture
            }
        };
        (!picture.is_empty()).then_some(picture)
    }

    /// Reads and judges the file at `path`.
    pub(crate) fn check_file(&self, path: &Path) -> CheckResult {
        let (probed, from_cache) = self.probe(path);
        // Where nothing was read, the size is still that of the file.
        let bytes = match &probed {
            Ok(facts) => facts.file_size_bytes,
            Err(_) => path.metadata().map_or(0, |meta| meta.len()),
        };
        CheckResult {
            from_cache,
            ..self.evaluate(probed, Subject::File(bytes))
        }
    }

    /// Judges what was read.
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

    /// What is said of `name`, which could not be looked at.
    pub(crate) fn unread(&self, name: &str, failure: Failure, subject: Subject) -> CheckResult {
        let error = ProbeError::new(ProbeErrorKind::Io, name, failure.message());
        CheckResult {
            failure: Some(failure),
            ..self.evaluate(Err(error), subject)
        }
    }

    /// One call that removes all errors that can be removed.
    pub(crate) fn fix(
        &self,
        facts: &tl_validate::MediaFacts,
        options: &tl_validate::FixOptions,
    ) -> Option<tl_validate::Fix> {
        let target = self.target_of(Subject::File(facts.file_size_bytes));
        fix_all_with(facts, &target, &self.pack, options)
    }
}
