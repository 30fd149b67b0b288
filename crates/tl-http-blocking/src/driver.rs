//! Runs one flow: on the calling thread if it has at most one exchange in flight, else on worker
//! threads.

use std::{
    collections::HashMap,
    panic::{AssertUnwindSafe, catch_unwind, resume_unwind},
    sync::{Arc, Mutex, PoisonError, mpsc},
    thread,
    time::{Duration, Instant, SystemTime},
};

use tl_http::{Exchange, Flow, Now, Outcome, Step, Token, cancel::CanceledRun};

use crate::{CancelHandle, Shared};

const DEADLOCK: &str =
    "a flow waits without end while nothing is in flight: it breaks the contract of `Flow`";

/// Runs `flow` to completion. Exchanges still in flight are canceled, not awaited.
pub(crate) fn drive<F: Flow>(
    shared: &Arc<Shared>,
    cancel: Option<&CancelHandle>,
    flow: F,
) -> F::Output {
    if flow.max_in_flight() > 1 || cancel.is_some() {
        drive_parallel(shared, cancel, flow)
    } else {
        drive_sequential(shared, flow)
    }
}

fn now(shared: &Shared) -> Now {
    Now::new(shared.started.elapsed(), SystemTime::now())
}

fn drive_sequential<F: Flow>(shared: &Shared, mut flow: F) -> F::Output {
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
                    let outcome = shared.send(exchange, &CancelHandle::new());
                    flow.on_outcome(now(shared), token, outcome);
                }
                (None, Some(until)) => {
                    thread::sleep(until.saturating_sub(shared.started.elapsed()));
                }
                (None, None) => panic!("{DEADLOCK}"),
            },
        }
    }
}

fn drive_parallel<F: Flow>(
    shared: &Arc<Shared>,
    cancel: Option<&CancelHandle>,
    mut flow: F,
) -> F::Output {
    let mut workers = Workers::new(flow.max_in_flight());
    let _on_cancel = cancel.map(|cancel| {
        let sender = workers.message_sender.clone();
        // The receiver is gone if the flow has ended.
        cancel.on_cancel(move || drop(sender.send(Message::Canceled)))
    });
    loop {
        // Also before the first exchange, and if an outcome arrived together with the cancel.
        if cancel.is_some_and(CancelHandle::is_canceled) {
            let in_flight = workers.cancel();
            return CanceledRun::new(now(shared), in_flight).finish(flow);
        }
        match flow.step(now(shared)) {
            Step::Done(output) => return output,
            Step::Start(token, exchange) => workers.send(shared, token, exchange),
            Step::Wait { until } => {
                assert!(
                    until.is_some() || !workers.in_flight.is_empty(),
                    "{DEADLOCK}"
                );
                if let Some((token, outcome)) = workers.outcome(shared.started, until) {
                    flow.on_outcome(now(shared), token, outcome);
                }
            }
        }
    }
}

struct Job {
    token: Token,
    exchange: Exchange,
    cancel: CancelHandle,
}

enum Message {
    /// An outcome, or a panic of a client or source, to be resumed on the caller's thread.
    Outcome(Token, thread::Result<Outcome>),
    /// The caller canceled the flow.
    Canceled,
}

/// The worker threads of one flow, and the exchanges in flight.
struct Workers {
    max_in_flight: usize,
    count: usize,
    in_flight: HashMap<Token, CancelHandle>,
    jobs: mpsc::Sender<Job>,
    open_jobs: Arc<Mutex<mpsc::Receiver<Job>>>,
    messages: mpsc::Receiver<Message>,
    message_sender: mpsc::Sender<Message>,
}

impl Workers {
    fn new(max_in_flight: usize) -> Self {
        let (jobs, open_jobs) = mpsc::channel();
        let (message_sender, messages) = mpsc::channel();
        let in_flight = HashMap::new();
        Self {
            max_in_flight,
            count: 0,
            in_flight,
            jobs,
            open_jobs: Arc::new(Mutex::new(open_jobs)),
            messages,
            message_sender,
        }
    }

    fn send(&mut self, shared: &Arc<Shared>, token: Token, exchange: Exchange) {
        assert!(
            self.in_flight.len() < self.max_in_flight,
            "a flow started more exchanges at once than its `max_in_flight` says"
        );
        let cancel = CancelHandle::new();
        assert!(
            self.in_flight.insert(token, cancel.clone()).is_none(),
            "a flow gave one token to two exchanges in flight"
        );
        if self.in_flight.len() > self.count {
            self.spawn_worker(shared);
        }
        let job = Job {
            token,
            exchange,
            cancel,
        };
        if self.count == 0 {
            // No thread could be spawned: run the job on the calling thread.
            perform(shared, job, &self.message_sender);
        } else {
            // Workers end only when this sender is dropped.
            drop(self.jobs.send(job));
        }
    }

    fn spawn_worker(&mut self, shared: &Arc<Shared>) {
        let (shared, jobs, message_sender) = (
            Arc::clone(shared),
            Arc::clone(&self.open_jobs),
            self.message_sender.clone(),
        );
        let worker = thread::Builder::new()
            .name("tl-http".to_owned())
            .spawn(move || {
                loop {
                    let job = jobs.lock().unwrap_or_else(PoisonError::into_inner).recv();
                    let Ok(job) = job else { return };
                    perform(&shared, job, &message_sender);
                }
            });
        // If no more threads can be spawned, the existing ones do the work.
        self.count += usize::from(worker.is_ok());
    }

    /// Waits for the next outcome; `None` if the deadline passes or the flow is canceled first.
    fn outcome(&mut self, started: Instant, until: Option<Duration>) -> Option<(Token, Outcome)> {
        let message = match until {
            // `self.message_sender` keeps the channel open.
            None => self.messages.recv().ok()?,
            Some(until) => self
                .messages
                .recv_timeout(until.saturating_sub(started.elapsed()))
                .ok()?,
        };
        let Message::Outcome(token, outcome) = message else {
            return None;
        };
        self.in_flight.remove(&token);
        Some((token, outcome.unwrap_or_else(|panic| resume_unwind(panic))))
    }

    /// Cancels what is in flight, and returns its tokens.
    fn cancel(&mut self) -> Vec<Token> {
        let cancel = |(token, cancel): (Token, CancelHandle)| {
            cancel.cancel();
            token
        };
        self.in_flight.drain().map(cancel).collect()
    }
}

impl Drop for Workers {
    fn drop(&mut self) {
        self.cancel();
    }
}

fn perform(shared: &Shared, job: Job, message_sender: &mpsc::Sender<Message>) {
    let Job {
        token,
        exchange,
        cancel,
    } = job;
    let outcome = catch_unwind(AssertUnwindSafe(|| shared.send(exchange, &cancel)));
    // The receiver is gone if the flow has ended.
    drop(message_sender.send(Message::Outcome(token, outcome)));
}
