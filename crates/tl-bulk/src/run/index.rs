//! Indexes an asset that is ready. Before that, a request of an earlier claim whose outcome is
//! unknown is looked up.

use std::time::{Duration, Instant};

use tl_client::Stage;
use tl_ledger::{Attempt, AttemptId, Operation, Outcome, State, Update};
use tl_model::{AssetId, IndexId, IndexedAssetId, VideoId};
use tl_protocol::endpoint::{CreateIndexedAsset, GetIndexedAsset, ListAssetIndexedAssets};
use tl_protocol::flow::{Progress, Watched};
use tl_protocol::limiter::{Category, Cost};
use tl_protocol::{Error, ErrorKind};

use super::Shared;
use super::lane::{Claimed, Details, Request, Step, Work, item_error};

/// A request that was sent this long ago has arrived by now, if it ever does.
pub(super) const SETTLED_AFTER: Duration = Duration::from_secs(10);

/// How long to wait before a second look.
pub(super) const SECOND_LOOK: Duration = Duration::from_secs(2);

/// An asset is in at most as many indexes as an account can have, at 50 per page.
const MAX_PAGES: u32 = 200;

/// What an index request costs. Minutes and tasks were reserved with the upload.
pub(super) fn cost() -> Cost {
    let mut cost = Cost::index(Duration::ZERO);
    cost.tasks = 0;
    cost
}

impl Shared {
    pub(super) async fn index(&self, claimed: &Claimed, details: &mut Details) -> Work {
        let (item, lease) = (&claimed.item, claimed.lease);
        let Some(asset_id) = item.asset_id.clone().map(AssetId::from) else {
            // It has nothing to index: send it again.
            self.store
                .call(move |ledger, now| {
                    ledger.update(now, lease, &Update::to(State::Ready).and_release())
                })
                .await?;
            return Ok(Step::Released(State::Ready));
        };
        let index_id = IndexId::from(item.index_id.as_str());
        let id = item.id;
        let open = self
            .store
            .call(move |ledger, _| ledger.open_attempts(id))
            .await?;
        if let Some(attempt) = open.last() {
            match self.look_up(attempt, &asset_id, &index_id).await {
                Ok(Some(found)) => {
                    details.is_settled = true;
                    details.ingested.reconciled = true;
                    let account = self.account;
                    self.store
                        .call(move |ledger, now| {
                            ledger.limiter(now, account, |_, limiter| limiter.refund(cost()))
                        })
                        .await?;
                    let open = open.iter().map(|attempt| attempt.id).collect();
                    return self.indexed(claimed, details, open, found).await;
                }
                Ok(None) => {
                    details.is_settled = true;
                    let open = open.clone();
                    self.store
                        .call(move |ledger, now| {
                            let outcome = Outcome::not_created("not_found");
                            for attempt in &open {
                                ledger.outcome(now, lease, attempt.id, &outcome, &Update::new())?;
                            }
                            Ok(())
                        })
                        .await?;
                }
                // The attempt stays open.
                Err(error) => return self.hold_or_fail(claimed, item_error(&error)).await,
            }
        }
        if open.is_empty() && self.settings.idempotency_key.is_some() {
            match self.find_indexed(&asset_id, &index_id).await {
                Ok(Some(found)) => return self.indexed(claimed, details, Vec::new(), found).await,
                Ok(None) => {}
                Err(error) => return self.hold_or_fail(claimed, item_error(&error)).await,
            }
        }
        let started = Instant::now();
        let update = Update::to(State::Indexable);
        let attempt = self
            .intent(lease, Operation::CreateIndexedAsset, update)
            .await?;
        let mut create = CreateIndexedAsset::new(index_id, asset_id.clone());
        create.indexed_asset.enable_video_stream = self.settings.video_stream;
        create.indexed_asset.user_metadata = self.user_metadata(item);
        match self.creates.call(create).await {
            Ok(created) => {
                details
                    .ingested
                    .times
                    .push((Stage::Indexing, started.elapsed()));
                self.indexed(claimed, details, vec![attempt], created.id)
                    .await
            }
            Err(error) if error.kind() == ErrorKind::NotFound => {
                self.asset_gone(claimed, attempt, &asset_id, &error).await
            }
            Err(error) => {
                let request = Request {
                    attempt,
                    category: Category::Index,
                    back: State::Indexable,
                };
                self.create_failed(claimed, request, &error).await
            }
        }
    }

