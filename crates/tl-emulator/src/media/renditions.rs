//! Renditions of stored video and audio: a stream (HTTP Live Streaming) and thumbnails.
//!
//! This module tracks requested renditions, their status and their URLs. The server makes them when
//! it executes an [`Effect::Render`].

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use tl_model::{AssetHls, AssetThumbnail, Hls, HlsStatus, MediaStatus};
use tl_protocol::Now;

use crate::platform::{Effect, MediaKey, Platform, api_timestamp, to_timestamp};

/// The path prefix of renditions.
pub(crate) const PREFIX: &str = "/_media";
/// The file name of the stream's playlist.
pub(crate) const PLAYLIST: &str = "master.m3u8";

/// The file name of a thumbnail, counted from 1.
pub(crate) fn thumbnail_name(number: u32) -> String {
    format!("thumbnail-{number}.jpg")
}

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
pub struct Rendered {
    /// The directory in which they are stored.
    pub folder: MediaKey,
    /// Whether there is a stream.
    pub has_stream: bool,
    /// The number of thumbnails.
    pub thumbnails: u32,
}

/// The status of the renditions of one video or asset, for the emulator's pages.
#[derive(Debug, Clone, Serialize)]
#[non_exhaustive]
pub struct Rendition {
    /// The video or asset.
    pub owner: String,
    /// `working`, `made` or `failed`.
    pub status: &'static str,
    /// Why it failed.
    pub error: Option<String>,
    /// The finished renditions.
    pub made: Option<Rendered>,
}

/// Requests the renditions of `owner`.
pub(crate) fn start(
    platform: &mut Platform,
    now: Timestamp,
    owner: &str,
    source: MediaKey,
    (stream, thumbnails): (bool, bool),
    effects: &mut Vec<Effect>,
) {
    if !stream && !thumbnails {
        return;
    }
    let record = RenditionRecord {
        owner: owner.to_owned(),
        source,
        stream,
        thumbnails,
        state: RenditionState::Working,
        updated_at: now,
    };
    effects.push(record.effect());
    platform.state.renditions.insert(owner.to_owned(), record);
}

/// Removes the renditions of `owner`.
pub(crate) fn remove(platform: &mut Platform, owner: &str, effects: &mut Vec<Effect>) {
    if let Some(RenditionRecord {
        state: RenditionState::Made(made),
        ..
    }) = platform.state.renditions.remove(owner)
    {
        effects.push(Effect::Discard(made.folder));
    }
}

impl RenditionRecord {
    fn effect(&self) -> Effect {
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

    fn made(&self) -> Option<&Rendered> {
        match &self.state {
            RenditionState::Made(made) => Some(made),
            RenditionState::Working | RenditionState::Failed(_) => None,
        }
    }
}

impl Platform {
    /// Handles the result of an [`Effect::Render`] at `now`. The error is text for the user.
    pub fn rendered(
        &mut self,
        now: Now,
        owner: &str,
        outcome: Result<Rendered, String>,
    ) -> Vec<Effect> {
        let now = to_timestamp(now);
        match (self.state.renditions.get_mut(owner), outcome) {
            (Some(record), outcome) => {
                record.updated_at = now;
                record.state = match outcome {
                    Ok(made) => RenditionState::Made(made),
                    Err(reason) => RenditionState::Failed(reason),
                };
                Vec::new()
            }
            // The owner was deleted in the meantime.
            (None, Ok(made)) => vec![Effect::Discard(made.folder)],
            (None, Err(_)) => Vec::new(),
        }
    }

    /// All requested renditions and their status.
    #[must_use]
    pub fn renditions(&self) -> Vec<Rendition> {
        let records = self.state.renditions.values();
        records.map(summary).collect()
    }

    /// The renditions of `owner`, a video or an asset.
    #[must_use]
    pub fn rendition_of(&self, owner: &str) -> Option<Rendition> {
        self.state.renditions.get(owner).map(summary)
    }
}

fn summary(record: &RenditionRecord) -> Rendition {
    let (status, error) = match &record.state {
        RenditionState::Working => ("working", None),
        RenditionState::Made(_) => ("made", None),
        RenditionState::Failed(reason) => ("failed", Some(reason.clone())),
    };
    Rendition {
        owner: record.owner.clone(),
        status,
        error,
        made: record.made().cloned(),
    }
}

fn rendition_url(host: &str, folder: &MediaKey, file: &str) -> String {
    format!("http://{host}{PREFIX}/{}/{file}", folder.as_str())
}

/// The `hls` field of a task, a video or an indexed asset; `None` if no stream was requested.
pub(crate) fn hls(platform: &Platform, owner: &str, host: &str) -> Option<Hls> {
    let record = platform.state.renditions.get(owner)?;
    let mut hls = Hls::default();
    hls.status = Some(match &record.state {
        RenditionState::Working => HlsStatus::Processing,
        RenditionState::Made(made) if made.has_stream => HlsStatus::Complete,
        RenditionState::Made(_) | RenditionState::Failed(_) => HlsStatus::Error,
    });
    hls.updated_at = Some(api_timestamp(record.updated_at));
    if let Some(made) = record.made() {
        hls.video_url = made
            .has_stream
            .then(|| rendition_url(host, &made.folder, PLAYLIST));
        let thumbnails = (1..=made.thumbnails)
            .map(|number| rendition_url(host, &made.folder, &thumbnail_name(number)));
        hls.thumbnail_urls = Some(thumbnails.collect());
    }
    Some(hls)
}

/// The `hls` field of an asset with a requested stream. `fallback` is the status if no stream was
/// started.
pub(crate) fn asset_hls(
    platform: &Platform,
    owner: &str,
    host: &str,
    fallback: MediaStatus,
) -> AssetHls {
    let record = platform.state.renditions.get(owner);
    let made = record.and_then(RenditionRecord::made);
    let made = made.filter(|made| made.has_stream && fallback != MediaStatus::Pending);
    let mut hls = AssetHls::default();
    hls.manifest_url = made.map(|made| rendition_url(host, &made.folder, PLAYLIST));
    hls.status = Some(asset_status(record, made.is_some(), fallback));
    hls
}

/// The `thumbnail` field of an asset with requested thumbnails. `fallback` is as for [`asset_hls`].
pub(crate) fn asset_thumbnail(
    platform: &Platform,
    owner: &str,
    host: &str,
    fallback: MediaStatus,
) -> AssetThumbnail {
    let record = platform.state.renditions.get(owner);
    let made = record.and_then(RenditionRecord::made);
    let made = made.filter(|made| made.thumbnails > 0 && fallback != MediaStatus::Pending);
    let mut thumbnail = AssetThumbnail::default();
    thumbnail.representative_url =
        made.map(|made| rendition_url(host, &made.folder, &thumbnail_name(1)));
    thumbnail.status = Some(asset_status(record, made.is_some(), fallback));
    thumbnail
}

/// `fallback` is the status if nothing was started: `pending` while the asset itself is not ready,
/// `error` after that.
fn asset_status(
    record: Option<&RenditionRecord>,
    is_made: bool,
    fallback: MediaStatus,
) -> MediaStatus {
    match record {
        _ if is_made => MediaStatus::Ready,
        _ if fallback == MediaStatus::Pending => fallback,
        Some(RenditionRecord {
            state: RenditionState::Working,
            ..
        }) => MediaStatus::Processing,
        _ => MediaStatus::Error,
    }
}
