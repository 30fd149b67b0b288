//! What other processes change in the ledger: items that they free or add, webhooks that are
//! received, and the limits that all share.

use std::sync::Arc;
use std::time::Duration;

use tl_protocol::limiter::Level;
use tokio::time::Instant;

use super::main_loop::{Changed, MainLoop, Task};
use crate::event::Event;

/// How often the limits are reported at most.
const LEVELS: Duration = Duration::from_secs(5);

impl MainLoop {
    /// Whether a change by another process matters now, and none is being looked for.
    pub(super) fn wants_changes(&self) -> bool {
        let is_waiting = !self.watch.is_empty() || self.scheduler.waits_for_others();
        is_waiting && !self.is_reading_changes
    }

    /// Asks the ledger whether another process has changed it.
    pub(super) fn read_changes(&mut self) {
        self.is_reading_changes = true;
        let shared = Arc::clone(&self.shared);
        self.tasks.spawn(async move {
            let read = shared.store.enter(|ledger| {
                if !ledger.wait_for_change(Duration::ZERO)? {
                    return Ok(None);
                }
                ledger.events().map(Some)
            });
            Task::Change(read.await.and_then(|read| read))
        });
    }

    /// Another process has changed the ledger.
    pub(super) fn on_change(&mut self, events: Changed) {
        let now = self.mono();
        self.scheduler.on_change(now);
        // An event that is lost costs time, and one that is repeated is no new one.
        if events != self.events {
            self.events = events;
            self.watch.look_now();
        }
    }

    /// Reads how much of the limits is used.
    pub(super) fn read_levels(&mut self) {
        if self.levels_at.is_some_and(|at| at.elapsed() < LEVELS) {
            return;
        }
        self.levels_at = Some(Instant::now());
        let shared = Arc::clone(&self.shared);
        self.tasks.spawn(async move {
            let account = shared.account;
            let levels = shared
                .store
                .call(move |ledger, now| ledger.levels(now, account));
            Task::Levels(levels.await)
        });
    }

    pub(super) fn on_levels(&mut self, mut levels: Vec<Level>) {
        levels.retain(|level| level.limit.is_some());
        if levels != self.levels {
            self.levels.clone_from(&levels);
            self.shared.emit(Event::Limits { levels });
        }
    }
}