    /// The indexed asset exists.
    async fn indexed(
        &self,
        claimed: &Claimed,
        details: &mut Details,
        attempts: Vec<AttemptId>,
        id: IndexedAssetId,
    ) -> Work {
        let lease = claimed.lease;
        let waits = self.settings.limits.wait;
        details.ingested.video_id = Some(VideoId::from(id.as_str()));
        details.ingested.indexed_asset_id = Some(id.clone());
        self.store
            .call(move |ledger, now| {
                let mut update = Update::to(State::Indexing)
                    .indexed_id(id.as_str())
                    .video_id(id.as_str())
                    .status("indexing");
                if !waits {
                    update = update.and_release();
                }
                if attempts.is_empty() {
                    return ledger.update(now, lease, &update);
                }
                // An update that ends the lease is the last.
                for (at, attempt) in attempts.iter().enumerate() {
                    let outcome = Outcome::created(id.as_str());
                    let update = match at + 1 == attempts.len() {
                        true => update.clone(),
                        false => Update::new(),
                    };
                    ledger.outcome(now, lease, *attempt, &outcome, &update)?;
                }
                Ok(())
            })
            .await?;
        Ok(if waits {
            Step::Waiting
        } else {
            Step::Released(State::Indexing)
        })
    }

    /// The platform does not know the asset or the index.
    async fn asset_gone(
        &self,
        claimed: &Claimed,
        attempt: AttemptId,
        asset_id: &AssetId,
        error: &Error,
    ) -> Work {
        let lease = claimed.lease;
        let outcome = Outcome::not_created("not_found").with_http(404);
        self.outcome(lease, attempt, outcome, Update::new()).await?;
        match self.reads.assets().get(asset_id.clone()).await {
            Err(gone) if gone.kind() == ErrorKind::NotFound => {
                self.store
                    .call(move |ledger, _| {
                        ledger.restart(lease)?;
                        ledger.release(lease)
                    })
                    .await?;
                Ok(Step::Released(State::Ready))
            }
            // The asset is there: the index is not.
            _ => self.fail(lease, item_error(error)).await,
        }
    }

    /// Looks up whether an asset is in an index.
    async fn look_up(
        &self,
        attempt: &Attempt,
        asset_id: &AssetId,
        index_id: &IndexId,
    ) -> Result<Option<IndexedAssetId>, Error> {
        let age = self.store.now().duration_since(attempt.intent_at);
        let is_old = age.unsigned_abs() > SETTLED_AFTER;
        for look in 0..2 {
            if look > 0 {
                if is_old {
                    break;
                }
                tokio::time::sleep(SECOND_LOOK).await;
            }
            if let Some(found) = self.find_indexed(asset_id, index_id).await? {
                return Ok(Some(found));
            }
        }
        Ok(None)
    }

    async fn find_indexed(
        &self,
        asset_id: &AssetId,
        index_id: &IndexId,
    ) -> Result<Option<IndexedAssetId>, Error> {
        for number in 1..=MAX_PAGES {
            let mut list = ListAssetIndexedAssets::new(asset_id.clone());
            list.page.page = Some(number);
            list.page.page_limit = Some(50);
            let page = self.reads.call(list).await?;
            let is_last = page.data.len() < 50;
            for reference in page.data {
                if reference
                    .index
                    .as_ref()
                    .is_none_or(|index| index.id != *index_id)
                {
                    continue;
                }
                // One that failed never becomes ready.
                let get = GetIndexedAsset::new(index_id.clone(), reference.id.clone());
                match self.reads.call(get).await {
                    Ok(indexed) => {
                        if !matches!(GetIndexedAsset::progress(&indexed), Progress::Failed(_)) {
                            return Ok(Some(reference.id));
                        }
                    }
                    Err(error) if error.kind() == ErrorKind::NotFound => {}
                    Err(error) => return Err(error),
                }
            }
            if is_last {
                break;
            }
        }
        Ok(None)
    }
}
