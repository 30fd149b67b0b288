//! `/indexes/{index_id}/indexed-assets`: the assets of an index. The older view of the same
//! resources is in `videos.rs`.

use serde_json::{Map, Value};
use tl_model::{
    CreatedIndexedAsset, IndexId, IndexedAsset, IndexedAssetId, IndexedAssetStatus, MetadataPatch,
    NewIndexedAsset, Page, Timestamp,
};

use super::{
    MAX_EMBEDDINGS, MetadataFilter, PageRequest, RangeFilter, Rejection, Sort, endpoint,
    json::{JsonBody, flag, optional, text},
    resource,
};
use crate::{
    Error, Transport,
    client::CallOutput,
    flow::{WaitPolicy, Waited},
};

resource! {
    /// Operations on the indexed assets of an index.
    IndexedAssets, indexed_assets
}

impl<T: Transport, X: From<Error> + Send + 'static> IndexedAssets<'_, T, X> {
    /// Waits until an asset is indexed.
    ///
    /// # Errors
    /// See [`Client::wait`](crate::Client::wait).
    pub fn wait(
        self,
        index_id: impl Into<IndexId>,
        indexed_asset_id: impl Into<IndexedAssetId>,
        policy: WaitPolicy,
    ) -> CallOutput<T, Waited<IndexedAsset>, X> {
        self.0
            .wait(GetIndexedAsset::new(index_id, indexed_asset_id), policy)
    }
}

endpoint! {
    /// Indexes an asset that is `ready`. The response comes when indexing has started.
    CreateIndexedAsset: PartialEq {
        path {
            /// The index.
            index_id: IndexId,
        }
        body {
            /// The asset and the indexing options.
            indexed_asset: NewIndexedAsset
        }
    }
    name: "indexes.indexed_assets.create";
    does: "index the asset";
    POST "/indexes/{index_id}/indexed-assets" => ACCEPTED CreatedIndexedAsset;
    repeat: IfNotProcessed;
    client: IndexedAssets::create;
}

impl JsonBody for NewIndexedAsset {
    const MEMBERS: &'static [&'static str] = &["asset_id", "enable_video_stream", "user_metadata"];

    fn read(object: &Map<String, Value>) -> Result<Self, Rejection> {
        let mut indexed_asset = Self::new(text(object, "asset_id")?);
        indexed_asset.enable_video_stream = flag(object, "enable_video_stream")?;
        indexed_asset.user_metadata = optional(object, "user_metadata")?;
        Ok(indexed_asset)
    }
}

endpoint! {
    /// Lists the indexed assets of an index, newest first unless `sort` says otherwise.
    ListIndexedAssets: PartialEq {
        path {
            /// The index.
            index_id: IndexId,
        }
        query {
            /// The page to return.
            page: PageRequest,
            /// The order.
            sort: Sort,
            /// Return only those in one of these statuses.
            status: Vec<IndexedAssetStatus>,
            /// Return only those with this file name.
            filename: Option<String>,
            /// Return only those of this duration, in seconds.
            duration: RangeFilter,
            /// Return only those of this frame rate, in frames per second.
            fps: RangeFilter,
            /// Return only those of this width, in pixels.
            width: RangeFilter,
            /// Return only those of this height, in pixels.
            height: RangeFilter,
            /// Return only those of this size, in bytes.
            size: RangeFilter,
            /// Return only those created at this time or later.
            created_at: Option<Timestamp>,
            /// Return only those updated at this time or later.
            updated_at: Option<Timestamp>,
            /// Return only those whose user metadata has these values.
            user_metadata: MetadataFilter,
        }
    }
    name: "indexes.indexed_assets.list";
    does: "list the indexed assets";
    GET "/indexes/{index_id}/indexed-assets" => OK Page<IndexedAsset>;
    repeat: Freely;
    client: IndexedAssets::list;
    paged: IndexedAsset;
}

endpoint! {
    /// Retrieves an indexed asset: its status and, when it is ready, its properties.
    GetIndexedAsset: PartialEq, Eq {
        path {
            /// The index.
            index_id: IndexId,
            /// The indexed asset.
            indexed_asset_id: IndexedAssetId,
        }
        query {
            /// The embeddings to include: `visual`, `audio`, `transcription`.
            embedding_option: Vec<String>,
            /// Whether to include the transcription.
            transcription: Option<bool>,
        }
    }
    name: "indexes.indexed_assets.retrieve";
    does: "retrieve the indexed asset";
    GET "/indexes/{index_id}/indexed-assets/{indexed_asset_id}" => OK IndexedAsset;
    repeat: Freely;
    client: IndexedAssets::get;
    with { const MAX_RESPONSE: u64 = MAX_EMBEDDINGS; }
}

endpoint! {
    /// Changes the user metadata of an indexed asset: given keys are set, `null` deletes a key,
    /// other keys stay.
    // A merge is idempotent.
    UpdateIndexedAsset: PartialEq {
        path {
            /// The index.
            index_id: IndexId,
            /// The indexed asset.
            indexed_asset_id: IndexedAssetId,
        }
        json {
            /// The changes.
            user_metadata: MetadataPatch,
        }
    }
    name: "indexes.indexed_assets.update";
    does: "update the metadata of the indexed asset";
    PATCH "/indexes/{index_id}/indexed-assets/{indexed_asset_id}" => NO_CONTENT;
    repeat: Freely;
    client: IndexedAssets::update_metadata;
}

endpoint! {
    /// Deletes an indexed asset from its index. The asset stays.
    DeleteIndexedAsset: PartialEq, Eq {
        path {
            /// The index.
            index_id: IndexId,
            /// The indexed asset.
            indexed_asset_id: IndexedAssetId,
        }
    }
    name: "indexes.indexed_assets.delete";
    does: "delete the indexed asset";
    DELETE "/indexes/{index_id}/indexed-assets/{indexed_asset_id}" => NO_CONTENT;
    repeat: Freely;
    client: IndexedAssets::delete;
    gone: ();
}
