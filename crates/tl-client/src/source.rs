//! Sources of bytes. Files are opened once, read by offset, never copied or modified; each read
//! checks that the file has not changed, so that two versions of it are never mixed. Further sources
//! are async readers and, with feature `object_store`, objects of an object store.

#[cfg(feature = "async")]
mod async_source;
#[cfg(any(feature = "async", feature = "object_store"))]
mod bridge;
#[cfg(feature = "object_store")]
mod object_source;

use std::{
    fs::{File, Metadata},
    io,
    path::{Path, PathBuf},
    sync::{
        Arc, PoisonError, RwLock,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, SystemTime},
};

use tl_protocol::Source;
use tl_validate::descriptors::{RETRY_LIMIT, retry_open};

use crate::{Error, ErrorKind, link::url_as_path};

#[cfg(feature = "async")]
pub use async_source::AsyncSource;
#[cfg(feature = "object_store")]
pub use object_source::ObjectSource;
pub use tl_protocol::BytesSource;

/// A regular file. Reads use absolute offsets, so several can run in parallel.
///
/// After each read, size, modification time and ctime (if the system has one) are compared with
/// those at open. A read fails if the file has grown, shrunk or been written to, even if its
/// modification time was set back. Renaming, linking and changing permissions also change the
/// ctime, but are allowed.
#[derive(Debug)]
pub struct FileSource {
    /// The open file; `None` between [`release`](Self::release) and the next read.
    file: RwLock<Option<Arc<File>>>,
    identity: Option<(u64, u64)>,
    path: PathBuf,
    name: String,
    opened: Stamp,
    status: FileStatus,
    attributes: Attributes,
    /// The last ctime that was found harmless, in nanoseconds since 1970; 0 if the system has none.
    changed_ns: AtomicU64,
}

/// Size and modification time of a file, to detect changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Stamp {
    len: u64,
    /// `None` if the system does not have it.
    modified: Option<SystemTime>,
}

/// Inode metadata, as far as the system has it: times in nanoseconds since 1970, and the inode
/// number.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct FileStatus {
    pub(crate) modified_ns: Option<u64>,
    pub(crate) changed_ns: Option<u64>,
    pub(crate) inode: Option<u64>,
}

impl FileStatus {
    fn of(metadata: &Metadata) -> Self {
        let modified = metadata.modified().ok().and_then(|modified| {
            let since = modified.duration_since(SystemTime::UNIX_EPOCH).ok()?;
            u64::try_from(since.as_nanos()).ok()
        });
        let (changed_ns, inode) = inode(metadata);
        Self {
            modified_ns: modified,
            changed_ns,
            inode,
        }
    }
}

/// Attributes that change the ctime of a file but not its content.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Attributes {
    mode: u32,
    owner: (u32, u32),
    links: u64,
}

impl Attributes {
    #[cfg(unix)]
    fn of(metadata: &Metadata) -> Self {
        use std::os::unix::fs::MetadataExt;
        Self {
            mode: metadata.mode(),
            owner: (metadata.uid(), metadata.gid()),
            links: metadata.nlink(),
        }
    }

    #[cfg(not(unix))]
    fn of(_: &Metadata) -> Self {
        Self {
            mode: 0,
            owner: (0, 0),
            links: 0,
        }
    }
}

#[cfg(unix)]
fn inode(metadata: &Metadata) -> (Option<u64>, Option<u64>) {
    use std::os::unix::fs::MetadataExt;
    let seconds = u64::try_from(metadata.ctime()).ok();
    let nanoseconds = u64::try_from(metadata.ctime_nsec()).ok();
    let changed = seconds.zip(nanoseconds).and_then(|(seconds, nanoseconds)| {
        seconds.checked_mul(1_000_000_000)?.checked_add(nanoseconds)
    });
    (changed, Some(metadata.ino()))
}

#[cfg(not(unix))]
fn inode(_: &Metadata) -> (Option<u64>, Option<u64>) {
    (None, None)
}

impl Stamp {
    fn of(metadata: &Metadata) -> Self {
        Self {
            len: metadata.len(),
            modified: metadata.modified().ok(),
        }
    }

    /// Describes the difference for a message.
    fn difference(self, now: Self) -> String {
        match (self.len, now.len) {
            (then, now) if now > then => format!("it grew from {then} bytes to {now}"),
            (then, now) if now < then => format!("it shrank from {then} bytes to {now}"),
            _ => {
                let later = now
                    .modified
                    .zip(self.modified)
                    .and_then(|(now, then)| now.duration_since(then).ok())
                    .filter(|later| *later > Duration::ZERO);
                match later {
                    Some(later) => {
                        format!("it was modified {later:.1?} later")
                    }
                    None => "its modification time differs".to_owned(),
                }
            }
        }
    }
}

