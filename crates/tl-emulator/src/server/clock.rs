//! The emulator's clock: real time, scaled, or manual.

use std::{
    fmt,
    str::FromStr,
    sync::Mutex,
    time::{Duration, Instant, SystemTime},
};

use tl_protocol::Now;
use tokio::sync::watch;

/// How the emulator's time passes. It starts at the current time in every mode.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
#[non_exhaustive]
pub enum ClockMode {
    /// Real time.
    #[default]
    Real,
    /// Real time multiplied by this factor, which is greater than 0.
    Scaled(f64),
    /// Stopped until it is advanced.
    Manual,
}

impl fmt::Display for ClockMode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Real => f.write_str("real"),
            Self::Scaled(factor) => write!(f, "x{factor}"),
            Self::Manual => f.write_str("manual"),
        }
    }
}

impl FromStr for ClockMode {
    type Err = String;

    /// Parses `real`, `manual`, or a factor such as `x60`.
    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "real" => Ok(Self::Real),
            "manual" => Ok(Self::Manual),
            _ => text
                .strip_prefix('x')
                .and_then(|factor| factor.parse::<f64>().ok())
                .filter(|factor| (0.001..=1_000_000.0).contains(factor))
                .map(Self::Scaled)
                .ok_or_else(|| {
                    format!("`{text}` is no clock mode (allowed: real, manual, or a factor from x0.001 to x1000000)")
                }),
        }
    }
}

/// The clock. All its times derive from one reading of the system clock and a monotonic clock.
#[derive(Debug)]
pub(crate) struct Clock {
    state: Mutex<State>,
    /// Counts the changes that make waiters check again.
    changes: watch::Sender<u64>,
}

#[derive(Debug)]
struct State {
    mode: ClockMode,
    /// The monotonic time at which `elapsed` was recorded.
    base: Instant,
    /// The emulator's time at `base`, since `start`.
    elapsed: Duration,
    /// The system time at which the clock was created.
    start: SystemTime,
}

impl State {
    fn elapsed(&self) -> Duration {
        let since = self.base.elapsed();
        match self.mode {
            ClockMode::Real => self.elapsed.saturating_add(since),
            ClockMode::Scaled(factor) => {
                let scaled = Duration::try_from_secs_f64(since.as_secs_f64() * factor);
                self.elapsed
                    .saturating_add(scaled.unwrap_or(Duration::ZERO))
            }
            ClockMode::Manual => self.elapsed,
        }
    }

    /// Makes the current time the base.
    fn rebase(&mut self) {
        self.elapsed = self.elapsed();
        self.base = Instant::now();
    }
}

impl Clock {
    pub(crate) fn new(mode: ClockMode) -> Self {
        let state = State {
            mode,
            base: Instant::now(),
            elapsed: Duration::ZERO,
            start: SystemTime::now(),
        };
        Self {
            state: Mutex::new(state),
            changes: watch::Sender::new(0),
        }
    }

    pub(crate) fn now(&self) -> Now {
        let state = self.state();
        let mono = state.elapsed();
        let wall = state.start.checked_add(mono).unwrap_or(state.start);
        Now::new(mono, wall)
    }

    pub(crate) fn mode(&self) -> ClockMode {
        self.state().mode
    }

    pub(crate) fn set_mode(&self, mode: ClockMode) {
        let mut state = self.state();
        state.rebase();
        state.mode = mode;
        drop(state);
        self.changes.send_modify(|count| *count += 1);
    }

    pub(crate) fn advance(&self, by: Duration) {
        let mut state = self.state();
        state.rebase();
        state.elapsed = state.elapsed.saturating_add(by);
        drop(state);
        self.changes.send_modify(|count| *count += 1);
    }

    /// Makes waiters check again.
    pub(crate) fn notify(&self) {
        self.changes.send_modify(|count| *count += 1);
    }

    /// Returns a receiver that is notified when the mode changes or the clock is advanced.
    pub(crate) fn subscribe(&self) -> watch::Receiver<u64> {
        self.changes.subscribe()
    }

    /// Converts a duration of the emulator's clock to real time. Returns `None` if the clock is
    /// stopped.
    pub(crate) fn to_real_time(&self, wait: Duration) -> Option<Duration> {
        match self.mode() {
            ClockMode::Real => Some(wait),
            ClockMode::Scaled(factor) => {
                Duration::try_from_secs_f64(wait.as_secs_f64() / factor).ok()
            }
            ClockMode::Manual => None,
        }
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        // The state is consistent between any two statements, so a panic elsewhere cannot corrupt
        // it.
        self.state
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn manual_clock_only_moves_when_advanced() {
        let clock = Clock::new(ClockMode::Manual);
        let start = clock.now();
        std::thread::sleep(Duration::from_millis(5));
        assert_eq!(clock.now(), start);
        clock.advance(Duration::from_secs(3600));
        assert_eq!(clock.now().mono - start.mono, Duration::from_secs(3600));
        assert_eq!(clock.now().wall, start.wall + Duration::from_secs(3600));
    }

    #[test]
    fn scaled_clock_keeps_its_time_on_mode_change() {
        let clock = Clock::new(ClockMode::Scaled(1000.0));
        std::thread::sleep(Duration::from_millis(20));
        clock.set_mode(ClockMode::Manual);
        let elapsed_at_stop = clock.now().mono;
        assert!(
            elapsed_at_stop >= Duration::from_secs(20),
            "{elapsed_at_stop:?}"
        );
        assert_eq!(clock.now().mono, elapsed_at_stop);
    }

    #[test]
    fn modes_round_trip() {
        for text in ["real", "manual", "x60", "x0.5"] {
            assert_eq!(text.parse::<ClockMode>().unwrap().to_string(), text);
        }
        for text in ["", "x0", "x-1", "xNaN", "fast", "60"] {
            assert!(text.parse::<ClockMode>().is_err(), "{text}");
        }
    }
}
