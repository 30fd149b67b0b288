//! The name under which a process claims items, and the processes that have died.
//!
//! With a ledger in a file, each process holds a lock file beside it while it runs. The lock of a
//! process that was killed is free, so its items are due at once, and not when its leases expire.

use std::fs::{File, OpenOptions, TryLockError};
use std::io;
use std::path::{Path, PathBuf};

use tl_ledger::Ledger;

/// The owner of this process, and its lock.
#[derive(Debug)]
pub(super) struct Owner {
    pub(super) name: String,
    lock: Option<(PathBuf, File)>,
}

impl Owner {
    /// Creates the lock of a process with a unique name, and ends the leases of processes that have
    /// died. Without a file, leases only expire.
    pub(super) fn enter(ledger: &mut Ledger, name: String) -> Self {
        let Some(folder) = ledger.path().map(folder_of) else {
            return Self { name, lock: None };
        };
        // Without locks, the leases of a process that was killed expire.
        let lock = take(&folder, &name).ok();
        if lock.is_some() {
            release_dead(ledger, &folder, &name);
        }
        Self { name, lock }
    }
}

impl Drop for Owner {
    fn drop(&mut self) {
        if let Some((path, _)) = self.lock.take() {
            let _ = std::fs::remove_file(&path);
            if let Some(folder) = path.parent() {
                // Only if no other process runs.
                let _ = std::fs::remove_dir(folder);
            }
        }
    }
}

/// The folder of the locks of a ledger.
fn folder_of(ledger: &Path) -> PathBuf {
    let mut name = ledger.file_name().unwrap_or_default().to_owned();
    name.push(".running");
    ledger.with_file_name(name)
}

fn take(folder: &Path, name: &str) -> io::Result<(PathBuf, File)> {
    let path = folder.join(name);
    // Another process may remove the folder between the two calls, when it ends.
    for _ in 0..10 {
        std::fs::create_dir_all(folder)?;
        match OpenOptions::new().write(true).create_new(true).open(&path) {
            Ok(file) => {
                file.try_lock().map_err(io::Error::from)?;
                return Ok((path, file));
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
    }
    Err(io::Error::other("the folder of the locks disappears"))
}

/// Ends the leases of owners whose lock is free. An owner without a lock file is left alone: it may
/// be a worker of another machine or version.
fn release_dead(ledger: &mut Ledger, folder: &Path, own: &str) {
    let Ok(entries) = std::fs::read_dir(folder) else {
        return;
    };
    for entry in entries.flatten() {
        let name = entry.file_name();
        let Some(name) = name.to_str().filter(|name| *name != own) else {
            continue;
        };
        let path = entry.path();
        let Ok(file) = OpenOptions::new().write(true).open(&path) else {
            continue;
        };
        match file.try_lock() {
            Ok(()) => {
                // The lock file is removed after the leases, so that the next process repeats this
                // if it fails.
                if ledger.release_owner(name).is_ok() {
                    let _ = std::fs::remove_file(&path);
                }
            }
            Err(TryLockError::WouldBlock | TryLockError::Error(_)) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn locks_of_running_processes_are_kept() {
        let folder = tempfile::tempdir().unwrap();
        let mut ledger = Ledger::open(folder.path().join("l.sqlite3")).unwrap();
        let first = Owner::enter(&mut ledger, "first".to_owned());
        let locks = folder.path().join("l.sqlite3.running");
        let second = Owner::enter(&mut ledger, "second".to_owned());
        assert!(locks.join("first").exists() && locks.join("second").exists());
        drop(second);
        // A process that was killed leaves its file without a lock.
        std::fs::write(locks.join("dead"), "").unwrap();
        let third = Owner::enter(&mut ledger, "third".to_owned());
        assert!(!locks.join("dead").exists());
        drop((first, third));
        assert!(!locks.exists());
    }
}
