//! One process at a time: a lock beside each checkpoint, which the system takes away when its holder ends, however it ends.

use std::{
    fs::{self, File, OpenOptions, TryLockError},
    io,
    path::{Path, PathBuf},
};

use super::regular;

/// A lock that is held until it is dropped.
#[derive(Debug)]
pub(super) struct Lock {
    file: File,
    path: PathBuf,
}

/// How often a lock file that its last holder has just removed is tried again.
const TRIES: u32 = 16;

impl Lock {
    /// Takes the lock at `path`; `None` where another process, or another upload of this one, has it.
    pub(super) fn take(path: &Path) -> io::Result<Option<Self>> {
        for _ in 0..TRIES {
            let mut options = OpenOptions::new();
            let file = regular::open(path, options.create(true).truncate(false).write(true))?;
            match file.try_lock() {
                Ok(()) => {}
                Err(TryLockError::WouldBlock) => return Ok(None),
                Err(TryLockError::Error(error)) => return Err(error),
            }
            // Its last holder may have removed it between our two calls: then the lock is on a file that nobody sees.
            if is_at(&file, path) {
                return Ok(Some(Self {
                    file,
                    path: path.to_owned(),
                }));
            }
        }
        Ok(None)
    }

    /// Whether somebody has the lock at `path`. Nothing is created.
    pub(super) fn is_taken(path: &Path) -> bool {
        regular::open(path, OpenOptions::new().write(true))
            .is_ok_and(|file| matches!(file.try_lock(), Err(TryLockError::WouldBlock)))
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        // While the lock is still held, so that whoever comes next makes a new file.
        let _ = fs::remove_file(&self.path);
        let _ = self.file.unlock();
    }
}

#[cfg(unix)]
fn is_at(file: &File, path: &Path) -> bool {
    use std::os::unix::fs::MetadataExt;
    match (file.metadata(), fs::metadata(path)) {
        (Ok(ours), Ok(there)) => (ours.dev(), ours.ino()) == (there.dev(), there.ino()),
        _ => false,
    }
}

#[cfg(not(unix))]
fn is_at(_: &File, path: &Path) -> bool {
    path.exists()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lock_is_held_once_and_is_free_when_its_holder_is_gone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.lock");
        assert!(!Lock::is_taken(&path));
        let lock = Lock::take(&path).unwrap().expect("it is free");
        assert!(Lock::is_taken(&path));
        assert!(Lock::take(&path).unwrap().is_none());
        drop(lock);
        assert!(!path.exists());
        assert!(Lock::take(&path).unwrap().is_some());
    }
}
