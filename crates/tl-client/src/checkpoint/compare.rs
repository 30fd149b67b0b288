//! Compares the chunks that were already sent with the current file: MD5 of the file's bytes
//! against the storage's ETag. Used if the file may have been modified, so that one asset never
//! mixes two versions of it.

use std::io;

use md5::{Digest, Md5};
use tl_protocol::{MAX_READ_SIZE, Source, flow::upload::UploadRecord};

/// Read buffer size for a source without a read size, in bytes.
const BUFFER_SIZE: usize = 256 * 1024;

/// Result of the comparison.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum ChunkMatch {
    /// All sent chunks match the file.
    Same,
    /// The chunk with this number differs.
    Changed(u32),
    /// The ETag of the chunk with this number is not an MD5, so it cannot be compared.
    Unknown(u32),
}

/// Reads and compares all sent chunks. Blocks while it reads.
pub(super) fn sent_chunks(source: &dyn Source, upload: &UploadRecord) -> io::Result<ChunkMatch> {
    for (index, chunk) in &upload.sent {
        if !is_md5(&chunk.etag) {
            return Ok(ChunkMatch::Unknown(*index));
        }
        let start = u64::from(index.saturating_sub(1)).saturating_mul(upload.chunk_size);
        let end = start.saturating_add(chunk.chunk_size);
        if end > source.len() {
            return Ok(ChunkMatch::Changed(*index));
        }
        if !md5(source, start, end)?.eq_ignore_ascii_case(&chunk.etag) {
            return Ok(ChunkMatch::Changed(*index));
        }
    }
    Ok(ChunkMatch::Same)
}

fn md5(source: &dyn Source, start: u64, end: u64) -> io::Result<String> {
    let mut hasher = Md5::new();
    let size = source.read_size().unwrap_or(BUFFER_SIZE);
    let mut buffer = vec![0; size.clamp(1, MAX_READ_SIZE)];
    let mut at = start;
    while at < end {
        let wanted = usize::try_from(end - at)
            .unwrap_or(usize::MAX)
            .min(buffer.len());
        match source.read_at(at, &mut buffer[..wanted]) {
            Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(count) => {
                let count = count.min(wanted);
                hasher.update(&buffer[..count]);
                at += count as u64;
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(super::fingerprint::hex(&hasher.finalize()))
}

/// Whether an ETag has the form of an MD5.
fn is_md5(etag: &str) -> bool {
    etag.len() == 32 && etag.bytes().all(|byte| byte.is_ascii_hexdigit())
}

#[cfg(test)]
mod tests {
    use tl_protocol::{BytesSource, flow::upload::SentChunk};

    use super::*;

    #[test]
    fn finds_a_changed_chunk() {
        let chunk = |etag: &str, chunk_size| SentChunk::new(etag.to_owned(), chunk_size);
        let check = |sent: &[(u32, SentChunk)], expected: ChunkMatch| {
            let upload =
                UploadRecord::new("u", "a", 5, 2, 7).with_sent(sent.iter().cloned().collect());
            let source = BytesSource::new("a", &b"hello!!"[..]);
            assert_eq!(sent_chunks(&source, &upload).unwrap(), expected, "{sent:?}");
        };
        // MD5s of "hello" and "!!".
        let (first, second) = (
            (1, chunk("5D41402ABC4B2A76B9719D911017C592", 5)),
            (2, chunk("9b9a40ba69b4cc3f6feb2f64ad6c3f28", 2)),
        );
        check(&[], ChunkMatch::Same);
        check(std::slice::from_ref(&first), ChunkMatch::Same);
        let other = chunk("5d41402abc4b2a76b9719d911017c592", 2);
        check(&[first.clone(), (2, other.clone())], ChunkMatch::Changed(2));
        check(&[(3, other)], ChunkMatch::Changed(3));
        check(&[(1, chunk("opaque", 5)), second], ChunkMatch::Unknown(1));
    }
}
