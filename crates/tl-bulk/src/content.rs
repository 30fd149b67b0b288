//! What identifies the bytes of a file: its stat, a hash of sampled blocks, and the hash of all
//! bytes, which is computed while they are sent.

use std::fs::{File, Metadata};
use std::io::{self, Read};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use sha2::{Digest, Sha256};
use tl_client::checkpoint::{SAMPLED_WHOLE, sampled_sha256};
use tl_ledger::{FileStat, Fingerprint};
use tl_protocol::Source;

/// The state of a file.
pub(crate) fn stat(metadata: &Metadata) -> FileStat {
    let stat = FileStat::of_size(metadata.len());
    #[cfg(unix)]
    {
        use std::os::unix::fs::MetadataExt;
        let nanos = |seconds: i64, nanos: i64| seconds.saturating_mul(1_000_000_000) + nanos;
        let (mtime, ctime) = (
            nanos(metadata.mtime(), metadata.mtime_nsec()),
            nanos(metadata.ctime(), metadata.ctime_nsec()),
        );
        let signed = |number: u64| i64::from_ne_bytes(number.to_ne_bytes());
        stat.with_times(mtime, ctime)
            .with_inode(signed(metadata.dev()), signed(metadata.ino()))
    }
    #[cfg(not(unix))]
    {
        let modified = metadata.modified().ok().and_then(|time| {
            let since = time.duration_since(std::time::UNIX_EPOCH).ok()?;
            i64::try_from(since.as_nanos()).ok()
        });
        match modified {
            Some(modified) => stat.with_times(modified, modified),
            None => stat,
        }
    }
}

/// Reads the sampled blocks of a file. Blocks its thread.
pub(crate) fn fingerprint(path: &Path) -> io::Result<Fingerprint> {
    let file = File::open(path)?;
    let size = file.metadata()?.len();
    let sampled = sampled_sha256(size, |offset, buffer| read_at(&file, buffer, offset))?;
    let fingerprint = Fingerprint::new(size, sampled);
    Ok(if size <= SAMPLED_WHOLE {
        fingerprint.with_full(sampled)
    } else {
        fingerprint
    })
}

/// The fingerprint of a link, whose bytes only the platform sees: two links are never the same.
pub(crate) fn of_link(url: &str) -> Fingerprint {
    Fingerprint::new(0, Sha256::digest(url.as_bytes()).into())
}

/// The SHA-256 of all bytes. Blocks its thread.
pub(crate) fn hash(path: &Path) -> io::Result<[u8; 32]> {
    let mut file = File::open(path)?;
    let mut hasher = Sha256::new();
    let mut buffer = vec![0; 1 << 20];
    loop {
        match file.read(&mut buffer) {
            Ok(0) => return Ok(hasher.finalize().into()),
            Ok(count) => hasher.update(&buffer[..count]),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

#[cfg(unix)]
fn read_at(file: &File, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
    use std::os::unix::fs::FileExt;
    file.read_at(buffer, offset)
}

#[cfg(not(unix))]
fn read_at(mut file: &File, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
    use std::io::{Seek, SeekFrom};
    file.seek(SeekFrom::Start(offset))?;
    file.read(buffer)
}

/// Called with the number of bytes that were read so far.
type OnRead = Box<dyn Fn(u64) + Send + Sync>;

/// A source that hashes its bytes while they are read in order, and reports how many were read.
pub(crate) struct Hashing {
    inner: Arc<dyn Source>,
    state: Mutex<State>,
    on_read: OnRead,
}

/// The hash of the first `at` bytes.
#[derive(Default)]
struct State {
    hasher: Sha256,
    at: u64,
}

impl Hashing {
    pub(crate) fn new(inner: Arc<dyn Source>, on_read: OnRead) -> Self {
        Self {
            inner,
            state: Mutex::default(),
            on_read,
        }
    }

    /// The hash, if all bytes were read in order.
    pub(crate) fn finish(&self) -> Option<[u8; 32]> {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        (state.at == self.inner.len()).then(|| state.hasher.clone().finalize().into())
    }

    fn take(&self, offset: u64, bytes: &[u8]) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        // A repeated attempt starts over.
        if offset == 0 {
            *state = State::default();
        }
        if state.at == offset {
            state.hasher.update(bytes);
            state.at += bytes.len() as u64;
        }
        drop(state);
        (self.on_read)(offset + bytes.len() as u64);
    }
}

impl std::fmt::Debug for Hashing {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.inner.fmt(f)
    }
}

impl Source for Hashing {
    fn name(&self) -> &str {
        self.inner.name()
    }

    fn len(&self) -> u64 {
        self.inner.len()
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read_at(offset, buffer)?;
        self.take(offset, buffer.get(..count).unwrap_or_default());
        Ok(count)
    }

    fn try_read_at(&self, offset: u64, buffer: &mut [u8]) -> Option<io::Result<usize>> {
        let read = self.inner.try_read_at(offset, buffer)?;
        if let Ok(count) = read {
            self.take(offset, buffer.get(..count).unwrap_or_default());
        }
        Some(read)
    }

    fn read_size(&self) -> Option<usize> {
        self.inner.read_size()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tl_protocol::BytesSource;

    #[test]
    fn small_files_are_hashed_whole() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        std::fs::write(&path, vec![7; 100_000]).unwrap();
        let small = fingerprint(&path).unwrap();
        assert_eq!(small.full, Some(hash(&path).unwrap()));
        std::fs::write(&path, vec![7; (SAMPLED_WHOLE + 1) as usize]).unwrap();
        let large = fingerprint(&path).unwrap();
        assert_eq!(large.full, None);
        assert_eq!(large.size, SAMPLED_WHOLE + 1);
    }

    #[test]
    fn bytes_are_hashed_while_they_are_sent() {
        let bytes: Vec<u8> = (0..10_000_u32).map(|n| n as u8).collect();
        let source = Hashing::new(
            Arc::new(BytesSource::new("a", bytes.clone())),
            Box::new(|_| {}),
        );
        let mut buffer = [0; 999];
        let mut read = |from: u64| {
            let mut at = from;
            while let Ok(count @ 1..) = source.read_at(at, &mut buffer) {
                at += count as u64;
            }
        };
        read(5_000);
        assert_eq!(source.finish(), None, "the first bytes were not read");
        // An attempt, and a repeated one.
        read(0);
        read(0);
        assert_eq!(source.finish(), Some(Sha256::digest(&bytes).into()));
    }
}
