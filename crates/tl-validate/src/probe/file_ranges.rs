//! A local file as a source that is read by range.

use std::fs::File;
use std::io;

use crate::remote::range::RangeRead;

/// A local file as a [`RangeRead`], without read-ahead and budget. On Unix its cursor does not
/// move.
#[derive(Debug)]
pub struct FileRanges {
    file: File,
    size: u64,
}

impl FileRanges {
    /// Uses the current size of the file; data appended later is not read.
    ///
    /// # Errors
    /// The operating system does not report the size.
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
