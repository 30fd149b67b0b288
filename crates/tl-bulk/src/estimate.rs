//! How long a run takes under the limits of a plan, and which limit decides. Nothing is sent.
//!
//! The estimate is pure: it feeds the items to the same [`Limiter`] that a run uses, with a clock
//! that jumps from one permitted request to the next. Memory does not grow with the items.
//!
//! ```
//! use std::time::Duration;
//! use jiff::Timestamp;
//! use tl_bulk::estimate::{Estimator, Planned, Verdict};
//! use tl_protocol::limiter::Dimension;
//!
//! let now: Timestamp = "2026-11-28T00:00:00Z".parse().unwrap();
//! let mut estimator = Estimator::new(now).with_plan("developer-1").unwrap();
//! for _ in 0..10_000 {
//!     estimator.add(Planned::new(Verdict::Passes, 136_000).with_video(Duration::from_secs(5)));
//! }
//! let estimate = estimator.finish();
//! let plan = &estimate.plans[0];
//! // 3,000 requests per day: the fourth day.
//! assert_eq!(plan.days, 4);
//! assert_eq!(plan.bound.unwrap().dimension(), Some(Dimension::UploadPerDay));
//! assert_eq!(estimate.requests, 20_000);
//! ```

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp, tz::TimeZone};
use serde::{Serialize, Serializer};
use tl_protocol::limiter::{Cost, Dimension, Limiter, Limits, Preset, Reservation};

/// What a run would do with an item.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Verdict {
    /// It would be sent.
    Passes,
    /// It would be sent; the check has warnings.
    Warns,
    /// The check refuses it.
    Refused,
    /// It was done by an earlier run.
    Done,
    /// It was refused or failed in an earlier run.
    Failed,
    /// It is in the sources more than once.
    Duplicate,
    /// It cannot be read.
    Unreadable,
}

impl Verdict {
    /// Whether the item would be sent.
    #[must_use]
    pub fn is_sent(self) -> bool {
        matches!(self, Self::Passes | Self::Warns)
    }

    /// The name, as in JSON.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Passes => "passes",
            Self::Warns => "warns",
            Self::Refused => "refused",
            Self::Done => "done",
            Self::Failed => "failed",
            Self::Duplicate => "duplicate",
            Self::Unreadable => "unreadable",
        }
    }
}

/// An item of a planned run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Planned {
    /// What the run would do with it.
    pub verdict: Verdict,
    /// Size in bytes; 0 if the platform fetches a link.
    pub bytes: u64,
    /// Duration of the video. Unknown durations cost no minutes.
    pub video: Option<Duration>,
    /// Whether the item needs an upload besides indexing. The route `tasks` does both in one
    /// request of the category "index".
    pub has_upload: bool,
    /// Chunks of a multipart upload: requests that no limit counts.
    pub chunks: u64,
}

impl Planned {
    /// An item that is uploaded as one body and indexed.
    #[must_use]
    pub fn new(verdict: Verdict, bytes: u64) -> Self {
        Self {
            verdict,
            bytes,
            video: None,
            has_upload: true,
            chunks: 0,
        }
    }

    /// Sets the duration of the video.
    #[must_use]
    pub fn with_video(mut self, video: impl Into<Option<Duration>>) -> Self {
        self.video = video.into();
        self
    }

    /// Sends and indexes the item with one request, as the route `tasks` does.
    #[must_use]
    pub fn without_upload(mut self) -> Self {
        self.has_upload = false;
        self
    }

    /// Indexes an asset that exists: no bytes are sent.
    #[must_use]
    pub fn with_asset(self) -> Self {
        Self {
            bytes: 0,
            chunks: 0,
            ..self.without_upload()
        }
    }

    /// Sets the number of chunks of a multipart upload.
    #[must_use]
    pub fn with_chunks(mut self, chunks: u64) -> Self {
        self.chunks = chunks;
        self
    }

    fn cost(&self) -> Cost {
        let index = Cost::index(self.video.unwrap_or_default());
        match self.has_upload {
            true => Cost::upload().and(index),
            false => index,
        }
    }
}

/// What decides how long a run takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Bound {
    /// A limit of the plan.
    Limit(Dimension),
    /// The upload rate.
    UploadRate,
}

impl Bound {
    /// The limit of the plan, if it is one.
    #[must_use]
    pub fn dimension(self) -> Option<Dimension> {
        match self {
            Self::Limit(dimension) => Some(dimension),
            Self::UploadRate => None,
        }
    }

    /// The name, as in JSON.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Limit(dimension) => dimension.name(),
            Self::UploadRate => "upload_rate",
        }
    }
}

