//! `cargo xtask corpus [DIR]`: the small media files that tests and benches read, made where they are not there yet.
//!
//! What they are lives in `tl-corpus`; here is only where they go.

use std::path::{Path, PathBuf};

use crate::failure::Failure;
use crate::shell;
use crate::workspace::Workspace;

pub(crate) fn run(arguments: &[String]) -> Result<(), Failure> {
    let workspace = Workspace::here()?;
    let folder = match arguments {
        [] => default_folder(&workspace),
        [folder] if !folder.starts_with('-') => PathBuf::from(folder),
        _ => {
            return Err(Failure::usage(
                "`cargo xtask corpus [DIR]` takes one folder, or none for target/corpus",
            ));
        }
    };
    make(&folder)
}

/// Where the corpus is, unless somebody says otherwise.
pub(crate) fn default_folder(workspace: &Workspace) -> PathBuf {
    workspace.target.join("corpus")
}

/// Makes what is missing, and lists all of it.
pub(crate) fn make(folder: &Path) -> Result<(), Failure> {
    shell::cargo()
        .args(["run", "--quiet", "--package", "tl-corpus", "--"])
        .arg(folder)
        .run()
}
