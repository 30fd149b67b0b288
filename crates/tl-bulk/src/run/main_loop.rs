//! The task that owns a run: its scheduler, its watch, its leases and its counts.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use tl_client::Ingested;
use tl_ledger::{Item, ItemId, Lease, State};
use tl_protocol::flow::{Look, NextLook, Watch};
use tl_protocol::limiter::Level;
use tokio::sync::mpsc::{Receiver, UnboundedReceiver, channel};
use tokio::task::JoinSet;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep_until};

use super::capacity::FullIndexes;
use super::deadlines::Deadlines;
use super::intake::{self, Found, Message};
use super::lane::Ended;
use super::look::Answer;
use super::owner::Owner;
use super::stage_times::StageTimes;
use super::{OnItem, Report, Shared};
use crate::error::Result;
use crate::event::{Event, ItemFailure};
use crate::scheduler::{Action, Scheduler, Work};
use crate::totals::{Ending, RunSummary, Totals};

/// Messages of the intake that are not handled yet.
const QUEUE: usize = 1024;

/// Results of items that are kept between two stages.
pub(super) const MAX_KEPT: usize = 2048;

/// How long a run that ends early reads further entries, so that each has a result.
const READ_REST: Duration = Duration::from_secs(10);

/// How often to look for changes of other processes. PostgreSQL sends notifications, so that this
/// reads memory; SQLite reads a counter.
const CHANGES: Duration = Duration::from_millis(250);

/// The end of a task.
pub(super) enum Task {
    Work(Work, tl_ledger::Result<Vec<Ended>>),
    Look(Look, Result<Answer, tl_protocol::Error>),
    Change(tl_ledger::Result<Option<Changed>>),
    Levels(tl_ledger::Result<Vec<Level>>),
}

/// The webhook events of the ledger after a change by another process.
pub(super) type Changed = Option<(u64, jiff::Timestamp)>;

/// An item that this process has claimed.
#[derive(Debug)]
pub(super) struct Owned {
    pub(super) item: Item,
    pub(super) lease: Lease,
    /// Since when it is waited for on the platform.
    pub(super) waits_since: Option<Duration>,
    /// Another process has waited for it before: how long it takes is not known.
    pub(super) is_adopted: bool,
}

/// The state of a run.
pub(super) struct MainLoop {
    pub(super) shared: Arc<Shared>,
    pub(super) owner: Owner,
    pub(super) scheduler: Scheduler,
    pub(super) watch: Watch,
    pub(super) tasks: JoinSet<Task>,
    pub(super) owned: HashMap<ItemId, Owned>,
    /// The items that are waited for, by the id of the asset or the indexed asset.
    pub(super) targets: HashMap<String, ItemId>,
    /// What earlier stages of items found out in this run.
    pub(super) kept: HashMap<ItemId, Ingested>,
    pub(super) totals: Totals,
    /// Items of this run that have no result, if they are reported at the end.
    pub(super) unfinished: HashSet<ItemId>,
    /// The indexes of the items of this run; empty for items without one.
    pub(super) indexes: BTreeSet<String>,
    pub(super) full: FullIndexes,
    /// Claims only items of this run, and not others of the account.
    pub(super) is_own_only: bool,
    /// Until when the last limit lasts.
    pub(super) limit_until: Option<jiff::Timestamp>,
    pub(super) deadlines: Deadlines,
    pub(super) times: StageTimes,
    reports: UnboundedReceiver<Report>,
    pub(super) on_item: OnItem,
    started: Instant,
    is_looking: bool,
    pub(super) is_reading_changes: bool,
    /// The webhook events that are known.
    pub(super) events: Changed,
    /// The limits that were reported last, and when.
    pub(super) levels: Vec<Level>,
    pub(super) levels_at: Option<Instant>,
    is_overdue: bool,
    abort_at: Option<Instant>,
    last_progress: Option<(Instant, Totals)>,
}

