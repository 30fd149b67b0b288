//! The class `Checker`: rules, target, and the check of files.

use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, OnceLock, PoisonError};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use tl_validate::worker::{ProbePool, WorkerOptions};
use tl_validate::{
    Engine, MediaFacts, ProbeError, ProbeOptions, Prober, Route, RulePack, Target, check,
    check_probe_failure,
};

use crate::report::Report;
use crate::{error, pools};

/// Checks files against one set of rules. See the type stub for its documentation.
#[pyclass(frozen, module = "tl_validate")]
pub(crate) struct Checker {
    pack: RulePack,
    route: Option<Route>,
    target: Target,
    workers: WorkerOptions,
}

/// The helper in the package, if it has one.
static HELPER: OnceLock<PathBuf> = OnceLock::new();

/// Uses the helper at `path`, unless the environment names another one. Later calls change nothing.
#[pyfunction]
pub(crate) fn use_helper(path: PathBuf) {
    // It is the same package, so that the path is the same.
    let _ = HELPER.set(path);
}

fn invalid(error: impl std::fmt::Display) -> PyErr {
    PyValueError::new_err(error.to_string())
}

#[pymethods]
impl Checker {
    #[new]
    #[pyo3(signature = (*, engines=None, options=None, route=None, rules=None, extra_rules=None, helpers=None, deadline=None, thorough=false, helper=None))]
    #[expect(clippy::too_many_arguments, reason = "keyword arguments of Python")]
    fn new(
        engines: Option<Vec<String>>,
        options: Option<Vec<String>>,
        route: Option<&str>,
        rules: Option<&str>,
        extra_rules: Option<&str>,
        helpers: Option<NonZeroUsize>,
        deadline: Option<f64>,
        thorough: bool,
        helper: Option<PathBuf>,
    ) -> PyResult<Self> {
        let pack = match rules {
            Some(name) => RulePack::named(name).map_err(invalid)?,
            None => RulePack::current(),
        };
        let pack = match extra_rules {
            Some(text) => pack.extended_with(text).map_err(invalid)?,
            None => pack.clone(),
        };
        let route: Option<Route> = route.map(|name| name.parse().map_err(invalid)).transpose()?;
        let mut target = Target::new(route.unwrap_or_default());
        for engine in engines.unwrap_or_default() {
            target = target.with_engine(Engine::from(engine));
        }
        for option in options.unwrap_or_default() {
            target = target.with_option(option);
        }
        let mut probe = ProbeOptions::default().with_thorough(thorough);
        if let Some(seconds) = deadline {
            let valid = Duration::try_from_secs_f64(seconds)
                .ok()
                .filter(|duration| !duration.is_zero());
            let Some(duration) = valid else {
                return Err(invalid(format!(
                    "deadline: {seconds} is not a positive number of seconds"
                )));
            };
            probe = probe.with_deadline(duration);
        }
        let of_environment = std::env::var_os("TL_PROBE").is_some_and(|path| !path.is_empty());
        let packaged = || HELPER.get().filter(|_| !of_environment).cloned();
        let mut workers = WorkerOptions::default()
            .with_program(helper.or_else(packaged))
            .with_probe(probe);
        if let Some(helpers) = helpers {
            workers = workers.with_helpers(helpers.get());
        }
        Ok(Self {
            pack,
            route,
            target,
            workers,
        })
    }

    fn check(&self, py: Python<'_>, path: PathBuf) -> PyResult<Report> {
        let pool = pools::pool(py, &self.workers).map_err(|e| error::exception(py, &e))?;
        let (report, failure) = py.detach(|| self.report(&pool, &path));
        match failure {
            Some(failure) => Err(error::exception(py, &failure)),
            None => Ok(report),
        }
    }

    fn check_all(&self, py: Python<'_>, paths: Vec<PathBuf>) -> PyResult<Vec<Report>> {
        let pool = pools::pool(py, &self.workers).map_err(|e| error::exception(py, &e))?;
        Ok(py.detach(|| self.reports(&pool, &paths)))
    }

    /// The name of the rules.
    #[getter]
    fn rules(&self) -> &str {
        self.pack.name()
    }

    fn __repr__(&self) -> String {
        format!("<tl_validate.Checker with rules {}>", self.pack.name())
    }
}

impl Checker {
    /// Reads and checks one file. The error is set if it is not about the content of the file.
    fn report(&self, pool: &ProbePool, path: &Path) -> (Report, Option<ProbeError>) {
        let name = path.to_string_lossy().into_owned();
        match pool.probe(path) {
            Ok(facts) => (self.judge(name, facts), None),
            Err(error) => {
                let bytes = path.metadata().map_or(0, |meta| meta.len());
                let report = check_probe_failure(&error, &self.target(bytes), &self.pack);
                let failure = (!error.kind().is_about_the_file()).then_some(error);
                let text = failure.as_ref().map(ToString::to_string);
                (Report::new(name, report, None, text), failure)
            }
        }
    }

    fn judge(&self, name: String, facts: MediaFacts) -> Report {
        let target = self.target(facts.file_size_bytes);
        let report = check(&facts, &target, &self.pack);
        Report::new(name, report, Some(facts), None)
    }

    /// Without a route, the one that an upload of a file of this size uses.
    fn target(&self, bytes: u64) -> Target {
        let route = self.route.unwrap_or_else(|| self.pack.route_for_file(bytes));
        self.target.clone().with_route(route)
    }

    /// One report per path, in the order of the paths, from as many threads as there are helpers.
    fn reports(&self, pool: &ProbePool, paths: &[PathBuf]) -> Vec<Report> {
        let next = AtomicUsize::new(0);
        let done = Mutex::new(Vec::with_capacity(paths.len()));
        let work = || {
            while let Some((index, path)) = {
                let index = next.fetch_add(1, Ordering::Relaxed);
                paths.get(index).map(|path| (index, path))
            } {
                let (report, _) = self.report(pool, path);
                done.lock()
                    .unwrap_or_else(PoisonError::into_inner)
                    .push((index, report));
            }
        };
        let threads = pool.options().helpers.min(paths.len());
        std::thread::scope(|scope| {
            for _ in 1..threads {
                scope.spawn(work);
            }
            work();
        });
        let mut done = done.into_inner().unwrap_or_else(PoisonError::into_inner);
        done.sort_unstable_by_key(|(index, _)| *index);
        done.into_iter().map(|(_, report)| report).collect()
    }
}
