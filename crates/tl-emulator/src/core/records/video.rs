//! The record of an indexed video, and its measured properties.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use tl_model::{SystemMetadata, UserMetadata};

use super::MediaKey;

/// An indexed video.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct VideoRecord {
    pub(crate) id: String,
    pub(crate) number: u64,
    pub(crate) index_id: String,
    pub(crate) task_id: String,
    pub(crate) created_at: Timestamp,
    /// The video is visible from this time on.
    pub(crate) indexed_at: Timestamp,
    /// When the metadata was last changed.
    pub(crate) updated_at: Option<Timestamp>,
    pub(crate) filename: String,
    pub(crate) measured: Measured,
    pub(crate) user_metadata: UserMetadata,
    /// The stored file, if it was kept.
    pub(crate) media: Option<MediaKey>,
    /// The SHA-256 of the file that was indexed, if it is known: also if no file was kept for the
    /// video itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) content: Option<String>,
}

/// The measured properties of a video.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Measured {
    /// Duration, in seconds.
    pub duration: Option<f64>,
    /// Frames per second.
    pub fps: Option<f64>,
    /// Stored width, in pixels.
    pub width: Option<u32>,
    /// Stored height, in pixels.
    pub height: Option<u32>,
    /// File size, in bytes.
    pub size: u64,
}

impl Measured {
    /// The four fields of a task.
    pub(crate) fn task_metadata(&self, filename: &str) -> SystemMetadata {
        let mut metadata = SystemMetadata::default();
        metadata.filename = Some(filename.to_owned());
        metadata.duration = self.duration;
        metadata.width = self.width;
        metadata.height = self.height;
        metadata
    }

    /// The six fields of a video.
    pub(crate) fn video_metadata(&self, filename: &str) -> SystemMetadata {
        let mut metadata = self.task_metadata(filename);
        metadata.fps = self.fps;
        #[expect(clippy::cast_precision_loss, reason = "exact up to 8 PiB")]
        let size = self.size as f64;
        metadata.size = Some(size);
        metadata
    }
}