impl FileSource {
    /// Opens `path` for reading.
    ///
    /// # Errors
    /// [`ErrorKind::File`] if the file does not exist, is not a regular file (a directory, a pipe,
    /// a device), cannot be read, or is empty. [`ErrorKind::Configuration`] if `path` is a URL.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, Error> {
        let path = path.as_ref();
        // Check before opening: opening a pipe would block until it has a writer.
        let metadata = path
            .metadata()
            .map_err(|error| url_as_path(path).unwrap_or_else(|| unusable(path, error)))?;
        if !metadata.is_file() {
            let what = if metadata.is_dir() {
                "a directory"
            } else {
                "not a regular file"
            };
            return Err(Error::new(
                ErrorKind::File,
                format!("`{}` is {what}", path.display()),
            ));
        }
        let file =
            retry_open(RETRY_LIMIT, || File::open(path)).map_err(|error| unusable(path, error))?;
        let metadata = file.metadata().map_err(|error| unusable(path, error))?;
        let (opened, status) = (Stamp::of(&metadata), FileStatus::of(&metadata));
        if opened.len == 0 {
            return Err(Error::new(
                ErrorKind::File,
                format!("`{}` is empty", path.display()),
            ));
        }
        let name = path.file_name().map_or_else(
            || "video".to_owned(),
            |name| name.to_string_lossy().into_owned(),
        );
        Ok(Self {
            identity: identity(&file),
            file: RwLock::new(Some(Arc::new(file))),
            path: path.to_owned(),
            name,
            opened,
            status,
            attributes: Attributes::of(&metadata),
            changed_ns: AtomicU64::new(status.changed_ns.unwrap_or_default()),
        })
    }

    /// Path of the file.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Modification time at open, if the system has it.
    #[must_use]
    pub fn modified(&self) -> Option<SystemTime> {
        self.opened.modified
    }

    /// Current metadata of the open file, to compare its state with an earlier one.
    ///
    /// # Errors
    /// If the metadata cannot be read.
    pub fn metadata(&self) -> io::Result<Metadata> {
        self.file()?.metadata()
    }

    /// Inode metadata at open.
    pub(crate) fn status(&self) -> FileStatus {
        self.status
    }

    /// Closes the file. The next read opens it again by path and fails if it is a different file.
    /// An upload that waits for the platform thus holds no file descriptor.
    pub(crate) fn release(&self) {
        *self.file.write().unwrap_or_else(PoisonError::into_inner) = None;
    }

    /// The open file, if it is open.
    fn opened(&self) -> Option<Arc<File>> {
        self.file
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// The open file, opened again if necessary.
    fn file(&self) -> io::Result<Arc<File>> {
        if let Some(file) = self.opened() {
            return Ok(file);
        }
        let mut slot = self.file.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(file) = &*slot {
            return Ok(Arc::clone(file));
        }
        // Opening a pipe would block until it has a writer.
        let file = match self.path.metadata()?.is_file() {
            true => retry_open(RETRY_LIMIT, || File::open(&self.path))?,
            false => return Err(io::Error::other("it is no longer a regular file")),
        };
        if identity(&file) != self.identity {
            return Err(io::Error::other("another file has replaced it"));
        }
        let file = Arc::new(file);
        *slot = Some(Arc::clone(&file));
        Ok(file)
    }

    /// Fails if the file has changed since it was opened.
    fn check_unchanged(&self, file: &File) -> io::Result<()> {
        let metadata = file.metadata()?;
        let now = Stamp::of(&metadata);
        let what = if now != self.opened {
            self.opened.difference(now)
        } else if self.is_harmless_change(&metadata) {
            return Ok(());
        } else {
            "its ctime differs".to_owned()
        };
        Err(io::Error::other(format!(
            "`{}` changed while it was being sent: {what}",
            self.path.display(),
        )))
    }

    /// Whether the ctime is unchanged, or the change did not affect the content.
    fn is_harmless_change(&self, metadata: &Metadata) -> bool {
        let now = FileStatus::of(metadata);
        let Some(changed_ns) = now.changed_ns else {
            return true;
        };
        if changed_ns == self.changed_ns.load(Ordering::Relaxed) {
            return true;
        }
        // After a rename, the file is no longer at its path.
        let is_at_its_path = self
            .path
            .metadata()
            .is_ok_and(|there| FileStatus::of(&there).inode == now.inode);
        let is_harmless_change = Attributes::of(metadata) != self.attributes || !is_at_its_path;
        if is_harmless_change {
            self.changed_ns.store(changed_ns, Ordering::Relaxed);
        }
        is_harmless_change
    }

    /// Returns what was read at `offset` if the file has not changed.
    fn checked_read(&self, file: &File, offset: u64, read: io::Result<usize>) -> io::Result<usize> {
        let count = read.map_err(|error| self.read_error(offset, &error))?;
        // Check after the read: bytes read before a change are consistent, bytes read after it are
        // rejected.
        self.check_unchanged(file)?;
        Ok(count)
    }

    fn read_error(&self, offset: u64, error: &io::Error) -> io::Error {
        io::Error::new(
            error.kind(),
            format!(
                "failed to read `{}` at byte {offset}: {error}",
                self.path.display()
            ),
        )
    }

    /// Duplicates the handle of the open file, independent of its path.
    ///
    /// # Errors
    /// If no file handle is available.
    pub fn try_clone_file(&self) -> io::Result<File> {
        let file = self.file()?;
        retry_open(RETRY_LIMIT, || file.try_clone())
    }
}

