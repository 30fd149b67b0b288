//! Decides what a run does next. Pure: what was claimed, what has ended and the time are arguments,
//! and the answer is one [`Action`].
//!
//! ```
//! use std::time::Duration;
//! use tl_bulk::scheduler::{Action, Claimed, Limits, Scheduler, Work};
//!
//! let mut scheduler = Scheduler::new(Limits::default());
//! scheduler.sources_read();
//! let now = Duration::ZERO;
//! // Ask the ledger for each kind of work; there is none.
//! while let Action::Claim { work, .. } = scheduler.next(now) {
//!     scheduler.on_claimed(now, work, Claimed::default());
//! }
//! assert!(matches!(scheduler.next(now), Action::End(_)));
//! ```
//!
//! # What is bounded
//!
//! At most [`Limits::jobs`] uploads at a time, and at most [`Limits::in_flight`] items on the
//! platform: a waiting item is a row of the ledger and an id in memory.

use std::collections::BTreeMap;
use std::time::Duration;

use tl_protocol::limiter::Dimension;

use crate::totals::{Budget, Ending};

/// A wait for a limit that is longer than this is one for a quota (an hour, a day), and not for the
/// pacing of requests per minute.
const QUOTA: Duration = Duration::from_secs(120);

/// How often a claim is repeated that waits for items of other processes, in case that a notification
/// of a change is lost.
const OTHERS: Duration = Duration::from_secs(30);

/// A kind of work, by the state of its items. The order is that of importance: what is on the
/// platform is finished before something new is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Work {
    /// Continue an upload, or look up a request whose outcome is unknown.
    Resume,
    /// Watch an item on the platform that no other process watches.
    Adopt,
    /// Index an asset that is ready.
    Index,
    /// Upload a file.
    Upload,
    /// Check a file.
    Check,
}

impl Work {
    /// All kinds.
    pub const ALL: [Self; 5] = [
        Self::Resume,
        Self::Adopt,
        Self::Index,
        Self::Upload,
        Self::Check,
    ];
}

/// What a run may do.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limits {
    /// Maximum number of parallel uploads, at least 1. Default 4.
    pub jobs: u32,
    /// Maximum number of parallel checks, at least 1. Default 4.
    pub checks: u32,
    /// Maximum number of items on the platform. Default 50: twice the concurrent tasks of most
    /// plans.
    pub in_flight: u32,
    /// Whether to wait until items are indexed, and not only accepted. Default yes.
    pub wait: bool,
    /// Whether to end when nothing is due. A worker that waits for new items does not. Default yes.
    pub drain: bool,
    /// Whether to wait for a quota of an hour or a day, instead of ending the run. Default yes.
    pub wait_for_quota: bool,
    /// Maximum number of items to upload.
    pub max_items: Option<u64>,
    /// Maximum duration of the videos to upload.
    pub max_video: Option<Duration>,
    /// Maximum number of bytes to upload.
    pub max_bytes: Option<u64>,
    /// Nothing is started after this time.
    pub max_time: Option<Duration>,
    /// Nothing is started after this many items have failed.
    pub max_errors: Option<u64>,
    /// Whether to check all items before anything is sent. Default no.
    pub check_first: bool,
    /// Nothing is sent if the videos last longer in total. All items are checked first.
    pub budget: Option<Duration>,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            jobs: 4,
            checks: 4,
            in_flight: 50,
            wait: true,
            drain: true,
            wait_for_quota: true,
            max_items: None,
            max_video: None,
            max_bytes: None,
            max_time: None,
            max_errors: None,
            check_first: false,
            budget: None,
        }
    }
}

/// What to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// Claim up to this many items for this work, and call [`Scheduler::on_claimed`].
    Claim {
        /// The work.
        work: Work,
        /// Maximum number of items.
        limit: u32,
    },
    /// All items are checked: call [`Scheduler::on_measured`] with the duration of the videos that
    /// are not indexed yet.
    Measure,
    /// Nothing until this time, or until something ends.
    Wait {
        /// The time.
        until: Option<Duration>,
    },
    /// The run has ended.
    End(Ending),
}

