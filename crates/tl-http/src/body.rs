//! Request bodies with a known length that can be sent again. A large body is read from a
//! [`Source`] by offset, so that a retry starts at the first byte and nothing is held in memory.

use std::{fmt, io, sync::Arc};

use bytes::Bytes;

/// Maximum size of a read for a source with a [read size](Source::read_size), in bytes: 16 MiB. It
/// bounds the memory of an upload, whatever the source states.
pub const MAX_READ_SIZE: usize = 16 << 20;

/// Bytes that can be read repeatedly from any offset: a file, a buffer, or a custom seekable
/// reader.
///
/// A driver calls [`read_at`](Source::read_at) on a thread that may block. A flow never calls it.
pub trait Source: Send + Sync + fmt::Debug {
    /// The file name sent to the platform, for example `match.mp4`.
    fn name(&self) -> &str;

    /// The number of bytes, fixed when the source was opened.
    fn len(&self) -> u64;

    /// Whether the length is 0.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Reads bytes at `offset` into `buffer` and returns their number; 0 only at the end.
    ///
    /// # Errors
    /// Any I/O error. The attempt then fails with
    /// [`SourceFailed`](crate::TransportErrorKind::SourceFailed).
    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<usize>;

    /// Like [`read_at`](Source::read_at), but only if the bytes can be read without blocking: from
    /// memory, or from a file in the page cache. The default returns `None`, which means that the
    /// read may block; the driver then calls `read_at`.
    ///
    /// An asynchronous driver calls this on a thread that must not block.
    fn try_read_at(&self, offset: u64, buffer: &mut [u8]) -> Option<io::Result<usize>> {
        let _ = (offset, buffer);
        None
    }

    /// The preferred size of a read in bytes, if a read has a high fixed cost: for example, if each
    /// read is a request to an object store. The default, `None`, means that small reads are cheap.
    ///
    /// Uploads and the local check then read blocks of this size, and keep a block in memory until
    /// it is used: one per chunk in flight. At most [`MAX_READ_SIZE`]; the local check reads at most
    /// 4 MiB at a time. The last block of a chunk is shorter. A source that wraps another one
    /// returns the read size of that source.
    fn read_size(&self) -> Option<usize> {
        None
    }
}

/// A source held in memory.
#[derive(Debug, Clone)]
pub struct BytesSource {
    name: String,
    bytes: Bytes,
}

impl BytesSource {
    /// Creates a source with the file name `name` from `bytes`.
    pub fn new(name: impl Into<String>, bytes: impl Into<Bytes>) -> Self {
        Self {
            name: name.into(),
            bytes: bytes.into(),
        }
    }
}

impl Source for BytesSource {
    fn name(&self) -> &str {
        &self.name
    }

    fn len(&self) -> u64 {
        self.bytes.len() as u64
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        let Ok(start) = usize::try_from(offset) else {
            return Ok(0);
        };
        let rest = self.bytes.get(start..).unwrap_or_default();
        let count = rest.len().min(buffer.len());
        buffer[..count].copy_from_slice(&rest[..count]);
        Ok(count)
    }

    fn try_read_at(&self, offset: u64, buffer: &mut [u8]) -> Option<io::Result<usize>> {
        Some(self.read_at(offset, buffer))
    }
}

#[derive(Clone)]
enum Piece {
    Bytes(Bytes),
    Source {
        source: Arc<dyn Source>,
        start: u64,
        len: u64,
    },
}

impl Piece {
    fn len(&self) -> u64 {
        match self {
            Self::Bytes(bytes) => bytes.len() as u64,
            Self::Source { len, .. } => *len,
        }
    }
}

/// A request body: buffers in memory and ranges of sources. The total length is known before the
/// first byte is read.
///
/// Cloning is cheap. A clone starts at the first byte.
#[derive(Clone, Default)]
pub struct Body {
    pieces: Arc<[Piece]>,
    len: u64,
}

impl Body {
    /// An empty body.
    #[must_use]
    pub fn empty() -> Self {
        Self::default()
    }

    /// The whole of `source`.
    #[must_use]
    pub fn from_source(source: Arc<dyn Source>) -> Self {
        let len = source.len();
        Self::from_range(source, 0, len)
    }

    /// `len` bytes of `source` from offset `start`. If the source ends earlier, reading fails.
    #[must_use]
    pub fn from_range(source: Arc<dyn Source>, start: u64, len: u64) -> Self {
        Self::from_pieces(vec![Piece::Source { source, start, len }])
    }

