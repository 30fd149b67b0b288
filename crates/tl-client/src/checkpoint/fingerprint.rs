//! Detects whether a source is the one that the upload started with: size, inode metadata, and a
//! hash of sampled blocks. Hashing all bytes would read a large file twice. If the inode metadata
//! of a large file changed, the sent chunks are compared (`compare.rs`).

use std::{io, time::Duration};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use tl_protocol::Source;

use crate::source::FileStatus;

/// Size of a sampled block, in bytes.
const BLOCK: u64 = 64 * 1024;

/// Maximum number of sampled blocks: the first, the last, and others at equal distances. Reading 1
/// MiB takes one or two milliseconds. Any edit that shifts the rest of the file is detected.
const BLOCKS: u64 = 16;

/// Up to this size in bytes (1 MiB), [`sampled_sha256`] hashes all bytes.
pub const SAMPLED_WHOLE: u64 = BLOCK * BLOCKS;

/// Identifies a source and its version.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Fingerprint {
    /// In bytes.
    pub(crate) size: u64,
    /// Modification time if known, in nanoseconds since 1970.
    pub(crate) modified_ns: Option<u64>,
    /// Inode change time (ctime) if the system has it. Unlike the modification time, it cannot be
    /// set back.
    #[serde(default)]
    pub(crate) changed_ns: Option<u64>,
    /// Inode number if the system has it. It differs if another file was moved to the path.
    #[serde(default)]
    pub(crate) inode: Option<u64>,
    /// SHA-256 of the sampled blocks, in hexadecimal.
    pub(crate) sampled_sha256: String,
}

impl Fingerprint {
    /// Reads the sampled blocks. Blocks while it reads.
    pub(crate) fn of(source: &dyn Source, status: FileStatus) -> io::Result<Self> {
        let size = source.len();
        let sampled = sampled_sha256(size, |offset, buffer| source.read_at(offset, buffer))
            .map_err(|error| match error.kind() {
                io::ErrorKind::UnexpectedEof => {
                    io::Error::new(error.kind(), format!("`{}` has {error}", source.name()))
                }
                _ => error,
            })?;
        Ok(Self {
            size,
            modified_ns: status.modified_ns,
            changed_ns: status.changed_ns,
            inode: status.inode,
            sampled_sha256: hex(&sampled),
        })
    }

    /// Compares this fingerprint with the current one.
    pub(crate) fn compare(&self, now: &Self) -> Comparison {
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
        if self.size != now.size || self.sampled_sha256 != now.sampled_sha256 {
            if self.size == now.size {
                changes.push("other bytes are in it".to_owned());
            }
            return Comparison::Content(changes.join(", "));
        }
        if self.size <= SAMPLED_WHOLE {
            // All bytes were hashed.
            return Comparison::Same;
        }
        let differs = |then: Option<u64>, now: Option<u64>| then.zip(now).map(|(a, b)| a != b);
        let changed = differs(self.changed_ns, now.changed_ns);
        let replaced = differs(self.inode, now.inode);
        if changes.is_empty() && replaced == Some(true) {
            changes.push("another file is in its place".to_owned());
        }
        if changes.is_empty() && changed == Some(true) {
            changes.push("it, or its name or permissions, changed since".to_owned());
        }
        if !changes.is_empty() {
            Comparison::Status(changes.join(", "))
        } else if changed.is_none() || replaced.is_none() {
            Comparison::Unknown
        } else {
            Comparison::Same
        }
    }
}

/// Difference between two fingerprints of a source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Comparison {
    /// Not modified.
    Same,
    /// No difference found, but the system cannot tell whether the file was written to.
    Unknown,
    /// The file may have been written to; the text has the reason.
    Status(String),
    /// The content differs; the text has the reason.
    Content(String),
}

