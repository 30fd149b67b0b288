//! The limits of a plan: requests per minute and day, minutes of video per hour and day, concurrent
//! tasks, and the size of indexes.
//!
//! Windows are aligned to the clock (minute, hour, UTC day); whether the platform uses sliding
//! windows is undocumented. The numbers are those that two independent notes of July 2026 agree on,
//! in effect since 2026-01-12.

use std::fmt;

use http::{HeaderName, HeaderValue, StatusCode, header};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use tl_model::ErrorCode;
use tl_protocol::endpoint::{CreateAsset, CreateIndexedAsset, CreateTask};

use crate::platform::{Operation, Platform, Quirks, Refusal, quirks};

/// The limits of an account. `None` means unlimited.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Plan {
    /// The name of the plan.
    pub name: &'static str,
    /// Indexing requests per minute.
    pub requests_per_minute: Option<u64>,
    /// Indexing requests per day.
    pub requests_per_day: Option<u64>,
    /// Minutes of video per hour.
    pub minutes_per_hour: Option<u64>,
    /// Minutes of video per day.
    pub minutes_per_day: Option<u64>,
    /// Minutes of video in total.
    pub total_minutes: Option<u64>,
    /// Maximum number of tasks in `indexing`. Further tasks wait in `queued`.
    pub concurrent_tasks: Option<usize>,
    /// Videos per index.
    pub videos_per_index: Option<u64>,
    /// Hours of video per index.
    pub hours_per_index: Option<u64>,
    /// Days until an index expires.
    pub retention_days: Option<u64>,
}

/// No limits, for tests.
const UNLIMITED: Plan = Plan {
    name: "unlimited",
    requests_per_minute: None,
    requests_per_day: None,
    minutes_per_hour: None,
    minutes_per_day: None,
    total_minutes: None,
    concurrent_tasks: None,
    videos_per_index: None,
    hours_per_index: None,
    retention_days: None,
};

const DEVELOPER_1: Plan = Plan {
    name: "developer-1",
    requests_per_minute: Some(60),
    requests_per_day: Some(3000),
    minutes_per_hour: Some(600),
    minutes_per_day: Some(3000),
    concurrent_tasks: Some(25),
    videos_per_index: Some(100_000),
    hours_per_index: Some(10_000),
    ..UNLIMITED
};

impl Plan {
    /// All plans; the first is the default.
    pub const ALL: [Self; 5] = [
        UNLIMITED,
        Self {
            name: "free",
            total_minutes: Some(600),
            concurrent_tasks: Some(5),
            videos_per_index: Some(100),
            hours_per_index: Some(10),
            retention_days: Some(90),
            ..DEVELOPER_1
        },
        DEVELOPER_1,
        Self {
            name: "developer-2",
            requests_per_minute: Some(120),
            requests_per_day: Some(6000),
            minutes_per_hour: Some(1200),
            minutes_per_day: Some(6000),
            ..DEVELOPER_1
        },
        Self {
            name: "developer-3",
            requests_per_minute: Some(240),
            requests_per_day: Some(12_000),
            minutes_per_hour: Some(2400),
            minutes_per_day: Some(12_000),
            ..DEVELOPER_1
        },
    ];

    /// No limits. This is the default.
    pub const UNLIMITED: Self = UNLIMITED;

    /// Returns the plan with this name.
    ///
    /// # Errors
    /// Returns an error that lists the known plans if the name is unknown.
    pub fn named(name: &str) -> Result<Self, UnknownPlan> {
        Self::ALL
            .into_iter()
            .find(|plan| plan.name == name)
            .ok_or_else(|| {
                let known = Self::ALL.map(|plan| plan.name).join(", ");
                UnknownPlan(format!("there is no plan `{name}` (allowed: {known})"))
            })
    }

    fn counts_requests(&self) -> bool {
        self.requests_per_minute.is_some() || self.requests_per_day.is_some()
    }
}

/// The name of the plan is unknown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnknownPlan(String);

impl fmt::Display for UnknownPlan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for UnknownPlan {}

/// A rate limit window: its number since the epoch, and how much of it is used.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
struct Window {
    number: i64,
    used: f64,
}

impl Window {
    /// The usage of the window of `seconds` that contains `now`.
    fn at(self, now: Timestamp, seconds: i64) -> Self {
        let number = now.as_second().div_euclid(seconds);
        if number == self.number {
            self
        } else {
            Self { number, used: 0.0 }
        }
    }

    /// Seconds until the next window starts, at least 1.
    fn reset_in(self, now: Timestamp, seconds: i64) -> i64 {
        (self.reset_at(seconds) - now.as_second()).max(1)
    }