/// The result of a claim.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Claimed {
    /// Number of items whose work has started.
    pub items: u32,
    /// A limit is reached: until when, or `None` if another item has to end first.
    pub wait: Option<(Option<Duration>, Dimension)>,
    /// When the next item is due.
    pub next_due: Option<Duration>,
}

impl Claimed {
    /// So many items were claimed.
    #[must_use]
    pub fn items(items: u32) -> Self {
        Self {
            items,
            ..Self::default()
        }
    }

    /// A limit is reached.
    #[must_use]
    pub fn with_wait(mut self, until: Option<Duration>, dimension: Dimension) -> Self {
        self.wait = Some((until, dimension));
        self
    }

    /// When the next item is due.
    #[must_use]
    pub fn with_next_due(mut self, at: Duration) -> Self {
        self.next_due = Some(at);
        self
    }
}

#[derive(Debug, Clone, Copy, Default)]
struct Kind {
    active: u32,
    /// When to claim again; `None` if nothing is due before something changes.
    at: Option<Duration>,
    /// It waits for a quota.
    quota: Option<Dimension>,
    /// `at` is when a lease or a hold ends. It may be a lease of this process, so it is asked again
    /// when this process has none.
    is_due_later: bool,
    /// It was asked while this process had no item.
    was_idle: bool,
    /// A change by another process may make it due.
    is_open: bool,
}

/// Decides what a run does; see the [module](self).
#[derive(Debug, Clone)]
pub struct Scheduler {
    limits: Limits,
    kinds: BTreeMap<Work, Kind>,
    /// Items of this process that are on the platform, and that nobody works on.
    waiting: u32,
    is_read: bool,
    /// Items have to be checked before anything is sent.
    checks_first: bool,
    ending: Option<Ending>,
    /// The platform has rejected the indexing of an asset because of a quota: it would reject
    /// another one too.
    rejects_indexing: bool,
    items: u64,
    video: Duration,
    bytes: u64,
    errors: u64,
}

impl Scheduler {
    /// A run that has not started anything, at the time 0.
    #[must_use]
    pub fn new(limits: Limits) -> Self {
        let due = Kind {
            at: Some(Duration::ZERO),
            ..Kind::default()
        };
        Self {
            checks_first: limits.check_first || limits.budget.is_some(),
            limits,
            kinds: Work::ALL.into_iter().map(|work| (work, due)).collect(),
            waiting: 0,
            is_read: false,
            ending: None,
            rejects_indexing: false,
            items: 0,
            video: Duration::ZERO,
            bytes: 0,
            errors: 0,
        }
    }

    /// All sources were read: no item is added any more.
    pub fn sources_read(&mut self) {
        self.is_read = true;
    }

    /// Items of this work may be due now.
    pub fn on_due(&mut self, now: Duration, work: Work) {
        let kind = self.kind(work);
        // A limit does not go away because there is more to do.
        if kind.quota.is_none() {
            kind.at = Some(kind.at.map_or(now, |at| at.min(now)));
        }
    }

    /// Another process has changed the ledger: what was not due may be due now.
    pub fn on_change(&mut self, now: Duration) {
        for kind in self.kinds.values_mut().filter(|kind| kind.is_open) {
            kind.at = Some(kind.at.map_or(now, |at| at.min(now)));
        }
    }

    /// Whether changes by other processes matter: this one waits for their items, or for items that
    /// they add.
    #[must_use]
    pub fn waits_for_others(&self) -> bool {
        let waits = |kind: &Kind| kind.is_open && kind.at.is_some();
        self.ending.is_none() && (!self.limits.drain || self.kinds.values().any(waits))
    }

    /// The work on an item has ended.
    pub fn on_ended(&mut self, work: Work) {
        self.forget_idle();
        let kind = self.kind(work);
        kind.active = kind.active.saturating_sub(1);
    }

    /// An item of this process is on the platform now.
    pub fn on_waiting(&mut self) {
        self.waiting += 1;
    }

    /// An item of this process is no longer waited for. If a limit of concurrent tasks was reached,
    /// there may be room now.
    pub fn on_waited(&mut self, now: Duration) {
        self.waiting = self.waiting.saturating_sub(1);
        self.forget_idle();
        let upload = self.kind(Work::Upload);
        if upload.at.is_some() && upload.quota.is_none() {
            upload.at = Some(now);
        }
    }

