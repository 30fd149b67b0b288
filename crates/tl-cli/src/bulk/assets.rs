//! The asset of a file that a command needs: one that exists, or a new one. The ledger remembers it,
//! so that a file is not sent twice.

use std::path::Path;

use tl_bulk::{Assets, KnownFile};
use tl_client::Client;
use tl_ledger::{Ledger, NewAccount};
use tl_model::{AssetId, AssetStatus};
use tl_protocol::ErrorKind;
use tl_protocol::endpoint::GetAsset;
use tl_protocol::flow::WaitPolicy;

use crate::bulk::run::program;
use crate::failure::Failure;

/// The assets of the account in the ledger of the user.
pub(crate) struct KnownAssets {
    assets: Assets,
}

impl KnownAssets {
    /// Opens the assets of an account.
    ///
    /// # Errors
    /// The ledger cannot be used.
    pub(crate) async fn open(ledger: Ledger, account: NewAccount) -> Result<Self, Failure> {
        let assets = Assets::open(ledger, account, program()).await?;
        Ok(Self { assets })
    }

    /// What is known of a file.
    pub(crate) async fn look(&self, path: &Path) -> Option<KnownFile> {
        self.assets.look(path).await.ok().flatten()
    }

    /// Remembers the asset of a file. Without it, the file would only be sent again.
    pub(crate) async fn record(&self, file: KnownFile, asset_id: &AssetId) {
        // The asset is there; the command goes on.
        let _ = self.assets.record(file, asset_id.as_str()).await;
    }
}

/// The asset that is known of a file, if the platform still has it. Its processing is waited for.
///
/// # Errors
/// A request failed.
pub(crate) async fn existing(
    client: &Client,
    file: Option<&KnownFile>,
) -> Result<Option<AssetId>, Failure> {
    let Some(id) = file.and_then(|file| file.asset_id.as_deref()) else {
        return Ok(None);
    };
    let asset = match client.call(GetAsset::new(id)).await {
        Ok(asset) => asset,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error.into()),
    };
    match asset.status {
        Some(AssetStatus::Ready) => {}
        Some(AssetStatus::Failed) => return Ok(None),
        _ => {
            let policy = WaitPolicy::default();
            client.assets().wait(asset.id.clone(), policy).await?;
        }
    }
    Ok(Some(asset.id))
}
