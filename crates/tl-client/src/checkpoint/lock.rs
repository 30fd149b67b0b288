//! Locks checkpoints so that only one upload uses each, without one open file per lock.
//!
//! A run may have thousands of uploads that wait for the platform, so a lock must not use a file
//! descriptor. Each process has one *owner file* per folder, locked by the operating system while
//! the process holds any lock there, and released however the process ends. A lock is a small file
//! next to its checkpoint that contains the name of the owner file. It is held if that owner file
//! is locked.
//!
//! ```text
//! take ──► folder lock (one process at a time) ──► no lock file, or owner ended ──► write lock: held
//!                                             └──► owner runs ───────────────► held by another
//! ```

use std::{
    collections::BTreeMap,
    fs::{self, File, OpenOptions, TryLockError},
    io::{self, Read, Write},
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError, Weak},
    time::{SystemTime, UNIX_EPOCH},
};

use tl_validate::descriptors::{RETRY_LIMIT, retry_open};

/// A lock, released on drop.
#[derive(Debug)]
pub(super) struct Lock {
    path: PathBuf,
    _owner: Arc<Owner>,
}

/// Name of the file that is locked while locks are read and written.
const FOLDER_LOCK: &str = "folder.lock";

/// Upper bound of the length of an owner file name.
const MAX_NAME_LEN: u64 = 256;

impl Lock {
    /// Takes the lock at `path`. Returns `None` if another process or another upload of this
    /// process holds it. Retries while no file descriptor is available.
    pub(super) fn take(path: &Path) -> io::Result<Option<Self>> {
        retry_open(RETRY_LIMIT, || Self::try_take(path))
    }

    fn try_take(path: &Path) -> io::Result<Option<Self>> {
        let folder = path.parent().unwrap_or(Path::new(""));
        let owner = Owner::of_this_process(folder)?;
        let _folder_lock = FolderLock::enter(folder)?;
        if owner_of(path).is_some_and(|name| name == owner.name || Owner::is_running(folder, &name))
        {
            return Ok(None);
        }
        // Left by an owner that has ended, or not a lock.
        match fs::remove_file(path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let written = OpenOptions::new()
            .write(true)
            .create_new(true)
            .open(path)
            .and_then(|mut file| file.write_all(owner.name.as_bytes()));
        if let Err(error) = written {
            let _ = fs::remove_file(path);
            return Err(error);
        }
        Ok(Some(Self {
            path: path.to_owned(),
            _owner: owner,
        }))
    }

    /// Whether the lock at `path` is held. Creates nothing.
    pub(super) fn is_taken(path: &Path) -> bool {
        let folder = path.parent().unwrap_or(Path::new(""));
        owner_of(path).is_some_and(|name| Owner::is_running(folder, &name))
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        // The owner file is still locked, so nobody has replaced this lock.
        let _ = fs::remove_file(&self.path);
    }
}

/// Reads the owner file name from the lock at `path`. Returns `None` if the file is not a lock.
fn owner_of(path: &Path) -> Option<String> {
    // Check before opening: opening a pipe would block until it has a writer.
    if !fs::symlink_metadata(path).ok()?.is_file() {
        return None;
    }
    let mut name = String::new();
    let file = File::open(path).ok()?;
    file.take(MAX_NAME_LEN).read_to_string(&mut name).ok()?;
    is_owner_name(&name).then_some(name)
}

/// Whether `name` is an owner file name, so that it cannot refer to another folder.
fn is_owner_name(name: &str) -> bool {
    let middle = name
        .strip_prefix("owner-")
        .and_then(|rest| rest.strip_suffix(".lock"));
    middle.is_some_and(|middle| middle.bytes().all(|b| b.is_ascii_digit() || b == b'-'))
}

/// A file that is locked while this process holds a lock in its folder.
#[derive(Debug)]
struct Owner {
    file: File,
    path: PathBuf,
    name: String,
}

/// The owner file of this process in each folder.
static OWNERS: Mutex<BTreeMap<PathBuf, Weak<Owner>>> = Mutex::new(BTreeMap::new());

impl Owner {
    fn of_this_process(folder: &Path) -> io::Result<Arc<Self>> {
        let mut owners = OWNERS.lock().unwrap_or_else(PoisonError::into_inner);
        owners.retain(|_, owner| owner.strong_count() > 0);
        if let Some(owner) = owners.get(folder).and_then(Weak::upgrade) {
            return Ok(owner);
        }
        let since = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        // Process ids are reused, and differ between containers that share the folder.
        let name = format!("owner-{}-{}.lock", std::process::id(), since.as_nanos());
        let path = folder.join(&name);
        let file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .open(&path)?;
        let owner = Arc::new(Self { file, path, name });
        owner.file.lock()?;
        owners.insert(folder.to_owned(), Arc::downgrade(&owner));
        Ok(owner)
    }