impl Serialize for Bound {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

/// The estimate for one plan.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct PlanEstimate {
    /// The name of the plan.
    pub plan: String,
    /// Time from the start to the last indexed video, in seconds.
    pub seconds: u64,
    /// When the last video is indexed.
    pub ends: Timestamp,
    /// The number of UTC days on which the run sends, the first included.
    pub days: u64,
    /// What decides how long it takes, or `None` if nothing has to wait.
    pub bound: Option<Bound>,
    /// Items that the plan never admits, e.g. because its minutes are used up.
    pub never: u64,
    /// The limit that does not admit them.
    pub never_because: Option<Dimension>,
}

/// The result of an [`Estimator`].
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Estimate {
    /// Items by verdict.
    pub verdicts: BTreeMap<Verdict, u64>,
    /// Items that would be sent.
    pub items: u64,
    /// Their bytes.
    pub bytes: u64,
    /// The duration of their videos in milliseconds.
    pub video_ms: u64,
    /// Items of which the duration is not known. They are counted as if they had none.
    pub unknown_durations: u64,
    /// Requests that create something, which the limits count.
    pub requests: u64,
    /// Requests that send chunks, which no limit counts.
    pub chunk_requests: u64,
    /// One estimate per plan.
    pub plans: Vec<PlanEstimate>,
}

impl Estimate {
    /// The minutes of video that would be indexed.
    #[must_use]
    pub fn minutes(&self) -> f64 {
        self.video_ms as f64 / 60_000.0
    }
}

/// How long the platform indexes a video: a part that does not depend on it, and one that does.
///
/// The default, 15 s and half of the duration, fits the one time that was observed: 45 s for a clip
/// of 60 s (July 2026). The platform does not document it.
#[derive(Debug, Clone, Copy, PartialEq)]
struct IndexingTime {
    fixed: Duration,
    share: f64,
}

impl IndexingTime {
    fn of(self, video: Duration) -> Duration {
        let seconds = video.as_secs_f64() * self.share;
        // Longer than any run.
        let variable = Duration::try_from_secs_f64(seconds.min(1e9)).unwrap_or_default();
        self.fixed + variable
    }
}

/// Estimates a run, item by item; see the [module](self).
#[derive(Debug, Clone)]
pub struct Estimator {
    now: Timestamp,
    indexing: IndexingTime,
    rate: Option<u64>,
    plans: Vec<Simulation>,
    estimate: Estimate,
}

impl Estimator {
    /// A run that starts at `now`, under no plan yet.
    #[must_use]
    pub fn new(now: Timestamp) -> Self {
        Self {
            now,
            indexing: IndexingTime {
                fixed: Duration::from_secs(15),
                share: 0.5,
            },
            rate: None,
            plans: Vec::new(),
            estimate: Estimate {
                verdicts: BTreeMap::new(),
                items: 0,
                bytes: 0,
                video_ms: 0,
                unknown_durations: 0,
                requests: 0,
                chunk_requests: 0,
                plans: Vec::new(),
            },
        }
    }

    /// Adds a plan by its name, with nothing used. `None` if no plan has it.
    #[must_use]
    pub fn with_plan(self, name: &str) -> Option<Self> {
        let limits = Limits::named(name)?;
        Some(self.with_limiter(name, Limiter::new(limits)))
    }

    /// Adds all plans that have limits.
    #[must_use]
    pub fn with_all_plans(self) -> Self {
        Preset::ALL
            .iter()
            .filter(|preset| preset.limits != Limits::UNLIMITED)
            .fold(self, |estimator, preset| {
                estimator.with_limiter(preset.name, Limiter::new(preset.limits))
            })
    }

    /// Adds a limiter as it is, with what was used today.
    #[must_use]
    pub fn with_limiter(mut self, name: impl Into<String>, limiter: Limiter) -> Self {
        let mut limiter = limiter;
        // Tasks of the past have ended when the run starts.
        limiter.set_running(0);
        self.plans
            .push(Simulation::new(name.into(), limiter, self.now));
        self
    }

    /// Sets the upload rate in bytes per second. Without it, uploads take no time.
    #[must_use]
    pub fn with_rate(mut self, bytes_per_second: impl Into<Option<u64>>) -> Self {
        self.rate = bytes_per_second.into().filter(|rate| *rate > 0);
        self
    }

