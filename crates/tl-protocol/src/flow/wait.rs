//! Polls a resource until it is ready, failed with the platform's reason, an error occurs that
//! polling again cannot resolve, or the deadline passes, which reports the observed statuses.

use std::{ops::ControlFlow, time::Duration};

use tl_model::{Task, TaskStatus};
use url::Url;

use crate::{
    Endpoint, Error, ErrorKind, Event, Flow, Now, Observer, Outcome, Policy, Resource, StatusSeen,
    Step, Token,
    endpoint::GetTask,
    flow::{
        Call, WaitNotifier,
        notifier::{MIN_GAP, TICK},
        slot::{Receiver, Slot, Tokens},
    },
    rng::Rng,
    telemetry::{Kind, Scope},
    with_fields::with_fields,
};

/// The processing state of a resource.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Progress {
    /// In progress, or a status that this version does not know.
    Working,
    /// Ready.
    Ready,
    /// Failed permanently, with the platform's reason if there is one.
    Failed(Option<String>),
}

/// An endpoint whose response has a status that changes until it is final.
pub trait Watched: Endpoint {
    /// The wait as a verb phrase that follows "could not": `wait until the task is ready`.
    const WAITING: &'static str;

    /// The status as received.
    fn status(response: &Self::Response) -> String;

    /// The meaning of the status.
    fn progress(response: &Self::Response) -> Progress;

    /// The resource.
    fn resource(&self) -> Resource;
}

impl Watched for GetTask {
    const WAITING: &'static str = "wait until the task is ready";

    fn status(task: &Task) -> String {
        task.status
            .as_ref()
            .map_or_else(|| "unknown".to_owned(), ToString::to_string)
    }

    fn progress(task: &Task) -> Progress {
        match task.status {
            Some(TaskStatus::Ready) => Progress::Ready,
            Some(TaskStatus::Failed) => Progress::Failed(task.failure_reason()),
            _ => Progress::Working,
        }
    }

    fn resource(&self) -> Resource {
        self.task_id.clone().into()
    }
}

/// The polling interval and the deadline.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct WaitPolicy {
    /// The interval between the first two polls. Default 1 s: a one-minute clip is ready after
    /// about 45 s (seen live 2026-07-20).
    pub first_interval: Duration,
    /// The maximum interval; it grows by half with each poll. Default 15 s.
    pub max_interval: Duration,
    /// The wait ends after this time, whatever the status. Default 3 h: indexing takes 30 to 40 %
    /// of the video's duration (API guide), and the longest video is 4 h.
    pub deadline: Duration,
    /// Brings the next poll forward, for example when a webhook has arrived. Default none.
    pub notifier: Option<WaitNotifier>,
}

impl Default for WaitPolicy {
    fn default() -> Self {
        Self {
            first_interval: Duration::from_secs(1),
            max_interval: Duration::from_secs(15),
            deadline: Duration::from_secs(3 * 3600),
            notifier: None,
        }
    }
}

with_fields!(WaitPolicy {
    with_first_interval(first_interval: Duration);
    with_max_interval(max_interval: Duration);
    with_deadline(deadline: Duration);
    with_notifier(notifier: Option<WaitNotifier>);
});

impl WaitPolicy {
    /// The default intervals with another deadline.
    #[must_use]
    pub fn within(deadline: Duration) -> Self {
        Self {
            deadline,
            ..Self::default()
        }
    }
}

/// A resource that became ready.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Waited<R> {
    /// The last response.
    pub value: R,
    /// The observed statuses, oldest first, without consecutive duplicates.
    pub history: Vec<StatusSeen>,
    /// Time from the first poll to the last.
    pub took: Duration,
}

/// The flow that polls until the status is final or the deadline has passed.
#[derive(Debug)]
pub struct Wait<E: Watched> {
    endpoint: E,
    base: Url,
    call_policy: Policy,
    policy: WaitPolicy,
    rng: Rng,
    observer: Observer,
    started: Option<Duration>,
    interval: Duration,
    history: Vec<StatusSeen>,
    last_error: Option<Error>,
    scope: Scope,
    /// The number of notifications before the last poll.
    notified: u64,
    state: State<E>,
    tokens: Tokens,
}

