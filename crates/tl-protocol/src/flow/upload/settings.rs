//! How an upload behaves, and the handle that steers it while it runs.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU8, Ordering},
    },
    time::Duration,
};

/// How chunks are sent.
#[derive(Debug, Clone)]
pub struct UploadSettings {
    /// The largest number of chunks under way at once, 1 and more. Default 8: more lanes gain nothing on loopback, and
    /// hide 50 ms of latency per chunk (measured; `docs/benchmarks.md`).
    pub concurrency: usize,
    /// How long a sent chunk may stay unreported while others are under way. Default 5 s.
    pub report_after: Duration,
    /// How long before its end a URL is not used any more. Default 60 s (a URL lives an hour).
    pub url_margin: Duration,
    /// The largest number of bytes that begin per second, measured over whole chunks. Default: no limit.
    pub bytes_per_second: Option<u64>,
    /// Whether the ETag of a chunk is held against its MD5 where it has the form of one. Default yes. The MD5 is taken while
    /// a chunk is read, on the thread that reads it, and costs about 2 s of processor time per GiB; after an ETag of another
    /// form, which says nothing, chunks are not hashed any more (measured by `cargo xtask bench upload`).
    pub verify: bool,
    /// The longest time of the whole upload. Default: none; a session lives 24 hours.
    pub deadline: Option<Duration>,
    /// Pauses and cancels.
    pub steering: Steering,
}

impl Default for UploadSettings {
    fn default() -> Self {
        Self {
            concurrency: 8,
            report_after: Duration::from_secs(5),
            url_margin: Duration::from_secs(60),
            bytes_per_second: None,
            verify: true,
            deadline: None,
            steering: Steering::default(),
        }
    }
}

/// Pauses and cancels an upload from outside. A clone steers the same upload.
#[derive(Debug, Clone, Default)]
pub struct Steering(Arc<AtomicU8>);

const RUN: u8 = 0;
const PAUSE: u8 = 1;
const CANCEL: u8 = 2;

impl Steering {
    /// How often a paused upload looks whether it may go on.
    pub(super) const LOOK: Duration = Duration::from_millis(200);

    /// Begins no further chunk until [`resume`](Steering::resume); those under way are finished.
    pub fn pause(&self) {
        let _ = self
            .0
            .compare_exchange(RUN, PAUSE, Ordering::Relaxed, Ordering::Relaxed);
    }

    /// Goes on after a pause.
    pub fn resume(&self) {
        let _ = self
            .0
            .compare_exchange(PAUSE, RUN, Ordering::Relaxed, Ordering::Relaxed);
    }

    /// Ends the upload at its next step; what the platform has stays there, and can be resumed.
    pub fn cancel(&self) {
        self.0.store(CANCEL, Ordering::Relaxed);
    }

    pub(super) fn is_paused(&self) -> bool {
        self.0.load(Ordering::Relaxed) == PAUSE
    }

    pub(super) fn is_cancelled(&self) -> bool {
        self.0.load(Ordering::Relaxed) == CANCEL
    }
}
