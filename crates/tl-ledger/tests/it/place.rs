//! Where a test keeps its ledger.

use std::path::PathBuf;

use tempfile::TempDir;
use tl_ledger::{Ledger, OpenOptions};

/// A new ledger in a temporary folder, or in a database of a test server.
#[derive(Debug)]
pub(crate) enum Place {
    File {
        path: PathBuf,
        _folder: Option<TempDir>,
    },
    #[cfg(feature = "postgres")]
    Server { url: String },
}

impl Place {
    pub(crate) fn file() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        Self::File {
            path: folder.path().join("ledger.sqlite3"),
            _folder: Some(folder),
        }
    }

    /// The place with this address, in another process.
    pub(crate) fn at(address: &str) -> Self {
        #[cfg(feature = "postgres")]
        if address.contains("host=") {
            return Self::Server {
                url: address.to_owned(),
            };
        }
        Self::File {
            path: address.into(),
            _folder: None,
        }
    }

    pub(crate) fn address(&self) -> String {
        match self {
            Self::File { path, .. } => path.display().to_string(),
            #[cfg(feature = "postgres")]
            Self::Server { url } => url.clone(),
        }
    }

    /// Opens the ledger; the time is the tests' with both databases.
    pub(crate) fn open(&self) -> Ledger {
        match self {
            Self::File { path, .. } => OpenOptions::new().open(path).expect("opens"),
            #[cfg(feature = "postgres")]
            Self::Server { url } => OpenOptions::new()
                .caller_clock()
                .connect(url)
                .expect("opens"),
        }
    }
}
