//! Options of the cache.

use std::path::PathBuf;

use clap::Args;

use crate::check::cache_location::CacheLocation;

/// Cache options, for commands that read unchanged files repeatedly.
#[derive(Debug, Args)]
#[command(next_help_heading = "Local check")]
pub(crate) struct CacheArgs {
    /// Do not read or write the cache
    #[arg(long)]
    no_cache: bool,
    /// Set the cache directory [default: the user's cache directory]
    #[arg(
        long,
        value_name = "DIR",
        conflicts_with = "no_cache",
        help_heading = "Local check"
    )]
    cache_dir: Option<PathBuf>,
}

impl CacheArgs {
    /// Where the results of probes are cached.
    pub(crate) fn location(&self) -> CacheLocation {
        match (&self.cache_dir, self.no_cache) {
            (_, true) => CacheLocation::Disabled,
            (Some(folder), false) => CacheLocation::Folder(folder.clone()),
            (None, false) => CacheLocation::Default,
        }
    }
}
