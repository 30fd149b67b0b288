//! Options for file discovery.

use std::path::PathBuf;
use std::time::SystemTime;

use clap::Args;
use tl_bulk::source::{List, Walk, WalkOptions};

use crate::args::time;
use crate::failure::Failure;
use crate::text::units;

/// Options for file discovery.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Directories")]
pub(crate) struct WalkArgs {
    /// Include only files that match, with any extension. Repeatable
    #[arg(long, value_name = "GLOB")]
    include: Vec<String>,
    /// Exclude files and directories that match. Repeatable
    #[arg(long, value_name = "GLOB")]
    exclude: Vec<String>,
    /// Skip smaller files, e.g. 500kB
    #[arg(long, value_name = "SIZE", value_parser = units::parse_size)]
    min_size: Option<u64>,
    /// Skip larger files, e.g. 4GB
    #[arg(long, value_name = "SIZE", value_parser = units::parse_size)]
    max_size: Option<u64>,
    /// Skip files modified before this time, or longer ago, e.g. 7d
    #[arg(long, value_name = "TIME|DURATION", value_parser = time::parse_past)]
    newer_than: Option<SystemTime>,
    /// Skip files modified at or after this time, or more recently
    #[arg(long, value_name = "TIME|DURATION", value_parser = time::parse_past)]
    older_than: Option<SystemTime>,
    /// Follow symbolic links; loops are detected
    #[arg(long)]
    follow_symlinks: bool,
    /// Include files with any extension, but no hidden or ignored ones
    #[arg(long)]
    all_files: bool,
    /// Read paths from this file, one per line; `-` is standard input
    #[arg(long, value_name = "FILE")]
    files_from: Vec<PathBuf>,
    /// Read paths separated by NUL from this file; `-` is standard input
    #[arg(long, value_name = "FILE")]
    files_from0: Vec<PathBuf>,
}

impl WalkArgs {
    /// Creates a walk over `roots` and the paths of the lists.
    pub(crate) fn over(&self, roots: &[PathBuf]) -> Result<Walk, Failure> {
        let walk = Walk::new(roots, self.options())?;
        Ok(self.lists().try_fold(walk, Walk::with_list)?)
    }

    /// Which files of directories are used.
    pub(crate) fn options(&self) -> WalkOptions {
        WalkOptions::new()
            .with_include(self.include.clone())
            .with_exclude(self.exclude.clone())
            .with_min_size(self.min_size)
            .with_max_size(self.max_size)
            .with_newer_than(self.newer_than)
            .with_older_than(self.older_than)
            .with_symlinks(self.follow_symlinks)
            .with_all_files(self.all_files)
    }

    /// The lists of `--files-from` and `--files-from0`.
    pub(crate) fn lists(&self) -> impl Iterator<Item = List> {
        let lines = self.files_from.iter().map(List::lines);
        lines.chain(self.files_from0.iter().map(List::nul_separated))
    }
}