    fn reset_at(self, seconds: i64) -> i64 {
        (self.number + 1) * seconds
    }
}

const MINUTE: i64 = 60;
const HOUR: i64 = 3600;
const DAY: i64 = 86_400;

/// What an account has used of its plan.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Meter {
    requests_of_minute: Window,
    requests_of_day: Window,
    minutes_of_hour: Window,
    minutes_of_day: Window,
    #[serde(rename = "minutes_ever")]
    total_minutes: f64,
}

/// The category of the indexing operations.
const INDEX: &str = "index";
/// The category of the upload operations.
const UPLOAD: &str = "upload";

/// The category in which the requests of an operation are counted. Operations of a category share
/// their limits.
fn category(operation: Operation) -> Option<&'static str> {
    const INDEXING: [Operation; 2] = [
        Operation::of::<CreateTask>(),
        Operation::of::<CreateIndexedAsset>(),
    ];
    if INDEXING.contains(&operation) {
        Some(INDEX)
    } else {
        (operation == Operation::of::<CreateAsset>()).then_some(UPLOAD)
    }
}

/// Counts a request, or refuses it if a limit is reached.
pub(crate) fn count_request(
    platform: &mut Platform,
    now: Timestamp,
    operation: Operation,
) -> Result<(), Refusal> {
    let plan = platform.settings.plan;
    let Some(category) = category(operation).filter(|_| plan.counts_requests()) else {
        return Ok(());
    };
    let mut meter = platform.meter(category);
    meter.requests_of_minute = meter.requests_of_minute.at(now, MINUTE);
    meter.requests_of_day = meter.requests_of_day.at(now, DAY);
    for (window, seconds, limit, unit) in [
        (
            meter.requests_of_minute,
            MINUTE,
            plan.requests_per_minute,
            "requests per minute",
        ),
        (
            meter.requests_of_day,
            DAY,
            plan.requests_per_day,
            "requests per day",
        ),
    ] {
        if let Some(limit) = limit
            && window.used + 1.0 > float(limit)
        {
            let wait = window.reset_in(now, seconds);
            return Err(rate_limited(
                now,
                wait,
                &format!("{limit} {unit}"),
                &platform.settings.quirks,
            ));
        }
    }
    meter.requests_of_minute.used += 1.0;
    meter.requests_of_day.used += 1.0;
    platform.state.meters.insert(category.to_owned(), meter);
    Ok(())
}

/// Counts a video of this many seconds for an index, or refuses it if a limit is reached.
pub(crate) fn count_video(
    platform: &mut Platform,
    now: Timestamp,
    index_id: &str,
    seconds: f64,
) -> Result<(), Refusal> {
    let plan = platform.settings.plan;
    if plan == UNLIMITED {
        return Ok(());
    }
    let minutes = seconds / 60.0;
    let mut meter = platform.meter(INDEX);
    meter.minutes_of_hour = meter.minutes_of_hour.at(now, HOUR);
    meter.minutes_of_day = meter.minutes_of_day.at(now, DAY);
    for (window, length, limit, unit) in [
        (
            meter.minutes_of_hour,
            HOUR,
            plan.minutes_per_hour,
            "minutes of video per hour",
        ),
        (
            meter.minutes_of_day,
            DAY,
            plan.minutes_per_day,
            "minutes of video per day",
        ),
    ] {
        if let Some(limit) = limit
            && window.used + minutes > float(limit)
        {
            let wait = window.reset_in(now, length);
            return Err(rate_limited(
                now,
                wait,
                &format!("{limit} {unit}"),
                &platform.settings.quirks,
            ));
        }
    }
    if let Some(limit) = plan.total_minutes
        && meter.total_minutes + minutes > float(limit)
    {
        return Err(usage_limit_exceeded(&format!(
            "{limit} minutes of video altogether"
        )));
    }
    // Videos that are still being indexed count as well.
    let (mut count, mut hours) = (0, 0.0);
    for video in platform
        .state
        .videos
        .values()
        .filter(|video| video.index_id == index_id)
    {
        count += 1;
        hours += video.measured.duration.unwrap_or(0.0) / 3600.0;
    }
    if let Some(limit) = plan.videos_per_index
        && count + 1 > limit
    {
        return Err(usage_limit_exceeded(&format!(
            "{limit} videos in one index"
        )));
    }
    if let Some(limit) = plan.hours_per_index
        && hours + minutes / 60.0 > float(limit)
    {
        return Err(usage_limit_exceeded(&format!(
            "{limit} hours of video in one index"
        )));
    }
    meter.minutes_of_hour.used += minutes;
    meter.minutes_of_day.used += minutes;
    meter.total_minutes += minutes;
    platform.state.meters.insert(INDEX.to_owned(), meter);
    Ok(())
}

