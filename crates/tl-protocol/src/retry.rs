//! Decides for one outcome whether it is a response, a permanent error, or worth another attempt,
//! and when.
//!
//! A pure function of the policy, the attempt, the repeatability, the outcome and the time. Flows
//! act on the decision.

use std::time::{Duration, SystemTime};

use http::{HeaderMap, StatusCode, header};
use jiff::fmt::rfc2822;

use crate::{
    Delivery, ErrorKind, Now, Outcome, TransportErrorKind, rng::Rng, with_fields::with_fields,
};

/// Whether a request may be sent again if it is unknown whether the platform processed it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Repeat {
    /// Idempotent: `GET`, `PUT`, `DELETE`, `PATCH` with a merge.
    Freely,
    /// Only if it was certainly not processed: `POST` requests that create a resource.
    IfNotProcessed,
    /// With the same `Idempotency-Key`, which each such request has: the platform does not process
    /// it twice. The key stays the same over all attempts of a call.
    WithKey,
}

/// The retry policy of a call: attempts, delays and timeouts.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Policy {
    /// Maximum number of attempts per request, at least 1. Default 5.
    /// [`with_attempts`](Policy::with_attempts) sets this and `chunk_attempts`.
    pub max_attempts: u32,
    /// Maximum number of attempts per chunk of an upload; the API requests of that upload get at
    /// least as many. Default 8, because a single failed chunk or request fails an upload of
    /// hundreds.
    pub chunk_attempts: u32,
    /// Maximum of the first delay; it doubles with each attempt. Default 500 ms.
    pub base_delay: Duration,
    /// Maximum delay, unless the platform asks for a longer one. Default 30 s.
    pub max_delay: Duration,
    /// Timeout of one attempt, plus the time allowed for its body. Default 60 s.
    pub attempt_timeout: Duration,
    /// Stall timeout: the longest time without progress while a body is sent. Default 30 s.
    pub stall_timeout: Duration,
    /// Timeout of one attempt of an operation that analyzes media before it responds. Default 10
    /// minutes, as in the official clients (Python 1.3.6, JavaScript 1.3.4). The timeout of the whole
    /// call is at least as long. [`with_timeout`](Policy::with_timeout) caps it.
    pub slow_timeout: Duration,
    /// The slowest accepted upload rate, in bytes per second. It determines the time allowed for a
    /// body, which is added to the timeouts of the attempt and of the call. Default 32 KiB/s (a 2
    /// GB file: 18 hours); `stall_timeout` detects a stalled upload.
    pub min_upload_rate: u64,
    /// Timeout of the whole call, all attempts and delays included, plus the time allowed for one
    /// body. Default 5 minutes. It also applies to each chunk of an upload: its attempts and the
    /// delays between them.
    pub total_timeout: Duration,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            max_attempts: 5,
            chunk_attempts: 8,
            base_delay: Duration::from_millis(500),
            max_delay: Duration::from_secs(30),
            attempt_timeout: Duration::from_secs(60),
            stall_timeout: Duration::from_secs(30),
            slow_timeout: Duration::from_secs(600),
            min_upload_rate: 32 << 10,
            total_timeout: Duration::from_secs(300),
        }
    }
}

with_fields!(Policy {
    with_base_delay(base_delay: Duration);
    with_max_delay(max_delay: Duration);
    with_attempt_timeout(attempt_timeout: Duration);
    with_stall_timeout(stall_timeout: Duration);
    with_slow_timeout(slow_timeout: Duration);
    with_min_upload_rate(min_upload_rate: u64);
});

impl Policy {
    /// Sets the maximum number of attempts for each request and for each chunk of an upload.
    #[must_use]
    pub fn with_attempts(mut self, attempts: u32) -> Self {
        self.max_attempts = attempts;
        self.chunk_attempts = attempts;
        self
    }

    /// Sets the timeout for each request and for each chunk of an upload, all attempts and delays
    /// included; the time allowed for a body is added. The timeouts of attempts and stalls are capped
    /// at `limit`.
    #[must_use]
    pub fn with_timeout(mut self, limit: Duration) -> Self {
        self.total_timeout = limit;
        self.attempt_timeout = self.attempt_timeout.min(limit);
        self.slow_timeout = self.slow_timeout.min(limit);
        self.stall_timeout = self.stall_timeout.min(limit);
        self
    }

    /// The time allowed for a body of `len` bytes.
    #[must_use]
    pub fn body_time(&self, len: u64) -> Duration {
        Duration::from_secs(len / self.min_upload_rate.max(1))
    }

