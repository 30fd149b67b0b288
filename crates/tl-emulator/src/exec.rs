//! Running a command against an emulator: its environment, its exit code, and a summary of its
//! requests.
#![allow(clippy::disallowed_methods, reason = "this module starts a process")]

use std::{
    collections::BTreeMap,
    fmt, io,
    process::{Command, ExitStatus},
};

use crate::Emulator;

/// A summary of the requests to an emulator.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Summary {
    /// Per operation: the number of requests, and how many of them were refused.
    pub operations: BTreeMap<String, (u64, u64)>,
    /// Per family of endpoints that the emulator does not implement: the number of requests.
    pub not_implemented: BTreeMap<String, u64>,
    /// Requests that matched no operation.
    pub others: u64,
    /// Bytes received in request bodies.
    pub bytes_received: u64,
    /// Files that were stored.
    pub files_kept: u64,
    /// Requests into which a fault was injected.
    pub faults: u64,
}

impl Emulator {
    /// The environment variables through which TwelveLabs clients and `tl` find the emulator.
    #[must_use]
    pub fn environment(&self) -> [(&'static str, String); 3] {
        [
            ("TWELVELABS_BASE_URL", self.base_url().to_string()),
            ("TWELVE_LABS_API_KEY", self.api_key()),
            ("TWELVELABS_API_KEY", self.api_key()),
        ]
    }

    /// Runs a command with [`environment`](Self::environment) and waits for it to exit.
    ///
    /// # Errors
    /// Returns an error if the command cannot be started.
    pub fn exec(&self, command: &mut Command) -> io::Result<ExitStatus> {
        command.envs(self.environment()).status()
    }

    /// A summary of all requests so far.
    #[must_use]
    pub fn summary(&self) -> Summary {
        let mut summary = Summary::default();
        for entry in self.journal() {
            summary.bytes_received += entry.bytes_received;
            summary.files_kept += u64::from(entry.media_stored);
            summary.faults += u64::from(!entry.faults.is_empty());
            match (entry.operation, entry.not_implemented) {
                (None, Some(family)) => *summary.not_implemented.entry(family).or_default() += 1,
                (None, None) => summary.others += 1,
                (Some(operation), _) => {
                    let (requests, refused) = summary.operations.entry(operation).or_default();
                    *requests += 1;
                    *refused += u64::from(entry.status >= 400);
                }
            }
        }
        summary
    }
}

/// The exit code of a command. A command killed by a signal gives 128 plus the signal number, as in
/// shells.
#[must_use]
pub fn exit_code(status: ExitStatus) -> i32 {
    #[cfg(unix)]
    if let Some(signal) = std::os::unix::process::ExitStatusExt::signal(&status) {
        return 128 + signal;
    }
    status.code().unwrap_or(1)
}

fn noun(number: u64, one: &'static str, many: &'static str) -> &'static str {
    if number == 1 { one } else { many }
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let total: u64 = self
            .operations
            .values()
            .map(|(requests, _)| requests)
            .sum::<u64>()
            + self.not_implemented.values().sum::<u64>()
            + self.others;
        write!(
            f,
            "{total} {}, {} {} received, {} {} kept",
            noun(total, "request", "requests"),
            self.bytes_received,
            noun(self.bytes_received, "byte", "bytes"),
            self.files_kept,
            noun(self.files_kept, "file", "files"),
        )?;
        if self.faults > 0 {
            let noun = noun(self.faults, "fault", "faults");
            write!(f, ", {} {noun} on purpose", self.faults)?;
        }
        for (operation, (requests, refused)) in &self.operations {
            write!(f, "\n  {operation}: {requests}")?;
            if *refused > 0 {
                write!(f, " ({refused} refused)")?;
            }
        }
        for (family, requests) in &self.not_implemented {
            write!(
                f,
                "\n  {family}: {requests} (not implemented in the emulator)"
            )?;
        }
        if self.others > 0 {
            write!(f, "\n  other: {}", self.others)?;
        }
        Ok(())
    }
}