/// SHA-256 of sampled blocks of `size` bytes: the first, the last, and others at equal distances.
/// `read_at` reads like [`Source::read_at`]. Of at most [`SAMPLED_WHOLE`] bytes, it is the hash of
/// all bytes. Blocks while it reads.
///
/// # Errors
/// Those of `read_at`; [`UnexpectedEof`](io::ErrorKind::UnexpectedEof) if there are fewer bytes.
pub fn sampled_sha256(
    size: u64,
    read_at: impl Fn(u64, &mut [u8]) -> io::Result<usize>,
) -> io::Result<[u8; 32]> {
    let mut hasher = Sha256::new();
    let mut buffer = vec![0; usize::try_from(BLOCK).unwrap_or(usize::MAX)];
    for start in block_offsets(size) {
        let wanted = usize::try_from(BLOCK.min(size - start)).unwrap_or(usize::MAX);
        let mut filled = 0;
        while filled < wanted {
            let at = start + filled as u64;
            match read_at(at, &mut buffer[filled..wanted]) {
                Ok(0) => {
                    return Err(io::Error::new(
                        io::ErrorKind::UnexpectedEof,
                        format!("no byte at {at}, but {size} were announced"),
                    ));
                }
                Ok(count) => filled += count.min(wanted - filled),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        hasher.update(&buffer[..wanted]);
    }
    Ok(hasher.finalize().into())
}

/// Offsets of the sampled blocks.
fn block_offsets(size: u64) -> Vec<u64> {
    if size <= SAMPLED_WHOLE {
        return (0..size.div_ceil(BLOCK))
            .map(|block| block * BLOCK)
            .collect();
    }
    let last = size - BLOCK;
    (0..BLOCKS)
        .map(|block| {
            let start = u128::from(last) * u128::from(block) / u128::from(BLOCKS - 1);
            // The quotient is at most `last`.
            u64::try_from(start).unwrap_or(last)
        })
        .collect()
}

pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use tl_protocol::BytesSource;

    use super::*;

    fn status(at: u64) -> FileStatus {
        FileStatus {
            modified_ns: Some(at * 1_000_000_000),
            changed_ns: Some(7),
            inode: Some(8),
        }
    }

    fn of(bytes: &[u8], at: u64) -> Fingerprint {
        let source = BytesSource::new("a", bytes.to_vec());
        Fingerprint::of(&source, status(at)).unwrap()
    }

    fn content(text: &str) -> Comparison {
        Comparison::Content(text.to_owned())
    }

    #[test]
    fn comparison_describes_the_change() {
        let before = of(b"abcd", 5);
        let check = |now: &Fingerprint, expected: Comparison| {
            assert_eq!(before.compare(now), expected);
        };
        check(&of(b"abcd", 5), Comparison::Same);
        check(&of(b"abcde", 5), content("it had 4 bytes and has 5"));
        check(&of(b"abcx", 5), content("other bytes are in it"));
        check(
            &of(b"abcx", 7),
            content("it was modified 2.0s later, other bytes are in it"),
        );
        // All bytes were compared.
        check(&of(b"abcd", 7), Comparison::Same);
        check(
            &of(b"x", 1),
            content("it had 4 bytes and has 1, it bears an earlier time of modification"),
        );
    }

    #[test]
    fn large_file_is_same_only_if_inode_is_unchanged() {
        let bytes = vec![7_u8; usize::try_from(BLOCK * BLOCKS + 1).unwrap()];
        let source = BytesSource::new("a", bytes);
        let of = |status| Fingerprint::of(&source, status).unwrap();
        let before = of(status(5));
        let check = |now: FileStatus, expected: &str| {
            let text = match before.compare(&of(now)) {
                Comparison::Status(text) => text,
                other => format!("{other:?}"),
            };
            assert_eq!(text, expected, "{now:?}");
        };
        let same = status(5);
        check(same, "Same");
        check(status(7), "it was modified 2.0s later");
        check(
            FileStatus {
                inode: Some(9),
                changed_ns: Some(9),
                ..same
            },
            "another file is in its place",
        );
        check(
            FileStatus {
                changed_ns: Some(9),
                ..same
            },
            "it, or its name or permissions, changed since",
        );
        check(
            FileStatus {
                changed_ns: None,
                ..same
            },
            "Unknown",
        );
        check(FileStatus::default(), "Unknown");
    }

    #[test]
    fn large_file_samples_head_tail_and_middle() {
        let size = 40 * BLOCK + 17;
        let block_offsets = block_offsets(size);
        assert_eq!(block_offsets.len() as u64, BLOCKS);
        assert_eq!((block_offsets[0], block_offsets[15]), (0, size - BLOCK));
        let bytes = vec![7_u8; usize::try_from(size).unwrap()];
        let before = of(&bytes, 1);
        for at in [
            0,
            usize::try_from(size).unwrap() - 1,
            usize::try_from(block_offsets[7]).unwrap(),
        ] {
            let mut bytes = bytes.clone();
            bytes[at] = 8;
            assert_eq!(
                before.compare(&of(&bytes, 1)),
                content("other bytes are in it")
            );
        }
    }

    proptest! {
        #[test]
        fn small_file_is_hashed_completely(size in 1_usize..3000, at in any::<prop::sample::Index>()) {
            let mut bytes = vec![1_u8; size];
            let before = of(&bytes, 1);
            bytes[at.index(size)] = 2;
            prop_assert_eq!(before.compare(&of(&bytes, 1)), content("other bytes are in it"));
        }
    }
}
