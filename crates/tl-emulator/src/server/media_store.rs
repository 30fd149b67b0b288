//! Stores received files in one directory under generated names. A file name sent by a client never
//! becomes a path.

use std::{
    collections::BTreeSet,
    fs::{self, File},
    io::{self, Read, Seek, SeekFrom},
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, OnceLock, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::{SystemTime, UNIX_EPOCH},
};

use tl_protocol::Source;

use crate::platform::MediaKey;

/// Subdirectory of files being received and of files not kept yet.
const INCOMING: &str = "incoming";
/// Subdirectory of kept files: videos, assets and renditions.
const MEDIA: &str = "media";

#[derive(Debug)]
pub(crate) struct MediaStore {
    folder: PathBuf,
    /// Removes the directory on drop, if it is temporary.
    _temporary: Option<tempfile::TempDir>,
    /// Distinguishes the names of this run from those of other runs in the same directory.
    run: u64,
    counter: AtomicU64,
}

impl MediaStore {
    /// Opens the store in `folder`, or in a temporary directory.
    pub(crate) fn open(folder: Option<&Path>) -> io::Result<Self> {
        let (folder, temporary) = match folder {
            Some(folder) => (folder.to_owned(), None),
            None => {
                let temporary = tempfile::Builder::new().prefix("tl-emulator-").tempdir()?;
                (temporary.path().to_owned(), Some(temporary))
            }
        };
        fs::create_dir_all(folder.join(MEDIA))?;
        let incoming = folder.join(INCOMING);
        fs::create_dir_all(&incoming)?;
        // Delete what an earlier run had not finished receiving.
        for entry in fs::read_dir(&incoming)? {
            fs::remove_file(entry?.path())?;
        }
        let run = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        Ok(Self {
            folder,
            _temporary: temporary,
            run: u64::try_from(run.as_nanos()).unwrap_or(u64::MAX),
            counter: AtomicU64::new(0),
        })
    }

    /// Creates an empty file. It is deleted when the last [`Arc`] is dropped, unless it is kept.
    pub(crate) fn receive(&self, filename: String) -> io::Result<(Arc<StoredFile>, File)> {
        let key = self.new_key();
        let path = self.folder.join(INCOMING).join(key.as_str());
        let writer = File::create_new(&path)?;
        let stored = StoredFile {
            key,
            filename,
            path,
            kept: AtomicBool::new(false),
            len: AtomicU64::new(0),
            reader: Mutex::new(None),
            content: OnceLock::new(),
        };
        Ok((Arc::new(stored), writer))
    }

    /// Deletes the kept files and directories that are not in `known`.
    pub(crate) fn retain(&self, known: &BTreeSet<MediaKey>) -> io::Result<()> {
        for entry in fs::read_dir(self.folder.join(MEDIA))? {
            let entry = entry?;
            let name = entry.file_name().to_string_lossy().into_owned();
            if !known.contains(&MediaKey::new(name)) {
                remove(&entry.path())?;
            }
        }
        Ok(())
    }

    /// Keeps a received file: it is no longer deleted on drop.
    pub(crate) fn keep(&self, file: &StoredFile) -> io::Result<()> {
        if file.kept.load(Ordering::Acquire) {
            return Ok(());
        }
        fs::rename(&file.path, self.path_of(&file.key))?;
        file.kept.store(true, Ordering::Release);
        Ok(())
    }

    /// Reverts [`keep`](Self::keep): the file is deleted on drop unless it is kept again.
    pub(crate) fn release(&self, file: &StoredFile) -> io::Result<()> {
        if !file.kept.load(Ordering::Acquire) {
            return Ok(());
        }
        fs::rename(self.path_of(&file.key), &file.path)?;
        file.kept.store(false, Ordering::Release);
        Ok(())
    }

    /// Whether the store contains files of an earlier run.
    pub(crate) fn has_media(&self) -> io::Result<bool> {
        Ok(fs::read_dir(self.folder.join(MEDIA))?
            .next()
            .transpose()?
            .is_some())
    }

    /// Generates a unique name for a file or directory.
    pub(crate) fn new_key(&self) -> MediaKey {
        let number = self.counter.fetch_add(1, Ordering::Relaxed);
        MediaKey::new(format!("{:016x}-{number:08x}", self.run))
    }

    /// Deletes a kept file or directory.
    pub(crate) fn discard(&self, key: &MediaKey) -> io::Result<()> {
        match remove(&self.path_of(key)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            other => other,
        }
    }

