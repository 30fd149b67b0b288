//! Location of the cache.

use std::path::PathBuf;

use crate::check::cache::Cache;
use crate::ui::output::Output;

/// Where the cache is.
#[derive(Debug, Clone)]
pub(crate) enum CacheLocation {
    /// In the directory of the environment or of the user, if there is one.
    Default,
    /// In this directory.
    Folder(PathBuf),
    /// No cache, e.g. for files that were just written.
    Disabled,
}

impl CacheLocation {
    /// Opens the cache for results of `reader`. If that fails, there is none.
    pub(crate) fn open(self, reader: String, output: &Output) -> Option<Cache> {
        let (folder, is_explicit) = match self {
            Self::Default => (default_dir()?, false),
            Self::Folder(folder) => (folder, true),
            Self::Disabled => return None,
        };
        let (cache, note) = Cache::open(&folder, reader);
        match note {
            // A missing default cache is only worth a log line.
            Some(note) if cache.is_none() && !is_explicit => output.detail(&note),
            Some(note) => output.note(&note),
            None => {}
        }
        cache
    }
}

/// Environment variable with the cache directory.
pub(crate) const CACHE_DIR_VARIABLE: &str = "TL_CACHE";

/// Cache directory from the environment, or the user's cache directory.
fn default_dir() -> Option<PathBuf> {
    let named = std::env::var_os(CACHE_DIR_VARIABLE).filter(|folder| !folder.is_empty());
    if let Some(folder) = named {
        return Some(folder.into());
    }
    dirs::cache_dir().map(|folder| folder.join("tl"))
}
