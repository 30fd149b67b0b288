//! Lines of bounded length. A file without line ends must not be read into memory as a whole.

use std::io::{self, BufRead, BufReader, Read};

/// The longest line of a list or manifest in bytes.
pub(super) const MAX_LINE: usize = 1 << 20;

/// The byte order mark of UTF-8.
pub(super) const BOM: &[u8] = b"\xef\xbb\xbf";

/// The start of a file in UTF-16.
pub(super) fn is_utf16(start: &[u8]) -> bool {
    start.starts_with(b"\xff\xfe") || start.starts_with(b"\xfe\xff")
}

/// One line, without its end.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Line {
    Bytes(Vec<u8>),
    /// It has more than [`MAX_LINE`] bytes, which were skipped.
    TooLong,
}

/// Reads lines that end with `separator`. The last one may lack its end.
pub(super) struct Lines {
    reader: BufReader<Box<dyn Read + Send>>,
    separator: u8,
    number: u64,
}

impl Lines {
    pub(super) fn new(reader: Box<dyn Read + Send>, separator: u8) -> Self {
        Self {
            reader: BufReader::new(reader),
            separator,
            number: 0,
        }
    }

    /// The next line and its number, starting at 1.
    pub(super) fn next(&mut self) -> io::Result<Option<(u64, Line)>> {
        let mut line = Vec::new();
        let limit = MAX_LINE as u64 + 1;
        let read = (&mut self.reader)
            .take(limit)
            .read_until(self.separator, &mut line)?;
        if read == 0 {
            return Ok(None);
        }
        self.number += 1;
        if line.last() == Some(&self.separator) {
            line.pop();
        } else if line.len() > MAX_LINE {
            self.skip()?;
            return Ok(Some((self.number, Line::TooLong)));
        }
        if self.number == 1 && self.separator == b'\n' && line.starts_with(BOM) {
            line.drain(..BOM.len());
        }
        Ok(Some((self.number, Line::Bytes(line))))
    }

    /// Skips to the next line.
    fn skip(&mut self) -> io::Result<()> {
        loop {
            let piece = self.reader.fill_buf()?;
            if piece.is_empty() {
                return Ok(());
            }
            let (length, is_end) = match piece.iter().position(|byte| *byte == self.separator) {
                Some(at) => (at + 1, true),
                None => (piece.len(), false),
            };
            self.reader.consume(length);
            if is_end {
                return Ok(());
            }
        }
    }
}

impl std::fmt::Debug for Lines {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Lines")
            .field("number", &self.number)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(text: &[u8], separator: u8) -> Vec<(u64, Line)> {
        let mut lines = Lines::new(Box::new(io::Cursor::new(text.to_vec())), separator);
        std::iter::from_fn(|| lines.next().unwrap()).collect()
    }

    fn bytes(text: &[u8]) -> Line {
        Line::Bytes(text.to_vec())
    }

    #[test]
    fn lines_are_split_and_numbered() {
        assert_eq!(
            lines(b"\xef\xbb\xbfa\n\nb", b'\n'),
            [(1, bytes(b"a")), (2, bytes(b"")), (3, bytes(b"b"))]
        );
        assert_eq!(
            lines(b"a\nb\0c\0", 0),
            [(1, bytes(b"a\nb")), (2, bytes(b"c"))]
        );
        assert_eq!(lines(b"", b'\n'), []);
    }

    #[test]
    fn a_line_that_is_too_long_is_skipped() {
        let mut text = vec![b'x'; MAX_LINE];
        text.push(b'\n');
        text.extend(vec![b'y'; MAX_LINE + 1]);
        text.extend(b"\nz\n");
        text.extend(vec![b'w'; 3 * MAX_LINE]);
        let found = lines(&text, b'\n');
        assert_eq!(found[0], (1, Line::Bytes(vec![b'x'; MAX_LINE])));
        assert_eq!(
            found[1..],
            [(2, Line::TooLong), (3, bytes(b"z")), (4, Line::TooLong)]
        );
    }
}
