//! Writes outputs atomically: under a temporary name in the target's directory, renamed when
//! complete.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use super::error::{ProgramError, ProgramErrorKind};

static NEXT: AtomicU64 = AtomicU64::new(0);

/// A temporary file or directory next to its target; removed on drop unless kept.
pub(super) struct TempOutput {
    temporary: PathBuf,
    target: PathBuf,
    folder: bool,
    overwrite: bool,
    persisted: bool,
}

impl TempOutput {
    pub(super) fn file(target: &Path, overwrite: bool) -> Result<Self, ProgramError> {
        let output = Self::new(target, false, overwrite)?;
        OpenOptions::new()
            .write(true)
            .create_new(true)
            .open(&output.temporary)
            .map_err(|error| output.failed("cannot create a file next to", &error))?;
        Ok(output)
    }

    pub(super) fn folder(target: &Path) -> Result<Self, ProgramError> {
        let output = Self::new(target, true, false)?;
        fs::create_dir(&output.temporary)
            .map_err(|error| output.failed("cannot create a directory next to", &error))?;
        Ok(output)
    }

    fn new(target: &Path, folder: bool, overwrite: bool) -> Result<Self, ProgramError> {
        let target = std::path::absolute(target).map_err(|error| {
            ProgramError::output(format!("`{}` is not a file name", target.display()), &error)
        })?;
        let (Some(parent), Some(name)) = (target.parent(), target.file_name()) else {
            return Err(ProgramError::new(
                ProgramErrorKind::Output,
                format!("`{}` is not a file name", target.display()),
            ));
        };
        if target.symlink_metadata().is_ok() && (folder || !overwrite) {
            return Err(exists(&target));
        }
        let mut hidden = std::ffi::OsString::from(format!(
            ".part-{}-{}-",
            std::process::id(),
            NEXT.fetch_add(1, Ordering::Relaxed)
        ));
        // Keep the extension at the end: `ffmpeg` derives the format from it.
        hidden.push(shortened(name));
        Ok(Self {
            temporary: parent.join(hidden),
            target,
            folder,
            overwrite,
            persisted: false,
        })
    }

    pub(super) fn temporary(&self) -> &Path {
        &self.temporary
    }

    /// Renames the output to its final name. Returns the size of a file, or 0 for a directory.
    pub(super) fn persist(mut self) -> Result<u64, ProgramError> {
        if self.folder {
            if self.target.symlink_metadata().is_ok() {
                return Err(exists(&self.target));
            }
            fs::rename(&self.temporary, &self.target)
                .map_err(|error| self.failed("cannot rename the result to", &error))?;
            self.persisted = true;
            return Ok(0);
        }
        let size = File::open(&self.temporary)
            // Sync to disk, so that a long-running result survives a crash of the machine.
            .and_then(|file| file.sync_all().and_then(|()| file.metadata()))
            .map_err(|error| self.failed("cannot read the result of ffmpeg for", &error))?
            .len();
        if size == 0 {
            return Err(ProgramError::new(
                ProgramErrorKind::Output,
                format!(
                    "ffmpeg succeeded but wrote nothing for `{}`",
                    self.target.display()
                ),
            ));
        }
        put_in_place(&self.temporary, &self.target, self.overwrite)?;
        self.persisted = true;
        Ok(size)
    }

    fn failed(&self, what: &str, error: &io::Error) -> ProgramError {
        ProgramError::output(
            format!("{what} `{}`: {error}", self.target.display()),
            error,
        )
    }
}

impl Drop for TempOutput {
    fn drop(&mut self) {
        if self.persisted {
            return;
        }
        // The error cannot be reported here, and the file name shows that the file is partial.
        let _ = if self.folder {
            fs::remove_dir_all(&self.temporary)
        } else {
            fs::remove_file(&self.temporary)
        };
    }
}

/// Renames the complete file `from` to `target` on the same file system, atomically. An existing
/// file is replaced only if `overwrite` is set.
///
/// # Errors
/// [`ProgramErrorKind::Exists`] or [`ProgramErrorKind::Output`].
pub fn put_in_place(from: &Path, target: &Path, overwrite: bool) -> Result<(), ProgramError> {
    if !overwrite {
        // Unlike a rename, a hard link fails if the name was taken in the meantime.
        match fs::hard_link(from, target) {
            Ok(()) => {
                // The temporary name is a second link to a complete file, so a failure to remove it
                // is ignored.
                let _ = fs::remove_file(from);
                return Ok(());
            }
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                return Err(exists(target));
            }
            // The file system does not support hard links.
            Err(_) if target.symlink_metadata().is_ok() => return Err(exists(target)),
            Err(_) => {}
        }
    }
    fs::rename(from, target).map_err(|error| {
        let what = format!(
            "cannot rename the result to `{}`: {error}",
            target.display()
        );
        ProgramError::output(what, &error)
    })
}

/// A new private directory in the system's temporary directory, with one file name in it; removed
/// on drop.
pub(super) struct Scratch {
    folder: PathBuf,
    file: PathBuf,
}

impl Scratch {
    pub(super) fn new() -> Result<Self, ProgramError> {
        let base = std::env::temp_dir();
        for _ in 0..100 {
            let folder = base.join(format!(
                "tl-{}-{}",
                std::process::id(),
                NEXT.fetch_add(1, Ordering::Relaxed)
            ));
            let mut builder = fs::DirBuilder::new();
            #[cfg(unix)]
            std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
            match builder.create(&folder) {
                Ok(()) => {
                    let file = folder.join("out");
                    return Ok(Self { folder, file });
                }
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                Err(error) => {
                    return Err(ProgramError::output(
                        format!(
                            "cannot create a temporary directory in `{}`: {error}",
                            base.display()
                        ),
                        &error,
                    ));
                }
            }
        }
        Err(ProgramError::new(
            ProgramErrorKind::Output,
            format!(
                "no free name for a temporary directory in `{}`",
                base.display()
            ),
        ))
    }

    pub(super) fn path(&self) -> &Path {
        &self.file
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // As in [`TempOutput`].
        let _ = fs::remove_dir_all(&self.folder);
    }
}

fn exists(target: &Path) -> ProgramError {
    ProgramError::new(
        ProgramErrorKind::Exists,
        format!("`{}` exists already", target.display()),
    )
}

/// Shortens a long name in the middle, so that it fits into 255 bytes together with the prefix.
fn shortened(name: &std::ffi::OsStr) -> std::ffi::OsString {
    if name.len() <= 200 {
        return name.to_owned();
    }
    let mut short = std::ffi::OsString::from("long");
    if let Some(extension) = Path::new(name)
        .extension()
        .filter(|extension| extension.len() <= 16)
    {
        short.push(".");
        short.push(extension);
    }
    short
}
