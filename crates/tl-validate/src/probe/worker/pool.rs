//! The pool of helpers: limits their number, reuses idle ones and replaces failed ones.

use std::fmt;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::find::find_helper;
use super::helper::{ExchangeError, Helper, Subject};
use super::protocol::{Request, Response};
use super::ranges::RangeServer;
use crate::facts::MediaFacts;
use crate::probe::{ProbeError, ProbeErrorKind, ProbeOptions, Prober};
use crate::remote::range::RangeRead;
use crate::sandbox::restrict::Protections;
use crate::with_fields::with_fields;

/// Options of a [`ProbePool`].
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct WorkerOptions {
    /// The helper program; if `None`, it is searched for (see [`super::find_helper`]).
    pub program: Option<PathBuf>,
    /// Maximum number of helpers, at least one. Default: the number of processors, at most eight.
    pub helpers: usize,
    /// Limits of each probe.
    pub probe: ProbeOptions,
}

with_fields!(WorkerOptions {
    with_program(program: Option<PathBuf>);
    with_helpers(helpers: usize);
    with_probe(probe: ProbeOptions);
});

impl Default for WorkerOptions {
    fn default() -> Self {
        Self {
            program: None,
            helpers: std::thread::available_parallelism().map_or(1, |n| n.get().min(8)),
            probe: ProbeOptions::default(),
        }
    }
}

/// Number of fresh helpers that a file must crash or stall to be considered the cause.
const MAX_FAILURES: u32 = 2;

/// Maximum number of helpers per file: one more, because an idle helper may have exited earlier.
const MAX_TRIES: u32 = MAX_FAILURES + 1;

/// Timeout for a fresh helper to report its protections. Starting one takes 30 to 40 ms.
const HEALTH_TIMEOUT: Duration = Duration::from_secs(3);

/// A [`Prober`] that reads media in helper processes.
///
/// If a file crashes or stalls two helpers, the result is [`ProbeErrorKind::TooComplex`]. If even a
/// fresh helper without a file does not respond, the helper is at fault:
/// [`ProbeErrorKind::HelperFailed`].
///
/// Helpers start on first use (30 to 40 ms each) and are reused. Calls from several threads run in
/// parallel, up to the number of helpers; further calls block until a helper is free.
pub struct ProbePool {
    program: PathBuf,
    options: WorkerOptions,
    state: Mutex<State>,
    freed: Condvar,
}

#[derive(Default)]
struct State {
    idle: Vec<Helper>,
    running: usize,
}

impl ProbePool {
    /// Finds the helper program. Does not start it yet.
    ///
    /// # Errors
    /// [`ProbeErrorKind::HelperMissing`] if the program is not found.
    pub fn new(options: WorkerOptions) -> Result<Self, ProbeError> {
        let program = find_helper(options.program.as_deref())?;
        Ok(Self {
            program,
            options,
            state: Mutex::default(),
            freed: Condvar::new(),
        })
    }

    /// Path of the helper program.
    pub fn program(&self) -> &Path {
        &self.program
    }

