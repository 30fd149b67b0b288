//! One upload for items with the same bytes: a video in several indexes is sent once.

use std::path::Path;
use std::time::Duration;

use tl_ledger::{State, Upload};
use tl_model::{AssetId, AssetStatus};
use tl_protocol::ErrorKind;
use tl_protocol::limiter::Cost;

use super::Shared;
use super::lane::{Claimed, Details, Step, item_error, later};
use super::upload::cost;

/// How long an item waits until it looks again for the asset that another one uploads.
const WAIT: Duration = Duration::from_secs(1);

/// Why an item is held.
const REASON: &str = "shared_upload";

impl Shared {
    /// Uses the asset of another item with the same bytes, or waits for it. `None` if this item has
    /// to upload them.
    pub(super) async fn share(
        &self,
        claimed: &Claimed,
        path: &Path,
        details: &mut Details,
    ) -> tl_ledger::Result<Option<Step>> {
        let (item, lease) = (&claimed.item, claimed.lease);
        if item.state != State::Ready || self.settings.again.all {
            return Ok(None);
        }
        let Some(name) = path.file_name() else {
            return Ok(None);
        };
        let name = name.to_string_lossy().into_owned();
        let decided = self
            .store
            .call(move |ledger, now| ledger.share_upload(now, lease, &name));
        let asset_id = match decided.await? {
            Upload::Asset(id) => AssetId::from(id),
            Upload::Wait => return self.wait_for_asset(claimed).await.map(Some),
            _ => return Ok(None),
        };
        let asset = match self.reads.assets().get(asset_id).await {
            Ok(asset) => asset,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(error) => {
                self.refund(cost(item)).await?;
                let step = self.hold_or_fail(claimed, item_error(&error)).await?;
                return Ok(Some(step));
            }
        };
        match asset.status {
            Some(AssetStatus::Ready) => {}
            Some(AssetStatus::Failed) => return Ok(None),
            _ => return self.wait_for_asset(claimed).await.map(Some),
        }
        // The request of the upload is not needed; what the index needs is.
        self.refund(Cost::upload()).await?;
        let (update, step) = self.after_upload(claimed, &asset);
        self.store
            .call(move |ledger, now| ledger.update(now, lease, &update))
            .await?;
        details.ingested.asset_id = Some(asset.id.clone());
        details.ingested.asset = Some(asset);
        Ok(Some(step))
    }

    async fn wait_for_asset(&self, claimed: &Claimed) -> tl_ledger::Result<Step> {
        self.refund(cost(&claimed.item)).await?;
        let lease = claimed.lease;
        self.store
            .call(move |ledger, now| {
                let until = later(now, WAIT);
                ledger.hold(lease, until, REASON)?;
                Ok(Step::Held(until, REASON))
            })
            .await
    }

    /// Gives a cost back to the limiter: nothing was sent.
    async fn refund(&self, cost: Cost) -> tl_ledger::Result<()> {
        let account = self.account;
        self.store
            .call(move |ledger, now| {
                ledger.limiter(now, account, |_, limiter| limiter.refund(cost))
            })
            .await
    }
}
