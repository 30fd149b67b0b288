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
    backing_off: BTreeSet<(Duration, u32)>,
    in_flight: BTreeSet<u32>,
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
            backing_off: BTreeSet::new(),
            in_flight: BTreeSet::new(),
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
    pub(super) fn promote_due(&mut self, now: Duration) -> Option<Duration> {
        while let Some(&(at, index)) = self.backing_off.first() {
            if at > now {
                return Some(at);
            }
            self.backing_off.pop_first();
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
        let backing_off = self.backing_off.iter().map(|(_, index)| *index);
        self.ready.iter().copied().chain(backing_off)
    }

    pub(super) fn in_flight(&self) -> usize {
        self.in_flight.len()
    }

    pub(super) fn start(&mut self, index: u32) {
        self.ready.remove(&index);
        self.in_flight.insert(index);
    }

    pub(super) fn sent(&mut self, index: u32, etag: String) {
        self.in_flight.remove(&index);
        self.sent.insert(index, etag);
    }

    /// The number of failures of a chunk so far.
    pub(super) fn failures(&self, index: u32) -> u32 {
        self.failures.get(&index).copied().unwrap_or_default()
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

    pub(super) fn back_off(&mut self, index: u32, until: Duration) {
        self.in_flight.remove(&index);
        self.backing_off.insert((until, index));
    }

    /// Adds a chunk that an earlier process has sent.
    pub(super) fn restore_sent(&mut self, index: u32, etag: String) {
        if self.ready.remove(&index) {
            self.sent.insert(index, etag);
        }
    }

    /// Marks a chunk as complete according to the API, which overrides every other state.
    pub(super) fn confirm(&mut self, index: u32) {
        self.ready.remove(&index);
        self.backing_off.retain(|(_, other)| *other != index);
        self.sent.remove(&index);
        self.reporting.remove(&index);
        if self.contains(index) && !self.in_flight.contains(&index) {
            self.reported.insert(index);
        }
    }

    /// Marks a reported chunk as unsent, because the API does not have it.
    pub(super) fn invalidate(&mut self, index: u32) {
        if self.reported.remove(&index) {
            self.ready.insert(index);
        }
    }

    pub(super) fn unreported(&self) -> usize {
        self.sent.len()
    }

    /// Moves up to `limit` sent chunks into a report, in order.
    pub(super) fn take_report(&mut self, limit: usize) -> Vec<(u32, String)> {
        let report: Vec<_> = self
            .sent
            .iter()
            .take(limit)
            .map(|(index, etag)| (*index, etag.clone()))
            .collect();
        for (index, etag) in &report {
            self.sent.remove(index);
            self.reporting.insert(*index, etag.clone());
        }
        report
    }

    /// The API accepted the report. Returns its chunks.
    pub(super) fn report_accepted(&mut self) -> Vec<u32> {
        let indexes: Vec<u32> = std::mem::take(&mut self.reporting).into_keys().collect();
        self.reported.extend(&indexes);
        indexes
    }

    /// The API rejected the report: its chunks are sent again, unless the API turns out to have
    /// them. Returns its chunks.
    pub(super) fn report_rejected(&mut self) -> Vec<u32> {
        let indexes: Vec<u32> = std::mem::take(&mut self.reporting).into_keys().collect();
        self.ready.extend(&indexes);
        indexes
    }

    /// Whether the storage has a chunk, reported or not.
    pub(super) fn is_done(&self, index: u32) -> bool {
        self.sent.contains_key(&index)
            || self.reporting.contains_key(&index)
            || self.reported.contains(&index)
    }

    /// The chunks that the storage has, reported or not.
    #[cfg(test)]
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
        self.ready.is_empty() && self.backing_off.is_empty() && self.in_flight.is_empty()
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
    fn places(tracker: &ChunkTracker) -> Vec<u32> {
        let mut all: Vec<u32> = tracker
            .unsent()
            .chain(tracker.in_flight.iter().copied())
            .chain(tracker.done())
            .collect();
        all.sort_unstable();
        all
    }

    fn next(tracker: &ChunkTracker) -> Option<u32> {
        tracker.ready().next()
    }

    proptest! {
        #[test]
        fn every_chunk_is_in_exactly_one_set(total in 1_u32..20, moves in prop::collection::vec((0_u8..9, 1_u32..20), 0..200)) {
            let mut tracker = ChunkTracker::new(total);
            let mut now = Duration::ZERO;
            for (what, index) in moves {
                now += Duration::from_secs(1);
                match what {
                    0 | 1 => if let Some(first) = next(&tracker) { tracker.start(first) },
                    2 => if tracker.in_flight.contains(&index) { tracker.sent(index, "etag".into()) },
                    3 => if tracker.in_flight.contains(&index) { tracker.failed(index); tracker.back_off(index, now + Duration::from_secs(5)) },
                    4 => { tracker.take_report(3); }
                    5 => { tracker.report_accepted(); }
                    6 => { tracker.report_rejected(); }
                    7 => tracker.confirm(index),
                    _ => tracker.invalidate(index),
                }
                tracker.promote_due(now);
                prop_assert_eq!(places(&tracker), (1..=total).collect::<Vec<_>>());
            }
        }
    }
    /// A tracker of `total` chunks: the first `done` were sent, and the first `reports` reports of
    /// them, with `size` chunks each, accepted.
    fn tracker(total: u32, done: u32, reports: u32, size: usize) -> ChunkTracker {
        let mut tracker = ChunkTracker::new(total);
        for index in 1..=done {
            tracker.start(index);
            tracker.sent(index, format!("etag {index}"));
        }
        for _ in 0..reports {
            tracker.take_report(size);
            tracker.report_accepted();
        }
        tracker
    }

    #[test]
    fn chunks_are_done_whether_reported_or_not() {
        let mut tracker = tracker(12, 9, 1, 4);
        assert_eq!(tracker.take_report(3).len(), 3);
        // 4 are reported, 3 are in the report, and 2 follow.
        assert_eq!((tracker.reported(), tracker.unreported()), (4, 2));
        assert_eq!(tracker.done_count(), 9);
        assert_eq!(tracker.done().count(), 9);
        assert!(
            (1..=tracker.total)
                .all(|index| tracker.is_done(index) == tracker.done().any(|done| done == index))
        );
    }

    #[test]
    fn nothing_is_left_to_send_after_the_last_chunk() {
        let mut tracker = tracker(2, 1, 0, 0);
        assert!(!tracker.all_sent(), "one chunk may start");
        tracker.start(2);
        assert!(!tracker.all_sent(), "one chunk is in flight");
        tracker.back_off(2, Duration::from_secs(1));
        assert!(!tracker.all_sent(), "one chunk is backing off");
        tracker.promote_due(Duration::from_secs(1));
        tracker.start(2);
        tracker.sent(2, "etag".into());
        assert!(tracker.all_sent());
    }

    #[test]
    fn time_spent_on_a_chunk_is_the_sum_of_its_attempts() {
        let mut tracker = tracker(2, 0, 0, 0);
        let seconds = Duration::from_secs;
        assert_eq!(tracker.spend(1, seconds(3)), seconds(3));
        assert_eq!(tracker.spend(1, seconds(4)), seconds(7));
        assert_eq!(tracker.time_spent(1), seconds(7));
        assert_eq!(tracker.time_spent(2), Duration::ZERO);
    }

    #[test]
    fn chunks_of_a_rejected_report_are_sent_again() {
        let mut tracker = tracker(5, 5, 1, 2);
        tracker.take_report(2);
        assert_eq!(tracker.report_rejected(), [3, 4]);
        assert_eq!(tracker.ready().collect::<Vec<_>>(), [3, 4]);
        assert_eq!(tracker.report_rejected(), [0_u32; 0]);
    }

    #[test]
    fn confirmed_chunks_are_reported_unless_in_flight() {
        let mut tracker = tracker(6, 2, 1, 1);
        tracker.start(3);
        tracker.start(4);
        tracker.back_off(4, Duration::from_secs(1));
        for index in 1..=7 {
            tracker.confirm(index);
        }
        assert_eq!(tracker.reported(), 5);
        assert_eq!((tracker.unreported(), tracker.unsent().count()), (0, 0));
        assert_eq!(tracker.in_flight(), 1);
    }

    #[test]
    fn only_reported_chunks_can_be_missing_on_the_platform() {
        let mut tracker = tracker(3, 2, 1, 1);
        for index in 1..=3 {
            tracker.invalidate(index);
        }
        assert_eq!(tracker.ready().collect::<Vec<_>>(), [1, 3]);
        assert_eq!((tracker.reported(), tracker.unreported()), (0, 1));
    }
}
