//! Temporary folders that go with the verb that made them.

use std::path::{Path, PathBuf};

use crate::failure::Failure;

/// A temporary folder; it goes when this does.
#[derive(Debug)]
pub(crate) struct Folder(PathBuf);

impl Folder {
    /// A new one for `verb`.
    ///
    /// # Errors
    /// The system's folder for temporary files cannot be written, or somebody else has one of this name.
    pub(crate) fn new(verb: &str) -> Result<Self, Failure> {
        let path = std::env::temp_dir().join(format!("tl-{verb}-{}", std::process::id()));
        // Not `create_dir_all`: a folder that somebody else prepared is not ours.
        std::fs::create_dir(&path)
            .map_err(|e| Failure::io(format!("could not create {}", path.display()), &e))?;
        Ok(Self(path))
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        if let Err(error) = std::fs::remove_dir_all(&self.0) {
            eprintln!("could not remove {}: {error}", self.0.display());
        }
    }
}
