//! The rate limit headers of a response.

use std::time::{Duration, SystemTime};

use http::{HeaderMap, header};

use crate::retry::http_date;

/// A window longer than this is not believed: the longest of the platform is a day.
const MAX_RESET: Duration = Duration::from_secs(86_400 + 3600);

/// What a response says about the limit of its category. The platform reports one window, the
/// one with the fewest requests remaining.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ReportedLimit {
    /// Requests allowed per window.
    pub limit: Option<u64>,
    /// Requests remaining in the window.
    pub remaining: Option<u64>,
    /// Requests counted in the window.
    pub used: Option<u64>,
    /// Time until the window ends.
    pub reset_in: Option<Duration>,
}

impl ReportedLimit {
    /// Reads the headers of both schemes: `X-RateLimit-Request-Remaining` and `-Reset` of 2026,
    /// `X-Ratelimit-Limit`, `-Remaining`, `-Used` and `-Reset` of the older one. Values that are no
    /// numbers are ignored.
    ///
    /// A reset is a Unix time in seconds. It is compared with the `Date` of the response, so that a
    /// wrong local clock has no effect, or with `wall` if there is none.
    ///
    /// ```
    /// use std::time::{Duration, SystemTime};
    /// use http::{HeaderMap, HeaderValue};
    /// use tl_protocol::limiter::ReportedLimit;
    ///
    /// let mut headers = HeaderMap::new();
    /// headers.insert("x-ratelimit-request-remaining", HeaderValue::from_static("7"));
    /// headers.insert("x-ratelimit-request-reset", HeaderValue::from_static("1800000030"));
    /// let wall = SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000);
    /// let reported = ReportedLimit::read(&headers, wall);
    /// assert_eq!(reported.remaining, Some(7));
    /// assert_eq!(reported.reset_in, Some(Duration::from_secs(30)));
    /// ```
    #[must_use]
    pub fn read(headers: &HeaderMap, wall: SystemTime) -> Self {
        let number = |names: &[&str]| {
            names.iter().find_map(|name| {
                let text = headers.get(*name)?.to_str().ok()?;
                text.trim().parse::<u64>().ok()
            })
        };
        let reference = headers
            .get(header::DATE)
            .and_then(|date| http_date(date.to_str().ok()?))
            .unwrap_or(wall);
        let reset_in = number(&["x-ratelimit-request-reset", "x-ratelimit-reset"])
            .and_then(|seconds| SystemTime::UNIX_EPOCH.checked_add(Duration::from_secs(seconds)))
            .map(|reset| reset.duration_since(reference).unwrap_or_default())
            .filter(|reset_in| *reset_in <= MAX_RESET);
        Self {
            limit: number(&["x-ratelimit-limit"]),
            remaining: number(&["x-ratelimit-request-remaining", "x-ratelimit-remaining"]),
            used: number(&["x-ratelimit-used"]),
            reset_in,
        }
    }

    /// Whether the response has none of the headers.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}
