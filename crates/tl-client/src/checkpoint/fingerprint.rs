//! Whether a source is still the one that an upload was begun with: size, time of the last change, and a hash of some of its
//! bytes. A hash of all bytes would mean to read a large file twice.

use std::{
    io,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use tl_protocol::Source;

/// The bytes of each block that is hashed.
const BLOCK: u64 = 64 * 1024;

/// How many blocks are hashed at most: the first, the last, and others at equal distances. 1 MiB is read in a millisecond or
/// two, and any edit that moves the rest of the file shows.
const BLOCKS: u64 = 16;

/// What tells a source from another one, and from itself after a change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Fingerprint {
    /// In bytes.
    pub(crate) size: u64,
    /// When it last changed, where the source knows: nanoseconds since 1970.
    pub(crate) modified_ns: Option<u64>,
    /// SHA-256 of the sampled blocks, in hexadecimal digits.
    pub(crate) sampled_sha256: String,
}

impl Fingerprint {
    /// Reads the samples. It blocks while it reads.
    pub(crate) fn of(source: &dyn Source, modified: Option<SystemTime>) -> io::Result<Self> {
        let size = source.len();
        let mut hasher = Sha256::new();
        let mut buffer = vec![0; usize::try_from(BLOCK).unwrap_or(usize::MAX)];
        for start in starts(size) {
            let wanted = usize::try_from(BLOCK.min(size - start)).unwrap_or(usize::MAX);
            let mut filled = 0;
            while filled < wanted {
                match source.read_at(start + filled as u64, &mut buffer[filled..wanted]) {
                    Ok(0) => {
                        return Err(io::Error::new(
                            io::ErrorKind::UnexpectedEof,
                            format!(
                                "`{}` has no byte at {}, but {size} were announced",
                                source.name(),
                                start + filled as u64
                            ),
                        ));
                    }
                    Ok(count) => filled += count.min(wanted - filled),
                    Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                    Err(error) => return Err(error),
                }
            }
            hasher.update(&buffer[..wanted]);
        }
        Ok(Self {
            size,
            modified_ns: modified.and_then(nanoseconds),
            sampled_sha256: hex(&hasher.finalize()),
        })
    }

    /// What is different now, in words; `None` where nothing is.
    pub(crate) fn difference(&self, now: &Self) -> Option<String> {
        let mut changes = Vec::new();
        if self.size != now.size {
            changes.push(format!("it had {} bytes and has {}", self.size, now.size));
        }
        if let (Some(then), Some(now)) = (self.modified_ns, now.modified_ns)
            && then != now
        {
            let text = match now.checked_sub(then) {
                Some(later) => format!("it was modified {:.1?} later", Duration::from_nanos(later)),
                None => "it bears an earlier time of modification".to_owned(),
            };
            changes.push(text);
        }
        if self.size == now.size && self.sampled_sha256 != now.sampled_sha256 {
            changes.push("other bytes are in it".to_owned());
        }
        (!changes.is_empty()).then(|| changes.join(", "))
    }
}

/// Where the sampled blocks begin.
fn starts(size: u64) -> Vec<u64> {
    if size <= BLOCK * BLOCKS {
        return (0..size.div_ceil(BLOCK))
            .map(|block| block * BLOCK)
            .collect();
    }
    let last = size - BLOCK;
    (0..BLOCKS)
        .map(|block| {
            let start = u128::from(last) * u128::from(block) / u128::from(BLOCKS - 1);
            // It is no more than `last`.
            u64::try_from(start).unwrap_or(last)
        })
        .collect()
}

fn nanoseconds(time: SystemTime) -> Option<u64> {
    u64::try_from(time.duration_since(UNIX_EPOCH).ok()?.as_nanos()).ok()
}

pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use tl_protocol::BytesSource;

    use super::*;

    fn of(bytes: &[u8], at: u64) -> Fingerprint {
        let source = BytesSource::new("a", bytes.to_vec());
        Fingerprint::of(&source, Some(UNIX_EPOCH + Duration::from_secs(at))).unwrap()
    }

    #[test]
    fn what_has_changed_is_said() {
        let before = of(b"abcd", 5);
        let check = |now: &Fingerprint, expected: Option<&str>| {
            assert_eq!(before.difference(now).as_deref(), expected);
        };
        check(&of(b"abcd", 5), None);
        check(&of(b"abcde", 5), Some("it had 4 bytes and has 5"));
        check(&of(b"abcx", 5), Some("other bytes are in it"));
        check(&of(b"abcd", 7), Some("it was modified 2.0s later"));
        check(
            &of(b"x", 1),
            Some("it had 4 bytes and has 1, it bears an earlier time of modification"),
        );
    }

    #[test]
    fn of_a_large_file_head_tail_and_blocks_between_are_read() {
        let size = 40 * BLOCK + 17;
        let starts = starts(size);
        assert_eq!(starts.len() as u64, BLOCKS);
        assert_eq!((starts[0], starts[15]), (0, size - BLOCK));
        let bytes = vec![7_u8; usize::try_from(size).unwrap()];
        let before = of(&bytes, 1);
        for at in [
            0,
            usize::try_from(size).unwrap() - 1,
            usize::try_from(starts[7]).unwrap(),
        ] {
            let mut bytes = bytes.clone();
            bytes[at] = 8;
            assert_eq!(
                before.difference(&of(&bytes, 1)).as_deref(),
                Some("other bytes are in it")
            );
        }
    }

    proptest! {
        #[test]
        fn every_byte_of_a_small_file_counts(size in 1_usize..3000, at in any::<prop::sample::Index>()) {
            let mut bytes = vec![1_u8; size];
            let before = of(&bytes, 1);
            bytes[at.index(size)] = 2;
            prop_assert!(before.difference(&of(&bytes, 1)).is_some());
        }
    }
}
