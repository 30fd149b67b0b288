//! Sources that are not local files: anything that can be read at an offset, such as a file behind
//! HTTP range requests. The caller implements the fetching and the budget. `read_ahead` combines
//! many small reads into a few large ones.

use std::io;

/// A source of known size that can be read at any offset, for [`crate::Prober::probe_ranges`].
///
/// Calls block. The prober reads ahead: it requests a few ranges of 256 KiB to 1 MiB instead of
/// many small ones, so one call can be one request. The implementation enforces the byte and time
/// budget. Once it is used up, [`RangeRead::read_at`] fails with [`io::ErrorKind::QuotaExceeded`];
/// the prober then returns the facts known so far, with [`crate::MediaFacts::partly_read`] set.
///
/// ```
/// use std::io;
/// use tl_validate::RangeRead;
///
/// /// Reads at most `left` bytes of another source.
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
    /// Total size in bytes. It must not change during the probe.
    fn size(&self) -> u64;

    /// Remaining byte budget; `None` for no limit. The prober uses it to skip work that it could
    /// not complete.
    fn remaining(&self) -> Option<u64> {
        None
    }

    /// The preferred size of a read in bytes, if a read has a high fixed cost: for example, if each
    /// read is a request to an object store. The prober then reads blocks of this size instead of
    /// 256 KiB to 1 MiB, at most 4 MiB. The default, `None`, keeps the sizes of the prober.
    fn read_size(&self) -> Option<usize> {
        None
    }

    /// Reads from `offset` until `into` is full. Fewer bytes are allowed, but cost an additional
    /// call.
    ///
    /// # Errors
    /// [`io::ErrorKind::QuotaExceeded`] if the budget is used up. Any other error ends the probe
    /// with [`crate::ProbeErrorKind::Io`] and the error's message.
    fn read_at(&mut self, offset: u64, into: &mut [u8]) -> io::Result<usize>;
}

impl<R: RangeRead + ?Sized> RangeRead for &mut R {
    fn size(&self) -> u64 {
        (**self).size()
    }
    fn remaining(&self) -> Option<u64> {
        (**self).remaining()
    }
    fn read_size(&self) -> Option<usize> {
        (**self).read_size()
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
    fn read_size(&self) -> Option<usize> {
        (**self).read_size()
    }
    fn read_at(&mut self, offset: u64, into: &mut [u8]) -> io::Result<usize> {
        (**self).read_at(offset, into)
    }
}

/// A source in memory.
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
