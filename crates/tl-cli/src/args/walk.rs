//! Options for file discovery.

use std::path::PathBuf;

use clap::Args;

use crate::batch::walk::{Walk, WalkOptions};
use crate::failure::Failure;

/// Options for file discovery.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Directories")]
pub(crate) struct WalkArgs {
    /// Include only files that match, e.g. `*.mp4` or `/2026/**`, with any extension. Repeatable
    #[arg(long, value_name = "GLOB")]
    include: Vec<String>,
    /// Exclude files and directories that match. Repeatable
    #[arg(long, value_name = "GLOB")]
    exclude: Vec<String>,
    /// Follow symbolic links; loops are detected
    #[arg(long)]
    follow_symlinks: bool,
    /// Include files with any extension, except hidden and ignored (`.ignore`, `.tlignore`) ones
    #[arg(long)]
    all_files: bool,
    /// Read more paths from this file, one per line; `-` reads standard input
    #[arg(long, value_name = "FILE")]
    files_from: Option<PathBuf>,
}

impl WalkArgs {
    /// Creates a walk over `roots` and the paths of `--files-from`.
    pub(crate) fn over(&self, roots: &[PathBuf]) -> Result<Walk, Failure> {
        Walk::new(
            roots,
            WalkOptions {
                include: self.include.clone(),
                exclude: self.exclude.clone(),
                follow_symlinks: self.follow_symlinks,
                all_files: self.all_files,
                files_from: self.files_from.clone(),
            },
        )
    }
}