impl MainLoop {
    pub(super) fn new(
        shared: Arc<Shared>,
        owner: Owner,
        reports: UnboundedReceiver<Report>,
        on_item: OnItem,
        is_own_only: bool,
    ) -> Self {
        Self {
            scheduler: Scheduler::new(shared.settings.limits.clone()),
            deadlines: Deadlines::new(shared.settings.deadline),
            watch: Watch::new(shared.settings.watch),
            shared,
            owner,
            tasks: JoinSet::new(),
            owned: HashMap::new(),
            targets: HashMap::new(),
            kept: HashMap::new(),
            totals: Totals::default(),
            unfinished: HashSet::new(),
            indexes: BTreeSet::new(),
            full: FullIndexes::default(),
            is_own_only,
            limit_until: None,
            times: StageTimes::default(),
            reports,
            on_item,
            started: Instant::now(),
            is_looking: false,
            is_reading_changes: false,
            events: None,
            levels: Vec::new(),
            levels_at: None,
            is_overdue: false,
            abort_at: None,
            last_progress: None,
        }
    }

    /// The time since the start of the run.
    pub(super) fn mono(&self) -> Duration {
        self.started.elapsed()
    }

    pub(super) async fn run(
        mut self,
        entries: Option<Box<dyn Iterator<Item = Found> + Send>>,
    ) -> Result<RunSummary> {
        let shared = Arc::clone(&self.shared);
        let ledger = shared.store.name();
        shared.emit(Event::RunStarted {
            run: shared.run.get(),
            ledger,
            plan: shared.settings.account.plan.clone(),
            jobs: shared.settings.limits.jobs,
        });
        self.times = shared.stage_times().await?;
        let mut messages = self.start_intake(entries);
        let ended = self.until_the_end(&mut messages).await;
        // The intake ends when nobody listens.
        drop(messages);
        if ended.is_err() {
            shared.abort.cancel();
            self.tasks.shutdown().await;
        }
        let ending = ended?;
        self.report_unfinished(ending).await?;
        self.give_leases_back().await?;
        self.keep_times().await?;
        self.update_totals();
        let mut summary = RunSummary::new(ending, self.totals);
        summary.full_indexes = self.full.names();
        let (run, totals) = (
            shared.run,
            serde_json::to_value(summary.clone()).unwrap_or_default(),
        );
        shared
            .store
            .call(move |ledger, now| ledger.end_run(now, run, &totals))
            .await?;
        shared.emit(Event::RunEnded(summary.clone()));
        Ok(summary)
    }

    fn start_intake(
        &mut self,
        entries: Option<Box<dyn Iterator<Item = Found> + Send>>,
    ) -> Receiver<Message> {
        let (send, receive) = channel(QUEUE);
        match entries {
            Some(entries) => {
                let shared = Arc::clone(&self.shared);
                tokio::task::spawn_blocking(move || {
                    intake::run(&shared, shared.account, shared.run, entries, &send);
                });
            }
            None => {
                self.scheduler.sources_read();
                self.totals.is_complete = true;
            }
        }
        receive
    }

