//! Drives one flow: on the calling thread where it has one exchange under way at most, else with a thread for each lane.
//! How an exchange is sent is the client's business.

use std::{
    collections::HashMap,
    panic::{AssertUnwindSafe, catch_unwind, resume_unwind},
    sync::{Arc, Mutex, PoisonError, mpsc},
    thread,
    time::{Duration, Instant, SystemTime},
};

use tl_http::{Exchange, Flow, Now, Outcome, Step, Token};

use crate::{Cancel, Shared};

const ENDLESS: &str =
    "a flow waits without end while nothing is in flight: it breaks the contract of `Flow`";

/// Drives `flow` to its end. What is in flight then is canceled, and not waited for.
pub(crate) fn drive<F: Flow>(shared: &Arc<Shared>, flow: F) -> F::Output {
    if flow.max_in_flight() > 1 {
        side_by_side(shared, flow)
    } else {
        one_by_one(shared, flow)
    }
}

fn now(shared: &Shared) -> Now {
    Now::new(shared.started.elapsed(), SystemTime::now())
}

fn one_by_one<F: Flow>(shared: &Shared, mut flow: F) -> F::Output {
    let mut waiting: Option<(Token, Exchange)> = None;
    loop {
        match flow.step(now(shared)) {
            Step::Done(output) => return output,
            Step::Start(token, exchange) => {
                assert!(
                    waiting.is_none(),
                    "a flow started more exchanges at once than its `max_in_flight` says"
                );
                waiting = Some((token, exchange));
            }
            Step::Wait { until } => match (waiting.take(), until) {
                // A wake-up in the meantime comes late; the exchange has its own time limit.
                (Some((token, exchange)), _) => {
                    let outcome = shared.send(exchange, &Cancel::new());
                    flow.on_outcome(now(shared), token, outcome);
                }
                (None, Some(until)) => {
                    thread::sleep(until.saturating_sub(shared.started.elapsed()));
                }
                (None, None) => panic!("{ENDLESS}"),
            },
        }
    }
}

fn side_by_side<F: Flow>(shared: &Arc<Shared>, mut flow: F) -> F::Output {
    let mut lanes = Lanes::new(flow.max_in_flight());
    loop {
        match flow.step(now(shared)) {
            Step::Done(output) => return output,
            Step::Start(token, exchange) => lanes.send(shared, token, exchange),
            Step::Wait { until } => {
                assert!(until.is_some() || !lanes.in_flight.is_empty(), "{ENDLESS}");
                if let Some((token, outcome)) = lanes.outcome(shared.started, until) {
                    flow.on_outcome(now(shared), token, outcome);
                }
            }
        }
    }
}

struct Job {
    token: Token,
    exchange: Exchange,
    cancel: Cancel,
}

/// An outcome, or the panic of a client or a source, which belongs to the caller's thread.
type Ended = (Token, thread::Result<Outcome>);

/// The threads of one flow, and what is in flight on them.
struct Lanes {
    most: usize,
    count: usize,
    in_flight: HashMap<Token, Cancel>,
    jobs: mpsc::Sender<Job>,
    open_jobs: Arc<Mutex<mpsc::Receiver<Job>>>,
    ended: mpsc::Receiver<Ended>,
    ends: mpsc::Sender<Ended>,
}

impl Lanes {
    fn new(most: usize) -> Self {
        let (jobs, open_jobs) = mpsc::channel();
        let (ends, ended) = mpsc::channel();
        let in_flight = HashMap::new();
        Self {
            most,
            count: 0,
            in_flight,
            jobs,
            open_jobs: Arc::new(Mutex::new(open_jobs)),
            ended,
            ends,
        }
    }

    fn send(&mut self, shared: &Arc<Shared>, token: Token, exchange: Exchange) {
        assert!(
            self.in_flight.len() < self.most,
            "a flow started more exchanges at once than its `max_in_flight` says"
        );
        let cancel = Cancel::new();
        assert!(
            self.in_flight.insert(token, cancel.clone()).is_none(),
            "a flow gave one token to two exchanges in flight"
        );
        if self.in_flight.len() > self.count {
            self.open_lane(shared);
        }
        let job = Job {
            token,
            exchange,
            cancel,
        };
        if self.count == 0 {
            // The system gives no thread at all: the calling one does it.
            perform(shared, job, &self.ends);
        } else {
            // Lanes end only when this sender does.
            drop(self.jobs.send(job));
        }
    }

    fn open_lane(&mut self, shared: &Arc<Shared>) {
        let (shared, jobs, ends) = (
            Arc::clone(shared),
            Arc::clone(&self.open_jobs),
            self.ends.clone(),
        );
        let lane = thread::Builder::new()
            .name("tl-http".to_owned())
            .spawn(move || {
                loop {
                    let job = jobs.lock().unwrap_or_else(PoisonError::into_inner).recv();
                    let Ok(job) = job else { return };
                    perform(&shared, job, &ends);
                }
            });
        // Where the system gives no more threads, those there are do the work.
        self.count += usize::from(lane.is_ok());
    }

    /// The next outcome, or `None` when the time has come before one.
    fn outcome(&mut self, started: Instant, until: Option<Duration>) -> Option<(Token, Outcome)> {
        let (token, outcome) = match until {
            // `ends` lives here: the channel does not close.
            None => self.ended.recv().ok()?,
            Some(until) => self
                .ended
                .recv_timeout(until.saturating_sub(started.elapsed()))
                .ok()?,
        };
        self.in_flight.remove(&token);
        Some((token, outcome.unwrap_or_else(|panic| resume_unwind(panic))))
    }
}

impl Drop for Lanes {
    fn drop(&mut self) {
        for cancel in self.in_flight.values() {
            cancel.cancel();
        }
    }
}

fn perform(shared: &Shared, job: Job, ends: &mpsc::Sender<Ended>) {
    let Job {
        token,
        exchange,
        cancel,
    } = job;
    let outcome = catch_unwind(AssertUnwindSafe(|| shared.send(exchange, &cancel)));
    // Nobody listens where the flow has ended.
    drop(ends.send((token, outcome)));
}
