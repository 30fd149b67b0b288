//! Watches the items on the platform: sends the requests of a [`Watch`](tl_protocol::flow::Watch).

use tl_model::{Asset, IndexId, IndexedAsset, Page};
use tl_protocol::Error;
use tl_protocol::endpoint::{GetAsset, GetIndexedAsset};
use tl_protocol::flow::Look;

use super::Shared;

/// The answer to a look.
#[derive(Debug)]
pub(super) enum Answer {
    Assets(Page<Asset>),
    Index(IndexId, Page<IndexedAsset>),
    Asset(Box<Asset>),
    Indexed(IndexId, Box<IndexedAsset>),
}

impl Shared {
    /// Sends the request of a look.
    pub(super) async fn look(&self, look: &Look) -> Result<Answer, Error> {
        Ok(match look {
            Look::Assets(ids) => Answer::Assets(self.reads.call(Look::assets_request(ids)).await?),
            Look::Index { index_id, page } => {
                let request = Look::index_request(index_id, *page);
                Answer::Index(index_id.clone(), self.reads.call(request).await?)
            }
            Look::Asset(id) => {
                let asset = self.reads.call(GetAsset::new(id.clone())).await?;
                Answer::Asset(Box::new(asset))
            }
            Look::IndexedAsset(index_id, id) => {
                let get = GetIndexedAsset::new(index_id.clone(), id.clone());
                Answer::Indexed(index_id.clone(), Box::new(self.reads.call(get).await?))
            }
        })
    }
}
