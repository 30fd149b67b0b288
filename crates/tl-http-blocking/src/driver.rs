//! Runs one flow: on the calling thread if it has at most one exchange in flight, else on worker
//! threads.

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

/// Runs `flow` to completion. Exchanges still in flight are canceled, not awaited.
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
                // A wake-up during the exchange is late; the exchange has its own timeout.
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

/// An outcome, or a panic of a client or source, to be resumed on the caller's thread.
type Ended = (Token, thread::Result<Outcome>);

/// The worker threads of one flow, and the exchanges in flight.
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
            // No thread could be spawned: run the job on the calling thread.
            perform(shared, job, &self.ends);
        } else {
            // Workers end only when this sender is dropped.
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
        // If no more threads can be spawned, the existing ones do the work.
        self.count += usize::from(lane.is_ok());
    }

    /// Waits for the next outcome; `None` if the deadline passes first.
    fn outcome(&mut self, started: Instant, until: Option<Duration>) -> Option<(Token, Outcome)> {
        let (token, outcome) = match until {
            // `self.ends` keeps the channel open.
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
    // The receiver is gone if the flow has ended.
    drop(ends.send((token, outcome)));
}
