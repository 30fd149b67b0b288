//! The error of a command, and the one kind that has its own exit code.

use std::fmt;

/// Why a command failed. Exit code 1, or 2 for [`Usage`].
pub(crate) type Failure = anyhow::Error;

/// A wrong command line.
#[derive(Debug)]
pub(crate) struct Usage(pub(crate) String);

impl fmt::Display for Usage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Usage {}

/// A failure with exit code 2.
pub(crate) fn usage(message: impl Into<String>) -> Failure {
    Usage(message.into()).into()
}