#[derive(Debug)]
enum State<E: Watched> {
    Idle {
        not_before: Duration,
        /// The earliest time of a poll after a notification.
        notified_not_before: Duration,
    },
    Polling(Slot<Call<E>>),
}

impl<E: Watched> Wait<E> {
    /// Creates a flow that polls `endpoint` of the API at `base`.
    #[must_use]
    pub fn new(
        endpoint: E,
        base: &Url,
        call_policy: Policy,
        policy: WaitPolicy,
        seed: u64,
    ) -> Self {
        Self {
            endpoint,
            base: base.clone(),
            call_policy,
            interval: policy.first_interval,
            policy,
            rng: Rng::new(seed),
            observer: Observer::none(),
            started: None,
            history: Vec::new(),
            last_error: None,
            scope: Scope::default(),
            notified: 0,
            state: State::Idle {
                not_before: Duration::ZERO,
                notified_not_before: Duration::ZERO,
            },
            tokens: Tokens::default(),
        }
    }

    /// Reports each new status to `observer`.
    #[must_use]
    pub fn observed(mut self, observer: Observer) -> Self {
        self.observer = observer;
        self
    }

    fn deadline(&self) -> Duration {
        self.started
            .unwrap_or_default()
            .saturating_add(self.policy.deadline)
    }

    fn record_status(&mut self, now: Now, response: &E::Response) {
        let status = E::status(response);
        if self
            .history
            .last()
            .is_some_and(|last| last.status == status)
        {
            return;
        }
        let after = now.mono.saturating_sub(self.started.unwrap_or_default());
        self.observer.tell(&Event::Status {
            resource: self.endpoint.resource(),
            status: status.clone(),
            after,
        });
        self.history.push(StatusSeen { status, after });
        // After a status change, poll frequently again.
        self.interval = self.policy.first_interval;
    }

    /// Waits for the interval, or until `requested`, if the platform asked for a longer delay.
    fn schedule_poll(&mut self, now: Now, requested: Duration) {
        let not_before = now
            .mono
            .saturating_add(self.interval)
            .max(requested)
            .min(self.deadline());
        self.interval = self.interval.mul_f64(1.5).min(self.policy.max_interval);
        let gap = now.mono.saturating_add(self.interval.min(MIN_GAP));
        self.state = State::Idle {
            not_before,
            notified_not_before: gap.max(requested).min(not_before),
        };
    }

    fn notifications(&self) -> u64 {
        self.policy.notifier.as_ref().map_or(0, WaitNotifier::count)
    }

    fn handle_response(
        &mut self,
        now: Now,
        result: Result<E::Response, Error>,
    ) -> Option<Result<Waited<E::Response>, Error>> {
        let response = match result {
            Ok(response) => response,
            Err(error) if error.is_retryable() => {
                let requested = now
                    .mono
                    .saturating_add(error.retry_after().unwrap_or_default());
                if error.retry_after().is_some() && requested >= self.deadline() {
                    return Some(Err(error.with_history(std::mem::take(&mut self.history))));
                }
                self.last_error = Some(error);
                self.schedule_poll(now, requested);
                return None;
            }
            Err(error) => return Some(Err(error.with_history(std::mem::take(&mut self.history)))),
        };
        self.record_status(now, &response);
        match E::progress(&response) {
            Progress::Working => {
                self.schedule_poll(now, now.mono);
                None
            }
            Progress::Ready => {
                let took = now.mono.saturating_sub(self.started.unwrap_or_default());
                Some(Ok(Waited {
                    value: response,
                    history: std::mem::take(&mut self.history),
                    took,
                }))
            }
            Progress::Failed(reason) => {
                Some(Err(failed::<E>(reason, std::mem::take(&mut self.history))))
            }
        }
    }

