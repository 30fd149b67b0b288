//! Request bodies that know their length and can be sent again. The bytes of a large body come from a [`Source`] by
//! offset, so that a retry starts at the first byte and nothing is held in memory. The encoders live in [`crate::form`].

use std::{fmt, io, sync::Arc};

use bytes::Bytes;

/// Bytes that can be read again from any offset: a file, a buffer, a caller's own reader that can seek.
///
/// A driver calls [`read_at`](Source::read_at) on a thread that may block; a flow never does.
pub trait Source: Send + Sync + fmt::Debug {
    /// The file name that the platform is told, for example `match.mp4`.
    fn name(&self) -> &str;

    /// The number of bytes, fixed when the source was opened.
    fn len(&self) -> u64;

    /// Whether there are no bytes at all.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Reads some bytes at `offset` into `buffer` and says how many; 0 only at the end.
    ///
    /// # Errors
    /// What the medium said. The attempt then ends as [`SourceFailed`](crate::TransportErrorKind::SourceFailed).
    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<usize>;
}

/// A source held in memory.
#[derive(Debug, Clone)]
pub struct BytesSource {
    name: String,
    bytes: Bytes,
}

impl BytesSource {
    /// `bytes` under the file name `name`.
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

/// A request body: pieces in memory and ranges of sources, with a total length known before the first byte is read.
///
/// A clone is cheap and starts at the first byte again.
#[derive(Clone, Default)]
pub struct Body {
    pieces: Arc<[Piece]>,
    len: u64,
}

impl Body {
    /// A body without a byte.
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

    /// `len` bytes of `source` from offset `start`; a source that ends earlier fails the attempt when it is read.
    #[must_use]
    pub fn from_range(source: Arc<dyn Source>, start: u64, len: u64) -> Self {
        Self::from_pieces(vec![Piece::Source { source, start, len }])
    }

    /// One body after another.
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

    /// Whether there is no byte to send.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The bytes, where the whole body is one piece in memory: a transport can send it without a reader.
    #[must_use]
    pub fn as_bytes(&self) -> Option<Bytes> {
        match &*self.pieces {
            [] => Some(Bytes::new()),
            [Piece::Bytes(bytes)] => Some(bytes.clone()),
            _ => None,
        }
    }

    /// A reader at the first byte. It blocks where the source blocks.
    #[must_use]
    pub fn reader(&self) -> BodyReader {
        BodyReader {
            body: self.clone(),
            piece: 0,
            offset: 0,
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

/// Reads a [`Body`] from its first byte to its last; fails rather than end early.
#[derive(Debug)]
pub struct BodyReader {
    body: Body,
    piece: usize,
    offset: u64,
}

impl io::Read for BodyReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if buffer.is_empty() {
            return Ok(0);
        }
        while let Some(piece) = self.body.pieces.get(self.piece) {
            let left = piece.len() - self.offset;
            if left == 0 {
                self.piece += 1;
                self.offset = 0;
                continue;
            }
            let room = usize::try_from(left)
                .unwrap_or(usize::MAX)
                .min(buffer.len());
            let count = match piece {
                Piece::Bytes(bytes) => {
                    // A piece in memory is never longer than a usize.
                    let start = usize::try_from(self.offset).unwrap_or(usize::MAX);
                    buffer[..room].copy_from_slice(&bytes[start..start + room]);
                    room
                }
                Piece::Source { source, start, len } => {
                    let at = start + self.offset;
                    let count = read_again_when_interrupted(&**source, at, &mut buffer[..room])?;
                    if count == 0 {
                        return Err(io::Error::new(
                            io::ErrorKind::UnexpectedEof,
                            format!(
                                "`{}` ended at byte {at}, but {} bytes were announced: it became shorter while it was being sent",
                                source.name(),
                                start + len
                            ),
                        ));
                    }
                    count
                }
            };
            self.offset += count as u64;
            return Ok(count);
        }
        Ok(0)
    }
}

fn read_again_when_interrupted(
    source: &dyn Source,
    at: u64,
    buffer: &mut [u8],
) -> io::Result<usize> {
    loop {
        match source.read_at(at, buffer) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            other => return other.map(|count| count.min(buffer.len())),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read;

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
    fn a_clone_starts_at_the_first_byte_again() {
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
    fn a_source_that_became_shorter_fails_instead_of_ending_early() {
        let body = Body::from_range(source(b"12345"), 2, 9);
        let mut bytes = Vec::new();
        let error = body.reader().read_to_end(&mut bytes).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::UnexpectedEof);
        assert_eq!(
            error.to_string(),
            "`clip.mp4` ended at byte 5, but 11 bytes were announced: it became shorter while it was being sent"
        );
    }

    proptest! {
        #[test]
        fn any_mix_of_pieces_reads_as_their_sum_in_any_read_size(
            pieces in prop::collection::vec((any::<bool>(), prop::collection::vec(any::<u8>(), 0..40)), 0..6),
            step in 1_usize..17,
        ) {
            let expected: Vec<u8> = pieces.iter().flat_map(|(_, bytes)| bytes.clone()).collect();
            let body = Body::concat(pieces.iter().map(|(in_memory, bytes)| {
                if *in_memory { Body::from(bytes.clone()) } else { Body::from_source(source(bytes)) }
            }));
            prop_assert_eq!(body.len(), expected.len() as u64);
            let mut reader = body.reader();
            let (mut seen, mut buffer) = (Vec::new(), vec![0; step]);
            loop {
                let count = reader.read(&mut buffer).unwrap();
                if count == 0 { break; }
                seen.extend_from_slice(&buffer[..count]);
            }
            prop_assert_eq!(seen, expected);
        }
    }
}
