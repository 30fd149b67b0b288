//! The state of each chunk: ready, backing off, in flight, sent, reported. Bookkeeping only; the
//! flow acts on it.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

/// The chunks of one upload, numbered from 1 as in the API.
#[derive(Debug, Clone)]
pub(super) struct ChunkTracker {
    total: u32,
    /// May be started now.
    ready: BTreeSet<u32>,
    /// May be started from this time on.
    resting: BTreeSet<(Duration, u32)>,
    under_way: BTreeSet<u32>,
    /// Received by the storage, but not reported to the API yet. The value is the ETag.
    sent: BTreeMap<u32, String>,
    /// In a report in flight.
    reporting: BTreeMap<u32, String>,
    reported: BTreeSet<u32>,
    /// Number of failures of each chunk.
    failures: BTreeMap<u32, u32>,
    /// Time spent on failed attempts and the delays after them.
    spent: BTreeMap<u32, Duration>,
}

impl ChunkTracker {
    pub(super) fn new(total: u32) -> Self {
        Self {
            total,
            ready: (1..=total).collect(),
            resting: BTreeSet::new(),
            under_way: BTreeSet::new(),
            sent: BTreeMap::new(),
            reporting: BTreeMap::new(),
            reported: BTreeSet::new(),
            failures: BTreeMap::new(),
            spent: BTreeMap::new(),
        }
    }

    pub(super) fn contains(&self, index: u32) -> bool {
        (1..=self.total).contains(&index)
    }

    /// Moves chunks whose backoff is over to `ready`. Returns when the next one is due.
    pub(super) fn wake(&mut self, now: Duration) -> Option<Duration> {
        while let Some(&(at, index)) = self.resting.first() {
            if at > now {
                return Some(at);
            }
            self.resting.pop_first();
            self.ready.insert(index);
        }
        None
    }

