//! The limits of a plan: requests per minute and day and minutes of video per hour and day, both by
//! class of requests; concurrent tasks, and the size of indexes.
//!
//! Windows are aligned to the clock (minute, hour, UTC day); whether the platform uses sliding
//! windows is undocumented.

use http::{HeaderName, HeaderValue, StatusCode, header};
use jiff::Timestamp;
use tl_model::ErrorCode;
use tl_protocol::endpoint::{
    Analyze, CreateAnalyzeTask, CreateAsset, CreateIndexedAsset, CreateTask, Search,
};

use super::{
    env::Env,
    meter::{DAY, HOUR, MINUTE, Window},
    operation::Operation,
    plan::{ClassLimits, Plan},
    quirks,
    refusal::{ErrorForm, Refusal},
    state::State,
    time::http_date,
};

/// Requests that share a counter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Class {
    Index,
    Upload,
    Search,
    Analyze,
    /// Embeddings of video, audio and documents.
    EmbedMedia,
    /// Embeddings of texts and images.
    EmbedText,
}

impl Class {
    /// The name of its meter.
    fn name(self) -> &'static str {
        match self {
            Self::Index => "index",
            Self::Upload => "upload",
            Self::Search => "search",
            Self::Analyze => "analyze",
            Self::EmbedMedia => "embed_media",
            Self::EmbedText => "embed_text",
        }
    }

    fn limits(self, plan: &Plan) -> ClassLimits {
        match self {
            Self::Index | Self::Upload => ClassLimits {
                requests_per_minute: plan.requests_per_minute,
                requests_per_day: plan.requests_per_day,
                minutes_per_hour: plan.minutes_per_hour,
                minutes_per_day: plan.minutes_per_day,
            },
            Self::Search => plan.search,
            Self::Analyze => plan.analyze,
            Self::EmbedMedia => plan.embed_media,
            Self::EmbedText => plan.embed_text,
        }
    }

    /// The form of its 429. Documented for searches and analyses: an empty body; for embeddings: the
    /// nested form with this code.
    fn form(self) -> ErrorForm {
        match self {
            Self::Index | Self::Upload => ErrorForm::Flat,
            Self::Search | Self::Analyze => ErrorForm::Empty,
            Self::EmbedMedia | Self::EmbedText => ErrorForm::Nested,
        }
    }
}

/// The class of an operation, if that does not depend on the request: the requests of embeddings are
/// counted by [`count_embedding`].
fn class_of(operation: Operation) -> Option<Class> {
    const CLASSES: [(Operation, Class); 6] = [
        (Operation::of::<CreateTask>(), Class::Index),
        (Operation::of::<CreateIndexedAsset>(), Class::Index),
        (Operation::of::<CreateAsset>(), Class::Upload),
        (Operation::of::<Search>(), Class::Search),
        (Operation::of::<Analyze>(), Class::Analyze),
        (Operation::of::<CreateAnalyzeTask>(), Class::Analyze),
    ];
    let mut classes = CLASSES.into_iter();
    classes.find_map(|(of, class)| (of == operation).then_some(class))
}

/// The form of the 429 of an operation, if its requests are counted, and refused if there are too
/// many.
pub(crate) fn limit_form(operation: Operation) -> Option<ErrorForm> {
    class_of(operation).map(Class::form)
}

/// Counts a request for embeddings of this input type.
pub(crate) fn count_embedding(
    state: &mut State,
    env: &Env<'_>,
    input_type: &str,
) -> Result<(), Refusal> {
    let class = match input_type {
        "video" | "audio" | "document" => Class::EmbedMedia,
        _ => Class::EmbedText,
    };
    count_in(state, env, class)
}

/// Counts the minutes of an analysis, or refuses it if there are too many.
pub(crate) fn count_analysis(
    state: &mut State,
    env: &Env<'_>,
    seconds: f64,
) -> Result<(), Refusal> {
    count_minutes(state, env, Class::Analyze, seconds)
}

/// Counts a request, or refuses it if a limit is reached.
pub(crate) fn count_request(
    state: &mut State,
    env: &Env<'_>,
    operation: Operation,
) -> Result<(), Refusal> {
    match class_of(operation) {
        Some(class) => count_in(state, env, class),
        None => Ok(()),
    }
}