    /// The delay before attempt `attempt + 1` if the platform did not specify one: full jitter,
    /// from 0 to `base_delay * 2^(attempt - 1)`, at most `max_delay`.
    #[must_use]
    pub fn backoff(&self, attempt: u32, rng: &mut Rng) -> Duration {
        let doublings = attempt.saturating_sub(1).min(31);
        let ceiling = self
            .base_delay
            .saturating_mul(1 << doublings)
            .min(self.max_delay);
        ceiling.mul_f64(rng.fraction())
    }
}

/// The decision about an outcome.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Decision {
    /// A 2xx response: decode it.
    Accept,
    /// Retry, but not before this time on the driver's clock.
    Retry {
        /// The earliest time of the next attempt.
        at: Duration,
        /// The error that caused the retry.
        because: ErrorKind,
    },
    /// Give up.
    GiveUp {
        /// The kind of the error that this becomes.
        kind: ErrorKind,
        /// How long the platform asked to wait.
        retry_after: Option<Duration>,
    },
}

/// The state of a finished attempt.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct Attempt {
    /// Its number, from 1.
    pub number: u32,
    /// Whether it may be sent again if it is unknown whether the platform processed it.
    pub repeat: Repeat,
    /// Statuses that mean that the request was not processed: see
    /// [`Endpoint::NOT_PROCESSED`](crate::Endpoint::NOT_PROCESSED).
    pub not_processed: &'static [u16],
    /// Whether a 429 without a time is final: see
    /// [`Endpoint::LIMITS_RESOURCES`](crate::Endpoint::LIMITS_RESOURCES).
    pub limits_resources: bool,
    /// The time on the driver's clock after which no attempt may start.
    pub deadline: Duration,
}

impl Attempt {
    /// The attempt `number`, from 1.
    #[must_use]
    pub fn new(number: u32, repeat: Repeat, deadline: Duration) -> Self {
        Self {
            number,
            repeat,
            not_processed: &[],
            limits_resources: false,
            deadline,
        }
    }
}

