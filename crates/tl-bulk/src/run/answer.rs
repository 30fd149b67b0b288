//! Takes the answers of looks: what is ready or has failed on the platform.

use std::time::Duration;

use tl_client::{Ingested, Stage};
use tl_ledger::{ErrorKind, ItemError, ItemId, Lease, State, Update};
use tl_model::{AssetStatus, IndexedAssetStatus};
use tl_protocol::StatusSeen;
use tl_protocol::flow::{Change, Look, Progress, StageTime};

use super::lane::{Claimed, Details, Step};
use super::look::Answer;
use super::main_loop::{MainLoop, merge};
use crate::error::Result;
use crate::scheduler::Work;

/// A change of one item, for the ledger.
struct Write {
    id: ItemId,
    lease: Lease,
    step: Step,
    ingested: Ingested,
}

impl MainLoop {
    /// Takes the answer of a look.
    pub(super) async fn on_answer(
        &mut self,
        look: Look,
        answer: Result<Answer, tl_protocol::Error>,
    ) -> Result<()> {
        let now = self.mono();
        let changes = match answer {
            Ok(Answer::Assets(page)) => self.watch.on_assets(now, &page),
            Ok(Answer::Index(index_id, page)) => self.watch.on_index(now, &index_id, &page),
            Ok(Answer::Asset(asset)) => self.watch.on_asset(&asset).into_iter().collect(),
            Ok(Answer::Indexed(index_id, indexed)) => self
                .watch
                .on_indexed(&index_id, &indexed)
                .into_iter()
                .collect(),
            Err(error) => {
                self.watch.on_failed(now, &look);
                if error.kind() == tl_protocol::ErrorKind::Unauthorized {
                    self.scheduler.stop(crate::totals::Ending::KeyRefused);
                }
                if error.kind() == tl_protocol::ErrorKind::NotFound {
                    self.gone(&look).await?;
                }
                return Ok(());
            }
        };
        let mut writes = Vec::with_capacity(changes.len());
        for change in changes {
            writes.extend(self.write_of(now, change));
        }
        // Lists are newest first; results that arrive together are in the order of the items.
        writes.sort_by_key(|write| write.id);
        self.apply(writes).await
    }

    /// What a change means for its item.
    fn write_of(&mut self, now: Duration, change: Change) -> Option<Write> {
        let (target, stage, progress) = match &change {
            Change::Asset(asset, progress) => {
                (asset.id.as_str(), Stage::Processing, progress.clone())
            }
            Change::IndexedAsset(indexed, progress) => {
                (indexed.id.as_str(), Stage::Indexing, progress.clone())
            }
        };
        let id = self.targets.remove(target)?;
        self.deadlines.pause(id);
        let owned = self.owned.get(&id)?;
        let lease = owned.lease;
        let took = now.saturating_sub(owned.waits_since.unwrap_or(now));
        let is_upload_only = owned.item.index_id.is_empty();
        if !owned.is_adopted {
            let time = StageTime::new(took, owned.item.video);
            self.times.measure(stage, time);
        }
        let mut ingested = Ingested::default();
        ingested.times.push((stage, took));
        let status = match &change {
            Change::Asset(asset, _) => asset.status.as_ref().map(AssetStatus::as_str),
            Change::IndexedAsset(indexed, _) => {
                indexed.status.as_ref().map(IndexedAssetStatus::as_str)
            }
        };
        let status = status.unwrap_or_default().to_owned();
        ingested
            .history
            .push((stage, StatusSeen::new(status, took)));
        match change {
            Change::Asset(asset, _) => {
                ingested.asset_id = Some(asset.id.clone());
                ingested.asset = Some(*asset);
            }
            Change::IndexedAsset(indexed, _) => {
                ingested.video_id = Some(indexed.id.as_str().into());
                ingested.indexed_asset_id = Some(indexed.id.clone());
                ingested.indexed_asset = Some(*indexed);
            }
        }
        let step = match (progress, stage) {
            (Progress::Ready, Stage::Indexing) => Step::Done,
            (Progress::Ready, _) if is_upload_only => Step::Done,
            (Progress::Ready, _) => Step::Released(State::Indexable),
            (Progress::Failed(reason), _) => {
                let reason = reason.unwrap_or_else(|| "the platform gives no reason".to_owned());
                let what = match stage {
                    Stage::Indexing => "indexing failed",
                    _ => "processing failed",
                };
                Step::Failed(ItemError::new(
                    "processing_failed",
                    format!("{what}: {reason}"),
                ))
            }
            // Changes are final.
            (_, _) => return None,
        };
        Some(Write {
            id,
            lease,
            step,
            ingested,
        })
    }

