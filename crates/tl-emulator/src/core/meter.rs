//! What an account has used of its plan, in windows aligned to the clock.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// A rate limit window: its number since the epoch, and how much of it is used.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Window {
    pub(crate) number: i64,
    pub(crate) used: f64,
}

impl Window {
    /// The usage of the window of `seconds` that contains `now`.
    pub(crate) fn at(self, now: Timestamp, seconds: i64) -> Self {
        let number = now.as_second().div_euclid(seconds);
        if number == self.number {
            self
        } else {
            Self { number, used: 0.0 }
        }
    }

    /// Seconds until the next window starts, at least 1.
    pub(crate) fn reset_in(self, now: Timestamp, seconds: i64) -> i64 {
        (self.reset_at(seconds) - now.as_second()).max(1)
    }

    pub(crate) fn reset_at(self, seconds: i64) -> i64 {
        (self.number + 1) * seconds
    }
}

pub(crate) const MINUTE: i64 = 60;
pub(crate) const HOUR: i64 = 3600;
pub(crate) const DAY: i64 = 86_400;

/// What an account has used of its plan.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Meter {
    pub(crate) requests_of_minute: Window,
    pub(crate) requests_of_day: Window,
    pub(crate) minutes_of_hour: Window,
    pub(crate) minutes_of_day: Window,
    #[serde(rename = "minutes_ever")]
    pub(crate) total_minutes: f64,
}