    /// The chunks that may start, in order.
    pub(super) fn ready(&self) -> impl Iterator<Item = u32> + '_ {
        self.ready.iter().copied()
    }

    /// The chunks that need a URL: those that may start and those that are backing off.
    pub(super) fn unsent(&self) -> impl Iterator<Item = u32> + '_ {
        let resting = self.resting.iter().map(|(_, index)| *index);
        self.ready.iter().copied().chain(resting)
    }

    pub(super) fn under_way(&self) -> usize {
        self.under_way.len()
    }

    pub(super) fn start(&mut self, index: u32) {
        self.ready.remove(&index);
        self.under_way.insert(index);
    }

    pub(super) fn sent(&mut self, index: u32, etag: String) {
        self.under_way.remove(&index);
        self.sent.insert(index, etag);
    }

    /// Counts a failure of a chunk. Returns its number of failures.
    pub(super) fn failed(&mut self, index: u32) -> u32 {
        let failures = self.failures.entry(index).or_insert(0);
        *failures += 1;
        *failures
    }

    /// Adds to the time spent on a chunk. Returns the sum.
    pub(super) fn spend(&mut self, index: u32, time: Duration) -> Duration {
        let spent = self.spent.entry(index).or_default();
        *spent = spent.saturating_add(time);
        *spent
    }

    /// The time spent on a chunk so far.
    pub(super) fn time_spent(&self, index: u32) -> Duration {
        self.spent.get(&index).copied().unwrap_or_default()
    }

    pub(super) fn rest(&mut self, index: u32, until: Duration) {
        self.under_way.remove(&index);
        self.resting.insert((until, index));
    }

    /// Adds a chunk that an earlier process has sent.
    pub(super) fn remember(&mut self, index: u32, etag: String) {
        if self.ready.remove(&index) {
            self.sent.insert(index, etag);
        }
    }

    /// Marks a chunk as complete according to the API, which overrides every other state.
    pub(super) fn confirm(&mut self, index: u32) {
        self.ready.remove(&index);
        self.resting.retain(|(_, other)| *other != index);
        self.sent.remove(&index);
        self.reporting.remove(&index);
        if self.contains(index) && !self.under_way.contains(&index) {
            self.reported.insert(index);
        }
    }

    /// Marks a chunk as unsent, because the API does not have it.
    pub(super) fn doubt(&mut self, index: u32) {
        if self.reported.remove(&index) || self.sent.remove(&index).is_some() {
            self.ready.insert(index);
        }
    }

    pub(super) fn unreported(&self) -> usize {
        self.sent.len()
    }

    /// Moves up to `limit` sent chunks into a report, in order.
    pub(super) fn take_report(&mut self, limit: usize) -> Vec<(u32, String)> {
        let taken: Vec<_> = self
            .sent
            .iter()
            .take(limit)
            .map(|(index, etag)| (*index, etag.clone()))
            .collect();
        for (index, etag) in &taken {
            self.sent.remove(index);
            self.reporting.insert(*index, etag.clone());
        }
        taken
    }

    /// The API accepted the report. Returns its chunks.
    pub(super) fn report_taken(&mut self) -> Vec<u32> {
        let indexes: Vec<u32> = std::mem::take(&mut self.reporting).into_keys().collect();
        self.reported.extend(&indexes);
        indexes
    }

    /// The API rejected the report: its chunks are sent again, unless the API turns out to have
    /// them. Returns its chunks.
    pub(super) fn report_refused(&mut self) -> Vec<u32> {
        let indexes: Vec<u32> = std::mem::take(&mut self.reporting).into_keys().collect();
        self.ready.extend(&indexes);
        indexes
    }

    pub(super) fn is_reporting(&self) -> bool {
        !self.reporting.is_empty()
    }

    /// The chunks that the storage has, reported or not.
    pub(super) fn done(&self) -> impl Iterator<Item = u32> + '_ {
        self.sent
            .keys()
            .chain(self.reporting.keys())
            .copied()
            .chain(self.reported.iter().copied())
    }

    /// Number of chunks that the storage has; each chunk is in one set.
    pub(super) fn done_count(&self) -> u32 {
        let count = self.sent.len() + self.reporting.len() + self.reported.len();
        u32::try_from(count).unwrap_or(u32::MAX)
    }

    pub(super) fn reported(&self) -> u32 {
        // Chunk numbers are u32.
        u32::try_from(self.reported.len()).unwrap_or(u32::MAX)
    }

    /// Whether nothing is left to send.
    pub(super) fn all_sent(&self) -> bool {
        self.ready.is_empty() && self.resting.is_empty() && self.under_way.is_empty()
    }

    pub(super) fn all_reported(&self) -> bool {
        self.reported() == self.total
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Every chunk is always in exactly one set.
    fn places(book: &ChunkTracker) -> Vec<u32> {
        let mut all: Vec<u32> = book
            .unsent()
            .chain(book.under_way.iter().copied())
            .chain(book.done())
            .collect();
        all.sort_unstable();
        all
    }

    fn next(book: &ChunkTracker) -> Option<u32> {
        book.ready().next()
    }

    proptest! {
        #[test]
        fn every_chunk_is_in_exactly_one_place(total in 1_u32..20, moves in prop::collection::vec((0_u8..9, 1_u32..20), 0..200)) {
            let mut book = ChunkTracker::new(total);
            let mut now = Duration::ZERO;
            for (what, index) in moves {
                now += Duration::from_secs(1);
                match what {
                    0 | 1 => if let Some(first) = next(&book) { book.start(first) },
                    2 => if book.under_way.contains(&index) { book.sent(index, "etag".into()) },
                    3 => if book.under_way.contains(&index) { book.failed(index); book.rest(index, now + Duration::from_secs(5)) },
                    4 => { book.take_report(3); }
                    5 => { book.report_taken(); }
                    6 => { book.report_refused(); }
                    7 => book.confirm(index),
                    _ => book.doubt(index),
                }
                book.wake(now);
                prop_assert_eq!(places(&book), (1..=total).collect::<Vec<_>>());
            }
        }
    }
}