    /// The platform does not know a target any more.
    async fn gone(&mut self, look: &Look) -> Result<()> {
        let (target, stage) = match look {
            Look::Asset(id) => (id.as_str(), Stage::Processing),
            Look::IndexedAsset(_, id) => (id.as_str(), Stage::Indexing),
            _ => return Ok(()),
        };
        let Some(id) = self.targets.remove(target) else {
            return Ok(());
        };
        let Some(owned) = self.owned.get(&id) else {
            return Ok(());
        };
        let (lease, item) = (owned.lease, owned.item.clone());
        match look {
            Look::Asset(id) => self.watch.remove_asset(id),
            Look::IndexedAsset(index_id, id) => self.watch.remove_indexed(index_id, id),
            _ => {}
        }
        let state = match stage {
            // It is uploaded again.
            Stage::Processing => State::Ready,
            // It is indexed again, if its asset is there.
            _ => State::Indexable,
        };
        self.shared
            .store
            .call(move |ledger, now| {
                if state == State::Ready {
                    ledger.restart(lease)?;
                }
                ledger.update(now, lease, &Update::to(state).and_release())
            })
            .await?;
        let now = self.mono();
        self.scheduler.on_waited(now);
        self.kept.remove(&item.id);
        self.deadlines.pause(item.id);
        self.disown(lease);
        self.on_due(state);
        Ok(())
    }

    /// Writes changes with one commit, and reports them.
    async fn apply(&mut self, writes: Vec<Write>) -> Result<()> {
        if writes.is_empty() {
            return Ok(());
        }
        let updates: Vec<(Lease, Update, Option<ItemError>, bool)> = writes
            .iter()
            .map(|write| {
                let mut update = match &write.step {
                    Step::Done => Update::to(State::Done).status("ready").and_release(),
                    Step::Released(state) => Update::to(*state).status("ready").and_release(),
                    _ => Update::new().status("failed"),
                };
                if let Some(id) = &write.ingested.video_id {
                    update = update.video_id(id.as_str());
                }
                let error = match &write.step {
                    Step::Failed(error) => Some(error.clone()),
                    _ => None,
                };
                (
                    write.lease,
                    update,
                    error,
                    write.ingested.video_id.is_none(),
                )
            })
            .collect();
        let lost = self
            .shared
            .store
            .call(move |ledger, now| {
                let mut lost = Vec::new();
                for (lease, update, error, is_asset) in &updates {
                    let written = ledger.batch(|ledger| {
                        ledger.update(now, *lease, update)?;
                        let Some(error) = error else { return Ok(()) };
                        if *is_asset {
                            // A retry needs another asset.
                            ledger.restart(*lease)?;
                        }
                        ledger.fail(now, *lease, error.clone())
                    });
                    match written {
                        Err(error) if error.kind() == ErrorKind::Stale => lost.push(lease.item),
                        written => written?,
                    }
                }
                Ok(lost)
            })
            .await?;
        let now = self.mono();
        for write in writes {
            let Some(owned) = self.owned.get(&write.id) else {
                continue;
            };
            let claimed = Claimed {
                item: owned.item.clone(),
                lease: owned.lease,
            };
            self.scheduler.on_waited(now);
            let step = match lost.contains(&write.id) {
                true => Step::Lost,
                false => write.step,
            };
            let mut details = Details::default();
            merge(&mut details.ingested, write.ingested);
            // The watch is no work of the scheduler.
            self.end(Work::Adopt, claimed, step, details);
        }
        Ok(())
    }
}
