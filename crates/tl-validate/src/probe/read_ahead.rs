//! Read-ahead: combines the many small reads of a demuxer into a few large reads of the source, and
//! caches recent data.

use std::collections::VecDeque;
use std::io;

use crate::remote::range::RangeRead;

/// Size of a fetch at an offset that is not near an earlier one.
const FIRST_BYTES: u64 = 256 * 1024;

/// Maximum size of a fetch when reading continues sequentially.
const MAX_FETCH_BYTES: u64 = 1024 * 1024;

/// Maximum size of the cache.
const CACHE_BYTES: usize = 8 * 1024 * 1024;

/// Bounds of the read size that a source states. A prober reads the start and the end of most files,
/// so larger blocks would be fetched for nothing; a helper accepts no larger ones either.
const MIN_READ_SIZE: usize = 4 * 1024;
const MAX_READ_SIZE: usize = 4 * 1024 * 1024;

/// Minimum number of blocks of the read size of a source that fit in the cache: the start, the end and
/// the samples between them from which the duration of a transport stream is read.
const CACHED_BLOCKS: usize = 8;

/// A source with a cache of recent reads.
pub(crate) struct ReadAhead<'a> {
    source: &'a mut dyn RangeRead,
    size: u64,
    /// The most recent block is last.
    blocks: VecDeque<Block>,
    cached_bytes: usize,
    /// Maximum size of the cache.
    capacity: usize,
    /// Size of a fetch at an offset that is not near an earlier one.
    first: u64,
    /// Maximum size of a fetch when reading continues sequentially.
    max_fetch: u64,
    /// Size of the next sequential fetch.
    stride: u64,
}

struct Block {
    start: u64,
    bytes: Vec<u8>,
}

impl Block {
    fn end(&self) -> u64 {
        self.start + self.bytes.len() as u64
    }
}

impl<'a> ReadAhead<'a> {
    pub(crate) fn new(source: &'a mut dyn RangeRead) -> Self {
        let size = source.size();
        let read_size = source
            .read_size()
            .map(|bytes| bytes.clamp(MIN_READ_SIZE, MAX_READ_SIZE));
        let (first, max_fetch) = read_size.map_or((FIRST_BYTES, MAX_FETCH_BYTES), |bytes| {
            (bytes as u64, bytes as u64)
        });
        Self {
            source,
            size,
            blocks: VecDeque::new(),
            cached_bytes: 0,
            capacity: CACHE_BYTES.max(CACHED_BLOCKS * read_size.unwrap_or(0)),
            first,
            max_fetch,
            stride: first,
        }
    }

    pub(crate) fn size(&self) -> u64 {
        self.size
    }

    /// Remaining byte budget.
    #[cfg(feature = "ffmpeg")]
    pub(crate) fn remaining(&self) -> Option<u64> {
        self.source.remaining()
    }

    /// Whether the byte at `offset` is in the cache.
    #[cfg(feature = "ffmpeg")]
    pub(crate) fn holds(&self, offset: u64) -> bool {
        offset >= self.size || self.block_at(offset).is_some()
    }

    /// Reads at an offset; returns 0 only at the end.
    pub(crate) fn read(&mut self, offset: u64, into: &mut [u8]) -> io::Result<usize> {
        if offset >= self.size || into.is_empty() {
            return Ok(0);
        }
        if self.block_at(offset).is_none() {
            self.fetch(offset, into.len() as u64)?;
        }
        let Some(block) = self.block_at(offset) else {
            let seen = format!(
                "the source ends at byte {offset}, but its size is {}",
                self.size
            );
            return Err(io::Error::new(io::ErrorKind::UnexpectedEof, seen));
        };
        let from = (offset - block.start) as usize;
        let read = into.len().min(block.bytes.len() - from);
        into[..read].copy_from_slice(&block.bytes[from..from + read]);
        Ok(read)
    }