/// The rate limit headers, in both of the platform's schemes.
pub(crate) fn headers(
    platform: &Platform,
    now: Timestamp,
    operation: Operation,
) -> Vec<(HeaderName, HeaderValue)> {
    let plan = platform.settings.plan;
    let which = platform.settings.quirks.get(&quirks::RATE_HEADERS);
    let Some(category) = category(operation).filter(|_| plan.counts_requests() && which != "none")
    else {
        return Vec::new();
    };
    let meter = platform.meter(category);
    let (minute, day) = (
        meter.requests_of_minute.at(now, MINUTE),
        meter.requests_of_day.at(now, DAY),
    );
    // Report the window with the fewest requests remaining.
    let left = |window: Window, limit: Option<u64>| {
        limit.map(|limit| (float(limit) - window.used).max(0.0))
    };
    let of_minute = left(minute, plan.requests_per_minute);
    let of_day = left(day, plan.requests_per_day);
    let is_day = of_minute.is_none()
        || of_day.is_some_and(|of_day| of_minute.is_some_and(|of_minute| of_day < of_minute));
    let (window, length, limit) = match is_day {
        true => (day, DAY, plan.requests_per_day),
        false => (minute, MINUTE, plan.requests_per_minute),
    };
    let limit = limit.unwrap_or(u64::MAX);
    let remaining = left(window, Some(limit)).unwrap_or(0.0);
    let reset = window.reset_at(length);
    let mut headers = Vec::new();
    let mut push = |name: &'static str, value: i64| {
        headers.push((HeaderName::from_static(name), value.into()));
    };
    if which != "new" {
        push(
            "x-ratelimit-limit",
            i64::try_from(limit).unwrap_or(i64::MAX),
        );
        push("x-ratelimit-remaining", whole(remaining));
        push("x-ratelimit-used", whole(window.used));
        push("x-ratelimit-reset", reset);
    }
    if which != "old" {
        push("x-ratelimit-request-remaining", whole(remaining));
        push("x-ratelimit-request-reset", reset);
        if plan.minutes_per_hour.is_some() && category == INDEX {
            push(
                "x-ratelimit-duration-reset",
                meter.minutes_of_hour.at(now, HOUR).reset_at(HOUR),
            );
        }
    }
    headers
}

/// When a task that is due for indexing at `start` is actually indexed, given the tasks that are
/// indexed before it.
pub(crate) fn indexing_start(platform: &Platform, start: Timestamp, except: &str) -> Timestamp {
    let Some(concurrent) = platform.settings.plan.concurrent_tasks else {
        return start;
    };
    let mut ends: Vec<Timestamp> = platform
        .state
        .tasks
        .values()
        .filter(|task| task.id != except && task.measured.is_some())
        .filter_map(|task| task.timeline.end().map(|end| end.at))
        .filter(|end| *end > start)
        .collect();
    ends.sort_unstable();
    match ends.len().checked_sub(concurrent.max(1)) {
        Some(position) => ends[position].max(start),
        None => start,
    }
}

fn rate_limited(now: Timestamp, wait: i64, limit: &str, quirks: &Quirks) -> Refusal {
    let mut refusal = Refusal::new(
        StatusCode::TOO_MANY_REQUESTS,
        ErrorCode::TooManyRequests,
        format!(
            "You have exceeded the rate limit ({limit}). Please try again after {wait} seconds."
        ),
    );
    let value = match quirks.get(&quirks::RETRY_AFTER) {
        "none" => None,
        "date" => {
            let at = Timestamp::from_second(now.as_second() + wait).unwrap_or(now);
            HeaderValue::from_str(&http_date(at)).ok()
        }
        _ => Some(wait.into()),
    };
    refusal
        .headers
        .extend(value.map(|value| (header::RETRY_AFTER, value)));
    refusal
}

/// Formats a time as an HTTP date.
pub(crate) fn http_date(at: Timestamp) -> String {
    at.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string()
}

/// The error for limits that do not reset over time.
fn usage_limit_exceeded(limit: &str) -> Refusal {
    Refusal::bad(
        ErrorCode::UsageLimitExceeded,
        format!(
            "Not enough free credit: the plan allows {limit}. Please register a payment method."
        ),
    )
}

#[expect(clippy::cast_precision_loss, reason = "limits are far below 2^53")]
fn float(limit: u64) -> f64 {
    limit as f64
}

#[expect(clippy::cast_possible_truncation, reason = "counts are far below 2^53")]
fn whole(count: f64) -> i64 {
    count as i64
}