with_fields!(Attempt {
    with_not_processed(not_processed: &'static [u16]);
    with_limits_resources(limits_resources: bool);
});

/// Decides what to do about `outcome`.
pub fn decide(
    policy: &Policy,
    attempt: Attempt,
    outcome: &Outcome,
    now: Now,
    rng: &mut Rng,
) -> Decision {
    let verdict = match outcome {
        Ok(response) => decide_response(response.status(), response.headers(), attempt, now.wall),
        Err(error) => decide_failure(error.kind(), error.delivery(), attempt.repeat),
    };
    let (because, retry_after) = match verdict {
        Verdict::Accept => return Decision::Accept,
        Verdict::Final(kind) => {
            return Decision::GiveUp {
                kind,
                retry_after: None,
            };
        }
        Verdict::Temporary {
            because,
            retry_after,
        } => (because, retry_after),
    };
    // Nothing was sent, so the attempt does not count.
    let is_local = is_local(outcome);
    let mut backoff = policy.backoff(attempt.number, rng);
    if is_local {
        backoff = backoff.clamp(LOCAL_DELAY.0, LOCAL_DELAY.1);
    }
    // Not before the time that the platform asked for. Jitter is added, so that waiting clients do
    // not return all at once.
    let delay = retry_after.map_or(backoff, |requested| {
        requested.saturating_add(backoff.min(policy.base_delay))
    });
    let at = now.mono.saturating_add(delay);
    if (attempt.number >= policy.max_attempts && !is_local) || at >= attempt.deadline {
        return Decision::GiveUp {
            kind: because,
            retry_after,
        };
    }
    Decision::Retry { at, because }
}

/// Minimum and maximum delay before a retry if no file descriptor was free.
pub(crate) const LOCAL_DELAY: (Duration, Duration) =
    (Duration::from_millis(50), Duration::from_secs(1));

/// Whether the attempt failed because no file descriptor was free.
pub(crate) fn is_local(outcome: &Outcome) -> bool {
    matches!(outcome, Err(error) if error.kind() == TransportErrorKind::NoDescriptor)
}

enum Verdict {
    Accept,
    Final(ErrorKind),
    Temporary {
        because: ErrorKind,
        retry_after: Option<Duration>,
    },
}

fn decide_response(
    status: StatusCode,
    headers: &HeaderMap,
    attempt: Attempt,
    wall: SystemTime,
) -> Verdict {
    let after = || retry_after(headers, wall);
    let when_limited = || after().or_else(|| rate_limit_reset(headers, wall));
    match status.as_u16() {
        200..=299 => Verdict::Accept,
        401 => Verdict::Final(ErrorKind::Unauthorized),
        403 => Verdict::Final(ErrorKind::Forbidden),
        404 => Verdict::Final(ErrorKind::NotFound),
        429 if attempt.limits_resources && when_limited().is_none() => {
            Verdict::Final(ErrorKind::RateLimited)
        }
        429 => Verdict::Temporary {
            because: ErrorKind::RateLimited,
            retry_after: when_limited(),
        },
        status if attempt.not_processed.contains(&status) => Verdict::Temporary {
            because: ErrorKind::Server,
            retry_after: after(),
        },
        // A 503 means that the server did not process the request.
        503 => Verdict::Temporary {
            because: ErrorKind::Server,
            retry_after: after(),
        },
        408 | 500..=599 => match attempt.repeat {
            Repeat::Freely | Repeat::WithKey => Verdict::Temporary {
                because: ErrorKind::Server,
                retry_after: after(),
            },
            Repeat::IfNotProcessed => Verdict::Final(ErrorKind::OutcomeUnknown),
        },
        400..=499 => Verdict::Final(ErrorKind::Refused),
        // The API documents neither informational responses nor redirects.
        _ => Verdict::Final(ErrorKind::Malformed),
    }
}

fn decide_failure(kind: TransportErrorKind, delivery: Delivery, repeat: Repeat) -> Verdict {
    let because = match kind {
        TransportErrorKind::Unreachable | TransportErrorKind::NoDescriptor => {
            ErrorKind::Unreachable
        }
        TransportErrorKind::Canceled => return Verdict::Final(ErrorKind::Canceled),
        TransportErrorKind::Tls => return Verdict::Final(ErrorKind::Unreachable),
        TransportErrorKind::SourceFailed => return Verdict::Final(ErrorKind::SourceFailed),
        TransportErrorKind::UnsafeUrl => return Verdict::Final(ErrorKind::UnsafeUrl),
        TransportErrorKind::TooLarge | TransportErrorKind::NotHttp => {
            return Verdict::Final(match repeat {
                Repeat::Freely => ErrorKind::Malformed,
                Repeat::IfNotProcessed | Repeat::WithKey => ErrorKind::OutcomeUnknown,
            });
        }
        TransportErrorKind::Refused => return Verdict::Final(ErrorKind::InvalidRequest),
        // Lost, timed out, stalled or idle. A kind that this version does not know is treated as a
        // lost connection too, according to its delivery.
        _ => ErrorKind::ConnectionLost,
    };
    match (delivery, repeat) {
        (Delivery::Unknown, Repeat::IfNotProcessed) => Verdict::Final(ErrorKind::OutcomeUnknown),
        _ => Verdict::Temporary {
            because,
            retry_after: None,
        },
    }
}

/// Longer values of `Retry-After` are capped at one day, the longest window of the platform's
/// limits (rate limits page).
const MAX_RETRY_AFTER: Duration = Duration::from_secs(86_400);

/// The delay requested by `Retry-After`, in seconds or as a date (RFC 9110, 10.2.3). A date is
/// compared with the response's own `Date`, so that a wrong local clock has no effect, or with
/// `wall` if there is none.
#[must_use]
pub fn retry_after(headers: &HeaderMap, wall: SystemTime) -> Option<Duration> {
    let text = headers.get(header::RETRY_AFTER)?.to_str().ok()?.trim();
    if !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit()) {
        return Some(
            text.parse()
                .map_or(MAX_RETRY_AFTER, Duration::from_secs)
                .min(MAX_RETRY_AFTER),
        );
    }
    let until = http_date(text)?;
    let reference = headers
        .get(header::DATE)
        .and_then(|date| http_date(date.to_str().ok()?))
        .unwrap_or(wall);
    Some(
        until
            .duration_since(reference)
            .unwrap_or_default()
            .min(MAX_RETRY_AFTER),
    )
}

/// When the window of a rate limit ends: `X-RateLimit-Request-Reset` of the 2026 scheme,
/// `X-Ratelimit-Reset` of the older one, both in seconds of Unix time (rate limits pages of v1.3
/// and v1.2).
fn rate_limit_reset(headers: &HeaderMap, wall: SystemTime) -> Option<Duration> {
    let reference = headers
        .get(header::DATE)
        .and_then(|date| http_date(date.to_str().ok()?))
        .unwrap_or(wall);
    ["x-ratelimit-request-reset", "x-ratelimit-reset"]
        .iter()
        .find_map(|name| headers.get(*name)?.to_str().ok()?.trim().parse().ok())
        .and_then(|seconds| SystemTime::UNIX_EPOCH.checked_add(Duration::from_secs(seconds)))
        .map(|until| {
            until
                .duration_since(reference)
                .unwrap_or_default()
                .min(MAX_RETRY_AFTER)
        })
}

pub(crate) fn http_date(text: &str) -> Option<SystemTime> {
    let zoned = rfc2822::DateTimeParser::new()
        .parse_timestamp(text.trim())
        .ok()?;
    Some(zoned.into())
}

#[cfg(test)]
mod tests;