    /// Adds an item.
    pub fn add(&mut self, item: Planned) {
        let estimate = &mut self.estimate;
        *estimate.verdicts.entry(item.verdict).or_default() += 1;
        if !item.verdict.is_sent() {
            return;
        }
        estimate.items += 1;
        estimate.bytes = estimate.bytes.saturating_add(item.bytes);
        match item.video {
            Some(video) => {
                let ms = u64::try_from(video.as_millis()).unwrap_or(u64::MAX);
                estimate.video_ms = estimate.video_ms.saturating_add(ms);
            }
            None => estimate.unknown_durations += 1,
        }
        estimate.requests += if item.has_upload { 2 } else { 1 };
        estimate.chunk_requests = estimate.chunk_requests.saturating_add(item.chunks);
        let indexing = self.indexing.of(item.video.unwrap_or_default());
        for plan in &mut self.plans {
            plan.add(&item, indexing, self.rate);
        }
    }

    /// The result.
    #[must_use]
    pub fn finish(self) -> Estimate {
        let mut estimate = self.estimate;
        estimate.plans = self.plans.into_iter().map(Simulation::finish).collect();
        estimate
    }
}

/// A run under one plan.
#[derive(Debug, Clone)]
struct Simulation {
    plan: String,
    limiter: Limiter,
    start: Timestamp,
    now: Timestamp,
    /// When the upload before ends.
    link_free: Timestamp,
    /// The last time at which something was sent.
    last_sent: Timestamp,
    end: Timestamp,
    /// When running tasks end. At most as many as the plan admits.
    running: BinaryHeap<Reverse<Timestamp>>,
    waits: BTreeMap<Dimension, Duration>,
    rate_wait: Duration,
    never: u64,
    never_because: Option<Dimension>,
}

impl Simulation {
    fn new(plan: String, limiter: Limiter, now: Timestamp) -> Self {
        Self {
            plan,
            limiter,
            start: now,
            now,
            link_free: now,
            last_sent: now,
            end: now,
            running: BinaryHeap::new(),
            waits: BTreeMap::new(),
            rate_wait: Duration::ZERO,
            never: 0,
            never_because: None,
        }
    }

    fn add(&mut self, item: &Planned, indexing: Duration, rate: Option<u64>) {
        if self.link_free > self.now {
            self.rate_wait += since(self.now, self.link_free);
            self.now = self.link_free;
        }
        loop {
            while self
                .running
                .peek()
                .is_some_and(|Reverse(end)| *end <= self.now)
            {
                self.running.pop();
                self.limiter.release(1);
            }
            let (until, dimension) = match self.limiter.reserve(self.now, item.cost()) {
                Reservation::Granted => break,
                Reservation::Never { dimension } => {
                    self.never += 1;
                    self.never_because = Some(dimension);
                    return;
                }
                Reservation::Wait { until, dimension } => {
                    let earliest = self.running.peek().map(|Reverse(end)| *end);
                    let Some(until) = until.or(earliest).filter(|until| *until > self.now) else {
                        // A limiter that never grants must not end in a loop.
                        self.never += 1;
                        self.never_because = Some(dimension);
                        return;
                    };
                    (until, dimension)
                }
            };
            *self.waits.entry(dimension).or_default() += since(self.now, until);
            self.now = until;
        }
        self.last_sent = self.now;
        let upload = rate.map_or(Duration::ZERO, |rate| {
            Duration::try_from_secs_f64(item.bytes as f64 / rate as f64).unwrap_or_default()
        });
        self.link_free = later(self.now, upload);
        let end = later(self.link_free, indexing);
        self.running.push(Reverse(end));
        self.end = self.end.max(end);
    }

    fn finish(self) -> PlanEstimate {
        let longest = self
            .waits
            .iter()
            .max_by_key(|(_, wait)| **wait)
            .map(|(dimension, wait)| (*wait, Bound::Limit(*dimension)));
        let rate = Some((self.rate_wait, Bound::UploadRate)).filter(|(wait, _)| !wait.is_zero());
        let bound = longest
            .into_iter()
            .chain(rate)
            .max_by_key(|(wait, _)| *wait)
            .map(|(_, bound)| bound);
        let day = |time: Timestamp| time.to_zoned(TimeZone::UTC).date();
        let days = day(self.start)
            .until(day(self.last_sent))
            .map_or(0, |span| u64::try_from(span.get_days()).unwrap_or(0));
        PlanEstimate {
            plan: self.plan,
            seconds: since(self.start, self.end).as_secs(),
            ends: self.end,
            days: days + 1,
            bound,
            never: self.never,
            never_because: self.never_because,
        }
    }
}

fn since(from: Timestamp, to: Timestamp) -> Duration {
    Duration::try_from(to.duration_since(from)).unwrap_or_default()
}

