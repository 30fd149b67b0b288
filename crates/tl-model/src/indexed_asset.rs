//! Assets within an index (`/indexes/{index-id}/indexed-assets`). The older view of the same
//! resources is in `video.rs`.

use crate::{
    AssetId, Hls, IndexedAssetId, IndexedEmbedding, MetadataPatch, SystemMetadata, Timestamp,
    TranscriptionSegment, UserMetadata,
};

open_enum! {
    /// Indexing status of an asset.
    ///
    /// Order by analogy with tasks: validating → pending → queued → indexing → ready or failed. A
    /// status may be skipped.
    pub enum IndexedAssetStatus {
        /// The platform is checking the asset against the requirements of the index's models. Newer
        /// than the description of July 2026.
        Validating = "validating",
        /// Waiting to be assigned.
        Pending = "pending",
        /// Waiting in the queue.
        Queued = "queued",
        /// Indexing is in progress.
        Indexing = "indexing",
        /// Indexed: the asset can be searched.
        Ready = "ready",
        /// Indexing failed.
        Failed = "failed",
    }
}

impl IndexedAssetStatus {
    /// Whether the status is final: `ready` or `failed`. An unknown status is not terminal.
    pub fn is_terminal(&self) -> bool {
        matches!(self, Self::Ready | Self::Failed)
    }
}

object! {
    /// An asset within an index, as listed or retrieved. The members from `user_metadata` on are
    /// returned only when a single one is retrieved.
    pub struct IndexedAsset {
        required {
            /// Identifies the indexed asset.
            id: IndexedAssetId = "_id",
        }
        /// The asset that was indexed. Absent in the description of February 2026.
        optional asset_id: Option<AssetId>,
        /// When indexing was requested.
        lenient created_at: Option<Timestamp>,
        /// When the indexing status or the metadata last changed.
        lenient updated_at: Option<Timestamp>,
        /// When indexing finished.
        lenient indexed_at: Option<Timestamp>,
        /// Indexing status.
        optional status: Option<IndexedAssetStatus>,
        /// Metadata that the platform measured.
        lenient system_metadata: Option<SystemMetadata>,
        /// User metadata of the indexed asset.
        lenient user_metadata: Option<UserMetadata>,
        /// The HLS stream, if requested with `enable_video_stream`.
        lenient hls: Option<Hls>,
        /// The embeddings, if requested with `embedding_option`.
        optional embedding: Option<IndexedEmbedding>,
        /// The transcription, if requested with `transcription`. Also `None` if there is no speech.
        lenient transcription: Option<Vec<TranscriptionSegment>>,
    }
}

object! {
    /// The response to creating an indexed asset: indexing has started but is not finished.
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
        /// Whether the platform keeps the video for streaming. The platform's default is no, unlike
        /// for tasks.
        optional enable_video_stream: Option<bool>,
        /// User metadata of the indexed asset. Newer than the description of February 2026.
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
