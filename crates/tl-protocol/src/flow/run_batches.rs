//! Analyses of many assets: creates the batches of a run, at most five at a time, waits for all of
//! them, and joins their results with the rows.
//!
//! ```text
//!  in doubt? ──► list ──► results of each batch of that size ──► found, or not created
//!                                                                        │
//!      ┌──────────────── wait ◄── nothing to create ◄── create ◄── poll ◄┘
//!      └──► poll each active batch ──► all ended ──► results ──► done
//! ```
//!
//! The intention to create a batch is saved before the request, and the result after it. Another
//! flow with the saved state continues there. If a run ended in between, the next one finds the batch
//! by the ids of its items, so that no batch is created and charged twice.

use std::{
    collections::{BTreeMap, VecDeque},
    fmt,
    ops::ControlFlow,
    sync::Arc,
    time::Duration,
};

use tl_model::{AnalyzeBatch, AnalyzeBatchId, AnalyzeBatchResult, CreatedAnalyzeBatch, Page};
use url::Url;

use crate::{
    Endpoint, Error, ErrorKind, Event, Flow, Now, Observer, Outcome, Policy, Step, Token,
    endpoint::{
        CreateAnalyzeBatch, GetAnalyzeBatch, GetAnalyzeBatchResults, ListAnalyzeBatches,
        PageRequest,
    },
    flow::{
        Call, Progress, WaitPolicy, Watched as _,
        slot::{Receiver, Slot, Tokens},
    },
    pegasus::{
        MAX_ACTIVE_BATCHES,
        batch::{BatchAnswers, BatchRun, BatchState},
    },
    rng::Rng,
};

/// The largest page of the platform.
const PAGE: u32 = 50;

/// Saves the state of a run. It is called inside the driver before the flow continues: when it
/// returns, the state should survive the end of this process.
#[derive(Clone, Default)]
pub struct BatchJournal(Option<Arc<Save>>);

type Save = dyn Fn(&BatchState) -> Result<(), String> + Send + Sync;

impl BatchJournal {
    /// Passes each state to `save`, which returns why it could not be saved. Nothing is created
    /// then.
    pub fn new(save: impl Fn(&BatchState) -> Result<(), String> + Send + Sync + 'static) -> Self {
        Self(Some(Arc::new(save)))
    }

    /// Saves nothing: another process cannot continue the run.
    #[must_use]
    pub fn none() -> Self {
        Self(None)
    }

    fn save(&self, state: &BatchState) -> Result<(), Error> {
        let saved = self.0.as_ref().map_or(Ok(()), |save| save(state));
        saved.map_err(|reason| {
            let message = format!("the state of the batches cannot be saved: {reason}");
            Error::new(ErrorKind::Checkpoint, message)
        })
    }
}

impl fmt::Debug for BatchJournal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.0 {
            Some(_) => "BatchJournal(kept)",
            None => "BatchJournal(none)",
        })
    }
}

/// The flow that analyzes the rows of a [`BatchRun`].
#[derive(Debug)]
pub struct RunBatches {
    run: BatchRun,
    batches: BatchState,
    journal: BatchJournal,
    base: Url,
    policy: Policy,
    wait: WaitPolicy,
    rng: Rng,
    observer: Observer,
    started: Option<Duration>,
    interval: Duration,
    /// The status of each batch as it was last reported.
    reported: BTreeMap<AnalyzeBatchId, String>,
    /// Whether it was reported that a creation has to wait.
    is_delay_reported: bool,
    results: BTreeMap<String, AnalyzeBatchResult>,
    state: State,
    tokens: Tokens,
}

#[derive(Debug)]
enum State {
    Start,
    /// Lists batches, to find the one in doubt.
    Listing {
        number: usize,
        page: u32,
        call: Slot<Call<ListAnalyzeBatches>>,
    },
    /// Looks into a batch that may be the one in doubt.
    Comparing {
        number: usize,
        /// The next page to list; `None` after the last one.
        next_page: Option<u32>,
        id: AnalyzeBatchId,
        rest: VecDeque<AnalyzeBatchId>,
        call: Slot<Call<GetAnalyzeBatchResults>>,
    },
    Polling {
        id: AnalyzeBatchId,
        rest: VecDeque<AnalyzeBatchId>,
        call: Slot<Call<GetAnalyzeBatch>>,
    },
    Creating {
        number: usize,
        call: Slot<Call<CreateAnalyzeBatch>>,
    },
    Idle {
        until: Duration,
    },
    Collecting {
        rest: VecDeque<AnalyzeBatchId>,
        call: Slot<Call<GetAnalyzeBatchResults>>,
    },
    Finished,
}

