//! The set of helpers: who is free, who must be replaced.

use std::fmt;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

use super::Protections;
use super::find::find_helper;
use super::helper::{Failure, Helper, Subject};
use super::protocol::{Answer, Request};
use super::ranges::Counter;
use crate::{MediaFacts, ProbeError, ProbeErrorKind, ProbeOptions, Prober, RangeRead};

/// How a [`ProbePool`] works.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WorkerOptions {
    /// The helper program; `None` to look for it (see [`super::find_helper`]).
    pub program: Option<PathBuf>,
    /// Helpers at most, at least one. By default as many as there are processors, but not more than eight.
    pub helpers: usize,
    /// What each probe may cost.
    pub probe: ProbeOptions,
}

impl Default for WorkerOptions {
    fn default() -> Self {
        Self {
            program: None,
            helpers: std::thread::available_parallelism().map_or(1, |n| n.get().min(8)),
            probe: ProbeOptions::default(),
        }
    }
}

/// A [`Prober`] that reads media in helper processes.
///
/// Helpers start when they are first needed (30 to 40 ms each) and stay. Calls from several threads run side by side, up
/// to the number of helpers; the rest waits its turn.
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
    /// Finds the helper program. Starts nothing yet.
    ///
    /// # Errors
    /// [`ProbeErrorKind::HelperMissing`] when there is no such program.
    pub fn new(options: WorkerOptions) -> Result<Self, ProbeError> {
        let program = find_helper(options.program.as_deref())?;
        Ok(Self {
            program,
            options,
            state: Mutex::default(),
            freed: Condvar::new(),
        })
    }

    /// The helper program.
    pub fn program(&self) -> &Path {
        &self.program
    }

    /// The options.
    pub fn options(&self) -> &WorkerOptions {
        &self.options
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // The state is a list and a count, whole at every unlock, so a panic elsewhere does not spoil it.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for a turn; the idle helper that comes with it, if there is one.
    fn turn(&self) -> (Turn<'_>, Option<Helper>) {
        let mut state = self.lock();
        while state.running >= self.options.helpers.max(1) {
            state = self
                .freed
                .wait(state)
                .unwrap_or_else(PoisonError::into_inner);
        }
        state.running += 1;
        let helper = state.idle.pop();
        (Turn(self), helper)
    }

    /// Starts a helper, if none runs, and asks which protections are active in it.
    ///
    /// # Errors
    /// [`ProbeErrorKind::HelperMissing`] or [`ProbeErrorKind::HelperFailed`].
    pub fn protections(&self) -> Result<Protections, ProbeError> {
        match self.ask(Request::Protections, Subject::Nothing)? {
            Answer::Protections(protections) => Ok(protections),
            _ => Err(self.failed("it answered another question")),
        }
    }

    fn failed(&self, how: &str) -> ProbeError {
        let seen = format!(
            "the helper `{}` gave no answer: {how}",
            self.program.display()
        );
        ProbeError::new(ProbeErrorKind::HelperFailed, "", seen)
    }

    fn facts(
        &self,
        request: Request,
        subject: Subject<'_>,
        name: &str,
    ) -> Result<MediaFacts, ProbeError> {
        let facts = match self.ask(request, subject) {
            Ok(Answer::Probed(answer)) => answer.map(|facts| *facts),
            Ok(_) => Err(self.failed("it answered another question")),
            Err(error) => Err(error),
        };
        facts.map_err(|error| error.with_name(name))
    }

    fn ask(&self, request: Request, mut subject: Subject<'_>) -> Result<Answer, ProbeError> {
        let (turn, mut idle) = self.turn();
        let patience = self.options.probe.deadline;
        let mut death = String::new();
        // A helper may have died while idle, which is no fault of this file: one more try, with a fresh one.
        for _ in 0..2 {
            let mut helper = match idle.take() {
                Some(helper) => helper,
                None => Helper::start(&self.program)?,
            };
            match helper.exchange(request, &mut subject, patience) {
                Ok(answer) => {
                    turn.give_back(helper);
                    return Ok(answer);
                }
                Err(Failure::Overran) => {
                    let seen = format!(
                        "reading took longer than {} s and was ended",
                        patience.as_secs_f64()
                    );
                    return Err(ProbeError::new(ProbeErrorKind::DeadlinePassed, "", seen));
                }
                Err(Failure::Died(how)) => death = how,
            }
        }
        Err(self.failed(&death))
    }
}

impl Prober for ProbePool {
    fn probe_file(&self, file: File, name: &str) -> Result<MediaFacts, ProbeError> {
        crate::open::check_regular(&file, name)?;
        let request = Request::Probe {
            options: self.options.probe,
        };
        self.facts(request, Subject::File(&file), name)
    }

    /// The helper has neither network nor files: it asks this process for each range.
    fn probe_ranges(
        &self,
        source: &mut dyn RangeRead,
        name: &str,
    ) -> Result<MediaFacts, ProbeError> {
        if source.size() == 0 {
            return Err(crate::open::empty(name));
        }
        let request = Request::ProbeRanges {
            options: self.options.probe,
            size: source.size(),
            remaining: source.remaining(),
        };
        self.facts(request, Subject::Ranges(Counter::new(source)), name)
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

/// The right to run one helper, given back on drop.
struct Turn<'a>(&'a ProbePool);

impl Turn<'_> {
    fn give_back(&self, helper: Helper) {
        self.0.lock().idle.push(helper);
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        self.0.lock().running -= 1;
        self.0.freed.notify_one();
    }
}