    async fn until_the_end(&mut self, messages: &mut Receiver<Message>) -> Result<Ending> {
        let stop = self.shared.stop.clone();
        let mut renewal = interval(self.shared.settings.lease / 3);
        renewal.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut second = interval(Duration::from_secs(1));
        second.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut changes = interval(CHANGES);
        changes.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut has_messages = true;
        let mut is_stopped = false;
        loop {
            let now = self.mono();
            self.end_overdue(now);
            let mut until = match self.scheduler.next(now) {
                Action::Claim { work, limit } => {
                    self.claim(work, limit).await?;
                    continue;
                }
                Action::Measure => {
                    let (account, run) = (self.shared.account, self.shared.run);
                    let store = &self.shared.store;
                    let unsent = store.call(move |ledger, _| ledger.unsent_video(account, run));
                    let (video, unknown) = unsent.await?;
                    self.scheduler.on_measured(video, unknown);
                    continue;
                }
                Action::End(ending) => {
                    if has_messages && self.names_what_is_left(ending) {
                        self.read_rest(messages).await?;
                    }
                    return Ok(self.ending(ending));
                }
                Action::Wait { until } => until,
            };
            if !self.is_looking && !is_stopped {
                match self.watch.next(now) {
                    NextLook::Now(look) => {
                        self.look(look);
                        continue;
                    }
                    NextLook::At(at) => until = Some(until.map_or(at, |until| until.min(at))),
                    NextLook::Idle => {}
                }
            }
            let until = until.into_iter().chain(self.deadlines.next()).min();
            let wake = until.and_then(|until| self.started.checked_add(until));
            let far = self.started + now + Duration::from_secs(3600);
            tokio::select! {
                biased;
                () = stop.canceled(), if !is_stopped => {
                    is_stopped = true;
                    self.scheduler.stop(Ending::Stopped);
                    self.abort_at = Some(Instant::now() + self.shared.settings.grace);
                }
                Some(task) = self.tasks.join_next(), if !self.tasks.is_empty() => {
                    match task {
                        Ok(task) => self.on_task(task).await?,
                        Err(error) if error.is_panic() => {
                            std::panic::resume_unwind(error.into_panic())
                        }
                        Err(_) => {}
                    }
                }
                message = messages.recv(), if has_messages => match message {
                    Some(message) => self.on_message(message)?,
                    None => has_messages = false,
                },
                Some(report) = self.reports.recv() => self.on_report(report),
                _ = renewal.tick() => self.renew().await?,
                _ = changes.tick(), if self.wants_changes() => self.read_changes(),
                _ = second.tick() => self.on_second(),
                () = sleep_until(self.abort_at.unwrap_or(far)), if self.abort_at.is_some() => {
                    self.abort_at = None;
                    self.shared.abort.cancel();
                }
                () = sleep_until(wake.unwrap_or(far)), if wake.is_some() => {}
            }
        }
    }

    /// Whether each item that is left has a result. A caller who stops a run does not wait for it,
    /// and a budget leaves items on purpose.
    fn names_what_is_left(&self, ending: Ending) -> bool {
        use Ending::{DeadlinePassed, Errors, KeyRefused, Limit};
        let is_named = matches!(ending, DeadlinePassed | Errors | KeyRefused | Limit { .. });
        is_named && self.shared.settings.report_unfinished
    }

    /// Reads entries that a run which ends early has not read.
    async fn read_rest(&mut self, messages: &mut Receiver<Message>) -> Result<()> {
        let stop = self.shared.stop.clone();
        let until = Instant::now() + READ_REST;
        loop {
            tokio::select! {
                biased;
                () = stop.canceled() => return Ok(()),
                message = messages.recv() => match message {
                    Some(message) => self.on_message(message)?,
                    None => return Ok(()),
                },
                () = sleep_until(until) => return Ok(()),
            }
        }
    }

    /// The ending, with what is known of it.
    fn ending(&self, ending: Ending) -> Ending {
        match ending {
            Ending::Complete if self.is_overdue => Ending::DeadlinePassed,
            Ending::Complete => self.complete(),
            Ending::Limit { dimension, .. } => Ending::Limit {
                dimension,
                until: self.limit_until,
            },
            ending => ending,
        }
    }

    /// Items in this state may be due.
    pub(super) fn on_due(&mut self, state: State) {
        let work = match state {
            State::Found => Work::Check,
            State::Ready => Work::Upload,
            State::Sending => Work::Resume,
            State::Indexable => Work::Index,
            State::Processing | State::Indexing => Work::Adopt,
            State::Done | State::Refused | State::Failed => return,
        };
        let now = self.mono();
        self.scheduler.on_due(now, work);
    }

    async fn on_task(&mut self, task: Task) -> Result<()> {
        match task {
            Task::Work(work, ended) => {
                for ended in ended? {
                    self.end(work, ended.claimed, ended.step, ended.details);
                }
            }
            Task::Look(look, answer) => {
                self.is_looking = false;
                self.on_answer(look, answer).await?;
            }
            Task::Change(changed) => {
                self.is_reading_changes = false;
                if let Some(events) = changed? {
                    self.on_change(events);
                }
            }
            Task::Levels(levels) => self.on_levels(levels?),
        }
        Ok(())
    }