    fn deadline_error(&mut self) -> Error {
        let history = std::mem::take(&mut self.history);
        let observed = if history.is_empty() {
            "no status was received".to_owned()
        } else {
            format!(
                "last status `{}` ({})",
                history[history.len() - 1].status,
                format_history(&history)
            )
        };
        let error = Error::new(
            ErrorKind::DeadlinePassed,
            format!(
                "not ready within {}: {observed}; the platform continues",
                seconds(self.policy.deadline)
            ),
        )
        .with_history(history)
        .during(E::WAITING);
        match self.last_error.take() {
            Some(last) => error.with_source(last),
            None => error,
        }
    }
}

impl<E: Watched> Wait<E> {
    fn next_step(&mut self, now: Now) -> Step<<Self as Flow>::Output> {
        self.started.get_or_insert(now.mono);
        loop {
            match &mut self.state {
                State::Polling(call) => match call.step(now, &mut self.tokens) {
                    ControlFlow::Continue(result) => {
                        if let Some(end) = self.handle_response(now, result) {
                            return Step::Done(end);
                        }
                    }
                    ControlFlow::Break(step) => return step,
                },
                State::Idle {
                    not_before,
                    notified_not_before,
                } => {
                    let (mut not_before, notified_not_before) = (*not_before, *notified_not_before);
                    let notifications = self.notifications();
                    if notifications != self.notified {
                        not_before = notified_not_before;
                    }
                    if now.mono >= self.deadline() {
                        return Step::Done(Err(self.deadline_error()));
                    }
                    if now.mono < not_before {
                        let until = match self.policy.notifier {
                            None => not_before,
                            Some(_) => not_before.min(now.mono.saturating_add(TICK)),
                        };
                        return Step::Wait { until: Some(until) };
                    }
                    // A notification during the poll may be about a later status.
                    self.notified = notifications;
                    let call = Call::new(
                        self.endpoint.clone(),
                        &self.base,
                        self.call_policy.clone(),
                        self.rng.bits(),
                    )
                    .observed(self.observer.clone())
                    .by(self.deadline());
                    self.state = State::Polling(Slot::new(call));
                }
            }
        }
    }
}

impl<E: Watched> Flow for Wait<E> {
    type Output = Result<Waited<E::Response>, Error>;

    fn step(&mut self, now: Now) -> Step<Self::Output> {
        let entered = self.scope.enter(Kind::Wait, E::WAITING);
        entered.watch(self.next_step(now))
    }

    fn on_cancel(&mut self) {
        // The clock jumps to the next poll, which is canceled. A deadline before it would hide
        // that.
        self.policy.deadline = Duration::MAX;
        self.policy.notifier = None;
    }

    fn on_outcome(&mut self, now: Now, token: Token, outcome: Outcome) {
        let _entered = self.scope.enter(Kind::Wait, E::WAITING);
        if let State::Polling(call) = &mut self.state {
            call.on_outcome(now, token, outcome);
        }
    }
}

/// The error of a resource that failed on the platform, with `reason`.
pub(super) fn failed<E: Watched>(reason: Option<String>, history: Vec<StatusSeen>) -> Error {
    let reason = reason.map_or_else(
        || "the platform gives no reason: see the local check of the file".to_owned(),
        |reason| format!("the platform's reason: {reason}"),
    );
    Error::new(
        ErrorKind::ProcessingFailed,
        format!("processing failed ({}); {reason}", format_history(&history)),
    )
    .with_history(history)
    .during(E::WAITING)
}

/// A history on one line: `validating 0 s → pending 3 s`.
fn format_history(history: &[StatusSeen]) -> String {
    let steps: Vec<String> = history
        .iter()
        .map(|seen| format!("{} after {}", seen.status, seconds(seen.after)))
        .collect();
    steps.join(" → ")
}

fn seconds(time: Duration) -> String {
    format!("{:.1} s", time.as_secs_f64())
}