    /// An item failed.
    pub fn on_failed(&mut self) {
        self.errors += 1;
        if self.limits.max_errors.is_some_and(|max| self.errors >= max) {
            self.stop(Ending::Errors);
        }
    }

    /// Whether the budgets allow to upload this item. If not, the run starts no other upload.
    pub fn allows(&mut self, video: Option<Duration>, bytes: u64) -> bool {
        let (items, bytes) = (self.items + 1, self.bytes.saturating_add(bytes));
        let video = self.video.saturating_add(video.unwrap_or_default());
        let spent = if self.limits.max_items.is_some_and(|max| items > max) {
            Some(Budget::Items)
        } else if self.limits.max_video.is_some_and(|max| video > max) {
            Some(Budget::Minutes)
        } else if self.limits.max_bytes.is_some_and(|max| bytes > max) {
            Some(Budget::Bytes)
        } else {
            None
        };
        if let Some(budget) = spent {
            self.stop(Ending::Budget { budget });
            return false;
        }
        (self.items, self.video, self.bytes) = (items, video, bytes);
        true
    }

    /// Takes the total duration of the videos of checked items, and the number of videos whose
    /// duration is not known. If the budget does not cover them, the run ends.
    pub fn on_measured(&mut self, video: Duration, unknown: u64) {
        self.checks_first = false;
        let is_over = |budget| unknown > 0 || video > budget;
        if self.limits.budget.is_some_and(is_over) {
            let video_ms = u64::try_from(video.as_millis()).unwrap_or(u64::MAX);
            self.stop(Ending::OverBudget { video_ms, unknown });
        }
    }

    /// Whether no item is to be checked now, and none is added any more. Another process may check
    /// some.
    fn has_checked_all(&self, now: Duration) -> bool {
        let check = self.kinds.get(&Work::Check);
        let is_idle = |kind: &Kind| kind.active == 0 && kind.at.is_none_or(|at| at > now);
        self.is_read && check.is_none_or(is_idle)
    }

    /// Starts nothing new. What is on the platform is finished, unless the caller stopped the run
    /// or the key was refused. The first reason counts, except that a caller who stops a run that
    /// is ending does not want to wait.
    pub fn stop(&mut self, ending: Ending) {
        if self.ending.is_none() || ending == Ending::Stopped {
            self.ending = Some(ending);
        }
    }

    /// The platform has rejected `work` because of a quota, until it is reset. Nothing new is
    /// uploaded. Assets that are on the platform are still indexed, unless that was rejected.
    pub fn on_quota(&mut self, work: Work) {
        self.rejects_indexing |= matches!(work, Work::Index | Work::Resume);
        self.stop(Ending::Limit {
            dimension: None,
            until: None,
        });
    }

    /// Why the run is ending, if it is.
    #[must_use]
    pub fn ending(&self) -> Option<Ending> {
        self.ending
    }

    /// Items of this process on the platform, those that are being sent included.
    #[must_use]
    pub fn in_flight(&self) -> u32 {
        let active = |work| self.kinds.get(&work).map_or(0, |kind| kind.active);
        self.waiting + active(Work::Upload) + active(Work::Resume) + active(Work::Index)
    }

    /// Number of items that are worked on.
    #[must_use]
    pub fn active(&self) -> u32 {
        self.kinds.values().map(|kind| kind.active).sum()
    }

