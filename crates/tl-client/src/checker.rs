//! The local check before the upload: a prober reads the file, and rules judge the result.

use std::{
    fmt,
    fs::File,
    io,
    path::Path,
    sync::{Arc, OnceLock},
};

use tl_protocol::Source;

use tl_validate::{
    Engine, MediaFacts, ProbeError, Prober, RangeRead, Report, Route, RulePack, Target, check,
    check_probe_failure,
    static_file::{self, Purpose},
};

use crate::{Error, ErrorKind, FileSource, RouteChoice};

/// Checks files before they are sent.
#[derive(Clone)]
pub struct Checker {
    prober: Arc<dyn Prober>,
    pack: Arc<RulePack>,
    engines: Vec<Engine>,
    options: Vec<String>,
}

/// Result of a check: the report, and the facts if the file could be read.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Checked {
    /// Properties of the file.
    pub facts: Option<MediaFacts>,
    /// All findings.
    pub report: Report,
}

impl Checked {
    /// The result `report`, without facts.
    #[must_use]
    pub fn new(report: Report) -> Self {
        Self {
            facts: None,
            report,
        }
    }

    /// Sets [`facts`](Self::facts).
    #[must_use]
    pub fn with_facts(mut self, facts: Option<MediaFacts>) -> Self {
        self.facts = facts;
        self
    }
}

impl Checker {
    /// Creates a checker that uses `prober`, the current rules, and the models that an index can
    /// have today.
    #[must_use]
    pub fn new(prober: Arc<dyn Prober>) -> Self {
        Self {
            prober,
            pack: Arc::new(RulePack::current().clone()),
            engines: Vec::new(),
            options: Vec::new(),
        }
    }

    /// Creates a checker with the prober that the enabled features provide: `worker` (helper
    /// processes), else `ffmpeg` (in this process), else `header` (reads headers only, and notes
    /// that in every report).
    ///
    /// # Errors
    /// [`ErrorKind::CheckFailed`] if the helper `tl-probe` is not found, or if none of these
    /// features is enabled.
    pub fn standard() -> Result<Self, Error> {
        standard_prober().map(Self::new)
    }

    /// Uses the rules of `pack`.
    #[must_use]
    pub fn with_rules(mut self, pack: RulePack) -> Self {
        self.pack = Arc::new(pack);
        self
    }

    /// Checks for these models. The strictest rule of each kind applies.
    #[must_use]
    pub fn for_engines(mut self, engines: impl IntoIterator<Item = Engine>) -> Self {
        self.engines = engines.into_iter().collect();
        self
    }

    /// Checks for these model options: before v1.3, `conversation` required an audio track.
    #[must_use]
    pub fn with_options(mut self, options: impl IntoIterator<Item = String>) -> Self {
        self.options = options.into_iter().collect();
        self
    }

    /// The active rules.
    #[must_use]
    pub fn rules(&self) -> &RulePack {
        &self.pack
    }

    /// The prober.
    #[must_use]
    pub fn prober(&self) -> &Arc<dyn Prober> {
        &self.prober
    }

    /// What is checked for `route`: the models and their options.
    #[must_use]
    pub fn target(&self, route: Route) -> Target {
        let mut target = Target::new(route);
        target.engines.clone_from(&self.engines);
        target.options.clone_from(&self.options);
        target
    }

    /// Applies the rules for `route` to the result of a probe. Reads nothing. If the probe failed
    /// for a reason other than the file, the report says so too.
    #[must_use]
    pub fn report(&self, probed: &Result<MediaFacts, ProbeError>, route: Route) -> Report {
        match probed {
            Ok(facts) => check(facts, &self.target(route), &self.pack),
            Err(error) => check_probe_failure(error, &self.target(route), &self.pack),
        }
    }

    /// Checks an open file for `route`. Blocks while it reads.
    ///
    /// # Errors
    /// [`ErrorKind::CheckFailed`] if the prober failed. Problems with the file itself are in the
    /// report.
    pub fn check_file(&self, file: File, name: &str, route: Route) -> Result<Checked, Error> {
        self.judge(self.prober.probe_file(file, name), name, route)
    }

    /// Checks a source that is not a file, for `route`. Blocks while it reads.
    ///
    /// # Errors
    /// Those of [`check_file`](Checker::check_file), and [`ErrorKind::CheckFailed`] if the prober
    /// reads only files.
    pub fn check_source(
        &self,
        source: &dyn Source,
        name: &str,
        route: Route,
    ) -> Result<Checked, Error> {
        let probed = self.prober.probe_ranges(&mut Ranges(source), name);
        self.judge(probed, name, route)
    }

    /// Checks a source that is an image or a document, for `route`. Returns `None` if it is neither,
    /// by its content and `name`. No prober is needed. Blocks while it reads.
    ///
    /// # Errors
    /// [`ErrorKind::File`] if the source cannot be read.
    pub fn check_static(
        &self,
        source: &dyn Source,
        name: &str,
        purpose: Purpose,
        route: Route,
    ) -> Result<Option<Checked>, Error> {
        check_static(source, name, purpose, &self.target(route), &self.pack)
    }