impl RunBatches {
    /// Creates a flow that analyzes the rows of `run` with the API at `base`. It continues after
    /// `saved`, the state of an earlier run. If that belongs to other rows or settings, the flow ends
    /// with [`Checkpoint`](ErrorKind::Checkpoint) and sends nothing.
    #[must_use]
    pub fn new(
        run: BatchRun,
        saved: Option<BatchState>,
        base: &Url,
        policy: Policy,
        wait: WaitPolicy,
        seed: u64,
    ) -> Self {
        Self {
            batches: saved.unwrap_or_else(|| run.start()),
            run,
            journal: BatchJournal::none(),
            base: base.clone(),
            policy,
            interval: wait.first_interval,
            wait,
            rng: Rng::new(seed),
            observer: Observer::none(),
            started: None,
            reported: BTreeMap::new(),
            is_delay_reported: false,
            results: BTreeMap::new(),
            state: State::Start,
            tokens: Tokens::default(),
        }
    }

    /// Saves the state with `journal`, for another process.
    #[must_use]
    pub fn recorded(mut self, journal: BatchJournal) -> Self {
        self.journal = journal;
        self
    }

    /// Reports progress to `observer`.
    #[must_use]
    pub fn observed(mut self, observer: Observer) -> Self {
        self.observer = observer;
        self
    }

    fn call<E: Endpoint>(&mut self, endpoint: E) -> Slot<Call<E>> {
        let call = Call::new(endpoint, &self.base, self.policy.clone(), self.rng.bits());
        Slot::new(call.observed(self.observer.clone()))
    }

    fn save(&self) -> Result<(), Error> {
        self.journal.save(&self.batches)
    }

    /// The first step: the batch in doubt, then the others.
    fn start(&mut self, now: Now) -> Result<State, Error> {
        if !self.run.is_own(&self.batches) {
            let message = "the saved state of the batches belongs to other rows or settings";
            return Err(Error::new(ErrorKind::Checkpoint, message));
        }
        match self.batches.in_doubt() {
            Some(number) => Ok(self.list(number, 1)),
            None => self.poll_all(now),
        }
    }

    fn list(&mut self, number: usize, page: u32) -> State {
        let list = ListAnalyzeBatches {
            page: PageRequest {
                page: Some(page),
                page_limit: Some(PAGE),
            },
            ..ListAnalyzeBatches::default()
        };
        State::Listing {
            number,
            page,
            call: self.call(list),
        }
    }

    /// Looks into the listed batches that have as many items as the one in doubt.
    fn listed(
        &mut self,
        now: Now,
        number: usize,
        page: u32,
        listed: Page<AnalyzeBatch>,
    ) -> Result<State, Error> {
        let is_last = listed.data.len() < PAGE as usize;
        let next_page = (!is_last).then(|| page.saturating_add(1));
        let items = self.run.batch(number).requests.len() as u64;
        let same = listed.data.into_iter();
        let same = same.filter(|batch| batch.total_items == Some(items));
        let rest = same.map(|batch| batch.batch_id).collect();
        self.compare_next(now, number, next_page, rest)
    }

    fn compare_next(
        &mut self,
        now: Now,
        number: usize,
        next_page: Option<u32>,
        mut rest: VecDeque<AnalyzeBatchId>,
    ) -> Result<State, Error> {
        if let Some(id) = rest.pop_front() {
            let call = self.call(GetAnalyzeBatchResults::new(id.clone()));
            return Ok(State::Comparing {
                number,
                next_page,
                id,
                rest,
                call,
            });
        }
        if let Some(page) = next_page {
            return Ok(self.list(number, page));
        }
        self.batches.refused(number);
        self.save()?;
        self.poll_all(now)
    }

