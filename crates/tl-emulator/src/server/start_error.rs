//! Why the emulator could not be started.

use std::fmt;

/// The emulator could not be started. The message gives the reason and what to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StartError(pub(crate) String);

impl StartError {
    pub(crate) fn thread_died() -> Self {
        Self("the thread of the emulator ended before it had started".to_owned())
    }
}

impl fmt::Display for StartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "could not start the emulator: {}", self.0)
    }
}

impl std::error::Error for StartError {}
