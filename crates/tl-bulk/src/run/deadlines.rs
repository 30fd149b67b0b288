//! Which items are waited for on the platform for too long.

use std::collections::{BTreeSet, HashMap};
use std::time::Duration;

use tl_ledger::ItemId;

/// The deadline of each item. It counts from the first stage that is waited for, so that processing
/// and indexing share it.
///
/// Times are since the start of the run.
pub(super) struct Deadlines {
    limit: Duration,
    since: HashMap<ItemId, Duration>,
    waiting: BTreeSet<(Duration, ItemId)>,
}

impl Deadlines {
    pub(super) fn new(limit: Duration) -> Self {
        Self {
            limit,
            since: HashMap::new(),
            waiting: BTreeSet::new(),
        }
    }

    pub(super) fn wait(&mut self, now: Duration, id: ItemId) {
        let since = *self.since.entry(id).or_insert(now);
        self.waiting.insert((since, id));
    }

    /// The stage has ended. Another one may follow.
    pub(super) fn pause(&mut self, id: ItemId) {
        if let Some(since) = self.since.get(&id) {
            self.waiting.remove(&(*since, id));
        }
    }

    /// The item has a result, or belongs to another process.
    pub(super) fn end(&mut self, id: ItemId) {
        self.pause(id);
        self.since.remove(&id);
    }

    /// When the next deadline passes.
    pub(super) fn next(&self) -> Option<Duration> {
        let (since, _) = self.waiting.first()?;
        since.checked_add(self.limit)
    }

    /// Takes the items whose deadline has passed.
    pub(super) fn take_overdue(&mut self, now: Duration) -> Vec<ItemId> {
        let mut overdue = Vec::new();
        while self.next().is_some_and(|next| next <= now) {
            if let Some((_, id)) = self.waiting.pop_first() {
                overdue.push(id);
            }
        }
        overdue
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn seconds(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn both_stages_share_one_deadline() {
        let (one, two) = (ItemId::new(1), ItemId::new(2));
        let mut deadlines = Deadlines::new(seconds(10));
        assert_eq!(deadlines.next(), None);
        deadlines.wait(seconds(1), one);
        deadlines.wait(seconds(2), two);
        deadlines.pause(one);
        assert_eq!(deadlines.next(), Some(seconds(12)));
        deadlines.wait(seconds(5), one);
        assert_eq!(deadlines.next(), Some(seconds(11)));
        assert_eq!(deadlines.take_overdue(seconds(10)), []);
        assert_eq!(deadlines.take_overdue(seconds(12)), [one, two]);
        assert_eq!(deadlines.next(), None);
    }

    #[test]
    fn item_that_has_ended_starts_again() {
        let one = ItemId::new(1);
        let mut deadlines = Deadlines::new(seconds(10));
        deadlines.wait(seconds(1), one);
        deadlines.end(one);
        assert_eq!(deadlines.next(), None);
        deadlines.wait(seconds(30), one);
        assert_eq!(deadlines.next(), Some(seconds(40)));
    }

    #[test]
    fn endless_limit_never_passes() {
        let mut deadlines = Deadlines::new(Duration::MAX);
        deadlines.wait(seconds(1), ItemId::new(1));
        assert_eq!(deadlines.next(), None);
        assert_eq!(deadlines.take_overdue(seconds(u64::MAX)), []);
    }
}
