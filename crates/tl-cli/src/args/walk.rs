//! Options for file discovery.

use std::path::PathBuf;

use clap::Args;

use crate::batch::walk::{Walk, WalkOptions};
use crate::failure::Failure;

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
    /// Follow symbolic links; loops are detected
    #[arg(long)]
    follow_symlinks: bool,
    /// Include files with any extension, but no hidden or ignored ones
    #[arg(long)]
    all_files: bool,
    /// Read paths from this file, one per line; `-` is standard input
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
