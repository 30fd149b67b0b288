//! Videos of an index (`/indexes/{index-id}/videos`), the older view of indexed assets.

use serde_json::Value;

use crate::{AssetId, Hls, MetadataPatch, SystemMetadata, Timestamp, UserMetadata, VideoId};

object! {
    /// A video of an index, as listed or retrieved.
    pub struct Video {
        required {
            /// Identifies the video.
            id: VideoId = "_id",
        }
        /// The asset that the video was made of. In newer responses only.
        optional asset_id: Option<AssetId>,
        /// When the indexing task was created.
        lenient created_at: Option<Timestamp>,
        /// When the indexing task, or the metadata, last changed.
        lenient updated_at: Option<Timestamp>,
        /// When indexing ended.
        lenient indexed_at: Option<Timestamp>,
        /// What the platform measured of the video. See [`system_metadata()`](Video::system_metadata) for a
        /// reading that also understands older responses.
        lenient system_metadata: Option<SystemMetadata>,
        /// What the user said about the video.
        lenient user_metadata: Option<UserMetadata>,
        /// The stream of the video, where one was asked for. Only in a retrieved video, not in a list.
        lenient hls: Option<Hls>,
        /// The embeddings, where `embedding_option` asked for them: `{model_name, video_embedding: {segments}}`, kept as JSON.
        lenient embedding: Option<Value>,
        /// The spoken words, where `transcription` asked for them. `None` also where there were none.
        lenient transcription: Option<Vec<TranscriptionSegment>>,
        /// The v1.2 name of `system_metadata` (`metadata`), which some examples of v1.3 still print.
        lenient legacy_metadata: Option<SystemMetadata> = "metadata",
    }
}

impl Video {
    /// What the platform measured of the video, under its present name or under the one of API v1.2.
    pub fn system_metadata(&self) -> Option<&SystemMetadata> {
        self.system_metadata
            .as_ref()
            .or(self.legacy_metadata.as_ref())
    }
}

object! {
    /// A time range of a video in which words were spoken.
    pub struct TranscriptionSegment {
        /// Start of the range, in seconds.
        number start: Option<f64>,
        /// End of the range, in seconds.
        number end: Option<f64>,
        /// The words.
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
