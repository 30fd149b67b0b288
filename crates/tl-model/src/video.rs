//! Videos of an index (`/indexes/{index-id}/videos`): the older view of indexed assets.

use crate::{
    AssetId, Hls, IndexedEmbedding, MetadataPatch, SystemMetadata, Timestamp, UserMetadata, VideoId,
};

object! {
    /// A video of an index, as listed or retrieved.
    pub struct Video {
        required {
            /// Identifies the video.
            id: VideoId = "_id",
        }
        /// The asset that was indexed. In newer responses only.
        optional asset_id: Option<AssetId>,
        /// When the indexing task was created.
        lenient created_at: Option<Timestamp>,
        /// When the indexing task or the metadata last changed.
        lenient updated_at: Option<Timestamp>,
        /// When indexing finished.
        lenient indexed_at: Option<Timestamp>,
        /// Metadata that the platform measured. [`system_metadata()`](Video::system_metadata) also
        /// supports older responses.
        lenient system_metadata: Option<SystemMetadata>,
        /// User metadata of the video.
        lenient user_metadata: Option<UserMetadata>,
        /// The HLS stream of the video, if one was requested. Only in a retrieved video, not in a
        /// list.
        lenient hls: Option<Hls>,
        /// The embeddings, if requested with `embedding_option`.
        optional embedding: Option<IndexedEmbedding>,
        /// The transcription, if requested with `transcription`. Also `None` if there is no speech.
        lenient transcription: Option<Vec<TranscriptionSegment>>,
        /// The v1.2 name of `system_metadata` (`metadata`), still used in some examples of v1.3.
        lenient legacy_metadata: Option<SystemMetadata> = "metadata",
    }
}

impl Video {
    /// Metadata that the platform measured, from the current member or from that of API v1.2.
    pub fn system_metadata(&self) -> Option<&SystemMetadata> {
        self.system_metadata
            .as_ref()
            .or(self.legacy_metadata.as_ref())
    }
}

object! {
    /// A time range of a video that contains speech.
    pub struct TranscriptionSegment {
        /// Start of the range, in seconds.
        number start: Option<f64>,
        /// End of the range, in seconds.
        number end: Option<f64>,
        /// The transcribed text.
        lenient value: Option<String>,
    }
}

object! {
    /// The request body that changes a video's metadata.
    pub struct UpdateVideo {
        required {
            /// The keys to set and to delete.
            user_metadata: MetadataPatch,
        }
    }
}