    pub(crate) fn path_of(&self, key: &MediaKey) -> PathBuf {
        self.folder.join(MEDIA).join(key.as_str())
    }
}

/// A received file.
#[derive(Debug)]
pub(crate) struct StoredFile {
    pub(crate) key: MediaKey,
    /// The file name sent by the client.
    filename: String,
    path: PathBuf,
    kept: AtomicBool,
    len: AtomicU64,
    reader: Mutex<Option<File>>,
    /// The SHA-256 of the content in hexadecimal, if it was computed.
    content: OnceLock<String>,
}

impl StoredFile {
    /// The path until the file is kept.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    pub(crate) fn filename(&self) -> &str {
        &self.filename
    }

    pub(crate) fn content(&self) -> Option<&str> {
        self.content.get().map(String::as_str)
    }

    pub(crate) fn set_content(&self, sha256: String) {
        // A file is inspected once.
        _ = self.content.set(sha256);
    }

    /// Sets the number of bytes written.
    pub(crate) fn written(&self, bytes: u64) {
        self.len.store(bytes, Ordering::Release);
    }

    pub(crate) fn bytes(&self) -> u64 {
        self.len.load(Ordering::Acquire)
    }
}

impl Source for StoredFile {
    fn name(&self) -> &str {
        &self.filename
    }

    fn len(&self) -> u64 {
        self.bytes()
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        let mut reader = self.reader.lock().unwrap_or_else(PoisonError::into_inner);
        let file = match &mut *reader {
            Some(file) => file,
            empty => empty.insert(File::open(&self.path)?),
        };
        file.seek(SeekFrom::Start(offset))?;
        file.read(buffer)
    }
}

impl Drop for StoredFile {
    fn drop(&mut self) {
        if !self.kept.load(Ordering::Acquire) {
            // If deletion fails, the next run in this directory deletes the file.
            _ = fs::remove_file(&self.path);
        }
    }
}

/// Removes a file, or a directory with its contents.
fn remove(path: &Path) -> io::Result<()> {
    if fs::symlink_metadata(path)?.is_dir() {
        fs::remove_dir_all(path)
    } else {
        fs::remove_file(path)
    }
}

/// The file name without directories and control characters, as a platform would store it.
pub(crate) fn plain_name(sent: &str) -> String {
    let last = sent.rsplit(['/', '\\']).next().unwrap_or_default();
    let name: String = last
        .chars()
        .filter(|character| !character.is_control())
        .take(255)
        .collect();
    match name.as_str() {
        "" | "." | ".." => "upload".to_owned(),
        _ => name,
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    #[test]
    fn files_are_deleted_on_drop_unless_kept() {
        let media = MediaStore::open(None).unwrap();
        let (dropped, _) = media.receive("a.mp4".to_owned()).unwrap();
        let path = dropped.path().to_owned();
        assert!(path.exists());
        drop(dropped);
        assert!(!path.exists());

        let (kept, mut writer) = media.receive("b.mp4".to_owned()).unwrap();
        writer.write_all(b"hello").unwrap();
        kept.written(5);
        let mut bytes = [0; 3];
        assert_eq!((kept.len(), kept.read_at(1, &mut bytes).unwrap()), (5, 3));
        assert_eq!(&bytes, b"ell");
        media.keep(&kept).unwrap();
        media.release(&kept).unwrap();
        assert!(kept.path().exists() && !media.path_of(&kept.key).exists());
        media.keep(&kept).unwrap();
        let path = media.path_of(&kept.key);
        drop(kept);
        assert_eq!(fs::read(&path).unwrap(), b"hello");
        media
            .discard(&MediaKey::new(path.file_name().unwrap().to_str().unwrap()))
            .unwrap();
        assert!(!path.exists());
    }

    #[test]
    fn temporary_store_is_removed_on_drop() {
        let media = MediaStore::open(None).unwrap();
        let folder = media.folder.clone();
        let (file, _) = media.receive("a.mp4".to_owned()).unwrap();
        media.keep(&file).unwrap();
        drop(media);
        assert!(!folder.exists());
    }

    #[test]
    fn directories_are_stripped_from_file_names() {
        for (sent, plain) in [
            ("clip.mp4", "clip.mp4"),
            ("../../etc/passwd", "passwd"),
            ("C:\\Users\\me\\clip.mp4", "clip.mp4"),
            ("..", "upload"),
            ("a/", "upload"),
            ("", "upload"),
            ("a\0b\n.mp4", "ab.mp4"),
        ] {
            assert_eq!(plain_name(sent), plain, "{sent:?}");
        }
    }
}
