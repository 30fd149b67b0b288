//! How long the list of assets takes to show a new asset, and from when on an asset that it does not
//! show does not exist.
//!
//! A request whose outcome is unknown is repeated only if its asset is certainly not there: an asset
//! that is created twice is paid for twice. A list may lag behind, and a request of a process that
//! was killed may still be processed. How long both take is measured at the assets that the list
//! does show: from the intent of the request that created one to the look that showed it, an asset
//! was transferred, processed and listed. An asset that is missing for a multiple of that time after
//! its own intent was not created. If the list shows no asset of recent requests, nothing is known
//! of its lag, and the longest lag is waited for.

use std::time::Duration;

/// No asset is given up earlier after its intent.
const SHORTEST: Duration = Duration::from_secs(2);

/// The multiple of the measured time: assets differ in how long they take.
const MARGIN: f64 = 1.5;

/// What one look says.
#[derive(Debug, Default, Clone)]
pub(super) struct ListDelay {
    /// For each listed asset, the time from its intent to the end of the look, and its size.
    shown: Vec<(Duration, u64)>,
}

impl ListDelay {
    /// The list showed an asset of this size, whose intent was stored so long before.
    pub(super) fn shows(&mut self, after: Duration, bytes: u64) {
        self.shown.push((after, bytes));
    }

    /// From which age of its intent on an asset of this size does not exist if the list does not
    /// show it. `longest` is waited if nothing is known.
    pub(super) fn settled_after(&self, bytes: u64, longest: Duration) -> Duration {
        let scaled = self.shown.iter().map(|(after, size)| {
            // A larger file takes longer.
            let share = bytes.max(1) as f64 / (*size).max(1) as f64;
            let seconds = after.as_secs_f64() * share.max(1.0) * MARGIN;
            Duration::try_from_secs_f64(seconds).unwrap_or(longest)
        });
        scaled.min().unwrap_or(longest).max(SHORTEST).min(longest)
    }
}

/// How long to wait before the next look for an asset for which this process has looked since `known`,
/// and which is settled in `left`: soon, because uploads of this process may say that the list does
/// not lag, and then ever longer, so that few requests are sent while it does.
pub(super) fn next_look(known: Duration, left: Duration) -> Duration {
    known.max(SHORTEST).min(left)
}

#[cfg(test)]
mod tests {
    use super::*;

    const LONGEST: Duration = Duration::from_secs(45);

    fn seconds(seconds: f64) -> Duration {
        Duration::from_secs_f64(seconds)
    }

    #[test]
    fn nothing_listed_means_the_longest_lag() {
        assert_eq!(ListDelay::default().settled_after(1, LONGEST), LONGEST);
    }

    #[test]
    fn list_without_lag_settles_soon() {
        let mut delay = ListDelay::default();
        delay.shows(seconds(20.0), 100);
        delay.shows(seconds(0.4), 100);
        assert_eq!(delay.settled_after(100, LONGEST), SHORTEST);
        delay = ListDelay::default();
        delay.shows(seconds(4.0), 100);
        assert_eq!(delay.settled_after(100, LONGEST), seconds(6.0));
    }

    #[test]
    fn list_that_lags_30_seconds_is_waited_for() {
        let mut delay = ListDelay::default();
        // Nothing younger than its lag can be listed.
        delay.shows(seconds(30.1), 100);
        assert_eq!(delay.settled_after(100, LONGEST), LONGEST);
    }

    #[test]
    fn larger_files_are_given_more_time() {
        let mut delay = ListDelay::default();
        delay.shows(seconds(1.0), 100);
        assert_eq!(delay.settled_after(1000, LONGEST), seconds(15.0));
        assert_eq!(delay.settled_after(10, LONGEST), SHORTEST);
        assert_eq!(delay.settled_after(u64::MAX, LONGEST), LONGEST);
    }

    #[test]
    fn looks_become_rarer() {
        let (mut known, mut looks) = (Duration::ZERO, vec![0]);
        while known < LONGEST {
            known += next_look(known, LONGEST - known);
            looks.push(known.as_secs());
        }
        assert_eq!(looks, [0, 2, 4, 8, 16, 32, 45]);
    }
}
