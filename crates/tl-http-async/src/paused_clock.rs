//! Keeps a paused tokio clock from jumping while an exchange waits for its peer.
//!
//! In a test with `tokio::time::pause()`, the clock jumps to the next timer as soon as all tasks
//! wait, and to tokio a task that waits for a socket is one that waits. Every time limit of an
//! exchange would pass before its response arrives. tokio does not move a paused clock while a
//! closure of `spawn_blocking` runs, so a [`ClockHold`] is one that waits.

use std::{sync::mpsc, time::Duration};

use tokio::time::Instant;

/// Holds a paused clock until it is dropped. Does nothing if the clock is not paused.
pub(crate) struct ClockHold {
    /// The closure ends when this is dropped.
    _release: Option<mpsc::Sender<()>>,
}

impl ClockHold {
    /// Holds the clock for at most `limit` of real time, so that a time limit that is reached in
    /// real time is also reached on the paused clock, which then jumps to it.
    ///
    /// Must be called on a runtime.
    pub(crate) fn new(limit: Duration) -> Self {
        let release = is_paused().then(|| {
            let (release, released) = mpsc::channel::<()>();
            // The handle is not needed: the closure ends by itself.
            drop(tokio::task::spawn_blocking(move || {
                // An error either way: the time has passed, or the sender was dropped.
                _ = released.recv_timeout(limit);
            }));
            release
        });
        Self { _release: release }
    }
}

/// Whether the clock of the current runtime is not the system's.
///
/// The tokio clock that was never paused reads the system's, so its time is between two readings
/// of the system's. A paused one stands before the first.
fn is_paused() -> bool {
    let before = std::time::Instant::now();
    let clock = Instant::now().into_std();
    let after = std::time::Instant::now();
    clock < before || after < clock
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn running_clock_is_not_held() {
        let hold = ClockHold::new(Duration::from_secs(60));
        assert!(hold._release.is_none());
    }

    #[tokio::test(start_paused = true)]
    async fn paused_clock_stands_while_held_and_jumps_after() {
        let started = Instant::now();
        let hold = ClockHold::new(Duration::from_secs(60));
        // Real time passes in which every task waits.
        let (sender, receiver) = tokio::sync::oneshot::channel();
        std::thread::spawn(move || {
            std::thread::sleep(Duration::from_millis(20));
            sender.send(())
        });
        tokio::select! {
            biased;
            received = receiver => assert!(received.is_ok()),
            () = tokio::time::sleep(Duration::from_secs(1)) => panic!("the clock jumped"),
        }
        assert_eq!(started.elapsed(), Duration::ZERO);
        drop(hold);
        tokio::time::sleep(Duration::from_secs(3600)).await;
        assert!(started.elapsed() >= Duration::from_secs(3600));
    }

    #[tokio::test(start_paused = true)]
    async fn hold_ends_at_its_limit() {
        let _hold = ClockHold::new(Duration::from_millis(20));
        let silent = std::future::pending::<()>();
        let limited = tokio::time::timeout(Duration::from_secs(60), silent).await;
        assert!(limited.is_err());
    }
}
