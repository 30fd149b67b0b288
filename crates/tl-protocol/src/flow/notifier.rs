//! Brings the next look of a wait forward, for example when a webhook has arrived.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

/// Maximum time until a wait sees a notification.
pub(super) const TICK: Duration = Duration::from_millis(200);

/// Minimum time between two looks, however many notifications arrive: events of other videos
/// notify too, and each look counts against the request limit.
pub(super) const MIN_GAP: Duration = Duration::from_secs(1);

/// Makes waits look at once instead of at their next interval. Clones notify the same waits.
///
/// A notification is only a reason to look: the status is read from the platform, so that a lost,
/// repeated, forged or unrelated one does no harm. A wait looks within about 200 ms, but at most
/// once per second, and not before a time that the platform asked for.
///
/// ```
/// use std::{thread, time::Duration};
/// use tl_protocol::flow::{WaitNotifier, WaitPolicy};
///
/// let notifier = WaitNotifier::new();
/// // Look every five minutes, or when a webhook arrives.
/// let policy = WaitPolicy::default()
///     .with_first_interval(Duration::from_secs(300))
///     .with_max_interval(Duration::from_secs(300))
///     .with_notifier(Some(notifier.clone()));
/// // In the receiver of webhooks, in any task or thread:
/// thread::spawn(move || notifier.notify());
/// ```
#[derive(Debug, Clone, Default)]
pub struct WaitNotifier(Arc<AtomicU64>);

impl WaitNotifier {
    /// Creates a notifier.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Makes every wait with this notifier look at once.
    pub fn notify(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    /// The number of notifications so far.
    pub(super) fn count(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// Equal if they notify the same waits.
impl PartialEq for WaitNotifier {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

#[cfg(test)]
mod tests {
    use std::time::SystemTime;

    use bytes::Bytes;

    use super::*;
    use crate::{
        Flow, Now, Policy, Step, Token,
        endpoint::GetTask,
        flow::{Wait, WaitPolicy},
    };

    const MINUTE: Duration = Duration::from_secs(60);

    /// A wait with a poll per minute, and its clock in milliseconds.
    struct World(Wait<GetTask>, u64);

    impl World {
        fn new(notifier: &WaitNotifier) -> Self {
            let policy = WaitPolicy::default()
                .with_first_interval(MINUTE)
                .with_max_interval(MINUTE)
                .with_notifier(Some(notifier.clone()));
            let base = "https://api.twelvelabs.io/v1.3".parse().unwrap();
            Self(
                Wait::new(
                    GetTask::new("t"),
                    &base,
                    Policy::default().with_attempts(1),
                    policy,
                    1,
                ),
                0,
            )
        }

        fn now(&self) -> Now {
            Now::new(Duration::from_millis(self.1), SystemTime::UNIX_EPOCH)
        }

        /// The token of the poll that starts next, and its time.
        fn poll(&mut self) -> (Token, u64) {
            loop {
                match self.0.step(self.now()) {
                    Step::Start(token, _) => return (token, self.1),
                    Step::Wait { until } => {
                        self.1 = until.expect("nothing is in flight").as_millis() as u64;
                    }
                    Step::Done(end) => panic!("{end:?}"),
                }
            }
        }

        fn answer(&mut self, token: Token, status: u16, retry_after: &str) {
            // The driver sees the exchange in flight.
            assert!(matches!(self.0.step(self.now()), Step::Wait { .. }));
            let response = http::Response::builder()
                .status(status)
                .header("retry-after", retry_after)
                .body(Bytes::from_static(br#"{"_id":"t","status":"indexing"}"#));
            self.0.on_outcome(self.now(), token, Ok(response.unwrap()));
        }

        /// Passes time in steps as short as the flow asks for.
        fn sleep(&mut self, millis: u64) {
            let end = self.1 + millis;
            while self.1 < end {
                match self.0.step(self.now()) {
                    Step::Wait { until } => {
                        self.1 = end.min(until.unwrap().as_millis() as u64);
                    }
                    other => panic!("{other:?}"),
                }
            }
        }
    }

    #[test]
    fn notification_brings_the_poll_forward() {
        let notifier = WaitNotifier::new();
        let mut world = World::new(&notifier);
        let (first, _) = world.poll();
        world.answer(first, 200, "0");
        world.sleep(5_000);
        notifier.clone().notify();
        let (second, at) = world.poll();
        assert!(at <= 5_200, "{at}");
        // The notification is used up: the next poll is a minute later.
        world.answer(second, 200, "0");
        let (third, later) = world.poll();
        assert_eq!(later, at + 60_000);
        // One during a poll may be about a later status.
        notifier.notify();
        world.answer(third, 200, "0");
        assert_eq!(world.poll().1, later + 1_000);
    }

    #[test]
    fn notifications_respect_the_gap_and_the_platform() {
        let notifier = WaitNotifier::new();
        let mut world = World::new(&notifier);
        let (first, _) = world.poll();
        world.answer(first, 200, "0");
        for _ in 0..100 {
            notifier.notify();
        }
        let (second, at) = world.poll();
        assert_eq!(at, 1_000);
        world.answer(second, 429, "30");
        notifier.notify();
        let (_, at) = world.poll();
        assert!((31_000..61_000).contains(&at), "{at}");
    }

    #[test]
    fn notifiers_are_equal_if_they_notify_the_same_waits() {
        let notifier = WaitNotifier::new();
        assert_eq!(notifier, notifier.clone());
        assert_ne!(notifier, WaitNotifier::new());
        // As part of a policy too.
        let policy = WaitPolicy::default().with_notifier(Some(notifier.clone()));
        let same = WaitPolicy::default().with_notifier(Some(notifier));
        let other = WaitPolicy::default().with_notifier(Some(WaitNotifier::new()));
        assert_eq!(policy, same);
        assert_ne!(policy, other);
    }
}