    /// Concatenates bodies.
    #[must_use]
    pub fn concat(bodies: impl IntoIterator<Item = Body>) -> Self {
        Self::from_pieces(
            bodies
                .into_iter()
                .flat_map(|body| body.pieces.to_vec())
                .collect(),
        )
    }

    fn from_pieces(pieces: Vec<Piece>) -> Self {
        let len = pieces.iter().map(Piece::len).sum();
        Self {
            pieces: pieces.into(),
            len,
        }
    }

    /// The exact number of bytes: the value of `Content-Length`.
    #[must_use]
    pub fn len(&self) -> u64 {
        self.len
    }

    /// Whether the body is empty.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The bytes, if the whole body is one buffer in memory: a transport can then send it without a
    /// reader.
    #[must_use]
    pub fn as_bytes(&self) -> Option<Bytes> {
        match &*self.pieces {
            [] => Some(Bytes::new()),
            [Piece::Bytes(bytes)] => Some(bytes.clone()),
            _ => None,
        }
    }

    /// A reader that starts at the first byte. It blocks while the source blocks.
    #[must_use]
    pub fn reader(&self) -> BodyReader {
        BodyReader {
            body: self.clone(),
            piece: 0,
            offset: 0,
            block: Block::default(),
        }
    }
}

impl<B: Into<Bytes>> From<B> for Body {
    fn from(bytes: B) -> Self {
        Self::from_pieces(vec![Piece::Bytes(bytes.into())])
    }
}

impl fmt::Debug for Body {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "Body({} bytes in {} pieces)",
            self.len,
            self.pieces.len()
        )
    }
}

/// Reads a [`Body`] from first to last byte. A body that ends early is an error.
#[derive(Debug)]
pub struct BodyReader {
    body: Body,
    piece: usize,
    offset: u64,
    /// The bytes that follow in the current piece, if its source has a read size.
    block: Block,
}

/// A block read from a source with a read size, and how much of it is used.
#[derive(Default)]
struct Block {
    bytes: Vec<u8>,
    filled: usize,
    used: usize,
}

impl Block {
    /// Moves the next bytes to `buffer`. Returns 0 if the block is used up.
    fn take(&mut self, buffer: &mut [u8]) -> usize {
        let rest = &self.bytes[self.used..self.filled];
        let count = rest.len().min(buffer.len());
        buffer[..count].copy_from_slice(&rest[..count]);
        self.used += count;
        count
    }

    /// Replaces the block by up to `size` bytes from `read`.
    fn fill(
        &mut self,
        size: usize,
        read: impl FnOnce(&mut [u8]) -> Option<io::Result<usize>>,
    ) -> Option<io::Result<usize>> {
        (self.filled, self.used) = (0, 0);
        if self.bytes.len() < size {
            // Zeroed memory from the system is cheaper than filling it.
            self.bytes = vec![0; size];
        }
        Some(read(&mut self.bytes[..size])?.map(|count| {
            self.filled = count.min(size);
            self.filled
        }))
    }
}

impl fmt::Debug for Block {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} of {} bytes used", self.used, self.filled)
    }
}

impl BodyReader {
    /// Like [`read`](io::Read::read), but returns `None` if the next bytes cannot be read without
    /// blocking.
    pub fn try_read(&mut self, buffer: &mut [u8]) -> Option<io::Result<usize>> {
        self.advance(buffer, |source, at, buffer| source.try_read_at(at, buffer))
    }

