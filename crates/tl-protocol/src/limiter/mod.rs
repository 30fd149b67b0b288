//! A rate limiter for everything that the platform counts: requests per minute and day, video per
//! hour and day, concurrent tasks.
//!
//! The limiter is pure. It does no I/O and reads no clock, and its state can be serialized, so that
//! several processes share it through a database. [`Limiter::reserve`] grants the cost of an item
//! in all dimensions or in none: a video is not uploaded if it could not be indexed.
//!
//! ```
//! use std::time::Duration;
//! use jiff::Timestamp;
//! use tl_protocol::limiter::{Cost, Dimension, Limiter, Limits, Reservation};
//!
//! let mut limiter = Limiter::new(Limits::named("developer-1").unwrap());
//! let cost = Cost::upload().and(Cost::index(Duration::from_secs(5)));
//! let now: Timestamp = "2026-11-28T12:00:00Z".parse().unwrap();
//! // A small burst, then one item per 1.07 s: 56 per minute of the 60 that the plan allows.
//! for _ in 0..3 {
//!     assert_eq!(limiter.reserve(now, cost), Reservation::Granted);
//! }
//! let Reservation::Wait { until: Some(until), dimension } = limiter.reserve(now, cost) else {
//!     panic!("the burst is used up");
//! };
//! assert_eq!(dimension, Dimension::UploadPerMinute);
//! assert_eq!(limiter.reserve(until, cost), Reservation::Granted);
//! ```
//!
//! | Dimension | How it is limited |
//! |---|---|
//! | requests per minute | paced (GCRA), so that the limit holds in every fixed or sliding window, with two seconds of tolerance for requests that arrive late |
//! | video per hour | counted in a sliding window, so that the limit holds in every fixed or sliding window |
//! | requests and video per day | counted in a fixed window that starts at 00:00 UTC, or when a response header says |
//! | concurrent tasks | counted; [`Limiter::release`] gives them back |
//! | limits of an account whose plan is not known | learned from response headers; see [`Limiter::learn_limits`] |
//! | a limit that neither the plan nor a header states | estimated: lowered by a quarter after a 429, and raised by 5 % per window that uses it up without one |
//!
//! All callers must use the same clock. If it is set back, the limiter continues from the time that
//! it saw last: nothing is granted twice, and nobody waits for the difference.

mod bucket;
mod headers;
mod learned;
mod limits;
#[cfg(test)]
mod simulation;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use bucket::{Bucket, Check, Rule, SECOND, Share};
pub use headers::ReportedLimit;
use learned::Learned;
pub use limits::{Category, Cost, Dimension, Limits, Preset};

/// Differences between the clocks of callers up to this are ignored: time stands still meanwhile.
const MAX_SKEW: i64 = 5 * SECOND;

/// How long a 429 without `Retry-After` blocks its category: one window of the requests per minute.
const DEFAULT_BLOCK: Duration = Duration::from_secs(60);

/// A longer `Retry-After` is cut to the longest window of the platform, a day.
const MAX_BLOCK: Duration = Duration::from_secs(86_400);

/// The result of [`Limiter::reserve`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub enum Reservation {
    /// The cost is counted: send the requests.
    Granted,
    /// Nothing is counted. Try again later.
    Wait {
        /// The earliest time at which the same cost can be granted, or `None` if it depends on a
        /// call to [`Limiter::release`].
        until: Option<Timestamp>,
        /// The dimension that has to be waited for the longest.
        dimension: Dimension,
    },
    /// Nothing is counted, and waiting does not help: the cost alone exceeds the limit, or a limit
    /// that is never reset is used up.
    Never {
        /// The dimension that it exceeds.
        dimension: Dimension,
    },
}

/// Limits what all users of an API key send; see the [module](self).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Limiter {
    limits: Limits,
    /// Set if the plan is not known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    learned: Option<Learned>,
    /// The share of each limit that is left to other users of the key, in thousandths.
    reserve: u16,
    /// The latest time seen, in microseconds since 1970.
    last: i64,
    tasks: u32,
    buckets: BTreeMap<Dimension, Bucket>,
}

