//! Renditions of stored video and audio: a stream (HTTP Live Streaming) and thumbnails.
//!
//! This module tracks requested renditions, their status and their URLs. The server makes them when
//! it executes an [`Effect::Render`].

use serde::Serialize;
use tl_model::{Addon, AssetHls, AssetThumbnail, Hls, HlsStatus, MediaStatus};

use crate::core::{
    Env, State,
    effect::Effect,
    records::{MediaKey, Rendered, RenditionRecord, RenditionState, VideoRecord},
    time::api_timestamp,
};

/// The path prefix of renditions.
pub(crate) const PREFIX: &str = "/_media";
/// The file name of the stream's playlist.
pub(crate) const PLAYLIST: &str = "master.m3u8";

/// The file name of a thumbnail, counted from 1.
pub(crate) fn thumbnail_name(number: u32) -> String {
    format!("thumbnail-{number}.jpg")
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
    state: &mut State,
    env: &mut Env<'_>,
    owner: &str,
    source: MediaKey,
    (stream, thumbnails): (bool, bool),
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
        updated_at: env.now,
    };
    env.effects.push(record.effect());
    state.renditions.insert(owner.to_owned(), record);
}

/// Removes the renditions of `owner`.
pub(crate) fn remove(state: &mut State, env: &mut Env<'_>, owner: &str) {
    if let Some(RenditionRecord {
        state: RenditionState::Made(made),
        ..
    }) = state.renditions.remove(owner)
    {
        env.effects.push(Effect::Discard(made.folder));
    }
}

/// Handles the result of an [`Effect::Render`]. The error is text for the user.
pub(crate) fn rendered(
    state: &mut State,
    env: &mut Env<'_>,
    owner: &str,
    outcome: Result<Rendered, String>,
) {
    match (state.renditions.get_mut(owner), outcome) {
        (Some(record), outcome) => {
            record.updated_at = env.now;
            record.state = match outcome {
                Ok(made) => RenditionState::Made(made),
                Err(reason) => RenditionState::Failed(reason),
            };
        }
        // The owner was deleted in the meantime.
        (None, Ok(made)) => env.effects.push(Effect::Discard(made.folder)),
        (None, Err(_)) => {}
    }
}

/// The status of renditions, for the emulator's pages.
pub(crate) fn summary(record: &RenditionRecord) -> Rendition {
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
pub(crate) fn hls(state: &State, env: &Env<'_>, owner: &str) -> Option<Hls> {
    let record = state.renditions.get(owner)?;
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
            .then(|| rendition_url(env.host, &made.folder, PLAYLIST));
        let thumbnails = (1..=made.thumbnails)
            .map(|number| rendition_url(env.host, &made.folder, &thumbnail_name(number)));
        hls.thumbnail_urls = Some(thumbnails.collect());
    }
    Some(hls)
}

/// How long the URL of a thumbnail in search results is valid, in seconds (documented: one hour).
const THUMBNAIL_SECONDS: i64 = 3600;

/// The URL of the thumbnail of a video that is nearest to this time in seconds, if its index has
/// thumbnails. It expires.
pub(crate) fn thumbnail_at(
    state: &State,
    env: &Env<'_>,
    video: &VideoRecord,
    at: f64,
) -> Option<String> {
    let index = state.indexes.get(&video.index_id)?;
    let made = state.renditions.get(&video.id)?.made()?;
    if !index.addons.contains(&Addon::Thumbnail) || made.thumbnails == 0 {
        return None;
    }
    let part = at / video.measured.duration.filter(|seconds| *seconds > 0.0)?;
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "clamped to the number of thumbnails"
    )]
    let number = (part.clamp(0.0, 1.0) * f64::from(made.thumbnails)) as u32 + 1;
    let name = thumbnail_name(number.min(made.thumbnails));
    let expires = env.now.as_second() + THUMBNAIL_SECONDS;
    let url = rendition_url(env.host, &made.folder, &name);
    Some(format!("{url}?{EXPIRES}={expires}"))
}

/// The parameter of a URL that expires: seconds since 1970.
pub(crate) const EXPIRES: &str = "expires";

/// The `hls` field of an asset with a requested stream. `fallback` is the status if no stream was
/// started.
pub(crate) fn asset_hls(
    state: &State,
    env: &Env<'_>,
    owner: &str,
    fallback: MediaStatus,
) -> AssetHls {
    let record = state.renditions.get(owner);
    let made = record.and_then(RenditionRecord::made);
    let made = made.filter(|made| made.has_stream && fallback != MediaStatus::Pending);
    let mut hls = AssetHls::default();
    hls.manifest_url = made.map(|made| rendition_url(env.host, &made.folder, PLAYLIST));
    hls.status = Some(asset_status(record, made.is_some(), fallback));
    hls
}

/// The `thumbnail` field of an asset with requested thumbnails. `fallback` is as for [`asset_hls`].
pub(crate) fn asset_thumbnail(
    state: &State,
    env: &Env<'_>,
    owner: &str,
    fallback: MediaStatus,
) -> AssetThumbnail {
    let record = state.renditions.get(owner);
    let made = record.and_then(RenditionRecord::made);
    let made = made.filter(|made| made.thumbnails > 0 && fallback != MediaStatus::Pending);
    let mut thumbnail = AssetThumbnail::default();
    thumbnail.representative_url =
        made.map(|made| rendition_url(env.host, &made.folder, &thumbnail_name(1)));
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
