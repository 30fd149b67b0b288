//! The current time as an argument. Nothing in this crate reads a clock.

use std::time::{Duration, SystemTime};

/// The current time on both clocks. The driver reads the clocks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Now {
    /// Monotonic time since a start that the driver chose. Used for deadlines and delays.
    pub mono: Duration,
    /// The wall clock, which may jump. Only compared with dates from the network.
    pub wall: SystemTime,
}

impl Now {
    /// Creates a time from both clocks.
    #[must_use]
    pub fn new(mono: Duration, wall: SystemTime) -> Self {
        Self { mono, wall }
    }
}
