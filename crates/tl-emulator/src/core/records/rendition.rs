//! The record of the renditions of a video or an asset.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::MediaKey;
use crate::core::effect::Effect;

/// The requested renditions of one video or asset.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct RenditionRecord {
    /// The identifier of the video or asset.
    pub(crate) owner: String,
    /// The stored file.
    pub(crate) source: MediaKey,
    pub(crate) stream: bool,
    pub(crate) thumbnails: bool,
    #[serde(rename = "progress")]
    pub(crate) state: RenditionState,
    pub(crate) updated_at: Timestamp,
}

/// The status of the renditions.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) enum RenditionState {
    Working,
    Made(Rendered),
    Failed(String),
}

/// The renditions made from a file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Rendered {
    /// The directory in which they are stored.
    pub folder: MediaKey,
    /// Whether there is a stream.
    pub has_stream: bool,
    /// The number of thumbnails.
    pub thumbnails: u32,
}

impl Rendered {
    /// The renditions in `folder`.
    #[must_use]
    pub fn new(folder: MediaKey, has_stream: bool, thumbnails: u32) -> Self {
        Self {
            folder,
            has_stream,
            thumbnails,
        }
    }
}

impl RenditionRecord {
    pub(crate) fn effect(&self) -> Effect {
        Effect::Render {
            owner: self.owner.clone(),
            source: self.source.clone(),
            stream: self.stream,
            thumbnails: self.thumbnails,
        }
    }

    /// The effect to execute again if the renditions were not finished.
    pub(crate) fn unfinished(&self) -> Option<Effect> {
        matches!(self.state, RenditionState::Working).then(|| self.effect())
    }

    /// The directory of the finished renditions.
    pub(crate) fn folder(&self) -> Option<&MediaKey> {
        self.made().map(|made| &made.folder)
    }

    pub(crate) fn made(&self) -> Option<&Rendered> {
        match &self.state {
            RenditionState::Made(made) => Some(made),
            RenditionState::Working | RenditionState::Failed(_) => None,
        }
    }
}
