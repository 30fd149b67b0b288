//! The signals by which people, service managers and containers end a program.

use crate::failure::Failure;

#[cfg(unix)]
pub(super) use unix::Signals;

#[cfg(unix)]
mod unix {
    use tokio::signal::unix::{Signal, SignalKind, signal};

    use super::Failure;
    use crate::exit::Exit;

    /// What asks this program to end.
    pub(crate) struct Signals {
        interrupt: Signal,
        terminate: Signal,
        hang_up: Signal,
    }

    impl Signals {
        /// Listens from now on.
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

        /// The number of the next one.
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
        // Where no signal can be heard, the default of the system ends the program.
        let _ = tokio::signal::ctrl_c().await;
        2
    }
}
