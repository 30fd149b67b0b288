//! Claims items for a kind of work, and starts the work on each.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use tl_ledger::{Attempt, ClaimOptions, Item, Operation, Outcome, State, Update};
use tl_protocol::limiter::Cost;

use super::lane::{Claimed, Details, Ended, Step};
use super::main_loop::{MainLoop, Task};
use super::settle::Doubt;
use super::{index, upload};
use crate::error::Result;
use crate::event::Event;
use crate::scheduler::{self, Work};

/// The states of the items of a kind of work.
fn states(work: Work, waits: bool) -> Vec<State> {
    match work {
        Work::Resume => vec![State::Sending],
        Work::Adopt if waits => vec![State::Processing, State::Indexing],
        Work::Adopt => vec![State::Processing],
        Work::Index => vec![State::Indexable],
        Work::Upload => vec![State::Ready],
        Work::Check => vec![State::Found],
    }
}

/// What the work on an item costs.
fn cost(work: Work, item: &Item) -> Cost {
    match work {
        Work::Upload => upload::cost(item),
        Work::Index => index::cost(),
        // An upload that is resumed was counted before.
        Work::Resume | Work::Adopt | Work::Check => Cost::default(),
    }
}

/// A run with more indexes claims its files in all of them.
const MAX_INDEXES: usize = 200;

/// An id that no index has.
const NO_INDEX: &str = "-";

impl MainLoop {
    /// Claims up to `limit` items, and starts the work on them.
    pub(super) async fn claim(&mut self, work: Work, limit: u32) -> Result<()> {
        let shared = Arc::clone(&self.shared);
        let mut options = ClaimOptions::new(shared.account, self.owner.name.clone())
            .states(states(work, shared.settings.limits.wait))
            .limit(limit)
            .lease(shared.settings.lease);
        if matches!(work, Work::Upload | Work::Check) {
            options = options.except_indexes(self.full_indexes().await);
        }
        if self.is_own_only {
            // The same files may be in the ledger for other indexes too.
            let mut indexes: Vec<String> = self.indexes.iter().take(MAX_INDEXES).cloned().collect();
            if indexes.is_empty() {
                // No item is known yet: none is claimed.
                indexes.push(NO_INDEX.to_owned());
            }
            options = options.seen_by(shared.run);
            if self.indexes.len() <= MAX_INDEXES {
                options = options.indexes(indexes);
            }
        }
        let claim = shared
            .store
            .call(move |ledger, now| {
                let claim = ledger.claim(now, &options, |item| cost(work, item))?;
                let mut open = Vec::new();
                if work == Work::Resume {
                    for claimed in &claim.items {
                        open.push(ledger.open_attempts(claimed.item.id)?);
                    }
                }
                Ok((claim, open))
            })
            .await?;
        let (claim, open) = claim;
        let now = self.mono();
        let at = |until: Timestamp| {
            let left = until.duration_since(claim.now);
            now + Duration::try_from(left).unwrap_or_default()
        };
        let mut result =
            scheduler::Claimed::items(u32::try_from(claim.items.len()).unwrap_or(limit));
        if let Some(wait) = claim.wait {
            result = result.with_wait(wait.until.map(at), wait.dimension);
            if wait
                .until
                .is_some_and(|until| at(until) > now + Duration::from_secs(120))
            {
                shared.emit(Event::Limit {
                    dimension: wait.dimension,
                    until: wait.until,
                });
            }
            self.limit_until = wait.until;
        }
        if let Some(due) = claim.next_due {
            result = result.with_next_due(at(due));
        }
        self.scheduler.on_claimed(now, work, result);
        let mut items = Vec::new();
        for claimed in claim.items {
            let exceeds = claimed.exceeds;
            let claimed = Claimed {
                item: claimed.item,
                lease: claimed.lease,
            };
            self.own(&claimed);
            if let Some(dimension) = exceeds {
                let error = tl_ledger::ItemError::new(
                    "limit",
                    format!(
                        "`{}` exceeds the limit of {} by itself",
                        claimed.item.name,
                        dimension.label()
                    ),
                );
                let step = shared.fail(claimed.lease, error).await?;
                self.end(work, claimed, step, Details::default());
                continue;
            }
            items.push(claimed);
        }
        match work {
            Work::Resume => self.resume(items, open).await?,
            Work::Adopt => {
                for claimed in items {
                    self.scheduler.on_ended(Work::Adopt);
                    if let Some(owned) = self.owned.get_mut(&claimed.item.id) {
                        owned.is_adopted = true;
                    }
                    self.wait_for(&claimed.item);
                }
            }
            _ => {
                for claimed in items {
                    if work == Work::Upload
                        && !self
                            .scheduler
                            .allows(claimed.item.video, claimed.item.bytes)
                    {
                        let cost = upload::cost(&claimed.item);
                        shared.give_back(claimed.lease, cost).await?;
                        self.scheduler.on_ended(work);
                        self.disown(claimed.lease);
                        continue;
                    }
                    self.start(work, claimed);
                }
            }
        }
        Ok(())
    }