    /// Polls the batches that have not ended, then creates others.
    fn poll_all(&mut self, now: Now) -> Result<State, Error> {
        let active = self.batches.active().cloned().collect();
        self.poll_next(now, active)
    }

    fn poll_next(&mut self, now: Now, mut rest: VecDeque<AnalyzeBatchId>) -> Result<State, Error> {
        let Some(id) = rest.pop_front() else {
            return self.create_next(now);
        };
        let call = self.call(GetAnalyzeBatch::new(id.clone()));
        Ok(State::Polling { id, rest, call })
    }

    fn polled(&mut self, now: Now, batch: &AnalyzeBatch, id: &AnalyzeBatchId) -> Result<(), Error> {
        let status = GetAnalyzeBatch::status(batch);
        if self.reported.get(id) != Some(&status) {
            self.observer.tell(&Event::Status {
                resource: id.clone().into(),
                status: status.clone(),
                after: now.mono.saturating_sub(self.started.unwrap_or_default()),
            });
            self.reported.insert(id.clone(), status);
            // After a status change, poll frequently again.
            self.interval = self.wait.first_interval;
        }
        if GetAnalyzeBatch::progress(batch) == Progress::Working {
            return Ok(());
        }
        self.batches.end(id);
        self.save()
    }

    /// Creates the next batch. If there is none, or if five are active, waits; if all have ended,
    /// collects their results.
    fn create_next(&mut self, now: Now) -> Result<State, Error> {
        if self.batches.is_done() {
            let all = self.batches.all().cloned().collect();
            return Ok(self.collect_next(all));
        }
        let is_full = self.batches.active().count() >= MAX_ACTIVE_BATCHES;
        match self.batches.next() {
            Some(number) if !is_full => {
                self.batches.intend(number);
                self.save()?;
                let create = CreateAnalyzeBatch::new(self.run.batch(number));
                Ok(State::Creating {
                    number,
                    call: self.call(create),
                })
            }
            _ => self.idle(now, Duration::ZERO),
        }
    }

    fn created(
        &mut self,
        now: Now,
        number: usize,
        created: Result<CreatedAnalyzeBatch, Error>,
    ) -> Result<State, Error> {
        let error = match created {
            Ok(created) => {
                let resource = created.batch_id.clone().into();
                self.batches.created(number, created.batch_id);
                self.save()?;
                self.observer.tell(&Event::Created { resource });
                self.is_delay_reported = false;
                return self.create_next(now);
            }
            Err(error) => error,
        };
        // Whether it exists is not known: the next run looks it up.
        if matches!(
            error.kind(),
            ErrorKind::OutcomeUnknown | ErrorKind::Canceled | ErrorKind::Malformed
        ) {
            return Err(error);
        }
        self.batches.refused(number);
        self.save()?;
        if error.kind() != ErrorKind::RateLimited {
            return Err(error);
        }
        if !std::mem::replace(&mut self.is_delay_reported, true) {
            self.observer.tell(&Event::CreationDelayed {
                operation: CreateAnalyzeBatch::OPERATION,
                limits_active: error.limits_active(),
            });
        }
        self.idle(now, error.retry_after().unwrap_or_default())
    }

    /// Waits for the interval, or for as long as the platform asked.
    fn idle(&mut self, now: Now, requested: Duration) -> Result<State, Error> {
        let started = self.started.unwrap_or_default();
        let deadline = started.saturating_add(self.wait.deadline);
        let until = now.mono.saturating_add(self.interval.max(requested));
        if until > deadline {
            let error = Error::new(
                ErrorKind::DeadlinePassed,
                format!(
                    "the batches have not ended within {:.1} s; the platform continues",
                    self.wait.deadline.as_secs_f64()
                ),
            );
            return Err(error);
        }
        self.interval = self.interval.mul_f64(1.5).min(self.wait.max_interval);
        Ok(State::Idle { until })
    }

    /// Retrieves the results of the next batch.
    fn collect_next(&mut self, mut rest: VecDeque<AnalyzeBatchId>) -> State {
        match rest.pop_front() {
            None => State::Finished,
            Some(id) => State::Collecting {
                rest,
                call: self.call(GetAnalyzeBatchResults::new(id)),
            },
        }
    }

