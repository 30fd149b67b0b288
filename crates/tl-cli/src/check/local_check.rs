//! The local check of files: probing with a cache, and rules. Nothing is sent.

use std::fs::Metadata;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::num::NonZeroUsize;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use tl_client::checker::Checked;
use tl_client::{Checker, FileSource, ProbedFile, RouteChoice, protocol::Source as _};
use tl_ledger::Ledger;
use tl_validate::{
    Engine, Fix, FixOptions, MediaFacts, ProbeError, ProbeErrorKind, ProbeOptions, Prober, Report,
    Route, RulePack, Target, check_playlist, fix_all_with, open_media,
    playlist::PlaylistError,
    static_file::{Purpose, StaticKind},
};

use crate::check::cache::{Cache, Fingerprint, Probed};
use crate::check::cache_location::CacheLocation;
use crate::check::ledger_probes::LedgerProbes;
use crate::check::probers::{Logged, probers};
use crate::failure::Failure;
use crate::failure::exit::Exit;
use crate::text::path_name::path_name;
use crate::ui::output::Output;

/// Number of versions of a file that are probed before an upload gives up: a file that changes this
/// often is still written to.
const MAX_VERSIONS: usize = 3;

/// Settings of a [`LocalCheck`].
pub(crate) struct CheckSettings {
    pub(crate) pack: RulePack,
    /// Without any, the engines that the pack checks for by default.
    pub(crate) engines: Vec<Engine>,
    /// Model options.
    pub(crate) options: Vec<String>,
    /// Without a route, each file is checked for the route that an upload would use.
    pub(crate) route: Option<Route>,
    pub(crate) probe: ProbeOptions,
    /// Maximum number of files that are read in parallel.
    pub(crate) jobs: NonZeroUsize,
    pub(crate) require_sandbox: bool,
}

/// Probes files, unless the cache has their facts, and applies the rules.
pub(crate) struct LocalCheck {
    checker: Checker,
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

impl CheckResult {
    /// The result of a check that reads no facts.
    pub(crate) fn of_report(report: Report) -> Self {
        Self {
            checked: Checked::new(report),
            from_cache: false,
            failure: None,
            notes: Vec::new(),
        }
    }
}

impl LocalCheck {
    /// Finds the helper and opens the cache.
    ///
    /// # Errors
    /// If there is no helper, or its sandbox is incomplete and a complete one is required.
    pub(crate) fn new(
        settings: CheckSettings,
        cache: CacheLocation,
        output: &Arc<Output>,
    ) -> Result<Self, Failure> {
        let CheckSettings {
            pack,
            engines,
            options,
            route,
            probe,
            jobs,
            require_sandbox,
        } = settings;
        let (prober, reader) = probers(jobs.get(), probe, require_sandbox)?;
        let reader = format!("{}|{reader}|{}", env!("CARGO_PKG_VERSION"), probe.thorough);
        let prober = Logged {
            prober,
            output: Arc::clone(output),
        };
        let cache = cache.open(reader, output);
        let largest = RouteChoice::for_file(u64::MAX, &pack).route;
        let checker = Checker::new(Arc::new(prober))
            .with_rules(pack)
            .for_engines(engines)
            .with_options(options);
        let mut target = checker.target(route.unwrap_or(largest));
        target.engines = checker.rules().engines_for(&target).to_vec();
        Ok(Self {
            checker,
            route,
            target,
            cache,
            jobs,
        })
    }

    /// Keeps the results of probes in a ledger from now on, over this connection. Without a cache, there
    /// are none to keep.
    pub(crate) fn keep_probes_in(&self, ledger: Ledger) {
        if let Some(cache) = &self.cache {
            // A second ledger is not used: the first has the results.
            let _ = cache.ledger.set(LedgerProbes::new(ledger));
        }
    }

    /// The checker, for a client that probes other files and applies the same rules.
    pub(crate) fn checker(&self) -> &Checker {
        &self.checker
    }

