//! The error type: a kind to match on, what failed and why, and a hint.

use std::{error, fmt};

/// The kind of an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// Another process claimed the item since: the lease of the caller has expired. Drop the work
    /// on the item; its result belongs to the new owner.
    Stale,
    /// The item, account, attempt or run does not exist.
    NotFound,
    /// An argument cannot be stored.
    Invalid,
    /// Another process holds the lock of the database for too long. Try again.
    Locked,
    /// The ledger cannot be written.
    ReadOnly,
    /// The ledger has a layout that only a newer version of this program knows.
    Newer,
    /// The file is not a ledger.
    NotALedger,
    /// The ledger is damaged. It is never replaced, because nothing else knows what was sent.
    Corrupt,
    /// The disk is full. Nothing was written.
    Full,
    /// The disk cannot be read or written.
    Io,
    /// The user or password was refused, or lacks a permission.
    Denied,
    /// The file cannot be opened, or the server cannot be reached, or the connection broke.
    Unavailable,
    /// The connection was lost during a transaction that cannot be repeated, e.g. a
    /// [`batch`](crate::Ledger::batch). Nothing of it was written. Do it again.
    Undone,
    /// The connection was lost during a commit, and the server could not be asked whether it was
    /// written. Read the item again: its epoch and its attempts say what was written.
    CommitUnknown,
    /// Another failure of the database.
    Other,
}

/// Why an operation of the ledger failed. Nothing of it was written, unless the kind is
/// [`CommitUnknown`](ErrorKind::CommitUnknown).
pub struct Error(Box<Inner>);

struct Inner {
    kind: ErrorKind,
    message: String,
    source: Option<Box<dyn error::Error + Send + Sync>>,
}

/// A result of the ledger.
pub type Result<T, E = Error> = std::result::Result<T, E>;

impl Error {
    pub(crate) fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self(Box::new(Inner {
            kind,
            message: message.into(),
            source: None,
        }))
    }

    /// An error of this kind, e.g. to undo a [`batch`](crate::Ledger::batch).
    pub fn with_kind(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self::new(kind, message)
    }

    pub(crate) fn with_source(
        mut self,
        source: impl Into<Box<dyn error::Error + Send + Sync>>,
    ) -> Self {
        self.0.source = Some(source.into());
        self
    }

    pub(crate) fn corrupt(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Corrupt, message)
    }

    /// Adds what failed.
    pub(crate) fn during(mut self, what: impl fmt::Display) -> Self {
        self.0.message = format!("{what}: {}", self.0.message);
        self
    }

    /// What kind of failure it is.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// What to do about it.
    #[must_use]
    pub fn hint(&self) -> Option<&'static str> {
        Some(match self.0.kind {
            ErrorKind::Invalid => "correct the argument or the address that the message names",
            ErrorKind::Locked => "another process uses the ledger; wait until it has finished",
            ErrorKind::ReadOnly => {
                "check the permissions of the ledger and its folder, or open it read-only"
            }
            ErrorKind::Newer => "use the version of the program that wrote it, or a newer one",
            ErrorKind::NotALedger => "name another file",
            ErrorKind::Corrupt => "restore a backup, or move the file away to start a new ledger",
            ErrorKind::Full => "free disk space and run the command again",
            ErrorKind::Io => "check the disk and the quota of the user",
            ErrorKind::Denied => "check the user, the password and the permissions of the ledger",
            ErrorKind::Unavailable => {
                "check that the folder exists, or that the server is running and reachable"
            }
            ErrorKind::Undone | ErrorKind::CommitUnknown => {
                "check that the server is running, and run the command again"
            }
            _ => return None,
        })
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.message)
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Error")
            .field("kind", &self.0.kind)
            .field("message", &self.0.message)
            .field("source", &self.0.source)
            .finish()
    }
}

impl error::Error for Error {
    fn source(&self) -> Option<&(dyn error::Error + 'static)> {
        let source = self.0.source.as_deref()?;
        Some(source)
    }
}
