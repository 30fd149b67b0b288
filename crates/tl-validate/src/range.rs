//! Bytes that are not a local file: anything that can be read at an offset, such as a file behind HTTP range requests.
//! Fetching them is the caller's work, and so is the budget; fewer and larger reads are made of many small ones in
//! `ahead`.

#[cfg(any(feature = "ffmpeg", feature = "header"))]
mod ahead;

use std::fs::File;
use std::io;

#[cfg(any(feature = "ffmpeg", feature = "header"))]
pub(crate) use ahead::ReadAhead;

/// Bytes of a known size that can be read at any offset, for [`crate::Prober::probe_ranges`].
///
/// Calls block. Read-ahead is the prober's work: it asks for a few ranges of 256 KiB to 1 MiB rather than for many small
/// ones, so each call may well be one request. The byte and time budget is held here, by the implementation: once it is
/// spent, [`RangeRead::read_at`] fails with [`io::ErrorKind::QuotaExceeded`], and the prober answers with what it knows
/// by then, marked [`crate::MediaFacts::partly_read`].
///
/// ```
/// use std::io;
/// use tl_validate::RangeRead;
///
/// /// Hands out at most `left` bytes of another source.
/// struct Budgeted<R> { inner: R, left: u64 }
///
/// impl<R: RangeRead> RangeRead for Budgeted<R> {
///     fn size(&self) -> u64 {
///         self.inner.size()
///     }
///     fn remaining(&self) -> Option<u64> {
///         Some(self.left)
///     }
///     fn read_at(&mut self, offset: u64, into: &mut [u8]) -> io::Result<usize> {
///         if self.left < into.len() as u64 {
///             return Err(io::ErrorKind::QuotaExceeded.into());
///         }
///         let read = self.inner.read_at(offset, into)?;
///         self.left -= read as u64;
///         Ok(read)
///     }
/// }
/// ```
pub trait RangeRead: Send {
    /// Size of the whole, in bytes. It must not change while it is read.
    fn size(&self) -> u64;

    /// How many more bytes may be read; `None` for any number. Saves the prober from beginning what it cannot end.
    fn remaining(&self) -> Option<u64> {
        None
    }

    /// Reads from `offset` on until `into` is full. Fewer bytes are allowed, at the cost of one more call.
    ///
    /// # Errors
    /// [`io::ErrorKind::QuotaExceeded`] when the budget is spent; anything else ends the probe with
    /// [`crate::ProbeErrorKind::Io`] and the error's text.
    fn read_at(&mut self, offset: u64, into: &mut [u8]) -> io::Result<usize>;
}

impl<R: RangeRead + ?Sized> RangeRead for &mut R {
    fn size(&self) -> u64 {
        (**self).size()
    }
    fn remaining(&self) -> Option<u64> {
        (**self).remaining()
    }
    fn read_at(&mut self, offset: u64, into: &mut [u8]) -> io::Result<usize> {
        (**self).read_at(offset, into)
    }
}

impl<R: RangeRead + ?Sized> RangeRead for Box<R> {
    fn size(&self) -> u64 {
        (**self).size()
    }
    fn remaining(&self) -> Option<u64> {
        (**self).remaining()
    }
    fn read_at(&mut self, offset: u64, into: &mut [u8]) -> io::Result<usize> {
        (**self).read_at(offset, into)
    }
}

/// A local file as a row of bytes, without read-ahead and budget. Its cursor does not move on Unix.
#[derive(Debug)]
pub struct FileRanges {
    file: File,
    size: u64,
}

impl FileRanges {
    /// The file with the size it has now; what is appended later is not read.
    ///
    /// # Errors
    /// When the operating system does not tell the size.
    pub fn new(file: File) -> io::Result<Self> {
        let size = file.metadata()?.len();
        Ok(Self { file, size })
    }
}

impl RangeRead for FileRanges {
    fn size(&self) -> u64 {
        self.size
    }
    fn read_at(&mut self, offset: u64, into: &mut [u8]) -> io::Result<usize> {
        let left = usize::try_from(self.size.saturating_sub(offset)).unwrap_or(usize::MAX);
        let wanted = into.len().min(left);
        read_file_at(&self.file, &mut into[..wanted], offset)
    }
}

/// Bytes in memory.
impl RangeRead for &[u8] {
    fn size(&self) -> u64 {
        self.len() as u64
    }
    fn read_at(&mut self, offset: u64, into: &mut [u8]) -> io::Result<usize> {
        let from = usize::try_from(offset)
            .unwrap_or(usize::MAX)
            .min(self.len());
        let read = into.len().min(self.len() - from);
        into[..read].copy_from_slice(&self[from..from + read]);
        Ok(read)
    }
}

/// Reads at an absolute offset.
#[cfg(unix)]
pub(crate) fn read_file_at(file: &File, into: &mut [u8], offset: u64) -> io::Result<usize> {
    std::os::unix::fs::FileExt::read_at(file, into, offset)
}

/// Reads at an absolute offset.
#[cfg(windows)]
pub(crate) fn read_file_at(file: &File, into: &mut [u8], offset: u64) -> io::Result<usize> {
    std::os::windows::fs::FileExt::seek_read(file, into, offset)
}
