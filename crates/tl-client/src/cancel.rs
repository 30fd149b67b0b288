//! Cancellation of one upload or ingestion, from the local check to the last wait.

use tl_protocol::{CancelHandle, flow::upload::UploadControl};

use crate::{Error, ErrorKind};

/// The handles that the caller has for one run.
#[derive(Debug, Clone, Default)]
pub(crate) struct Cancels {
    /// Set with `cancel_by`.
    handle: Option<CancelHandle>,
    /// Of the settings for chunks, if the caller gave some.
    control: Option<UploadControl>,
}

/// What cancels one run.
#[derive(Debug)]
pub(crate) struct RunCancel {
    pub(crate) handle: CancelHandle,
    /// Joins the second handle.
    _joined: Option<tl_http::cancel::OnCancel>,
}

impl Cancels {
    pub(crate) fn set_handle(&mut self, handle: &CancelHandle) {
        self.handle = Some(handle.clone());
    }

    pub(crate) fn set_control(&mut self, control: &UploadControl) {
        self.control = Some(control.clone());
    }

    /// What cancels the run, if the caller can: a run that nobody can cancel needs no threads for
    /// it.
    pub(crate) fn run(&self) -> Option<RunCancel> {
        let control = self.control.as_ref().map(UploadControl::cancel_handle);
        match (&self.handle, control) {
            (None, None) => None,
            (Some(handle), None) | (None, Some(handle)) => Some(RunCancel {
                handle: handle.clone(),
                _joined: None,
            }),
            (Some(handle), Some(control)) => {
                let both = control.child();
                let joined = handle.on_cancel({
                    let both = both.clone();
                    move || both.cancel()
                });
                Some(RunCancel {
                    handle: both,
                    _joined: Some(joined),
                })
            }
        }
    }
}

/// The error of a run that was canceled before its first request.
pub(crate) fn canceled_before_sending() -> Error {
    Error::new(
        ErrorKind::Canceled,
        "it was canceled during the local check, so nothing was sent",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn either_handle_cancels_the_run() {
        for first in [true, false] {
            let (handle, control) = (CancelHandle::new(), UploadControl::default());
            let mut cancels = Cancels::default();
            cancels.set_handle(&handle);
            cancels.set_control(&control);
            let run = cancels.run().unwrap();
            assert!(!run.handle.is_canceled());
            if first {
                handle.cancel();
            } else {
                control.cancel();
            }
            assert!(run.handle.is_canceled());
        }
        assert!(Cancels::default().run().is_none());
    }
}