    fn block_at(&self, offset: u64) -> Option<&Block> {
        let mut latest_first = self.blocks.iter().rev();
        latest_first.find(|block| (block.start..block.end()).contains(&offset))
    }

    /// Fetches a block that contains `offset`.
    fn fetch(&mut self, offset: u64, wanted: u64) -> io::Result<()> {
        let is_sequential = self.blocks.iter().any(|block| block.end() == offset);
        self.stride = if is_sequential {
            (self.stride * 2).min(self.max_fetch)
        } else {
            self.first
        };
        // Fetch the last block completely: demuxers often read backwards there.
        let mut start = if self.size - offset < self.first {
            self.size.saturating_sub(self.first)
        } else {
            offset
        };
        let stride = self.stride.max(wanted.min(self.max_fetch));
        let mut end = offset.saturating_add(stride).min(self.size);
        // Do not fetch cached data again.
        for block in &self.blocks {
            if block.end() <= offset {
                start = start.max(block.end());
            } else if block.start > offset {
                end = end.min(block.start);
            }
        }
        if let Some(remaining) = self.source.remaining() {
            if remaining < offset - start + 1 {
                start = offset;
            }
            end = end.min(start.saturating_add(remaining));
            if end <= offset {
                return Err(io::ErrorKind::QuotaExceeded.into());
            }
        }
        let mut bytes = vec![0; (end - start) as usize];
        let mut filled = 0;
        // Accept a short read once it contains the requested byte.
        while start + filled as u64 <= offset {
            match self
                .source
                .read_at(start + filled as u64, &mut bytes[filled..])
            {
                Ok(0) => return Ok(()),
                Ok(read) => filled = (filled + read).min(bytes.len()),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        bytes.truncate(filled);
        self.cached_bytes += filled;
        self.blocks.push_back(Block { start, bytes });
        while self.cached_bytes > self.capacity
            && let Some(oldest) = self.blocks.pop_front()
        {
            self.cached_bytes -= oldest.bytes.len();
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A source that counts the reads and returns at most `most` bytes for each.
    struct Counted {
        bytes: Vec<u8>,
        calls: Vec<(u64, usize)>,
        most: usize,
        left: Option<u64>,
        read_size: Option<usize>,
    }

    impl Counted {
        fn new(size: usize) -> Self {
            Self {
                bytes: (0..size).map(|i| (i / 7) as u8).collect(),
                calls: Vec::new(),
                most: usize::MAX,
                left: None,
                read_size: None,
            }
        }
    }

    impl RangeRead for Counted {
        fn size(&self) -> u64 {
            self.bytes.len() as u64
        }
        fn read_size(&self) -> Option<usize> {
            self.read_size
        }
        fn remaining(&self) -> Option<u64> {
            self.left
        }
        fn read_at(&mut self, offset: u64, into: &mut [u8]) -> io::Result<usize> {
            let wanted = into.len().min(self.most);
            self.calls.push((offset, wanted));
            let read = (&self.bytes[..]).read_at(offset, &mut into[..wanted])?;
            if let Some(left) = &mut self.left {
                *left = left.checked_sub(read as u64).expect("within the budget");
            }
            Ok(read)
        }
    }

    #[test]
    fn sequential_small_reads_become_few_large_ones() {
        let mut source = Counted::new(3_000_000);
        let whole = source.bytes.clone();
        let mut ahead = ReadAhead::new(&mut source);
        let mut read = Vec::new();
        let mut piece = [0; 32 * 1024];
        loop {
            match ahead.read(read.len() as u64, &mut piece).expect("memory") {
                0 => break,
                n => read.extend_from_slice(&piece[..n]),
            }
        }
        assert_eq!(read, whole);
        assert!(source.calls.len() <= 5, "{:?}", source.calls);
    }

    #[test]
    fn reading_the_tail_backwards_takes_one_request() {
        let mut source = Counted::new(3_000_000);
        let mut ahead = ReadAhead::new(&mut source);
        for back in [4u64, 1000, 30_000, 200_000] {
            let mut piece = [0; 4];
            assert_eq!(ahead.read(3_000_000 - back, &mut piece).expect("memory"), 4);
        }
        assert_eq!(
            source.calls,
            [(3_000_000 - FIRST_BYTES, FIRST_BYTES as usize)]
        );
    }

    #[test]
    fn fetches_have_the_read_size_of_the_source() {
        let check = |read_size, offsets: &[u64], expected: &[(u64, usize)]| {
            let mut source = Counted::new(9_000_000);
            source.read_size = Some(read_size);
            let mut ahead = ReadAhead::new(&mut source);
            for offset in offsets {
                let read = ahead.read(*offset, &mut [0; 10]).expect("memory");
                assert_eq!(read, 10, "{read_size}, {offset}");
            }
            assert_eq!(source.calls, expected, "{read_size}");
        };
        let sequential = [
            0, 100, 1_900_000, 2_000_000, 3_999_000, 8_999_990, 8_900_000,
        ];
        let blocks = [
            (0, 2_000_000),
            (2_000_000, 2_000_000),
            (7_000_000, 2_000_000),
        ];
        check(2_000_000, &sequential, &blocks);
        check(
            10_000,
            &[0, 9_990, 10_000],
            &[(0, 10_000), (10_000, 10_000)],
        );
        // Bounded, and the start stays cached.
        let (most, end) = (MAX_READ_SIZE, 9_000_000 - MAX_READ_SIZE as u64);
        check(usize::MAX, &[0, 8_999_990, 20], &[(0, most), (end, most)]);
        check(0, &[0, 4_000], &[(0, MIN_READ_SIZE)]);
    }

    #[test]
    fn budget_is_respected_and_its_end_reported() {
        let mut source = Counted::new(3_000_000);
        source.left = Some(300_000);
        let mut ahead = ReadAhead::new(&mut source);
        let mut piece = [0; 1000];
        assert_eq!(ahead.read(0, &mut piece).expect("within the budget"), 1000);
        assert_eq!(ahead.read(2_999_999, &mut piece).expect("shortened"), 1);
        let error = ahead
            .read(1_000_000, &mut piece)
            .and_then(|_| ahead.read(2_000_000, &mut piece));
        assert_eq!(
            error.expect_err("spent").kind(),
            io::ErrorKind::QuotaExceeded
        );
        let fetched: usize = source.calls.iter().map(|c| c.1).sum();
        assert!(fetched <= 300_000, "{fetched}");
    }

    #[test]
    fn early_end_of_source_is_an_error() {
        struct Short;
        impl RangeRead for Short {
            fn size(&self) -> u64 {
                1000
            }
            fn read_at(&mut self, _: u64, _: &mut [u8]) -> io::Result<usize> {
                Ok(0)
            }
        }
        let error = ReadAhead::new(&mut Short).read(0, &mut [0; 10]);
        assert_eq!(
            error.expect_err("it lies").kind(),
            io::ErrorKind::UnexpectedEof
        );
    }

    proptest::proptest! {
        #[test]
        fn reads_return_the_content_of_the_source(
            size in 1usize..1_500_000,
            most in 1usize..700_000,
            read_size in proptest::option::of(0usize..6_000_000),
            offsets in proptest::collection::vec((0u64..1_600_000, 1usize..100_000), 1..20),
        ) {
            let mut source = Counted::new(size);
            source.most = most;
            source.read_size = read_size;
            let whole = source.bytes.clone();
            let mut ahead = ReadAhead::new(&mut source);
            for (offset, wanted) in offsets {
                let mut piece = vec![0; wanted];
                let read = ahead.read(offset, &mut piece).expect("memory");
                let from = usize::try_from(offset).expect("small").min(whole.len());
                proptest::prop_assert!(read > 0 || from == whole.len());
                proptest::prop_assert_eq!(&piece[..read], &whole[from..from + read]);
            }
        }
    }
}