    /// Starts the work on one item.
    fn start(&mut self, work: Work, claimed: Claimed) {
        if work == Work::Upload {
            self.shared
                .emit(Event::ItemUploading((&claimed.item).into()));
        }
        let shared = Arc::clone(&self.shared);
        self.tasks.spawn(async move {
            let mut details = Details::default();
            let step = match work {
                Work::Check => shared.check(&claimed, &mut details).await,
                Work::Index => shared.index(&claimed, &mut details).await,
                _ => shared.upload(&claimed, &mut details).await,
            };
            let ended = step.map(|step| {
                vec![Ended {
                    claimed: claimed.clone(),
                    step,
                    details,
                }]
            });
            Task::Work(work, lost(ended, vec![claimed]))
        });
    }

    /// Resumes uploads, and looks up those whose outcome is unknown.
    async fn resume(&mut self, items: Vec<Claimed>, open: Vec<Vec<Attempt>>) -> Result<()> {
        let mut doubts = Vec::new();
        for claimed in items {
            let attempts: Vec<&Attempt> = open
                .iter()
                .flatten()
                .filter(|attempt| attempt.item == claimed.item.id)
                .collect();
            let is_asset = |attempt: &&&Attempt| attempt.operation == Operation::CreateAsset;
            let (assets, others): (Vec<&Attempt>, Vec<&Attempt>) =
                attempts.iter().partition(|attempt| is_asset(attempt));
            if let Some(first) = assets.first() {
                self.shared.emit(Event::ItemInDoubt((&claimed.item).into()));
                doubts.push(Doubt {
                    since: first.intent_at,
                    last: assets.last().unwrap_or(first).intent_at,
                    attempts: attempts.iter().map(|attempt| attempt.id).collect(),
                    claimed,
                });
                continue;
            }
            // The session of an upload in chunks tells by itself what it has.
            let (lease, others): (_, Vec<_>) = (
                claimed.lease,
                others.iter().map(|attempt| attempt.id).collect(),
            );
            self.shared
                .store
                .call(move |ledger, now| {
                    let outcome = Outcome::not_created("interrupted");
                    for attempt in &others {
                        ledger.outcome(now, lease, *attempt, &outcome, &Update::new())?;
                    }
                    Ok(())
                })
                .await?;
            self.start(Work::Resume, claimed);
        }
        if !doubts.is_empty() {
            let shared = Arc::clone(&self.shared);
            self.tasks.spawn(async move {
                let all = doubts.iter().map(|doubt| doubt.claimed.clone()).collect();
                let ended = shared.settle(doubts).await;
                Task::Work(Work::Resume, lost(ended, all))
            });
        }
        Ok(())
    }
}

/// Items that another process has claimed since are no error of the run.
fn lost(ended: tl_ledger::Result<Vec<Ended>>, all: Vec<Claimed>) -> tl_ledger::Result<Vec<Ended>> {
    match ended {
        Err(error) if error.kind() == tl_ledger::ErrorKind::Stale => Ok(all
            .into_iter()
            .map(|claimed| Ended {
                claimed,
                step: Step::Lost,
                details: Details::default(),
            })
            .collect()),
        ended => ended,
    }
}
