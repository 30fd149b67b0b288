//! The HLS (HTTP Live Streaming) stream of a task, video or indexed asset.
//!
//! The `hls` of an asset (`/assets/{id}`) has another shape with lower-case values; see `asset.rs`.

use crate::Timestamp;

open_enum! {
    /// Encoding status of the stream.
    pub enum HlsStatus {
        /// Being encoded; not ready for streaming.
        Processing = "PROCESSING",
        /// Ready for streaming.
        Complete = "COMPLETE",
        /// Canceled before completion.
        Canceled = "CANCELED",
        /// Encoding failed.
        Error = "ERROR",
    }
}

object! {
    /// The HLS stream of a video. Present only if the video was uploaded with `enable_video_stream`
    /// set to true.
    pub struct Hls {
        /// The playlist (`.m3u8`).
        lenient video_url: Option<String>,
        /// Thumbnails of the video.
        lenient thumbnail_urls: Option<Vec<String>>,
        /// Encoding status.
        lenient status: Option<HlsStatus>,
        /// When `status` last changed.
        lenient updated_at: Option<Timestamp>,
    }
}
