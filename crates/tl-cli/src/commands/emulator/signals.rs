//! Signals that stop the emulator.

use crate::failure::Failure;

#[cfg(unix)]
pub(super) use unix::Signals;

#[cfg(unix)]
mod unix {
    use tokio::signal::unix::{Signal, SignalKind, signal};

    use super::Failure;
    use crate::failure::exit::Exit;

    /// Signal handlers.
    pub(crate) struct Signals {
        interrupt: Signal,
        terminate: Signal,
        hang_up: Signal,
    }

    impl Signals {
        /// Installs the signal handlers.
        pub(crate) fn listen() -> Result<Self, Failure> {
            let listen = |kind| {
                signal(kind).map_err(|error| {
                    Failure::new(
                        Exit::Temporary,
                        "system",
                        "failed to install a signal handler",
                    )
                    .with_source(&error)
                })
            };
            Ok(Self {
                interrupt: listen(SignalKind::interrupt())?,
                terminate: listen(SignalKind::terminate())?,
                hang_up: listen(SignalKind::hangup())?,
            })
        }

        /// Waits for the next signal and returns its number.
        pub(crate) async fn next(&mut self) -> i32 {
            tokio::select! {
                _ = self.interrupt.recv() => SignalKind::interrupt().as_raw_value(),
                _ = self.terminate.recv() => SignalKind::terminate().as_raw_value(),
                _ = self.hang_up.recv() => SignalKind::hangup().as_raw_value(),
            }
        }
    }
}

/// Ctrl-C.
#[cfg(not(unix))]
pub(super) struct Signals;

#[cfg(not(unix))]
impl Signals {
    pub(super) fn listen() -> Result<Self, Failure> {
        Ok(Self)
    }

    pub(super) async fn next(&mut self) -> i32 {
        // If no handler can be installed, the default action of the system applies.
        let _ = tokio::signal::ctrl_c().await;
        2
    }
}