fn later(time: Timestamp, by: Duration) -> Timestamp {
    SignedDuration::try_from(by)
        .ok()
        .and_then(|by| time.checked_add(by).ok())
        .unwrap_or(Timestamp::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn estimate(plan: &str, start: &str, items: u64, seconds: u64) -> PlanEstimate {
        let mut estimator = Estimator::new(start.parse().unwrap())
            .with_plan(plan)
            .unwrap();
        for _ in 0..items {
            let video = Duration::from_secs(seconds);
            estimator.add(Planned::new(Verdict::Passes, 100_000).with_video(video));
        }
        estimator.finish().plans.remove(0)
    }

    const MIDNIGHT: &str = "2026-11-28T00:00:00Z";

    #[test]
    fn the_limit_that_binds_is_named() {
        use Dimension::{
            ConcurrentTasks, IndexPerMinute, UploadPerDay, UploadPerMinute, VideoPerDay,
        };
        for (plan, items, seconds, days, bounds) in [
            // Requests per day: 3,000 of each kind.
            ("developer-1", 10_000, 5, 4, &[UploadPerDay][..]),
            ("developer-2", 10_000, 5, 2, &[UploadPerDay]),
            ("developer-3", 10_000, 5, 1, &[ConcurrentTasks]),
            // 3,000 minutes per day: 5,000 minutes are 2 days.
            ("developer-1", 500, 600, 2, &[VideoPerDay]),
            ("developer-1", 100, 5, 1, &[UploadPerMinute, IndexPerMinute]),
        ] {
            let found = estimate(plan, MIDNIGHT, items, seconds);
            let bound = found.bound.and_then(Bound::dimension).unwrap();
            assert!(bounds.contains(&bound), "{plan} {items}: {found:?}");
            assert_eq!(found.days, days, "{plan} {items}: {found:?}");
        }
    }

    #[test]
    fn the_rate_is_that_of_the_limiter() {
        // 60 per minute, paced below it: 1,000 items take between 17 and 20 minutes.
        let found = estimate("developer-1", MIDNIGHT, 1000, 1);
        assert!((1000..1200).contains(&found.seconds), "{found:?}");
    }

    #[test]
    fn a_run_that_starts_late_needs_another_day() {
        assert_eq!(estimate("developer-1", MIDNIGHT, 2900, 5).days, 1);
        assert_eq!(
            estimate("developer-1", "2026-11-28T23:50:00Z", 2900, 5).days,
            2
        );
    }

    #[test]
    fn one_item_waits_for_nothing() {
        let found = estimate("developer-1", MIDNIGHT, 1, 60);
        assert_eq!((found.bound, found.seconds, found.days), (None, 45, 1));
    }

    #[test]
    fn what_a_plan_never_admits_is_counted() {
        // The free plan has 600 minutes in total.
        let found = estimate("free", MIDNIGHT, 70, 600);
        assert_eq!(found.never, 10, "{found:?}");
        assert_eq!(found.never_because, Some(Dimension::VideoTotal));
    }

    #[test]
    fn the_upload_rate_can_bind() {
        let mut estimator = Estimator::new(MIDNIGHT.parse().unwrap())
            .with_plan("developer-1")
            .unwrap()
            .with_rate(1_000_000);
        for _ in 0..100 {
            estimator.add(Planned::new(Verdict::Warns, 60_000_000));
        }
        let found = estimator.finish();
        assert_eq!(found.plans[0].bound, Some(Bound::UploadRate));
        // 100 × 60 s, and the indexing of the last one.
        assert_eq!(found.plans[0].seconds, 6015);
        assert_eq!(found.unknown_durations, 100);
    }

    #[test]
    fn only_what_is_sent_costs() {
        let mut estimator = Estimator::new(MIDNIGHT.parse().unwrap()).with_all_plans();
        for verdict in [
            Verdict::Refused,
            Verdict::Done,
            Verdict::Failed,
            Verdict::Duplicate,
            Verdict::Unreadable,
        ] {
            estimator.add(Planned::new(verdict, 5));
        }
        let video = Duration::from_secs(30);
        estimator.add(
            Planned::new(Verdict::Passes, 7)
                .with_video(video)
                .with_chunks(3),
        );
        estimator.add(
            Planned::new(Verdict::Passes, 8)
                .with_video(video)
                .without_upload(),
        );
        let found = estimator.finish();
        assert_eq!((found.items, found.bytes, found.requests), (2, 15, 3));
        assert_eq!((found.chunk_requests, found.minutes()), (3, 1.0));
        assert_eq!(found.verdicts[&Verdict::Passes], 2);
        assert_eq!(found.verdicts[&Verdict::Done], 1);
        assert_eq!(found.plans.len(), 4);
        let json = serde_json::to_value(&found).unwrap();
        assert_eq!(json["verdicts"]["passes"], 2);
        assert_eq!(json["plans"][0]["plan"], "free");
    }
}