/// The state of one dimension, for display.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Level {
    /// The dimension.
    pub dimension: Dimension,
    /// Granted in the current window: requests, tasks, or milliseconds of video.
    pub used: u64,
    /// The limit in the same unit, corrected by response headers.
    pub limit: Option<u64>,
    /// A 429 blocks the dimension until then.
    pub blocked_until: Option<Timestamp>,
}

impl Limiter {
    /// Creates a limiter of which nothing is used.
    #[must_use]
    pub fn new(limits: Limits) -> Self {
        let buckets = Dimension::WINDOWED.map(|dimension| (dimension, Bucket::default()));
        Self {
            limits,
            learned: None,
            reserve: 0,
            last: i64::MIN,
            tasks: 0,
            buckets: buckets.into(),
        }
    }

    /// Leaves a share of each limit, from 0 to 0.9, to other users of the key. Their requests are
    /// detected in response headers and use this share first.
    #[must_use]
    pub fn with_reserve(mut self, share: f64) -> Self {
        self.set_reserve(share);
        self
    }

    /// Changes the share that is left to others, from 0 to 0.9.
    pub fn set_reserve(&mut self, share: f64) {
        let share = if share.is_nan() { 0.0 } else { share };
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "between 0 and 900"
        )]
        let thousandths = (share.clamp(0.0, 0.9) * 1000.0).ceil() as u16;
        self.reserve = thousandths;
    }

    /// The limits of the plan.
    #[must_use]
    pub fn limits(&self) -> Limits {
        self.limits
    }

    /// Changes the plan. What was used stays counted.
    pub fn set_limits(&mut self, limits: Limits) {
        self.limits = limits;
        self.learned = None;
    }

    /// Learns the limits from response headers, for an account whose plan is not known. `start`
    /// holds until a response says more; what was learned before stays known.
    ///
    /// A header that states a limit raises or lowers it. Headers that only say what remains prove
    /// that a larger plan of [`Preset::ALL`] is in force; a 429 ends that belief. What no header
    /// is about, i.e. minutes of video, follows the requests per minute in the proportion that all
    /// plans have. Limits that `start` does not have are not learned this way, and concurrent tasks
    /// stay as they are.
    ///
    /// ```
    /// use std::time::Duration;
    /// use jiff::Timestamp;
    /// use tl_protocol::limiter::{Category, Limiter, Limits, ReportedLimit};
    ///
    /// let mut limiter = Limiter::new(Limits::UNLIMITED);
    /// limiter.learn_limits(Limits::named("developer-1").unwrap());
    /// let mut reported = ReportedLimit::default();
    /// reported.limit = Some(240);
    /// reported.reset_in = Some(Duration::from_secs(30));
    /// let now: Timestamp = "2026-11-28T12:00:00Z".parse().unwrap();
    /// limiter.correct(now, Category::Upload, &reported);
    /// assert_eq!(limiter.limits(), Limits::named("developer-3").unwrap());
    /// ```
    pub fn learn_limits(&mut self, start: Limits) {
        match &mut self.learned {
            Some(learned) => learned.set_start(start),
            learned => *learned = Some(Learned::new(start)),
        }
        self.apply_learned();
    }

    fn apply_learned(&mut self) {
        if let Some(learned) = &self.learned {
            self.limits = learned.limits();
        }
    }

    /// Counts the cost of an item in all dimensions, or in none.
    pub fn reserve(&mut self, now: Timestamp, cost: Cost) -> Reservation {
        let at = self.advance(now);
        let mut wait: Option<(i64, Dimension)> = None;
        for (dimension, bucket) in &self.buckets {
            if !cost.uses(*dimension) {
                continue;
            }
            let share = self.share(*dimension, bucket);
            match bucket.check(&Rule::of(*dimension), share, at, cost.of(*dimension)) {
                Check::Fits => {}
                Check::Never => {
                    return Reservation::Never {
                        dimension: *dimension,
                    };
                }
                Check::Wait(until) if wait.is_none_or(|(longest, _)| until > longest) => {
                    wait = Some((until, *dimension));
                }
                Check::Wait(_) => {}
            }
        }
        if let Some((until, dimension)) = wait {
            return Reservation::Wait {
                until: Some(timestamp(until)),
                dimension,
            };
        }
        let tasks = self.tasks.saturating_add(cost.tasks);
        if cost.tasks > 0
            && self
                .limits
                .concurrent_tasks
                .is_some_and(|limit| tasks > limit)
        {
            let dimension = Dimension::ConcurrentTasks;
            if self
                .limits
                .concurrent_tasks
                .is_some_and(|limit| cost.tasks > limit)
            {
                return Reservation::Never { dimension };
            }
            return Reservation::Wait {
                until: None,
                dimension,
            };
        }
        self.tasks = tasks;
        let (limits, reserve) = (self.limits, self.reserve);
        for (dimension, bucket) in &mut self.buckets {
            let share = bucket.share(limits.of(*dimension), reserve);
            bucket.take(&Rule::of(*dimension), share, at, cost.of(*dimension));
        }
        Reservation::Granted
    }

    /// Gives concurrent tasks back after they ended.
    pub fn release(&mut self, tasks: u32) {
        self.tasks = self.tasks.saturating_sub(tasks);
    }

    /// Sets the number of tasks that are running, e.g. from a database after a crash.
    pub fn set_running(&mut self, tasks: u32) {
        self.tasks = tasks;
    }

    /// Gives back what was granted for requests that were certainly not sent. Pacing is not
    /// affected.
    pub fn refund(&mut self, cost: Cost) {
        self.release(cost.tasks);
        for (dimension, bucket) in &mut self.buckets {
            bucket.give_back(cost.of(*dimension));
        }
    }

    /// Follows the rate limit headers of a response, of any status: lowers the limit, counts the
    /// requests of other users of the key, and moves the end of a daily window.
    ///
    /// A limit is never raised above the plan's: choose another plan to raise it, or
    /// [learn](Self::learn_limits) the limits. Headers of a window that has ended are ignored.
    pub fn correct(&mut self, now: Timestamp, category: Category, reported: &ReportedLimit) {
        let at = self.advance(now);
        if reported.is_empty() || reported.reset_in == Some(Duration::ZERO) {
            return;
        }
        let dimension = self.reported_dimension(category, reported);
        self.learn(at, dimension, reported);
        let plan = self.limits.of(dimension);
        let Some(bucket) = self.buckets.get_mut(&dimension) else {
            return;
        };
        let rule = Rule::of(dimension);
        let reset = reported
            .reset_in
            .map(|time| at.saturating_add(micros(time)));
        let mut stated = reported.limit;
        if plan.is_none()
            && stated.is_none()
            && let (Some(left), Some(end)) = (reported.remaining, reset)
        {
            stated = Some(bucket.reported_share(&rule, end, left));
        }
        let known = stated.or_else(|| Some(bucket.share(plan, 0)?.limit));
        let remaining = reported.remaining.and_then(|left| known?.checked_sub(left));
        let used = remaining.max(reported.used);
        bucket.correct(&rule, at, stated, used, reset);
    }

    /// Learns what a response says about a limit, if the plan is not known.
    fn learn(&mut self, at: i64, dimension: Dimension, reported: &ReportedLimit) {
        let Some(learned) = &mut self.learned else {
            return;
        };
        match (reported.limit, reported.remaining, reported.reset_in) {
            (Some(limit), _, _) => learned.state(dimension, limit),
            (None, Some(left), Some(reset)) => {
                let end = at.saturating_add(micros(reset));
                let bucket = self.buckets.get(&dimension);
                let limit =
                    bucket.map(|bucket| bucket.reported_share(&Rule::of(dimension), end, left));
                learned.imply(dimension, limit.unwrap_or(left));
            }
            _ => {}
        }
        self.apply_learned();
    }

    /// Blocks the dimension that caused a 429, for every caller, until `Retry-After` has passed.
    /// Without `Retry-After`, until the reported end of the window, or for a minute.
    ///
    /// If the plan states no limit for the dimension, it is estimated from now on: what was granted
    /// in the window was too much, and the estimate is raised step by step while it is used up
    /// without a 429.
    ///
    /// Returns the end of the block.
    pub fn block(
        &mut self,
        now: Timestamp,
        category: Category,
        retry_after: Option<Duration>,
        reported: &ReportedLimit,
    ) -> Timestamp {
        let at = self.advance(now);
        let told = retry_after.or(reported.reset_in);
        let wait = told.unwrap_or(DEFAULT_BLOCK).min(MAX_BLOCK);
        // The length of the wait shows which window is used up.
        let dimension = match (category, wait.as_secs()) {
            (Category::Upload, 0..=60) => Dimension::UploadPerMinute,
            (Category::Upload, _) => Dimension::UploadPerDay,
            (Category::Index, 0..=60) => Dimension::IndexPerMinute,
            (Category::Index, 61..=3600) => Dimension::VideoPerHour,
            (Category::Index, _) => Dimension::IndexPerDay,
        };
        let until = at.saturating_add(micros(wait));
        if let Some(learned) = &mut self.learned {
            learned.reject();
        }
        self.apply_learned();
        let is_unknown = self.limits.of(dimension).is_none();
        if let Some(bucket) = self.buckets.get_mut(&dimension) {
            if is_unknown {
                bucket.lower(&Rule::of(dimension), at, told.map(micros));
            }
            bucket.block(until);
        }
        timestamp(until)
    }

    /// The state of every dimension.
    #[must_use]
    pub fn levels(&mut self, now: Timestamp) -> Vec<Level> {
        let at = self.advance(now);
        let windowed = self.buckets.iter().map(|(dimension, bucket)| Level {
            dimension: *dimension,
            used: bucket.used(&Rule::of(*dimension), at),
            limit: self.share(*dimension, bucket).map(|share| share.limit),
            blocked_until: bucket.blocked_until().map(timestamp),
        });
        let mut levels: Vec<Level> = windowed.collect();
        levels.push(Level {
            dimension: Dimension::ConcurrentTasks,
            used: u64::from(self.tasks),
            limit: self.limits.concurrent_tasks.map(u64::from),
            blocked_until: None,
        });
        levels
    }

    fn share(&self, dimension: Dimension, bucket: &Bucket) -> Option<Share> {
        bucket.share(self.limits.of(dimension), self.reserve)
    }

    /// The time to use: never earlier than one used before.
    fn advance(&mut self, now: Timestamp) -> i64 {
        let now = now.as_microsecond();
        let behind = self.last.saturating_sub(now);
        if self.last != i64::MIN && behind > MAX_SKEW {
            for bucket in self.buckets.values_mut() {
                bucket.shift(-behind);
            }
            self.last = now;
        }
        self.last = self.last.max(now);
        for (dimension, bucket) in &mut self.buckets {
            bucket.expire(&Rule::of(*dimension), self.last);
        }
        self.last
    }

    /// The dimension that the headers of a response are about.
    fn reported_dimension(&self, category: Category, reported: &ReportedLimit) -> Dimension {
        let (minute, day) = match category {
            Category::Upload => (Dimension::UploadPerMinute, Dimension::UploadPerDay),
            Category::Index => (Dimension::IndexPerMinute, Dimension::IndexPerDay),
        };
        let has_limit =
            |dimension| reported.limit.is_some() && self.limits.of(dimension) == reported.limit;
        let ends_within_a_minute = reported
            .reset_in
            .is_none_or(|reset_in| reset_in <= DEFAULT_BLOCK + Duration::from_secs(5));
        match (has_limit(minute), has_limit(day)) {
            (true, false) => minute,
            (false, true) => day,
            _ if ends_within_a_minute => minute,
            _ => day,
        }
    }
}

fn micros(duration: Duration) -> i64 {
    i64::try_from(duration.as_micros()).unwrap_or(i64::MAX)
}

fn timestamp(micros: i64) -> Timestamp {
    Timestamp::from_microsecond(micros).unwrap_or(Timestamp::MAX)
}