    /// The result of a claim. The work on its items has started.
    pub fn on_claimed(&mut self, now: Duration, work: Work, claimed: Claimed) {
        let (waits_for_quota, drains) = (self.limits.wait_for_quota, self.limits.drain);
        let mut ending = None;
        let is_idle = self.is_idle();
        let kind = self.kind(work);
        kind.active += claimed.items;
        kind.quota = None;
        kind.was_idle = is_idle;
        kind.is_due_later = claimed.items == 0 && claimed.wait.is_none();
        kind.is_open = claimed.items == 0 && matches!(claimed.wait, None | Some((None, _)));
        kind.at = match (claimed.wait, claimed.items) {
            (Some((Some(until), dimension)), _) => {
                if until > now + QUOTA {
                    kind.quota = Some(dimension);
                    if !waits_for_quota {
                        ending = Some(Ending::Limit {
                            dimension: Some(dimension),
                            until: None,
                        });
                    }
                }
                Some(until)
            }
            // Another item has to end first: one of this process, or of another.
            (Some((None, _)), _) => Some(now + OTHERS),
            // Other processes may add items for a worker.
            (None, 0) if !drains => {
                Some(now + OTHERS).min(claimed.next_due.or(Some(Duration::MAX)))
            }
            (None, 0) => claimed.next_due,
            // There may be more.
            (None, _) => Some(now),
        };
        if let Some(ending) = ending {
            self.stop(ending);
        }
    }

    /// Whether this process has no item.
    fn is_idle(&self) -> bool {
        self.waiting == 0 && self.active() == 0
    }

    fn forget_idle(&mut self) {
        for kind in self.kinds.values_mut() {
            kind.was_idle = false;
        }
    }

    /// What to do now.
    pub fn next(&mut self, now: Duration) -> Action {
        if self.limits.max_time.is_some_and(|max| now >= max) {
            self.stop(Ending::Budget {
                budget: Budget::Time,
            });
        }
        if self.checks_first && self.ending.is_none() && self.has_checked_all(now) {
            if self.limits.budget.is_some() {
                return Action::Measure;
            }
            self.checks_first = false;
        }
        let is_idle = self.is_idle();
        let mut until: Option<Duration> = None;
        let mut earlier = |at: Duration| until = Some(until.map_or(at, |until| until.min(at)));
        for work in Work::ALL {
            let room = self.room(work);
            let Some(kind) = self.kinds.get(&work) else {
                continue;
            };
            let Some(at) = kind.at.filter(|_| room > 0) else {
                continue;
            };
            let is_stale = kind.is_due_later && !kind.was_idle && is_idle;
            if at <= now || is_stale {
                return Action::Claim { work, limit: room };
            }
            earlier(at);
        }
        let next = until;
        if let Some(max) = self.limits.max_time.filter(|_| self.ending.is_none()) {
            until = Some(until.map_or(max, |until| until.min(max)));
        }
        if self.active() == 0 && self.waiting == 0 {
            match self.ending {
                Some(ending) if next.is_none_or(|next| next > now + QUOTA) => {
                    return Action::End(ending);
                }
                None if self.is_read && next.is_none() && self.limits.drain => {
                    return Action::End(Ending::Complete);
                }
                _ => {}
            }
        }
        if self.ending.is_some_and(is_immediate) && self.active() == 0 {
            // Those that wait continue on the platform.
            return Action::End(self.ending.unwrap_or(Ending::Stopped));
        }
        Action::Wait { until }
    }

    /// How many items of this work may be claimed now.
    fn room(&self, work: Work) -> u32 {
        let active = self.kinds.get(&work).map_or(0, |kind| kind.active);
        let limits = &self.limits;
        let in_flight = limits.in_flight.saturating_sub(self.in_flight());
        let is_ending = self.ending.is_some();
        if self.ending.is_some_and(is_immediate) {
            return 0;
        }
        match work {
            Work::Resume | Work::Index | Work::Upload if self.checks_first => 0,
            Work::Resume | Work::Index if self.rejects_indexing => 0,
            // Nothing new is on the platform because of it.
            Work::Resume => 50_u32.saturating_sub(active),
            Work::Index => 8_u32.saturating_sub(active),
            Work::Adopt => in_flight,
            Work::Upload | Work::Check if is_ending => 0,
            Work::Upload => limits.jobs.saturating_sub(active).min(in_flight),
            Work::Check => limits.checks.saturating_sub(active),
        }
    }

    fn kind(&mut self, work: Work) -> &mut Kind {
        self.kinds.entry(work).or_default()
    }
}

/// Whether a run ends without waiting for what is on the platform.
fn is_immediate(ending: Ending) -> bool {
    matches!(
        ending,
        Ending::Stopped | Ending::KeyRefused | Ending::DeadlinePassed | Ending::OverBudget { .. }
    )
}

#[cfg(test)]
mod tests;
