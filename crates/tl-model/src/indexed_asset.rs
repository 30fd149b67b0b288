//! Assets within an index (`/indexes/{index-id}/indexed-assets`). The older view of the same things is in `video.rs`.

use serde_json::Value;

use crate::{
    AssetId, Hls, IndexedAssetId, MetadataPatch, SystemMetadata, Timestamp, TranscriptionSegment,
    UserMetadata,
};

open_enum! {
    /// How far the indexing of an asset is.
    ///
    /// Order by analogy with tasks: validating → pending → queued → indexing → ready or failed. A state may be skipped.
    pub enum IndexedAssetStatus {
        /// The asset is being checked against the requirements of the index's models. Newer than the description of July 2026.
        Validating = "validating",
        /// The indexing waits to be assigned.
        Pending = "pending",
        /// The indexing waits for its turn.
        Queued = "queued",
        /// The asset is being indexed.
        Indexing = "indexing",
        /// Indexed: the asset can be searched.
        Ready = "ready",
        /// Given up.
        Failed = "failed",
    }
}

impl IndexedAssetStatus {
    /// Whether the indexing will not change any more: `ready` or `failed`. An unknown word is not terminal.
    pub fn is_terminal(&self) -> bool {
        matches!(self, Self::Ready | Self::Failed)
    }
}

object! {
    /// An asset within an index, as listed or retrieved. Only a retrieved one has the members from `user_metadata` on.
    pub struct IndexedAsset {
        required {
            /// Identifies the indexed asset.
            id: IndexedAssetId = "_id",
        }
        /// The asset that it was made of. Absent in the description of February 2026.
        optional asset_id: Option<AssetId>,
        /// When the indexing was asked for.
        lenient created_at: Option<Timestamp>,
        /// When the indexing, or the metadata, last changed.
        lenient updated_at: Option<Timestamp>,
        /// When the indexing ended.
        lenient indexed_at: Option<Timestamp>,
        /// How far the indexing is.
        optional status: Option<IndexedAssetStatus>,
        /// What the platform measured of the file.
        lenient system_metadata: Option<SystemMetadata>,
        /// What the user said about the indexed asset.
        lenient user_metadata: Option<UserMetadata>,
        /// The stream, where one was asked for with `enable_video_stream`.
        lenient hls: Option<Hls>,
        /// The embeddings, where `embedding_option` asked for them: `{model_name, video_embedding: {segments}}`, kept as JSON.
        lenient embedding: Option<Value>,
        /// The spoken words, where `transcription` asked for them. `None` also where there were none.
        lenient transcription: Option<Vec<TranscriptionSegment>>,
    }
}

object! {
    /// The answer to the creation of an indexed asset: the indexing has begun, not ended.
    pub struct CreatedIndexedAsset {
        required {
            /// Identifies the indexed asset.
            id: IndexedAssetId = "_id",
        }
        /// The asset. Absent in the description of February 2026.
        optional asset_id: Option<AssetId>,
    }
}

object! {
    /// The request body that indexes an asset.
    pub struct NewIndexedAsset {
        required {
            /// The asset, which must be `ready`.
            asset_id: AssetId,
        }
        /// Whether the platform keeps the video for streaming. The platform's default is no, unlike that of tasks.
        optional enable_video_stream: Option<bool>,
        /// What the user says about the indexed asset. Newer than the description of February 2026.
        optional user_metadata: Option<UserMetadata>,
    }
}

/// The asset with the platform's defaults.
impl From<AssetId> for NewIndexedAsset {
    fn from(asset_id: AssetId) -> Self {
        Self::new(asset_id)
    }
}

object! {
    /// The request body that changes the metadata of an indexed asset.
    pub struct IndexedAssetUpdate {
        required {
            /// The keys to set and to delete.
            user_metadata: MetadataPatch,
        }
    }
}