    /// Advances by one read: `read` reads from a source and returns `None` if it would block.
    fn advance(
        &mut self,
        buffer: &mut [u8],
        read: impl Fn(&dyn Source, u64, &mut [u8]) -> Option<io::Result<usize>>,
    ) -> Option<io::Result<usize>> {
        if buffer.is_empty() {
            return Some(Ok(0));
        }
        while let Some(piece) = self.body.pieces.get(self.piece) {
            let left = piece.len() - self.offset;
            if left == 0 {
                self.piece += 1;
                self.offset = 0;
                continue;
            }
            let left = usize::try_from(left).unwrap_or(usize::MAX);
            let limit = left.min(buffer.len());
            let buffer = &mut buffer[..limit];
            let count = match piece {
                Piece::Bytes(bytes) => {
                    // A buffer in memory is never longer than a usize.
                    let start = usize::try_from(self.offset).unwrap_or(usize::MAX);
                    buffer.copy_from_slice(&bytes[start..start + limit]);
                    limit
                }
                Piece::Source { source, start, len } => {
                    let at = start + self.offset;
                    let mut count = self.block.take(buffer);
                    if count == 0 {
                        let size = source.read_size().unwrap_or(0).min(MAX_READ_SIZE).min(left);
                        let filled = if size > limit {
                            self.block.fill(size, |block| {
                                retry_interrupted(|| read(&**source, at, block))
                            })
                        } else {
                            retry_interrupted(|| read(&**source, at, buffer))
                        };
                        count = match filled? {
                            Ok(0) => return Some(Err(ended_early(&**source, at, start + len))),
                            Ok(_) if size > limit => self.block.take(buffer),
                            Ok(count) => count.min(limit),
                            Err(error) => return Some(Err(error)),
                        };
                    }
                    count
                }
            };
            self.offset += count as u64;
            return Some(Ok(count));
        }
        Some(Ok(0))
    }
}

impl io::Read for BodyReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.advance(buffer, |source, at, buffer| {
            Some(source.read_at(at, buffer))
        })
        .unwrap_or(Ok(0))
    }
}

fn retry_interrupted(
    mut read: impl FnMut() -> Option<io::Result<usize>>,
) -> Option<io::Result<usize>> {
    loop {
        match read() {
            Some(Err(error)) if error.kind() == io::ErrorKind::Interrupted => {}
            other => return other,
        }
    }
}

fn ended_early(source: &dyn Source, at: u64, announced: u64) -> io::Error {
    let text = format!(
        "`{}` ended at byte {at}, but {announced} bytes were announced: it became shorter while it was being sent",
        source.name()
    );
    io::Error::new(io::ErrorKind::UnexpectedEof, text)
}

#[cfg(test)]
mod tests {
    use std::{io::Read, sync::Mutex};

    use proptest::prelude::*;

    use super::*;

    fn source(bytes: &[u8]) -> Arc<dyn Source> {
        Arc::new(BytesSource::new("clip.mp4", Bytes::copy_from_slice(bytes)))
    }

    fn all(body: &Body) -> Vec<u8> {
        let mut bytes = Vec::new();
        body.reader().read_to_end(&mut bytes).unwrap();
        bytes
    }

    #[test]
    fn clone_starts_at_the_first_byte() {
        let body = Body::concat([
            Body::from("head"),
            Body::from_source(source(b"media")),
            Body::from("tail"),
        ]);
        let mut half = [0; 6];
        body.reader().read_exact(&mut half).unwrap();
        assert_eq!(all(&body.clone()), b"headmediatail");
        assert_eq!(body.len(), 13);
    }