    /// The state after `state`, or the step to return.
    fn advance(
        &mut self,
        now: Now,
        state: &mut State,
    ) -> ControlFlow<Step<<Self as Flow>::Output>, Result<State, Error>> {
        let next = match state {
            State::Start => self.start(now),
            State::Listing { number, page, call } => match call.step(now, &mut self.tokens)? {
                Ok(listed) => self.listed(now, *number, *page, listed),
                Err(error) => Err(error),
            },
            State::Comparing {
                number,
                next_page,
                id,
                rest,
                call,
            } => match call.step(now, &mut self.tokens)? {
                Ok(results) => {
                    let item = self.run.item_id(self.run.first_row(*number));
                    let mut ids = results.iter().map(|result| result.custom_id.as_deref());
                    if ids.any(|id| id == Some(item.as_str())) {
                        self.found(now, *number, id)
                    } else {
                        self.compare_next(now, *number, *next_page, std::mem::take(rest))
                    }
                }
                // It was deleted meanwhile.
                Err(error) if error.kind() == ErrorKind::NotFound => {
                    self.compare_next(now, *number, *next_page, std::mem::take(rest))
                }
                Err(error) => Err(error),
            },
            State::Polling { id, rest, call } => match call.step(now, &mut self.tokens)? {
                Ok(batch) => self
                    .polled(now, &batch, id)
                    .and_then(|()| self.poll_next(now, std::mem::take(rest))),
                // The next round polls it again.
                Err(error) if error.is_retryable() => self.poll_next(now, std::mem::take(rest)),
                Err(error) => Err(error),
            },
            State::Creating { number, call } => {
                let created = call.step(now, &mut self.tokens)?;
                self.created(now, *number, created)
            }
            State::Idle { until } if now.mono < *until => {
                return ControlFlow::Break(Step::Wait {
                    until: Some(*until),
                });
            }
            State::Idle { .. } => self.poll_all(now),
            State::Collecting { rest, call } => match call.step(now, &mut self.tokens)? {
                Ok(results) => {
                    for result in results {
                        if let Some(item) = result.custom_id.clone() {
                            self.results.insert(item, result);
                        }
                    }
                    Ok(self.collect_next(std::mem::take(rest)))
                }
                Err(error) => Err(error),
            },
            State::Finished => {
                let results = std::mem::take(&mut self.results);
                return ControlFlow::Break(Step::Done(Ok(BatchAnswers::of(&self.run, results))));
            }
        };
        ControlFlow::Continue(next)
    }

    /// The batch in doubt exists.
    fn found(&mut self, now: Now, number: usize, id: &AnalyzeBatchId) -> Result<State, Error> {
        self.batches.created(number, id.clone());
        self.save()?;
        let resource = id.clone().into();
        self.observer.tell(&Event::Reconciled { resource });
        self.poll_all(now)
    }
}

impl Flow for RunBatches {
    type Output = Result<BatchAnswers, Error>;

    fn step(&mut self, now: Now) -> Step<Self::Output> {
        self.started.get_or_insert(now.mono);
        loop {
            let mut state = std::mem::replace(&mut self.state, State::Finished);
            match self.advance(now, &mut state) {
                ControlFlow::Break(step) => {
                    self.state = state;
                    return step;
                }
                ControlFlow::Continue(Ok(next)) => self.state = next,
                ControlFlow::Continue(Err(error)) => return Step::Done(Err(error)),
            }
        }
    }

    fn on_cancel(&mut self) {
        // The clock jumps to the next poll, which is canceled. A deadline before it would hide
        // that.
        self.wait.deadline = Duration::MAX;
    }

    fn on_outcome(&mut self, now: Now, token: Token, outcome: Outcome) {
        match &mut self.state {
            State::Listing { call, .. } => call.on_outcome(now, token, outcome),
            State::Comparing { call, .. } | State::Collecting { call, .. } => {
                call.on_outcome(now, token, outcome);
            }
            State::Polling { call, .. } => call.on_outcome(now, token, outcome),
            State::Creating { call, .. } => call.on_outcome(now, token, outcome),
            State::Start | State::Idle { .. } | State::Finished => {}
        }
    }
}

#[cfg(test)]
mod tests;