    fn judge(
        &self,
        probed: Result<MediaFacts, ProbeError>,
        name: &str,
        route: Route,
    ) -> Result<Checked, Error> {
        let report = self.report(&probed, route);
        match probed {
            Ok(facts) => Ok(Checked {
                facts: Some(facts),
                report,
            }),
            Err(error) if error.kind().is_about_the_file() => Ok(Checked {
                facts: None,
                report,
            }),
            Err(error) => Err(Error::new(
                ErrorKind::CheckFailed,
                format!("failed to check `{name}`; nothing was sent"),
            )
            .with_probe(error)),
        }
    }
}

/// See [`Checker::check_static`].
pub(crate) fn check_static(
    source: &dyn Source,
    name: &str,
    purpose: Purpose,
    target: &Target,
    pack: &RulePack,
) -> Result<Option<Checked>, Error> {
    let report = static_file::check(&mut Ranges(source), name, purpose, target, pack);
    let report = report.map_err(|error| {
        Error::new(ErrorKind::File, format!("failed to read `{name}`")).with_source(error)
    })?;
    Ok(report.map(Checked::new))
}

/// Adapts a source to the interface of probers.
struct Ranges<'s>(&'s dyn Source);

impl RangeRead for Ranges<'_> {
    fn size(&self) -> u64 {
        self.0.len()
    }

    fn read_size(&self) -> Option<usize> {
        self.0.read_size()
    }

    fn read_at(&mut self, offset: u64, into: &mut [u8]) -> io::Result<usize> {
        self.0
            .read_at(offset, into)
            .map(|count| count.min(into.len()))
    }
}

impl fmt::Debug for Checker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Checker")
            .field("rules", &self.pack.name())
            .field("engines", &self.engines)
            .finish_non_exhaustive()
    }
}

#[cfg(all(feature = "worker", unix))]
fn standard_prober() -> Result<Arc<dyn Prober>, Error> {
    let pool = tl_validate::worker::ProbePool::new(tl_validate::worker::WorkerOptions::default())
        .map_err(|error| {
        Error::new(
            ErrorKind::CheckFailed,
            "failed to find the helper that reads media",
        )
        .with_probe(error)
    })?;
    Ok(Arc::new(pool))
}

// If both features are enabled, use the helper. A program that asked for the helper must not link
// libav because another crate of its build enabled `ffmpeg`.
#[cfg(all(feature = "ffmpeg", not(all(feature = "worker", unix))))]
fn standard_prober() -> Result<Arc<dyn Prober>, Error> {
    Ok(Arc::new(tl_validate::ffmpeg::InProcess::default()))
}

#[cfg(all(
    feature = "header",
    not(any(feature = "ffmpeg", all(feature = "worker", unix)))
))]
#[expect(clippy::unnecessary_wraps, reason = "the other probers can fail")]
fn standard_prober() -> Result<Arc<dyn Prober>, Error> {
    Ok(Arc::new(tl_validate::header::HeaderReader::new()))
}

#[cfg(not(any(feature = "ffmpeg", feature = "header", all(feature = "worker", unix))))]
fn standard_prober() -> Result<Arc<dyn Prober>, Error> {
    Err(Error::new(
        ErrorKind::CheckFailed,
        "this build cannot read media: switch on feature `ffmpeg`, `worker` or `header`, give the client a prober of your own, or \
         say `unchecked()`",
    ))
}

/// Returns the checker in `cell`, creating the standard one at the first call.
#[cfg(any(feature = "async", feature = "blocking"))]
pub(crate) fn get_or_standard(cell: &OnceLock<Checker>) -> Result<Checker, Error> {
    if let Some(checker) = cell.get() {
        return Ok(checker.clone());
    }
    let checker = Checker::standard()?;
    Ok(cell.get_or_init(|| checker).clone())
}

/// Applies the rules of the checker in `cell` to `facts`, or the current rules if there is none.
#[cfg(any(feature = "async", feature = "blocking"))]
pub(crate) fn check_facts(cell: &OnceLock<Checker>, facts: &MediaFacts, route: Route) -> Report {
    match cell.get() {
        Some(checker) => check(facts, &checker.target(route), &checker.pack),
        None => check(facts, &Target::new(route), RulePack::current()),
    }
}

/// Checks the file at `path` for the route that would be chosen.
#[cfg(any(feature = "async", feature = "blocking"))]
pub(crate) fn check_path(path: &Path, cell: &OnceLock<Checker>) -> Result<Checked, Error> {
    let file = FileSource::open(path)?;
    let checker = get_or_standard(cell)?;
    let choice = RouteChoice::for_file(file.len(), checker.rules());
    let handle = file.try_clone_file().map_err(|error| {
        Error::new(
            ErrorKind::File,
            format!("failed to open `{}` a second time", path.display()),
        )
        .with_source(error)
    })?;
    checker.check_file(handle, &path.display().to_string(), choice.route)
}
