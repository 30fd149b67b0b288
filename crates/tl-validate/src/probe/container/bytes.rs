//! Bounded random access to the bytes of a file.

use crate::facts::Truncation;

/// Reads bytes at an offset; fewer than requested at the end of the file.
pub(crate) type ReadAt<'a> = &'a mut dyn FnMut(u64, &mut [u8]) -> std::io::Result<usize>;

/// Size of a read-ahead for headers that follow each other closely. Headers further away are read
/// exactly: a file of some hours has tens of thousands of boxes.
const NEAR_BYTES: usize = 1024;

/// Random access to the bytes of a file.
pub(super) struct Bytes<'a> {
    read: ReadAt<'a>,
    pub(super) size: u64,
    /// The most recent read, and its offset.
    window: Vec<u8>,
    window_at: u64,
}

impl<'a> Bytes<'a> {
    pub(super) fn new(read: ReadAt<'a>, size: u64) -> Self {
        Self {
            read,
            size,
            window: Vec::new(),
            window_at: 0,
        }
    }

    /// Exactly `N` bytes, or `None` if the file does not have them.
    pub(super) fn array<const N: usize>(&mut self, offset: u64) -> Option<[u8; N]> {
        if let Some(bytes) = self.held(offset) {
            return Some(bytes);
        }
        let near = (self.window.len() + NEAR_BYTES) as u64;
        let is_near = offset
            .checked_sub(self.window_at)
            .is_some_and(|ahead| ahead < near);
        self.window
            .resize(if is_near { NEAR_BYTES.max(N) } else { N }, 0);
        self.window_at = offset;
        let mut filled = 0;
        while filled < N {
            match (self.read)(
                offset.checked_add(filled as u64)?,
                &mut self.window[filled..],
            ) {
                Ok(0) | Err(_) => {
                    self.window.truncate(filled);
                    return None;
                }
                Ok(n) => filled += n,
            }
        }
        self.window.truncate(filled);
        self.held(offset)
    }

    /// `N` bytes from the window.
    fn held<const N: usize>(&self, offset: u64) -> Option<[u8; N]> {
        let from = usize::try_from(offset.checked_sub(self.window_at)?).ok()?;
        let bytes = self.window.get(from..from.checked_add(N)?)?;
        bytes.try_into().ok()
    }

    pub(super) fn u32_be(&mut self, offset: u64) -> Option<u32> {
        self.array(offset).map(u32::from_be_bytes)
    }

    /// A truncation, if a part called `what` extends beyond the end of the file.
    pub(super) fn reaches_beyond(&self, what: &str, end: u64) -> Option<Truncation> {
        (end > self.size).then(|| Truncation {
            expected_bytes: Some(end),
            detail: format!(
                "{what} extends to byte {end}, but the file ends at byte {}",
                self.size
            ),
        })
    }
}
