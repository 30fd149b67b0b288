//! The error of a run as a whole. Errors of single items are in the ledger.

use std::fmt;

/// Why a run could not start or go on. What the ledger has recorded stays.
#[derive(Debug)]
#[non_exhaustive]
pub enum Error {
    /// The ledger.
    Ledger(tl_ledger::Error),
    /// The platform, before any item was sent.
    Client(tl_client::Error),
    /// A setting, or an index that cannot be used.
    Invalid(String),
}

/// A result of a run.
pub type Result<T, E = Error> = std::result::Result<T, E>;

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ledger(error) => error.fmt(f),
            Self::Client(error) => error.fmt(f),
            Self::Invalid(text) => f.write_str(text),
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Ledger(error) => error.source(),
            Self::Client(error) => error.source(),
            Self::Invalid(_) => None,
        }
    }
}

impl From<tl_ledger::Error> for Error {
    fn from(error: tl_ledger::Error) -> Self {
        Self::Ledger(error)
    }
}

impl From<tl_client::Error> for Error {
    fn from(error: tl_client::Error) -> Self {
        Self::Client(error)
    }
}

impl From<tl_protocol::Error> for Error {
    fn from(error: tl_protocol::Error) -> Self {
        Self::Client(error.into())
    }
}
