//! The limits of a plan: requests per minute and day, minutes of video per hour and day, concurrent
//! tasks, and the size of indexes.
//!
//! Windows are aligned to the clock (minute, hour, UTC day); whether the platform uses sliding
//! windows is undocumented.

use http::{HeaderName, HeaderValue, StatusCode, header};
use jiff::Timestamp;
use tl_model::ErrorCode;
use tl_protocol::endpoint::{CreateAsset, CreateIndexedAsset, CreateTask};

use super::{
    env::Env,
    meter::{DAY, HOUR, MINUTE, Window},
    operation::Operation,
    plan::Plan,
    quirks::{self, Quirks},
    refusal::Refusal,
    state::State,
    time::http_date,
};

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

/// Whether the requests of an operation are counted, and refused if there are too many.
pub(crate) fn is_limited(operation: Operation) -> bool {
    category(operation).is_some()
}

/// Counts a request, or refuses it if a limit is reached.
pub(crate) fn count_request(
    state: &mut State,
    env: &Env<'_>,
    operation: Operation,
) -> Result<(), Refusal> {
    let plan = env.settings.plan;
    let Some(category) = category(operation).filter(|_| plan.counts_requests()) else {
        return Ok(());
    };
    let mut meter = state.meter(category);
    meter.requests_of_minute = meter.requests_of_minute.at(env.now, MINUTE);
    meter.requests_of_day = meter.requests_of_day.at(env.now, DAY);
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
            let wait = window.reset_in(env.now, seconds);
            return Err(rate_limited(
                env.now,
                wait,
                &format!("{limit} {unit}"),
                &env.settings.quirks,
            ));
        }
    }
    meter.requests_of_minute.used += 1.0;
    meter.requests_of_day.used += 1.0;
    state.meters.insert(category.to_owned(), meter);
    Ok(())
}

/// Counts a video of this many seconds for an index, or refuses it if a limit is reached.
pub(crate) fn count_video(
    state: &mut State,
    env: &Env<'_>,
    index_id: &str,
    seconds: f64,
) -> Result<(), Refusal> {
    let plan = env.settings.plan;
    if plan == Plan::UNLIMITED {
        return Ok(());
    }
    let minutes = seconds / 60.0;
    let mut meter = state.meter(INDEX);
    meter.minutes_of_hour = meter.minutes_of_hour.at(env.now, HOUR);
    meter.minutes_of_day = meter.minutes_of_day.at(env.now, DAY);
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
            let wait = window.reset_in(env.now, length);
            return Err(rate_limited(
                env.now,
                wait,
                &format!("{limit} {unit}"),
                &env.settings.quirks,
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
    for video in state
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
    state.meters.insert(INDEX.to_owned(), meter);
    Ok(())
}

/// The rate limit headers, in both of the platform's schemes.
pub(crate) fn headers(
    state: &State,
    env: &Env<'_>,
    operation: Operation,
) -> Vec<(HeaderName, HeaderValue)> {
    let plan = env.settings.plan;
    let which = env.quirk(&quirks::RATE_HEADERS);
    let Some(category) = category(operation).filter(|_| plan.counts_requests() && which != "none")
    else {
        return Vec::new();
    };
    let meter = state.meter(category);
    let (minute, day) = (
        meter.requests_of_minute.at(env.now, MINUTE),
        meter.requests_of_day.at(env.now, DAY),
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
                meter.minutes_of_hour.at(env.now, HOUR).reset_at(HOUR),
            );
        }
    }
    headers
}

/// When a task that is due for indexing at `start` is actually indexed, given the tasks that are
/// indexed before it.
pub(crate) fn indexing_start(
    state: &State,
    env: &Env<'_>,
    start: Timestamp,
    except: &str,
) -> Timestamp {
    let Some(concurrent) = env.settings.plan.concurrent_tasks else {
        return start;
    };
    let mut ends: Vec<Timestamp> = state
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
