//! Times as the platform and HTTP write them.

use jiff::Timestamp;
use tl_protocol::Now;

/// The wall clock of `now`, truncated to milliseconds as in the platform's timestamps.
pub(crate) fn to_timestamp(now: Now) -> Timestamp {
    let exact = Timestamp::try_from(now.wall).unwrap_or(Timestamp::UNIX_EPOCH);
    Timestamp::from_millisecond(exact.as_millisecond()).unwrap_or(exact)
}

/// Formats a time as the platform does: UTC with milliseconds.
pub(crate) fn api_timestamp(time: Timestamp) -> tl_model::Timestamp {
    tl_model::Timestamp::new(format!("{time:.3}"))
}

/// Formats a time as an HTTP date (RFC 9110, 5.6.7).
pub(crate) fn http_date(at: Timestamp) -> String {
    at.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string()
}