    /// Watches an item of this process on the platform.
    pub(super) fn wait_for(&mut self, item: &Item) {
        let now = self.mono();
        let (processing, indexing) = self.times.expected(item.video);
        let target = match (item.state, &item.indexed_id, &item.asset_id) {
            (State::Indexing, Some(indexed), _) => {
                let index = item.index_id.as_str().into();
                self.watch
                    .add_indexed(now, index, indexed.as_str().into(), indexing);
                indexed.clone()
            }
            (_, _, Some(asset)) => {
                self.watch.add_asset(now, asset.as_str().into(), processing);
                asset.clone()
            }
            // The ledger keeps such rows from existing.
            _ => return,
        };
        self.targets.insert(target, item.id);
        if let Some(owned) = self.owned.get_mut(&item.id) {
            owned.waits_since = Some(now);
            self.deadlines.wait(now, item.id);
        }
        self.scheduler.on_waiting();
        self.shared.emit(match item.state {
            State::Indexing => Event::ItemIndexing(item.into()),
            _ => Event::ItemProcessing(item.into()),
        });
    }

    fn look(&mut self, look: Look) {
        for target in self.watch.take_stalled() {
            let id = match &target {
                tl_protocol::flow::Target::Asset(id) => id.as_str(),
                tl_protocol::flow::Target::IndexedAsset(id) => id.as_str(),
            };
            if let Some(owned) = self.targets.get(id).and_then(|id| self.owned.get(id)) {
                self.shared.emit(Event::ItemStalled((&owned.item).into()));
            }
        }
        self.is_looking = true;
        let shared = Arc::clone(&self.shared);
        self.tasks.spawn(async move {
            let answer = shared.look(&look).await;
            Task::Look(look, answer)
        });
    }

    fn on_report(&mut self, report: Report) {
        let account = self.shared.account;
        self.shared.store.send(move |ledger, now| {
            ledger.limiter(now, account, |now, limiter| {
                limiter.correct(now, report.category, &report.limit);
            })
        });
    }

    /// Gives up on the items whose deadline has passed.
    fn end_overdue(&mut self, now: Duration) {
        let overdue = self.deadlines.take_overdue(now).into_iter();
        let overdue: Vec<Item> = overdue
            .filter_map(|id| self.owned.get(&id).map(|owned| owned.item.clone()))
            .collect();
        for item in overdue {
            self.is_overdue = true;
            self.unwatch(&item);
            self.scheduler.on_waited(now);
            // The lease is kept until the end of the run, so that the item is not claimed again.
            if let Some(owned) = self.owned.get_mut(&item.id) {
                owned.waits_since = None;
            }
            let ingested = self.kept.remove(&item.id).unwrap_or_default();
            let text = format!("`{}` is not ready within the deadline", item.name);
            self.result(item, ingested, |mut result| {
                result.error = Some(ItemFailure::new("deadline_passed", text));
                result
            });
        }
    }

    fn on_second(&mut self) {
        self.update_totals();
        self.keep_times_in_background();
        let is_new = self.last_progress.as_ref().is_none_or(|(_, totals)| {
            let mut same = self.totals;
            same.elapsed_ms = totals.elapsed_ms;
            same != *totals
        });
        if is_new {
            self.last_progress = Some((Instant::now(), self.totals));
            self.shared.emit(Event::Progress(self.totals));
            self.read_levels();
        }
    }

    fn update_totals(&mut self) {
        self.totals.in_flight = u64::from(self.scheduler.in_flight());
        self.totals.requests = self.shared.requests.load(Relaxed);
        self.totals.rate_limited = self.shared.rate_limited.load(Relaxed);
        self.totals.elapsed_ms = u64::try_from(self.mono().as_millis()).unwrap_or(u64::MAX);
    }
}

pub(super) fn millis(item: &Item) -> u64 {
    let video = item.video.unwrap_or_default();
    u64::try_from(video.as_millis()).unwrap_or(u64::MAX)
}

/// Adds what a later stage found out.
pub(super) fn merge(ingested: &mut Ingested, later: Ingested) {
    macro_rules! take {
        ($($field:ident),+) => { $(
            if later.$field.is_some() {
                ingested.$field = later.$field;
            }
        )+ };
    }
    take!(
        route,
        index_id,
        upload_id,
        asset_id,
        indexed_asset_id,
        task_id,
        video_id,
        asset,
        indexed_asset,
        task,
        upload,
        report,
        not_checked
    );
    ingested.history.extend(later.history);
    ingested.times.extend(later.times);
    ingested.reconciled |= later.reconciled;
}