impl Source for FileSource {
    fn name(&self) -> &str {
        &self.name
    }

    fn len(&self) -> u64 {
        self.opened.len
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        let file = self
            .file()
            .map_err(|error| self.read_error(offset, &error))?;
        self.checked_read(&file, offset, read_at(&file, offset, buffer))
    }

    fn try_read_at(&self, offset: u64, buffer: &mut [u8]) -> Option<io::Result<usize>> {
        // Opening a file may block.
        let file = self.opened()?;
        Some(self.checked_read(&file, offset, try_read_at(&file, offset, buffer)?))
    }
}

/// Device and inode number, if the system has them.
#[cfg(unix)]
fn identity(file: &File) -> Option<(u64, u64)> {
    use std::os::unix::fs::MetadataExt;
    let metadata = file.metadata().ok()?;
    Some((metadata.dev(), metadata.ino()))
}

#[cfg(not(unix))]
fn identity(_: &File) -> Option<(u64, u64)> {
    None
}

#[cfg(unix)]
fn read_at(file: &File, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
    std::os::unix::fs::FileExt::read_at(file, buffer, offset)
}

#[cfg(windows)]
fn read_at(file: &File, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
    std::os::windows::fs::FileExt::seek_read(file, buffer, offset)
}

/// Reads from the system's cache. Returns `None` if the read would block, or if the system cannot
/// tell.
#[cfg(target_os = "linux")]
fn try_read_at(file: &File, offset: u64, buffer: &mut [u8]) -> Option<io::Result<usize>> {
    use rustix::io::{Errno, ReadWriteFlags, preadv2};
    let buffers = &mut [io::IoSliceMut::new(buffer)];
    match preadv2(file, buffers, offset, ReadWriteFlags::NOWAIT) {
        Ok(count) => Some(Ok(count)),
        Err(Errno::INTR) => Some(Err(io::ErrorKind::Interrupted.into())),
        // Not cached, not supported by this file system, or an error that a blocking read reports
        // too.
        Err(_) => None,
    }
}

#[cfg(not(target_os = "linux"))]
fn try_read_at(_: &File, _: u64, _: &mut [u8]) -> Option<io::Result<usize>> {
    None
}

