//! Why a verb ended without success: one line for the reader, one exit code for the caller.

use std::fmt;
use std::process::ExitCode;

/// The end of a verb that did not succeed.
#[derive(Debug)]
pub(crate) struct Failure {
    line: String,
    exit: u8,
}

impl Failure {
    /// Something was wrong with the machine or the work: exit code 1.
    pub(crate) fn new(line: impl Into<String>) -> Self {
        Self {
            line: line.into(),
            exit: 1,
        }
    }

    /// The command line was wrong: exit code 2.
    pub(crate) fn usage(line: impl Into<String>) -> Self {
        Self {
            line: line.into(),
            exit: 2,
        }
    }

    /// Something could not be read, written or started.
    pub(crate) fn io(what: impl fmt::Display, error: &std::io::Error) -> Self {
        Self::new(format!("{what}: {error}"))
    }

    pub(crate) fn exit_code(&self) -> ExitCode {
        ExitCode::from(self.exit)
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.line)
    }
}
