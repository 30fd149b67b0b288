//! Text form of times of checkpoints.

use std::time::SystemTime;

use jiff::Timestamp;

/// Formats a time in UTC with a precision of one second.
pub(super) fn format_time(at: SystemTime) -> Option<String> {
    let at = Timestamp::try_from(at).ok()?;
    Timestamp::from_second(at.as_second())
        .ok()
        .map(|at| at.to_string())
}
