//! Computes the MD5 of a chunk while the driver reads it. S3-like storage returns it as the ETag of
//! a part.

use std::{
    io,
    sync::{Arc, Mutex},
};

use md5::{Digest, Md5};

use crate::Source;

/// A source whose bytes are hashed when they are read sequentially.
#[derive(Debug)]
pub(super) struct HashingSource {
    inner: Arc<dyn Source>,
    start: u64,
    state: Arc<Mutex<HashState>>,
}

#[derive(Debug, Default)]
struct HashState {
    hasher: Md5,
    next: u64,
    /// The bytes were not read sequentially: there is no digest.
    out_of_order: bool,
}

/// The digest, available after the chunk has been read.
#[derive(Debug, Clone)]
pub(super) struct DigestSlot(Arc<Mutex<HashState>>);

impl HashingSource {
    /// Hashes the bytes read from `inner`, starting at offset `start`.
    pub(super) fn new(inner: Arc<dyn Source>, start: u64) -> (Self, DigestSlot) {
        let state = Arc::new(Mutex::new(HashState::default()));
        (
            Self {
                inner,
                start,
                state: Arc::clone(&state),
            },
            DigestSlot(state),
        )
    }

    /// Hashes the bytes read at `offset`.
    fn take(&self, offset: u64, bytes: &[u8]) {
        if let Ok(mut state) = self.state.lock() {
            if offset.checked_sub(self.start) == Some(state.next) {
                state.hasher.update(bytes);
                state.next += bytes.len() as u64;
            } else {
                state.out_of_order = true;
            }
        }
    }
}

impl DigestSlot {
    /// The digest in hexadecimal digits, if all `len` bytes were read sequentially.
    pub(super) fn hex(&self, len: u64) -> Option<String> {
        let state = self.0.lock().ok()?;
        if state.out_of_order || state.next != len {
            return None;
        }
        let digest = state.hasher.clone().finalize();
        Some(digest.iter().map(|byte| format!("{byte:02x}")).collect())
    }
}

impl Source for HashingSource {
    fn name(&self) -> &str {
        self.inner.name()
    }

    fn len(&self) -> u64 {
        self.inner.len()
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read_at(offset, buffer)?.min(buffer.len());
        self.take(offset, &buffer[..count]);
        Ok(count)
    }

    fn try_read_at(&self, offset: u64, buffer: &mut [u8]) -> Option<io::Result<usize>> {
        let read = self.inner.try_read_at(offset, buffer)?;
        Some(read.map(|count| {
            let count = count.min(buffer.len());
            self.take(offset, &buffer[..count]);
            count
        }))
    }

    fn read_size(&self) -> Option<usize> {
        self.inner.read_size()
    }
}

/// Whether an ETag has the form of an MD5: 32 hexadecimal digits. ETags of other storage cannot be
/// verified.
pub(super) fn is_md5(etag: &str) -> bool {
    etag.len() == 32 && etag.bytes().all(|byte| byte.is_ascii_hexdigit())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::BytesSource;

    fn read(source: &HashingSource, pieces: &[(u64, usize)]) {
        for (offset, len) in pieces {
            source.read_at(*offset, &mut vec![0; *len]).unwrap();
        }
    }

    fn hashing_source(start: u64) -> (HashingSource, DigestSlot) {
        HashingSource::new(Arc::new(BytesSource::new("a", &b"xxhello"[..])), start)
    }

    #[test]
    fn digest_of_sequential_reads() {
        let (source, slot) = hashing_source(2);
        read(&source, &[(2, 3), (5, 2)]);
        assert_eq!(
            slot.hex(5).as_deref(),
            Some("5d41402abc4b2a76b9719d911017c592")
        );
        assert_eq!(slot.hex(6), None, "not all bytes were read");
    }

    #[test]
    fn nonblocking_reads_are_hashed() {
        let (source, slot) = hashing_source(2);
        assert_eq!(source.try_read_at(2, &mut [0; 3]).unwrap().unwrap(), 3);
        read(&source, &[(5, 2)]);
        assert_eq!(
            slot.hex(5).as_deref(),
            Some("5d41402abc4b2a76b9719d911017c592")
        );
    }

    #[test]
    fn out_of_order_reads_have_no_digest() {
        let (source, slot) = hashing_source(2);
        read(&source, &[(5, 2), (2, 3)]);
        assert_eq!(slot.hex(5), None);
    }

    #[test]
    fn a_hashed_source_is_read_like_the_file() {
        #[derive(Debug)]
        struct Remote;

        impl Source for Remote {
            fn name(&self) -> &str {
                "match.mp4"
            }

            fn len(&self) -> u64 {
                7
            }

            fn read_at(&self, _: u64, _: &mut [u8]) -> io::Result<usize> {
                Ok(0)
            }

            fn read_size(&self) -> Option<usize> {
                Some(4096)
            }
        }

        let (source, _) = HashingSource::new(Arc::new(Remote), 2);
        assert_eq!((source.name(), source.len()), ("match.mp4", 7));
        assert_eq!(source.read_size(), Some(4096));
        assert_eq!(hashing_source(2).0.read_size(), None);
    }

    #[test]
    fn only_md5_etags_are_compared() {
        assert!(is_md5("5d41402abc4b2a76b9719d911017c592"));
        assert!(!is_md5("5d41402abc4b2a76b9719d911017c592-12"));
        assert!(!is_md5("0x8DCF"));
        assert!(!is_md5("5d41402abc4b2a76"));
        assert!(!is_md5("5d41402abc4b2a76b9719d911017c59g"));
    }
}
