//! The stream that the platform makes of a video (HTTP Live Streaming), as tasks, videos and indexed assets carry it.
//!
//! The `hls` of an asset (`/assets/{id}`) is another shape with lower-case words; it does not live here.

use crate::Timestamp;

open_enum! {
    /// How far the encoding of the stream is.
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
    /// The stream of a video. Present only where the video was uploaded with `enable_video_stream` true.
    pub struct Hls {
        /// The playlist (`.m3u8`).
        lenient video_url: Option<String>,
        /// Thumbnails of the video.
        lenient thumbnail_urls: Option<Vec<String>>,
        /// How far the encoding is.
        lenient status: Option<HlsStatus>,
        /// When `status` last changed.
        lenient updated_at: Option<Timestamp>,
    }
}