fn count_in(state: &mut State, env: &Env<'_>, class: Class) -> Result<(), Refusal> {
    let plan = env.settings.plan;
    if !plan.counts_requests() {
        return Ok(());
    }
    let limits = class.limits(&plan);
    let mut meter = state.meter(class.name());
    meter.requests_of_minute = meter.requests_of_minute.at(env.now, MINUTE);
    meter.requests_of_day = meter.requests_of_day.at(env.now, DAY);
    for (window, seconds, limit, unit) in [
        (
            meter.requests_of_minute,
            MINUTE,
            limits.requests_per_minute,
            "requests per minute",
        ),
        (
            meter.requests_of_day,
            DAY,
            limits.requests_per_day,
            "requests per day",
        ),
    ] {
        if let Some(limit) = limit
            && window.used + 1.0 > float(limit)
        {
            let wait = window.reset_in(env.now, seconds);
            return Err(rate_limited(env, class, wait, &format!("{limit} {unit}")));
        }
    }
    meter.requests_of_minute.used += 1.0;
    meter.requests_of_day.used += 1.0;
    state.meters.insert(class.name().to_owned(), meter);
    Ok(())
}

/// Counts minutes of video, or refuses the request if there are too many.
fn count_minutes(
    state: &mut State,
    env: &Env<'_>,
    class: Class,
    seconds: f64,
) -> Result<(), Refusal> {
    let limits = class.limits(&env.settings.plan);
    if limits.minutes_per_hour.is_none() && limits.minutes_per_day.is_none() {
        return Ok(());
    }
    let minutes = seconds / 60.0;
    let mut meter = state.meter(class.name());
    meter.minutes_of_hour = meter.minutes_of_hour.at(env.now, HOUR);
    meter.minutes_of_day = meter.minutes_of_day.at(env.now, DAY);
    for (window, length, limit, unit) in [
        (
            meter.minutes_of_hour,
            HOUR,
            limits.minutes_per_hour,
            "minutes of video per hour",
        ),
        (
            meter.minutes_of_day,
            DAY,
            limits.minutes_per_day,
            "minutes of video per day",
        ),
    ] {
        if let Some(limit) = limit
            && window.used + minutes > float(limit)
        {
            let wait = window.reset_in(env.now, length);
            return Err(rate_limited(env, class, wait, &format!("{limit} {unit}")));
        }
    }
    meter.minutes_of_hour.used += minutes;
    meter.minutes_of_day.used += minutes;
    state.meters.insert(class.name().to_owned(), meter);
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
    let before = state.meters.get(Class::Index.name()).copied();
    count_minutes(state, env, Class::Index, seconds)?;
    let counted = count_total(state, env, index_id, minutes);
    if counted.is_err() {
        // A video that is refused is not counted.
        match before {
            Some(meter) => state.meters.insert(Class::Index.name().to_owned(), meter),
            None => {
                state.meters.remove(Class::Index.name());
            }
        }
    }
    counted
}

/// Counts minutes that do not reset, and checks the size of the index.
fn count_total(
    state: &mut State,
    env: &Env<'_>,
    index_id: &str,
    minutes: f64,
) -> Result<(), Refusal> {
    let plan = env.settings.plan;
    let mut meter = state.meter(Class::Index.name());
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
    meter.total_minutes += minutes;
    state.meters.insert(Class::Index.name().to_owned(), meter);
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
    let class = class_of(operation).filter(|_| plan.counts_requests() && which != "none");
    let Some(class) = class else {
        return Vec::new();
    };
    let limits = class.limits(&plan);
    let meter = state.meter(class.name());
    let (minute, day) = (
        meter.requests_of_minute.at(env.now, MINUTE),
        meter.requests_of_day.at(env.now, DAY),
    );
    // Report the window with the fewest requests remaining.
    let left = |window: Window, limit: Option<u64>| {
        limit.map(|limit| (float(limit) - window.used).max(0.0))
    };
    let of_minute = left(minute, limits.requests_per_minute);
    let of_day = left(day, limits.requests_per_day);
    let is_day = of_minute.is_none()
        || of_day.is_some_and(|of_day| of_minute.is_some_and(|of_minute| of_day < of_minute));
    let (window, length, limit) = match is_day {
        true => (day, DAY, limits.requests_per_day),
        false => (minute, MINUTE, limits.requests_per_minute),
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
        if limits.minutes_per_hour.is_some() && class != Class::Upload {
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

fn rate_limited(env: &Env<'_>, class: Class, wait: i64, limit: &str) -> Refusal {
    let (now, quirks) = (env.now, &env.settings.quirks);
    let form = class.form();
    let code = match form {
        ErrorForm::Nested => ErrorCode::from("RATE_LIMIT_EXCEEDED"),
        _ => ErrorCode::TooManyRequests,
    };
    let mut refusal = Refusal::new(
        StatusCode::TOO_MANY_REQUESTS,
        code,
        format!(
            "You have exceeded the rate limit ({limit}). Please try again after {wait} seconds."
        ),
    );
    refusal.form = form;
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
