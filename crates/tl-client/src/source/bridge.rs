//! Runs the reads of an async source for callers that block.

use std::{
    io,
    sync::mpsc::{self, RecvTimeoutError},
    time::Duration,
};

use tokio::runtime::Handle;

use crate::{Error, ErrorKind};

/// Default time limit of a read: 8 MiB in this time are 140 kB/s.
pub(super) const READ_TIMEOUT: Duration = Duration::from_secs(60);

/// The runtime that reads, and the time limit of a read.
///
/// A read is a task of the runtime, and the caller waits on its own thread. That thread may not be
/// one of the runtime's workers; both clients read on a thread that may block.
#[derive(Debug, Clone)]
pub(super) struct Bridge {
    runtime: Handle,
    pub(super) timeout: Duration,
}

impl Bridge {
    /// Uses the runtime of the caller.
    ///
    /// # Errors
    /// [`ErrorKind::Configuration`] outside of a tokio runtime.
    pub(super) fn current(name: &str) -> Result<Self, Error> {
        let runtime = Handle::try_current().map_err(|error| {
            let message = format!("`{name}` cannot be opened: await this call in a tokio runtime");
            Error::new(ErrorKind::Configuration, message).with_source(error)
        })?;
        Ok(Self {
            runtime,
            timeout: READ_TIMEOUT,
        })
    }

    /// Waits for `read`. If it takes too long, it is dropped.
    pub(super) fn wait<T: Send + 'static>(
        &self,
        read: impl Future<Output = io::Result<T>> + Send + 'static,
    ) -> io::Result<T> {
        // With room for the only result, sending it never blocks.
        let (sender, result) = mpsc::sync_channel(1);
        let task = self.runtime.spawn(async move {
            // Fails if the caller no longer waits.
            drop(sender.send(read.await));
        });
        match result.recv_timeout(self.timeout) {
            Ok(result) => result,
            Err(RecvTimeoutError::Timeout) => {
                task.abort();
                let text = format!("no bytes arrived within {:?}", self.timeout);
                Err(io::Error::new(io::ErrorKind::TimedOut, text))
            }
            Err(RecvTimeoutError::Disconnected) => Err(io::Error::other(
                "the read ended without a result: its runtime was shut down, or the source panicked",
            )),
        }
    }
}
