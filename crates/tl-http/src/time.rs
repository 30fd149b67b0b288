//! The moment, as an argument. Nothing here reads a clock.

use std::time::{Duration, SystemTime};

/// The moment at which a flow is asked or told something; the driver reads the clocks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Now {
    /// Time on a clock that never goes back, since a start that the driver chose. Deadlines and delays are counted on it.
    pub mono: Duration,
    /// The wall clock, which may jump. Only dates from the network are compared with it.
    pub wall: SystemTime,
}

impl Now {
    /// The moment `mono` after a driver's start, at `wall` o'clock.
    #[must_use]
    pub fn new(mono: Duration, wall: SystemTime) -> Self {
        Self { mono, wall }
    }
}
