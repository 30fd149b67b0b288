//! What follows from the end of a piece of work: the item waits, is worked on again, or is done.

use tl_client::Ingested;
use tl_ledger::{Item, ItemId, State};

use super::ItemResult;
use super::lane::{Claimed, Details, Step, StopReason};
use super::main_loop::{MAX_KEPT, MainLoop, merge, millis};
use crate::error::Result;
use crate::event::{Event, ItemEvent, ItemFailure};
use crate::scheduler::Work;
use crate::totals::Ending;

/// Rows that are read together.
const ROWS: usize = 256;

impl MainLoop {
    /// The work on an item has ended.
    pub(super) fn end(&mut self, work: Work, claimed: Claimed, step: Step, details: Details) {
        self.scheduler.on_ended(work);
        let Claimed { mut item, lease } = claimed;
        let id = item.id;
        self.totals.sent_bytes += details.sent;
        self.totals.uploaded += u64::from(details.is_uploaded);
        self.totals.settled += u64::from(details.is_settled);
        let mut ingested = self.kept.remove(&id).unwrap_or_default();
        merge(&mut ingested, details.ingested);
        let text = |id: Option<&str>| id.map(str::to_owned);
        let asset_id = ingested.asset_id.as_ref().map(|id| id.as_str());
        item.asset_id = text(asset_id).or(item.asset_id);
        let indexed_id = ingested.indexed_asset_id.as_ref().map(|id| id.as_str());
        item.indexed_id = text(indexed_id).or(item.indexed_id);
        item.video_id.clone_from(&item.indexed_id);
        let event = || ItemEvent::from(&item);
        match step {
            Step::Waiting => {
                if let Some(owned) = self.owned.get_mut(&id) {
                    owned.item.asset_id.clone_from(&item.asset_id);
                    owned.item.indexed_id.clone_from(&item.indexed_id);
                    owned.item.video_id.clone_from(&item.video_id);
                    owned.item.state = match work {
                        Work::Index => State::Indexing,
                        _ => State::Processing,
                    };
                    item = owned.item.clone();
                }
                self.keep(id, ingested);
                self.wait_for(&item);
                return;
            }
            Step::Released(state) => {
                let is_accepted = match state {
                    State::Indexing => true,
                    State::Processing => item.index_id.is_empty(),
                    _ => false,
                };
                self.disown(lease);
                if is_accepted {
                    self.totals.ready += 1;
                    self.totals.ready_ms += millis(&item);
                    self.shared.emit(Event::ItemReady(event()));
                    self.result(item, ingested, |result| result);
                    return;
                }
                if state == State::Indexable && details.is_uploaded {
                    self.shared.emit(Event::ItemProcessing(event()));
                }
                self.keep(id, ingested);
                self.on_due(state);
                return;
            }
            Step::Done => {
                self.totals.ready += 1;
                self.totals.ready_ms += millis(&item);
                self.shared.emit(Event::ItemReady(event()));
                self.disown(lease);
                self.result(item, ingested, |mut result| {
                    result.is_ready = true;
                    result
                });
                return;
            }
            Step::Duplicate => {
                self.totals.skipped += 1;
                self.shared.emit(Event::ItemSkipped {
                    item: event(),
                    reason: "duplicate".to_owned(),
                });
                self.disown(lease);
                self.result(item, ingested, |mut result| {
                    result.is_duplicate = true;
                    result
                });
                return;
            }
            Step::Refused(error) => {
                self.totals.refused += 1;
                let error = ItemFailure::from(&error);
                self.shared.emit(Event::ItemRefused {
                    item: event(),
                    error: error.clone(),
                });
                self.scheduler.on_failed();
                self.disown(lease);
                let report = details.report;
                self.result(item, ingested, |mut result| {
                    result.error = Some(error);
                    result.report = report;
                    result
                });
                return;
            }
            Step::Failed(error) => {
                self.totals.failed += 1;
                let error = ItemFailure::from(&error);
                self.shared.emit(Event::ItemFailed {
                    item: event(),
                    error: error.clone(),
                });
                self.scheduler.on_failed();
                self.disown(lease);
                if error.kind == "source_changed" {
                    // Its new content is a new item.
                    self.on_due(State::Found);
                }
                self.result(item, ingested, |mut result| {
                    result.error = Some(error);
                    result
                });
                return;
            }
            Step::Held(until, reason) => {
                self.shared.emit(Event::ItemHeld {
                    item: event(),
                    reason: reason.to_owned(),
                    until,
                });
                self.on_due(item.state);
            }
            Step::InDoubt => {
                self.shared.emit(Event::ItemInDoubt(event()));
                self.on_due(if work == Work::Index {
                    State::Indexable
                } else {
                    State::Sending
                });
            }
            Step::IndexFull => self.on_index_full(&item.index_id),
            Step::Stop(reason, error) => {
                match reason {
                    StopReason::Quota => self.scheduler.on_quota(work),
                    StopReason::KeyRefused => self.scheduler.stop(Ending::KeyRefused),
                }
                // It is not lost: the row keeps its state. This run reports why it has ended.
                self.disown(lease);
                let error = ItemFailure::from(&error);
                self.result(item, ingested, |mut result| {
                    result.error = Some(error);
                    result
                });
                return;
            }
            Step::Lost => {
                // An item that this process has claimed again was reported at that time.
                self.deadlines.end(lease.item);
                let owned = self.owned.get(&lease.item);
                if owned.is_none_or(|owned| owned.lease == lease) {
                    self.shared.emit(Event::ItemLost(event()));
                }
            }
        }
        self.disown(lease);
    }

    fn keep(&mut self, id: ItemId, ingested: Ingested) {
        if self.kept.len() < MAX_KEPT {
            self.kept.insert(id, ingested);
        }
    }

    pub(super) fn result(
        &mut self,
        item: Item,
        ingested: Ingested,
        with: impl FnOnce(ItemResult) -> ItemResult,
    ) {
        let result = with(ItemResult {
            item,
            ingested,
            is_ready: false,
            is_duplicate: false,
            skipped: None,
            unfinished: None,
            error: None,
            report: None,
        });
        self.deadlines.end(result.item.id);
        self.unfinished.remove(&result.item.id);
        (self.on_item)(&result);
    }

    /// Reports the items of this run that have not ended.
    pub(super) async fn report_unfinished(&mut self, ending: Ending) -> Result<()> {
        let mut left: Vec<ItemId> = self.unfinished.iter().copied().collect();
        left.sort_unstable();
        for group in left.chunks(ROWS) {
            let ids = group.to_vec();
            let rows = self.shared.store.call(move |ledger, _| {
                let rows = ids.iter().map(|id| ledger.item(*id));
                rows.collect::<tl_ledger::Result<Vec<Item>>>()
            });
            for row in rows.await? {
                // Another process has ended it.
                if row.state.is_final() {
                    continue;
                }
                let ingested = self.kept.remove(&row.id).unwrap_or_default();
                self.result(row, ingested, |mut result| {
                    result.unfinished = Some(ending);
                    result
                });
            }
        }
        Ok(())
    }
}
