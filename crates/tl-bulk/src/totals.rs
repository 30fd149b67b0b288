//! The counts of a run, and how it ended.

use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use tl_protocol::limiter::Dimension;

/// The counts of a run.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Totals {
    /// Items that the sources name. The number grows until `is_complete`.
    pub items: u64,
    /// Their size in bytes.
    pub bytes: u64,
    /// Whether all sources were read.
    pub is_complete: bool,
    /// Inputs that are no items, e.g. missing files.
    pub unreadable: u64,
    /// Items that were done before this run, or that are duplicates.
    pub skipped: u64,
    /// Items that were refused or failed before this run, and were not tried again.
    pub skipped_failed: u64,
    /// Items that the local check refused.
    pub refused: u64,
    /// Items that were uploaded in this run.
    pub uploaded: u64,
    /// Bytes that were sent in this run.
    pub sent_bytes: u64,
    /// Items on the platform: processed or indexed now.
    pub in_flight: u64,
    /// Items that are done, in this run.
    pub ready: u64,
    /// The duration of their videos, in milliseconds.
    pub ready_ms: u64,
    /// Items that failed permanently in this run.
    pub failed: u64,
    /// Items that are tried again later.
    pub held: u64,
    /// Items whose lost responses were looked up.
    pub settled: u64,
    /// Requests that were sent in this run, failed ones included.
    pub requests: u64,
    /// Of these, requests that the platform rejected with 429.
    pub rate_limited: u64,
    /// Time since the start of the run, in milliseconds.
    pub elapsed_ms: u64,
}

impl Totals {
    /// Items that are neither done, nor refused, nor failed.
    #[must_use]
    pub fn left(&self) -> u64 {
        let ended = self.skipped + self.skipped_failed + self.refused + self.ready + self.failed;
        self.items.saturating_sub(ended)
    }

    /// The duration of the videos that are done.
    #[must_use]
    pub fn ready_video(&self) -> Duration {
        Duration::from_millis(self.ready_ms)
    }
}

/// Why a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "because")]
#[non_exhaustive]
pub enum Ending {
    /// Nothing is left to do.
    Complete,
    /// The caller stopped it.
    Stopped,
    /// A budget of the run is used up.
    Budget {
        /// Which one.
        budget: Budget,
    },
    /// The videos last longer than the budget allows, or it is not known how long: nothing was sent.
    OverBudget {
        /// The duration of the videos to send, in milliseconds.
        video_ms: u64,
        /// The number of videos whose duration is not known.
        unknown: u64,
    },
    /// A limit of the account is reached, and the run does not wait.
    Limit {
        /// The limit, if it is known.
        dimension: Option<Dimension>,
        /// When it is reset, if it is known.
        until: Option<Timestamp>,
    },
    /// Indexes have no room for the next video; nothing else is left to do. The summary names them.
    IndexFull,
    /// The platform rejected the API key.
    KeyRefused,
    /// Too many items failed.
    Errors,
    /// The time limit for waiting has passed.
    DeadlinePassed,
}

/// A budget of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Budget {
    /// The number of items.
    Items,
    /// The minutes of video.
    Minutes,
    /// The number of bytes.
    Bytes,
    /// The time.
    Time,
}

/// The result of a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct RunSummary {
    /// Why it ended.
    #[serde(flatten)]
    pub ending: Ending,
    /// The counts.
    pub totals: Totals,
    /// The ids of the indexes that had no room for the next video.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub full_indexes: Vec<String>,
}

impl RunSummary {
    /// A summary.
    #[must_use]
    pub fn new(ending: Ending, totals: Totals) -> Self {
        Self {
            ending,
            totals,
            full_indexes: Vec::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn left_counts_what_has_not_ended() {
        let totals = Totals {
            items: 10,
            skipped: 2,
            refused: 1,
            ready: 3,
            failed: 1,
            ..Totals::default()
        };
        assert_eq!(totals.left(), 3);
    }
}