    /// The options.
    pub fn options(&self) -> &WorkerOptions {
        &self.options
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // The state is a list and a count, consistent at every unlock, so a poisoned lock can be
        // used.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for a permit. Returns it with an idle helper, if there is one.
    fn acquire(&self) -> (Permit<'_>, Option<Helper>) {
        let mut state = self.lock();
        while state.running >= self.options.helpers.max(1) {
            state = self
                .freed
                .wait(state)
                .unwrap_or_else(PoisonError::into_inner);
        }
        state.running += 1;
        let helper = state.idle.pop();
        (Permit(self), helper)
    }

    /// Returns the active protections of a helper. Starts one if none is running.
    ///
    /// # Errors
    /// [`ProbeErrorKind::HelperMissing`] or [`ProbeErrorKind::HelperFailed`].
    pub fn protections(&self) -> Result<Protections, ProbeError> {
        match self.ask(Request::Protections, Subject::Nothing)? {
            Response::Protections(protections) => Ok(protections),
            _ => Err(self.failed("its response does not match the request")),
        }
    }

    fn failed(&self, how: &str) -> ProbeError {
        let seen = format!("the helper `{}` failed: {how}", self.program.display());
        ProbeError::new(ProbeErrorKind::HelperFailed, "", seen)
    }

    fn facts(
        &self,
        request: Request,
        subject: Subject<'_>,
        name: &str,
    ) -> Result<MediaFacts, ProbeError> {
        let facts = match self.ask(request, subject) {
            Ok(Response::Probed(response)) => response.map(|facts| *facts),
            Ok(_) => Err(self.failed("its response does not match the request")),
            Err(error) => Err(error),
        };
        facts.map_err(|error| error.with_name(name))
    }

    fn ask(&self, request: Request, mut subject: Subject<'_>) -> Result<Response, ProbeError> {
        let (permit, mut idle) = self.acquire();
        let timeout = self.options.probe.deadline;
        let mut counted_failures = 0;
        let mut failures = Vec::new();
        for _ in 0..MAX_TRIES {
            let (mut helper, fresh) = match idle.take() {
                Some(helper) => (helper, false),
                None => (Helper::start(&self.program)?, true),
            };
            match helper.exchange(request, &mut subject, timeout) {
                Ok(response) => {
                    permit.give_back(helper);
                    return Ok(response);
                }
                Err(ExchangeError::TimedOut) => {
                    failures.push(HelperFailure::Stalled);
                    counted_failures += 1;
                    // The timeout includes the time of a remote source, which may be the slow part.
                    if matches!(subject, Subject::Ranges(_)) {
                        break;
                    }
                }
                Err(ExchangeError::Exited(how)) => {
                    failures.push(HelperFailure::Exited(how));
                    // An idle helper may have exited earlier, which is not caused by this file.
                    counted_failures += u32::from(fresh);
                }
            }
            if counted_failures >= MAX_FAILURES {
                break;
            }
        }
        Err(self.failure_error(&subject, &failures))
    }

    /// The error for helpers that failed without a response.
    fn failure_error(&self, subject: &Subject<'_>, failures: &[HelperFailure]) -> ProbeError {
        let seconds = self.options.probe.deadline.as_secs_f64();
        let Some(last) = failures.last() else {
            return self.failed("no request was sent");
        };
        match (subject, last) {
            (Subject::Nothing, HelperFailure::Exited(how)) => return self.failed(how),
            (Subject::Nothing, HelperFailure::Stalled) => {
                return self.failed("it stopped responding");
            }
            (Subject::Ranges(_), HelperFailure::Stalled) => {
                let seen = format!("reading took longer than {seconds} s");
                return ProbeError::new(ProbeErrorKind::DeadlinePassed, "", seen);
            }
            _ => {}
        }
        if !self.is_healthy() {
            return match last {
                HelperFailure::Exited(how) => self.failed(how),
                HelperFailure::Stalled => self.failed("it stopped responding"),
            };
        }
        let tries = failures.len();
        let seen = match last {
            HelperFailure::Exited(how) => {
                format!("the helper that read this file failed {tries} times: {how}")
            }
            HelperFailure::Stalled => {
                format!("reading took longer than {seconds} s {tries} times, without progress")
            }
        };
        ProbeError::new(ProbeErrorKind::TooComplex, "", seen)
    }

    /// Whether a fresh helper responds to a request without a file.
    fn is_healthy(&self) -> bool {
        Helper::start(&self.program).is_ok_and(|mut helper| {
            let response =
                helper.exchange(Request::Protections, &mut Subject::Nothing, HEALTH_TIMEOUT);
            matches!(response, Ok(Response::Protections(_)))
        })
    }
}

/// How a helper failed.
enum HelperFailure {
    /// It exited; contains a description.
    Exited(String),
    /// It did not respond in time and was killed.
    Stalled,
}

impl Prober for ProbePool {
    fn probe_file(&self, file: File, name: &str) -> Result<MediaFacts, ProbeError> {
        crate::probe::open::check_regular(&file, name)?;
        let request = Request::Probe {
            options: self.options.probe,
        };
        self.facts(request, Subject::File(&file), name)
    }

    /// The helper has access to neither network nor files: it requests each range from this
    /// process.
    fn probe_ranges(
        &self,
        source: &mut dyn RangeRead,
        name: &str,
    ) -> Result<MediaFacts, ProbeError> {
        if source.size() == 0 {
            return Err(crate::probe::open::empty(name));
        }
        let request = Request::ProbeRanges {
            options: self.options.probe,
            size: source.size(),
            remaining: source.remaining(),
            read_size: source.read_size(),
        };
        self.facts(request, Subject::Ranges(RangeServer::new(source)), name)
    }
}

impl fmt::Debug for ProbePool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ProbePool")
            .field("program", &self.program)
            .field("options", &self.options)
            .finish_non_exhaustive()
    }
}

/// The permission to run one helper, returned on drop.
struct Permit<'a>(&'a ProbePool);

impl Permit<'_> {
    fn give_back(&self, helper: Helper) {
        self.0.lock().idle.push(helper);
    }
}

impl Drop for Permit<'_> {
    fn drop(&mut self) {
        self.0.lock().running -= 1;
        self.0.freed.notify_one();
    }
}