    /// Whether the process with this owner file is running. Removes the owner file of a process
    /// that has ended.
    fn is_running(folder: &Path, name: &str) -> bool {
        let path = folder.join(name);
        if !fs::symlink_metadata(&path).is_ok_and(|metadata| metadata.is_file()) {
            return false;
        }
        let Ok(file) = File::open(&path) else {
            // It cannot be checked, so treat the lock as held.
            return path.exists();
        };
        match file.try_lock_shared() {
            Ok(()) => {
                // The name is never reused.
                let _ = fs::remove_file(&path);
                false
            }
            Err(TryLockError::WouldBlock) => true,
            Err(TryLockError::Error(_)) => false,
        }
    }
}

impl Drop for Owner {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.path);
        let _ = self.file.unlock();
    }
}

/// Exclusive access to the locks of a folder, across processes and threads.
struct FolderLock {
    file: File,
    path: PathBuf,
}

impl FolderLock {
    fn enter(folder: &Path) -> io::Result<Self> {
        let path = folder.join(FOLDER_LOCK);
        // Opening a pipe would block until it has a reader.
        if fs::symlink_metadata(&path).is_ok_and(|metadata| !metadata.is_file()) {
            fs::remove_file(&path)?;
        }
        loop {
            let file = OpenOptions::new()
                .create(true)
                .truncate(false)
                .write(true)
                .open(&path)?;
            // The holder releases it after a few system calls.
            file.lock()?;
            // The last holder may have removed the file before it was locked here. Then this lock
            // excludes nobody: try again.
            if is_at(&file, &path) {
                return Ok(Self { file, path });
            }
        }
    }
}

impl Drop for FolderLock {
    fn drop(&mut self) {
        // Remove it while it is locked, so that the next process creates a new file.
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
    fn lock_is_exclusive_and_released_on_drop() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.lock");
        assert!(!Lock::is_taken(&path));
        let lock = Lock::take(&path).unwrap().expect("it is free");
        assert!(Lock::is_taken(&path));
        assert!(Lock::take(&path).unwrap().is_none());
        drop(lock);
        assert!(!path.exists());
        assert!(Lock::take(&path).unwrap().is_some());
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    }

    #[test]
    fn lock_of_an_ended_process_is_free() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.lock");
        let owner = folder.path().join("owner-1-2.lock");
        for leave_owner_file in [true, false] {
            fs::write(&path, "owner-1-2.lock").unwrap();
            if leave_owner_file {
                fs::write(&owner, "").unwrap();
            }
            assert!(!Lock::is_taken(&path));
            drop(Lock::take(&path).unwrap().expect("its owner is gone"));
            assert!(!owner.exists(), "what it left is removed");
        }
    }

    #[test]
    fn lock_of_a_running_process_is_respected() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.lock");
        let other = File::create(folder.path().join("owner-1-2.lock")).unwrap();
        other.lock().unwrap();
        fs::write(&path, "owner-1-2.lock").unwrap();
        assert!(Lock::is_taken(&path));
        assert!(Lock::take(&path).unwrap().is_none());
        drop(other);
        assert!(Lock::take(&path).unwrap().is_some());
    }

    #[test]
    fn a_file_that_is_not_a_lock_is_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.lock");
        for content in ["", "owner-../../x.lock", "owner-1-2.lock\nmore", "other"] {
            fs::write(&path, content).unwrap();
            assert!(!Lock::is_taken(&path), "{content}");
            assert!(Lock::take(&path).unwrap().is_some(), "{content}");
        }
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_thousand_locks_use_one_descriptor() {
        let folder = tempfile::tempdir().unwrap();
        let open = || {
            let descriptors = fs::read_dir("/proc/self/fd").unwrap();
            let here = descriptors.filter_map(|entry| fs::read_link(entry.ok()?.path()).ok());
            here.filter(|target| target.starts_with(folder.path()))
                .count()
        };
        let locks: Vec<Lock> = (0..1000)
            .map(|number| {
                let path = folder.path().join(format!("{number}.lock"));
                Lock::take(&path).unwrap().expect("it is free")
            })
            .collect();
        assert_eq!(open(), 1);
        drop(locks);
        assert_eq!(open(), 0);
    }

    #[test]
    fn one_of_many_threads_gets_the_lock() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.lock");
        let taken: usize = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..8)
                .map(|_| scope.spawn(|| Lock::take(&path).unwrap()))
                .collect();
            // Keep all of them until the last thread has tried.
            let locks: Vec<_> = threads
                .into_iter()
                .map(|thread| thread.join().unwrap())
                .collect();
            locks.iter().flatten().count()
        });
        assert_eq!(taken, 1);
    }
}
