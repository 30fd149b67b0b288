//! `cargo xtask corpus [DIR]`: makes the media files of tests and benches that are missing.

use std::path::{self, Path, PathBuf};

use crate::failure::{Failure, usage};
use crate::workspace::Workspace;

pub(crate) fn run(arguments: &[String]) -> Result<(), Failure> {
    let workspace = Workspace::here()?;
    match arguments {
        [] => make(&workspace, &default_folder(&workspace)),
        [folder] if !folder.starts_with('-') => make(&workspace, &path::absolute(folder)?),
        _ => Err(usage("usage: cargo xtask corpus [DIR]")),
    }
}

/// Where the corpus is unless another folder is given.
pub(crate) fn default_folder(workspace: &Workspace) -> PathBuf {
    workspace.target.join("corpus")
}

/// Makes what is missing, and lists everything.
pub(crate) fn make(workspace: &Workspace, folder: &Path) -> Result<(), Failure> {
    let corpus = workspace.cargo("run --quiet --package tl-corpus --");
    Ok(corpus.arg(folder).run()?)
}