    #[test]
    fn shrunken_source_is_an_error() {
        let body = Body::from_range(source(b"12345"), 2, 9);
        let mut bytes = Vec::new();
        let error = body.reader().read_to_end(&mut bytes).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::UnexpectedEof);
        assert_eq!(
            error.to_string(),
            "`clip.mp4` ended at byte 5, but 11 bytes were announced: it became shorter while it was being sent"
        );
    }

    /// A source that is never available without blocking.
    #[derive(Debug)]
    struct BlockingSource(BytesSource);

    impl Source for BlockingSource {
        fn name(&self) -> &str {
            self.0.name()
        }

        fn len(&self) -> u64 {
            self.0.len()
        }

        fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
            self.0.read_at(offset, buffer)
        }
    }

    #[test]
    fn reader_resumes_after_try_read() {
        let blocking = BlockingSource(BytesSource::new("clip.mp4", "far"));
        let body = Body::concat([
            Body::from("head"),
            Body::from_source(source(b"near")),
            Body::from_source(Arc::new(blocking)),
        ]);
        let mut reader = body.reader();
        let mut buffer = [0; 16];
        assert_eq!(reader.try_read(&mut buffer).unwrap().unwrap(), 4);
        assert_eq!(reader.try_read(&mut buffer[..3]).unwrap().unwrap(), 3);
        assert_eq!(reader.try_read(&mut buffer).unwrap().unwrap(), 1);
        assert!(reader.try_read(&mut buffer).is_none());
        let mut rest = Vec::new();
        reader.read_to_end(&mut rest).unwrap();
        assert_eq!(rest, b"far");
        assert_eq!(reader.try_read(&mut buffer).unwrap().unwrap(), 0);
        let mut short = Body::from_range(source(b"12"), 1, 9).reader();
        assert_eq!(short.try_read(&mut buffer).unwrap().unwrap(), 1);
        assert!(short.try_read(&mut buffer).unwrap().is_err());
    }

    /// A source with a read size, that counts its reads and returns at most `most` bytes for each.
    #[derive(Debug)]
    struct Costly {
        bytes: BytesSource,
        read_size: usize,
        most: usize,
        reads: Mutex<Vec<(u64, usize)>>,
    }

    impl Costly {
        fn new(bytes: Vec<u8>, read_size: usize) -> Self {
            Self {
                bytes: BytesSource::new("clip.mp4", bytes),
                read_size,
                most: usize::MAX,
                reads: Mutex::default(),
            }
        }

        fn reads(&self) -> Vec<(u64, usize)> {
            self.reads.lock().unwrap().clone()
        }
    }

    impl Source for Costly {
        fn name(&self) -> &str {
            self.bytes.name()
        }

        fn len(&self) -> u64 {
            self.bytes.len()
        }

        fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
            self.reads.lock().unwrap().push((offset, buffer.len()));
            let most = buffer.len().min(self.most);
            self.bytes.read_at(offset, &mut buffer[..most])
        }

        fn read_size(&self) -> Option<usize> {
            Some(self.read_size)
        }
    }

    #[test]
    fn reads_have_the_size_that_the_source_states() {
        let check = |read_size, start, len, step: usize, expected: &[(u64, usize)]| {
            let bytes: Vec<u8> = (0..200).collect();
            let costly = Arc::new(Costly::new(bytes.clone(), read_size));
            let body = Body::from_range(Arc::clone(&costly) as _, start, len);
            let mut reader = body.reader();
            assert!(reader.try_read(&mut [0; 4]).is_none(), "it may block");
            let (mut all, mut buffer) = (Vec::new(), vec![0; step]);
            while let Ok(count @ 1..) = reader.read(&mut buffer) {
                all.extend_from_slice(&buffer[..count]);
            }
            let range = usize::try_from(start).unwrap()..usize::try_from(start + len).unwrap();
            assert_eq!(all, bytes[range]);
            assert_eq!(
                costly.reads(),
                expected,
                "{read_size} {start}+{len} by {step}"
            );
        };
        check(64, 0, 200, 16, &[(0, 64), (64, 64), (128, 64), (192, 8)]);
        check(64, 10, 100, 16, &[(10, 64), (74, 36)]);
        check(1000, 10, 100, 7, &[(10, 100)]);
        check(0, 0, 20, 16, &[(0, 16), (16, 4)]);
        check(usize::MAX, 0, 200, 16, &[(0, 200)]);
        // A larger buffer is filled directly.
        check(8, 0, 200, 100, &[(0, 100), (100, 100)]);
    }

    #[test]
    fn huge_read_size_takes_bounded_memory() {
        let costly = Arc::new(Costly::new(vec![7; MAX_READ_SIZE + 1], usize::MAX));
        let body = Body::from_source(Arc::clone(&costly) as _);
        assert_eq!(all(&body).len(), MAX_READ_SIZE + 1);
        assert!(costly.reads().iter().all(|(_, len)| *len <= MAX_READ_SIZE));
    }

    proptest! {
        #[test]
        fn pieces_concatenate_for_any_read_size(
            pieces in prop::collection::vec((0_usize..3, prop::collection::vec(any::<u8>(), 0..40)), 0..6),
            step in 1_usize..17,
            read_size in 0_usize..30,
            most in 1_usize..30,
        ) {
            let expected: Vec<u8> = pieces.iter().flat_map(|(_, bytes)| bytes.clone()).collect();
            let body = Body::concat(pieces.iter().map(|(kind, bytes)| match kind {
                0 => Body::from(bytes.clone()),
                1 => Body::from_source(source(bytes)),
                _ => {
                    let costly = Costly { most, ..Costly::new(bytes.clone(), read_size) };
                    Body::from_source(Arc::new(costly))
                }
            }));
            prop_assert_eq!(body.len(), expected.len() as u64);
            let mut reader = body.reader();
            let (mut read, mut buffer) = (Vec::new(), vec![0; step]);
            loop {
                let count = reader.read(&mut buffer).unwrap();
                if count == 0 { break; }
                read.extend_from_slice(&buffer[..count]);
            }
            prop_assert_eq!(read, expected);
        }
    }
}