    pub(crate) fn pack(&self) -> &RulePack {
        self.checker.rules()
    }

    /// Identifies the rules and what they are applied to. A file that was refused with another
    /// value is checked again.
    pub(crate) fn rules_id(&self) -> String {
        let pack = self.pack();
        let mut hasher = DefaultHasher::new();
        format!("{pack:?} {:?}", self.target).hash(&mut hasher);
        let hash = hasher.finish();
        format!("{} {} {hash:016x}", pack.name(), pack.date())
    }

    /// Target for the largest files.
    pub(crate) fn target(&self) -> &Target {
        &self.target
    }

    /// The selected route, or the one that `tl ingest` would use.
    fn route_of(&self, subject: Subject) -> Route {
        let chosen = || match subject {
            Subject::File(bytes) => RouteChoice::for_file(bytes, self.pack()),
            Subject::Link => RouteChoice::for_url(self.pack()),
        };
        self.route.unwrap_or_else(|| chosen().route)
    }

    pub(crate) fn jobs(&self) -> NonZeroUsize {
        self.jobs
    }

    pub(crate) fn prober(&self) -> &dyn Prober {
        self.checker.prober()
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
            self.pack().name(),
            self.pack().date(),
            engines.join(" + ")
        )
    }

    /// Returns the cached facts of the file at `path`, or probes it. A cached file is not opened.
    fn probe(&self, path: &Path) -> (Probed, bool) {
        let mark = || path.metadata().ok().and_then(|meta| Fingerprint::of(&meta));
        let cache = self.cache.as_ref().zip(mark());
        if let Some(known) = cache
            .as_ref()
            .and_then(|(cache, mark)| cache.get(path, mark))
        {
            return (known, true);
        }
        let probed =
            open_media(path).and_then(|file| self.prober().probe_file(file, &path_name(path)));
        if let Some((cache, before)) = cache {
            let lasting = probed
                .as_ref()
                .map_or_else(|error| error.kind().is_about_the_file(), |_| true);
            // If the file changed during the probe, the result may mix two versions.
            if lasting && mark().as_ref() == Some(&before) {
                cache.put(path, &before, &probed);
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

    /// Checks the file at `path` if it is an image or a document, by its name or, if the prober found
    /// no media in it, by its content. `None` if it is neither, or cannot be read.
    fn check_static(&self, path: &Path, purpose: Purpose, route: Option<Route>) -> Option<Report> {
        let source = FileSource::open(path).ok()?;
        let route = route.unwrap_or_else(|| self.route_of(Subject::File(source.len())));
        let name = path_name(path);
        let checked = self.checker.check_static(&source, &name, purpose, route);
        checked.ok().flatten().map(|checked| checked.report)
    }

    /// Whether the name of a file is that of an image or a document.
    pub(crate) fn is_static(path: &Path) -> bool {
        StaticKind::of_name(&path.to_string_lossy()).is_some()
    }

    /// Whether a file is an image or a document by its content.
    pub(crate) fn is_static_content(&self, path: &Path) -> bool {
        self.check_static(path, Purpose::Asset, self.route)
            .is_some()
    }

    /// Reads and checks the file at `path`. An image or a document is accepted with a warning.
    pub(crate) fn check_file(&self, path: &Path) -> CheckResult {
        self.check_for(Purpose::Unknown, path)
    }

    /// Reads and checks the file at `path`, which is to be indexed: an image or a document is refused.
    pub(crate) fn check_video(&self, path: &Path) -> CheckResult {
        self.check_for(Purpose::Video, path)
    }

    fn check_for(&self, purpose: Purpose, path: &Path) -> CheckResult {
        if Self::is_static(path)
            && let Some(report) = self.check_static(path, purpose, self.route)
        {
            return CheckResult::of_report(report);
        }
        let (probed, from_cache) = self.probe(path);
        let is_no_media = matches!(&probed, Err(error) if error.kind().is_about_the_file());
        if is_no_media && let Some(report) = self.check_static(path, purpose, self.route) {
            return CheckResult::of_report(report);
        }
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

    /// Checks the file at `path` for an upload by `route`, or by the route that the client would
    /// choose, and opens it. The client does not probe it again. Blocks while it reads.
    ///
    /// # Errors
    /// If the file cannot be read, or keeps changing. A file that the rules refuse is
    /// `Ok(Err(report))`.
    pub(crate) fn open(
        &self,
        path: &Path,
        route: Option<Route>,
    ) -> Result<Result<ProbedFile, Report>, Failure> {
        let started = Instant::now();
        for _ in 0..MAX_VERSIONS {
            let before = path.metadata().ok();
            let (probed, _) = self.probe(path);
            let bytes = before.as_ref().map_or(0, Metadata::len);
            let route = route.unwrap_or_else(|| self.route_of(Subject::File(bytes)));
            let report = match &probed {
                // Only a video is opened here.
                Err(error) if error.kind().is_about_the_file() => self
                    .check_static(path, Purpose::Video, Some(route))
                    .unwrap_or_else(|| self.checker.report(&probed, route)),
                _ => self.checker.report(&probed, route),
            };
            let facts = match probed {
                Ok(facts) if !report.is_refused() => facts,
                Err(error) if !error.kind().is_about_the_file() => return Err(error.into()),
                _ => return Ok(Err(report)),
            };
            // The file is opened after the probe: with few file descriptors, a second one for the
            // same file may not be available. If its state is the same, it was not changed.
            let source = FileSource::open(path)?;
            let now = source.metadata().ok();
            if before
                .zip(now)
                .is_some_and(|(then, now)| is_same(&then, &now))
            {
                let file = ProbedFile::new(source, facts);
                return Ok(Ok(file.with_probe_time(started.elapsed())));
            }
        }
        Err(Failure::new(
            Exit::Temporary,
            "source_failed",
            format!("`{}` changed while it was checked", path_name(path)),
        )
        .hint("retry when the file is complete and no longer written to"))
    }

    /// Applies the rules to the playlist of a recording, which the platform fetches by its URL: its
    /// duration in seconds, or why it is none.
    pub(crate) fn evaluate_playlist(&self, playlist: Result<f64, &PlaylistError>) -> CheckResult {
        let target = self.checker.target(self.route_of(Subject::Link));
        CheckResult::of_report(check_playlist(playlist, &target, self.pack()))
    }

    /// Applies the rules to the result of a probe.
    pub(crate) fn evaluate(&self, probed: Probed, subject: Subject) -> CheckResult {
        let report = self.checker.report(&probed, self.route_of(subject));
        let (facts, failure) = match probed {
            Ok(facts) => (Some(facts), None),
            Err(error) if error.kind().is_about_the_file() => (None, None),
            Err(error) => (None, Some(error.into())),
        };
        CheckResult {
            checked: Checked::new(report).with_facts(facts),
            from_cache: false,
            failure,
            notes: Vec::new(),
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
    pub(crate) fn fix(&self, facts: &MediaFacts, options: &FixOptions) -> Option<Fix> {
        let route = self.route_of(Subject::File(facts.file_size_bytes));
        let target = self.target.clone().with_route(route);
        fix_all_with(facts, &target, self.pack(), options)
    }
}

/// Whether two states of a path are the same version of the same file.
fn is_same(then: &Metadata, now: &Metadata) -> bool {
    #[cfg(unix)]
    {
        use std::os::unix::fs::MetadataExt;
        let inode = |meta: &Metadata| (meta.dev(), meta.ino(), meta.ctime(), meta.ctime_nsec());
        if inode(then) != inode(now) {
            return false;
        }
    }
    then.len() == now.len() && then.modified().ok() == now.modified().ok()
}
