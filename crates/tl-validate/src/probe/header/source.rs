//! The source of a header reader: limits bytes, reads and time, and records errors.

use std::io::{self, Read, Seek, SeekFrom};
use std::time::Instant;

use crate::probe::read_ahead::ReadAhead;
use crate::probe::{ProbeError, ProbeErrorKind};

/// More than the headers of any real file: those of a four-hour video take about 10 MB.
const MAX_BYTES: u64 = 32 * 1024 * 1024;

/// More reads than the headers of any real file need: an index of four hours with an entry for each
/// of 25 frames per second takes 5.8 million. A decoder keeps what it reads, here up to 260 MB.
const MAX_READS: u64 = 16_000_000;

/// Maximum number of reads for a file of this size, byte by byte: twice the whole file, and a
/// little more. A decoder in an endless loop reads the same few bytes repeatedly.
fn max_reads(size: u64) -> u64 {
    size.saturating_mul(2)
        .saturating_add(64 * 1024)
        .min(MAX_READS)
}

/// A seekable source with limits and the first error.
pub(super) struct Source<'a> {
    ahead: ReadAhead<'a>,
    position: u64,
    left: u64,
    reads_left: u64,
    deadline: Instant,
    error: Option<ProbeError>,
}

impl<'a> Source<'a> {
    pub(super) fn new(ahead: ReadAhead<'a>, deadline: Instant) -> Self {
        Self {
            reads_left: max_reads(ahead.size()),
            ahead,
            position: 0,
            left: MAX_BYTES,
            deadline,
            error: None,
        }
    }

    pub(super) fn size(&self) -> u64 {
        self.ahead.size()
    }

    /// The error of the source, which the decoders' own errors do not contain.
    pub(super) fn take_error(&mut self) -> Option<ProbeError> {
        self.error.take()
    }

    fn fail(&mut self, kind: ProbeErrorKind, seen: impl Into<String>) -> io::Error {
        let error = ProbeError::new(kind, "", seen);
        self.error.get_or_insert(error);
        io::Error::other("reading was ended")
    }

    /// Reads at an offset; fewer bytes than requested at the end of the file.
    pub(super) fn peek(&mut self, offset: u64, into: &mut [u8]) -> io::Result<usize> {
        if Instant::now() >= self.deadline {
            return Err(self.fail(
                ProbeErrorKind::DeadlinePassed,
                "reading took longer than allowed",
            ));
        }
        let Some(reads_left) = self.reads_left.checked_sub(1) else {
            let seen = format!(
                "reading the headers takes more than {} reads: they are too many, or refer to each other in a loop",
                max_reads(self.size())
            );
            return Err(self.fail(ProbeErrorKind::TooComplex, seen));
        };
        self.reads_left = reads_left;
        let wanted = into
            .len()
            .min(usize::try_from(self.left).unwrap_or(usize::MAX));
        if wanted == 0 && !into.is_empty() && offset < self.size() {
            let seen = format!("the headers of the file exceed {MAX_BYTES} bytes in total");
            return Err(self.fail(ProbeErrorKind::TooComplex, seen));
        }
        match self.ahead.read(offset, &mut into[..wanted]) {
            Ok(read) => {
                self.left -= read as u64;
                Ok(read)
            }
            Err(error) if error.kind() == io::ErrorKind::QuotaExceeded => Err(self.fail(
                ProbeErrorKind::BudgetSpent,
                "the byte budget was spent before the headers were read",
            )),
            Err(error) => {
                let seen = format!("the file cannot be read ({error})");
                Err(self.fail(ProbeErrorKind::Io, seen))
            }
        }
    }

    /// Reads exactly `length` bytes at an offset; `None` if the file does not have them.
    pub(super) fn bytes(&mut self, offset: u64, length: u64) -> Option<Vec<u8>> {
        if length > self.left {
            let seen =
                format!("the headers of the file are {length} bytes; the maximum is {MAX_BYTES}");
            self.fail(ProbeErrorKind::TooComplex, seen);
            return None;
        }
        let end = offset
            .checked_add(length)
            .filter(|end| *end <= self.size())?;
        let mut bytes = vec![0; (end - offset) as usize];
        let mut filled = 0;
        while filled < bytes.len() {
            match self.peek(offset + filled as u64, &mut bytes[filled..]) {
                Ok(0) | Err(_) => return None,
                Ok(read) => filled += read,
            }
        }
        Some(bytes)
    }
}

impl Read for Source<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let read = self.peek(self.position, into)?;
        self.position += read as u64;
        Ok(read)
    }
}

impl Seek for Source<'_> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let target = match to {
            SeekFrom::Start(offset) => Some(offset),
            SeekFrom::End(offset) => self.size().checked_add_signed(offset),
            SeekFrom::Current(offset) => self.position.checked_add_signed(offset),
        };
        self.position = target.ok_or(io::ErrorKind::InvalidInput)?;
        Ok(self.position)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn small_files_are_not_reread_endlessly() {
        let mut bytes = &[7u8; 10][..];
        let deadline = Instant::now() + Duration::from_secs(600);
        let mut source = Source::new(ReadAhead::new(&mut bytes), deadline);
        let mut reads = 0;
        while source.peek(0, &mut [0]).is_ok() {
            reads += 1;
        }
        assert_eq!(reads, 64 * 1024 + 20);
        let error = source.take_error().expect("too many reads");
        assert_eq!(error.kind(), ProbeErrorKind::TooComplex, "{error}");
    }

    #[test]
    fn index_of_long_video_fits_the_read_limit() {
        // Four hours of MJPEG in Matroska at 25 frames per second: 90,585,529 bytes, 5,760,244
        // reads.
        assert!(max_reads(90_585_529) > 5_760_244);
        assert_eq!(max_reads(u64::MAX), MAX_READS);
    }
}
