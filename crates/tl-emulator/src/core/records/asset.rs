//! The record of an asset.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use tl_model::{AssetMethod, AssetSource, AssetStatus, AssetType, TechnicalMetadata, UserMetadata};
use tl_validate::MediaFacts;

use super::MediaKey;
use crate::core::faults::TaskFault;

/// The stored state of an asset.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct AssetRecord {
    pub(crate) id: String,
    pub(crate) number: u64,
    pub(crate) method: AssetMethod,
    pub(crate) filename: String,
    /// The media type: first derived from the file name, then from the content once it was probed.
    pub(crate) file_type: String,
    pub(crate) created_at: Timestamp,
    pub(crate) user_metadata: UserMetadata,
    pub(crate) enable_hls: bool,
    pub(crate) enable_thumbnail: bool,
    /// The source URL while the file is being fetched.
    pub(crate) fetching: Option<String>,
    /// The stored file.
    pub(crate) media: Option<MediaKey>,
    /// The result of probing the file; `None` until then.
    pub(crate) outcome: Option<ProbeOutcome>,
    /// The origin of an imported file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) source: Option<AssetSource>,
    /// The fault to apply to this asset.
    #[serde(rename = "fate")]
    pub(crate) fault: Option<TaskFault>,
}

/// The result of probing an asset, and when it becomes visible to clients.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct ProbeOutcome {
    pub(crate) at: Timestamp,
    /// The media facts, or the reason for the failure.
    #[serde(rename = "look")]
    pub(crate) facts: Result<MediaFacts, String>,
    /// The technical metadata of an image or a document.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) technical: Option<TechnicalMetadata>,
}

impl AssetRecord {
    pub(crate) fn status(&self, now: Timestamp) -> AssetStatus {
        match &self.outcome {
            Some(outcome) if outcome.at <= now => match outcome.facts {
                Ok(_) => AssetStatus::Ready,
                Err(_) => AssetStatus::Failed,
            },
            _ => AssetStatus::Processing,
        }
    }

    /// The media facts, if the asset is ready.
    pub(crate) fn facts(&self, now: Timestamp) -> Option<&MediaFacts> {
        let outcome = self.outcome.as_ref().filter(|outcome| outcome.at <= now)?;
        outcome.facts.as_ref().ok()
    }

    /// Whether the asset is an image or a document. Known once it was probed.
    pub(crate) fn is_static(&self, now: Timestamp) -> bool {
        let outcome = self.outcome.as_ref().filter(|outcome| outcome.at <= now);
        outcome.is_some_and(|outcome| outcome.technical.is_some())
    }

    /// The stored file, if it was not probed yet.
    pub(crate) fn unprobed(&self) -> Option<&MediaKey> {
        self.media.as_ref().filter(|_| self.outcome.is_none())
    }

    /// Whether to make a stream and thumbnails. Only video and audio get a stream; text files get
    /// no thumbnails.
    pub(crate) fn requested_renditions(&self) -> (bool, bool) {
        let is_played = matches!(self.kind(), AssetType::Video | AssetType::Audio);
        let is_visual = is_played || !self.file_type.starts_with("text/");
        (
            self.enable_hls && is_played,
            self.enable_thumbnail && is_visual,
        )
    }

    pub(crate) fn kind(&self) -> AssetType {
        match self.file_type.split('/').next() {
            Some("video") => AssetType::Video,
            Some("audio") => AssetType::Audio,
            Some("image") => AssetType::Image,
            // A playlist refers to video or audio, and a file with an unknown extension may be
            // anything.
            _ if matches!(
                self.file_type.as_str(),
                "application/mxf" | "application/vnd.apple.mpegurl" | "application/octet-stream"
            ) =>
            {
                AssetType::Video
            }
            _ => AssetType::Document,
        }
    }
}
