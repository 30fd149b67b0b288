//! The settings of an upload, and the handle that controls it while it runs.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use tl_http::CancelHandle;

use crate::with_fields::with_fields;

/// The settings of an upload.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct UploadSettings {
    /// Maximum number of concurrent chunks, at least 1. Default 8: more do not help on loopback,
    /// and 8 hide 50 ms of latency per chunk (measured; `docs/benchmarks.md`).
    pub concurrency: usize,
    /// Maximum time until a sent chunk is reported while others are in flight. Default 5 s.
    pub report_after: Duration,
    /// How long before its expiry a URL is no longer used. Default 60 s (a URL lives an hour).
    pub url_margin: Duration,
    /// Upload rate limit in bytes per second, measured over whole chunks. Default: no limit.
    pub bytes_per_second: Option<u64>,
    /// Whether to compare the ETag of a chunk with its MD5, if the ETag has the form of one.
    /// Default yes. The MD5 is computed on the thread that reads the chunk, and costs about 2 s of
    /// CPU time per GiB. After an ETag of another form, which cannot be verified, chunks are no
    /// longer hashed (measured by `cargo xtask bench upload`).
    pub verify: bool,
    /// Timeout of the whole upload. Default: none; a session lives 24 hours.
    pub deadline: Option<Duration>,
    /// Pauses and cancels.
    pub control: UploadControl,
}

with_fields!(UploadSettings {
    with_concurrency(concurrency: usize);
    with_report_after(report_after: Duration);
    with_url_margin(url_margin: Duration);
    with_bytes_per_second(bytes_per_second: Option<u64>);
    with_verify(verify: bool);
    with_deadline(deadline: Option<Duration>);
    with_control(control: UploadControl);
});

impl Default for UploadSettings {
    fn default() -> Self {
        Self {
            concurrency: 8,
            report_after: Duration::from_secs(5),
            url_margin: Duration::from_secs(60),
            bytes_per_second: None,
            verify: true,
            deadline: None,
            control: UploadControl::default(),
        }
    }
}

/// Pauses, resumes and cancels an upload from outside. Clones control the same upload.
#[derive(Debug, Clone, Default)]
pub struct UploadControl {
    is_paused: Arc<AtomicBool>,
    cancel: CancelHandle,
}

impl UploadControl {
    /// How often a paused upload checks whether it may continue.
    pub(super) const POLL_INTERVAL: Duration = Duration::from_millis(200);

    /// Creates a control whose [`cancel`](UploadControl::cancel) is that of `handle`.
    #[must_use]
    pub fn canceled_by(handle: &CancelHandle) -> Self {
        Self {
            cancel: handle.clone(),
            ..Self::default()
        }
    }

    /// Starts no further chunks until [`resume`](UploadControl::resume). Chunks in flight are
    /// finished.
    pub fn pause(&self) {
        self.is_paused.store(true, Ordering::Relaxed);
    }

    /// Resumes the upload after a pause.
    pub fn resume(&self) {
        self.is_paused.store(false, Ordering::Relaxed);
    }

    /// Cancels the upload. Uploaded chunks stay on the platform, and the upload can be resumed.
    ///
    /// A flow notices it at its next step. A client that runs the flow by
    /// [`cancel_handle`](UploadControl::cancel_handle) ends the requests in flight at once.
    pub fn cancel(&self) {
        self.cancel.cancel();
    }

    /// The handle that [`cancel`](UploadControl::cancel) cancels.
    #[must_use]
    pub fn cancel_handle(&self) -> &CancelHandle {
        &self.cancel
    }

    pub(super) fn is_paused(&self) -> bool {
        self.is_paused.load(Ordering::Relaxed)
    }

    pub(super) fn is_canceled(&self) -> bool {
        self.cancel.is_canceled()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clones_of_a_control_pause_and_resume_the_same_upload() {
        let control = UploadControl::default();
        let clone = control.clone();
        assert!(!control.is_paused());
        clone.pause();
        assert!(control.is_paused() && !control.is_canceled());
        clone.resume();
        assert!(!control.is_paused());
    }

    #[test]
    fn a_control_and_its_handle_cancel_each_other() {
        let control = UploadControl::default();
        let handle = control.cancel_handle().clone();
        assert!(!control.is_canceled() && !handle.is_canceled());
        control.cancel();
        assert!(control.is_canceled() && handle.is_canceled());

        let handle = CancelHandle::new();
        let control = UploadControl::canceled_by(&handle);
        assert!(!control.is_canceled() && !control.is_paused());
        handle.cancel();
        assert!(control.is_canceled());
    }
}