fn unusable(path: &Path, error: io::Error) -> Error {
    let what = match error.kind() {
        io::ErrorKind::NotFound => "no such file",
        io::ErrorKind::PermissionDenied => "permission denied",
        _ => "it cannot be read",
    };
    Error::new(ErrorKind::File, format!("`{}`: {what}", path.display())).with_source(error)
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    #[test]
    fn reads_at_any_offset() {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(b"0123456789").unwrap();
        let source = FileSource::open(file.path()).unwrap();
        let mut buffer = [0; 4];
        assert_eq!(source.read_at(8, &mut buffer).unwrap(), 2);
        assert_eq!(source.read_at(3, &mut buffer).unwrap(), 4);
        assert_eq!(&buffer, b"3456");
        assert_eq!(source.read_at(10, &mut buffer).unwrap(), 0);
    }

    #[test]
    fn try_read_at_matches_read_at() {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(b"0123456789").unwrap();
        let source = FileSource::open(file.path()).unwrap();
        for offset in [0, 3, 8, 10] {
            let (mut at_hand, mut waited) = ([0; 4], [0; 4]);
            let read = source.try_read_at(offset, &mut at_hand);
            let count = source.read_at(offset, &mut waited).unwrap();
            // Not every file system supports non-blocking reads.
            assert!(read.is_none_or(|read| (read.unwrap(), at_hand) == (count, waited)));
        }
        file.as_file().set_len(3).unwrap();
        let read = source.try_read_at(0, &mut [0; 4]);
        assert!(read.is_none_or(|read| read.unwrap_err().to_string().contains("shrank")));
    }

    #[test]
    fn read_fails_after_the_file_changed() {
        let check = |change: &dyn Fn(&File), part: &str| {
            let mut file = tempfile::NamedTempFile::new().unwrap();
            file.write_all(b"0123456789").unwrap();
            let old = SystemTime::now() - Duration::from_secs(60);
            file.as_file().set_modified(old).unwrap();
            let source = FileSource::open(file.path()).unwrap();
            let mut buffer = [0; 4];
            assert_eq!(source.read_at(0, &mut buffer).unwrap(), 4);
            change(file.as_file());
            let error = source.read_at(4, &mut buffer).unwrap_err().to_string();
            let path = file.path().display().to_string();
            assert!(error.contains(part) && error.contains(&path), "{error}");
        };
        check(
            &|file| file.set_len(11).unwrap(),
            "it grew from 10 bytes to 11",
        );
        check(
            &|file| file.set_len(3).unwrap(),
            "it shrank from 10 bytes to 3",
        );
        check(
            &|file| file.set_modified(SystemTime::now()).unwrap(),
            "it was modified 60",
        );
        check(
            &|file| file.set_modified(SystemTime::UNIX_EPOCH).unwrap(),
            "its modification time differs",
        );
    }

    #[cfg(unix)]
    #[test]
    fn detects_hidden_writes_but_allows_renames() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.mp4");
        let open = || {
            std::fs::write(&path, b"0123456789").unwrap();
            let source = FileSource::open(&path).unwrap();
            // A file system's timestamps may have a resolution of only 10 ms.
            std::thread::sleep(Duration::from_millis(30));
            source
        };
        let read = |source: &FileSource| source.read_at(0, &mut [0; 4]).map_err(|e| e.to_string());

        let source = open();
        assert_eq!(read(&source), Ok(4));
        let mut file = File::options().write(true).open(&path).unwrap();
        file.write_all(b"x").unwrap();
        file.set_modified(source.modified().unwrap()).unwrap();
        assert!(read(&source).unwrap_err().contains("its ctime differs"));

        let source = open();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
        assert_eq!(read(&source), Ok(4));
        let source = open();
        std::fs::hard_link(&path, folder.path().join("b.mp4")).unwrap();
        assert_eq!(read(&source), Ok(4));
        let source = open();
        std::fs::rename(&path, folder.path().join("c.mp4")).unwrap();
        assert_eq!(read(&source), Ok(4));
        assert_eq!(read(&source), Ok(4));
    }

    #[test]
    fn reopens_a_released_file_only_if_it_is_the_same() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.mp4");
        std::fs::write(&path, b"0123456789").unwrap();
        let source = FileSource::open(&path).unwrap();
        let mut buffer = [0; 4];
        source.release();
        assert!(source.opened().is_none());
        assert!(
            source.try_read_at(3, &mut buffer).is_none(),
            "that may wait"
        );
        assert_eq!(source.read_at(3, &mut buffer).unwrap(), 4);
        assert_eq!(&buffer, b"3456");
        assert!(source.opened().is_some());
        source.release();
        std::fs::rename(&path, folder.path().join("b.mp4")).unwrap();
        assert!(source.read_at(3, &mut buffer).is_err());
        std::fs::write(&path, b"0123456789").unwrap();
        let error = source.read_at(3, &mut buffer).unwrap_err().to_string();
        assert!(error.contains("another file has replaced it"), "{error}");
    }

    #[test]
    fn non_files_are_refused_by_name() {
        let folder = tempfile::tempdir().unwrap();
        let empty = tempfile::NamedTempFile::new().unwrap();
        let missing = folder.path().join("gone.mp4");
        for (path, part) in [
            (folder.path(), "is a directory"),
            (empty.path(), "is empty"),
            (&missing, "no such file"),
        ] {
            let error = FileSource::open(path).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::File);
            let text = error.to_string();
            assert!(
                text.contains(part) && text.contains(&path.display().to_string()),
                "{text}"
            );
        }
    }
}
