//! `/indexes/{index_id}/videos`: list, update and delete the videos of ready tasks.

use jiff::Timestamp;
use tl_model::{MetadataPatch, MetadataValue, Page, UserMetadata, Value, Video};
use tl_protocol::endpoint::{DeleteVideo, GetVideo, ListVideos, NumberFilter, UpdateVideoMetadata};

use crate::platform::{
    Effect, Platform, Quirks, Refusal, api_timestamp, families,
    handle::handle,
    ids, indexed_assets, indexes,
    listing::{self, SortKey},
    quirks,
    records::VideoRecord,
    renditions,
};

handle!(ListVideos, |call, request| list(
    call.platform,
    call.now,
    &request
));
handle!(GetVideo, |call, request| retrieve(
    call.platform,
    call.now,
    call.host,
    &request
));
handle!(UpdateVideoMetadata, |call, request| update(
    call.platform,
    call.now,
    &request
));
handle!(DeleteVideo, |call, request| delete(
    call.platform,
    call.now,
    &request,
    call.effects
));

/// The values of `embedding_option`; `visual-text` comes from older OpenAPI descriptions.
const EMBEDDINGS: [&str; 4] = ["visual", "audio", "transcription", "visual-text"];

pub(crate) fn list(
    platform: &Platform,
    now: Timestamp,
    list: &ListVideos,
) -> Result<Page<Video>, Refusal> {
    let index = indexes::find(platform, list.index_id.as_str())?;
    let created = listing::date_filter("created_at", list.created_at.as_ref())?;
    let updated = listing::date_filter("updated_at", list.updated_at.as_ref())?;
    let quirks = &platform.settings.quirks;
    let number = |filter: &NumberFilter, value: Option<f64>| {
        filter.is_open() || value.is_some_and(|value| filter.accepts(value))
    };
    let items = platform
        .state
        .videos_of(&index.id, now)
        .filter_map(|video| {
            let system = video.measured.video_metadata(&video.filename);
            let sort_key = SortKey {
                created: video.created_at,
                updated: updated_at(video),
                number: video.number,
            };
            let passes =
                listing::filename_passes(list.filename.as_deref(), &video.filename, quirks)
                    && number(&list.duration, system.duration)
                    && number(&list.fps, system.fps)
                    && number(&list.width, system.width.map(f64::from))
                    && number(&list.height, system.height.map(f64::from))
                    && number(&list.size, system.size)
                    && list
                        .user_metadata
                        .0
                        .iter()
                        .all(|(key, value)| metadata_matches(&video.user_metadata, key, value))
                    && created.is_none_or(|from| sort_key.created >= from)
                    && updated.is_none_or(|from| sort_key.updated >= from);
            passes.then_some((sort_key, video))
        });
    listing::page(items.collect(), &list.sort, list.page, quirks, |video| {
        list_view(platform, video)
    })
}

/// Whether `key` has `value`, given as text. A list matches each of its strings.
pub(crate) fn metadata_matches(metadata: &UserMetadata, key: &str, value: &str) -> bool {
    let Some(found) = metadata.get(key) else {
        return false;
    };
    if let Some(strings) = found.as_strings() {
        return strings.iter().any(|string| string == value);
    }
    if let Some(text) = found.as_str() {
        return text == value;
    }
    if let Some(flag) = found.as_bool() {
        return value.parse() == Ok(flag);
    }
    let Ok(wanted) = value.parse::<f64>() else {
        return false;
    };
    // Compare as floats: `5` and `5.0` are the same number.
    let actual = Value::from(found.clone()).as_f64();
    actual.is_some_and(|actual| actual.total_cmp(&wanted).is_eq())
}

pub(crate) fn retrieve(
    platform: &Platform,
    now: Timestamp,
    host: &str,
    get: &GetVideo,
) -> Result<Video, Refusal> {
    let video = find(platform, now, get.index_id.as_str(), get.video_id.as_str())?;
    refuse_model_output(&get.embedding_option, get.transcription)?;
    let mut view = view(platform, video);
    view.hls = renditions::hls(platform, &video.id, host);
    Ok(view)
}

/// Refuses requests for model output. An empty result would look like a video without speech or
/// images.
pub(crate) fn refuse_model_output(
    options: &[String],
    transcription: Option<bool>,
) -> Result<(), Refusal> {
    let unknown = options
        .iter()
        .find(|option| !EMBEDDINGS.contains(&option.as_str()));
    if let Some(other) = unknown {
        return Err(listing::not_one_of(
            "embedding_option",
            other,
            &EMBEDDINGS.join(", "),
        ));
    }
    if !options.is_empty() {
        return Err(families::model_output_unsupported(
            "embedding_option",
            "embeddings",
        ));
    }
    if transcription == Some(true) {
        return Err(families::model_output_unsupported(
            "transcription",
            "transcriptions",
        ));
    }
    Ok(())
}

pub(crate) fn update(
    platform: &mut Platform,
    now: Timestamp,
    update: &UpdateVideoMetadata,
) -> Result<(), Refusal> {
    let id = find(
        platform,
        now,
        update.index_id.as_str(),
        update.video_id.as_str(),
    )?
    .id
    .clone();
    check_patch(&update.user_metadata, &platform.settings.quirks)?;
    if let Some(video) = platform.state.videos.get_mut(&id) {
        merge(&mut video.user_metadata, &update.user_metadata);
        video.updated_at = Some(now);
    }
    Ok(())
}

/// Refuses changes of reserved keys.
pub(crate) fn check_patch(patch: &MetadataPatch, quirks: &Quirks) -> Result<(), Refusal> {
    let mut metadata = UserMetadata::new();
    patch.apply_to(&mut metadata);
    refuse_reserved(&metadata, quirks)
}

/// Sets the given keys, deletes those with `null`, and keeps the rest.
pub(crate) fn merge(metadata: &mut UserMetadata, patch: &MetadataPatch) {
    for (key, value) in patch.iter() {
        match value {
            None => _ = metadata.remove(key),
            // Documented for the metadata of assets: an empty string is ignored.
            Some(value) if value.as_str() == Some("") => {}
            Some(value) => _ = metadata.insert(key.as_str(), value.clone()),
        }
    }
}

pub(crate) fn delete(
    platform: &mut Platform,
    now: Timestamp,
    delete: &DeleteVideo,
    effects: &mut Vec<Effect>,
) -> Result<(), Refusal> {
    let id = find(
        platform,
        now,
        delete.index_id.as_str(),
        delete.video_id.as_str(),
    )?
    .id
    .clone();
    if let Some(video) = platform.state.videos.remove(&id) {
        if let Some(index) = platform.state.indexes.get_mut(&video.index_id) {
            index.updated_at = now;
        }
        indexed_assets::remove_for_video(platform, &video);
        renditions::remove(platform, &video.id, effects);
        effects.extend(video.media.map(Effect::Discard));
    }
    Ok(())
}

/// The metadata of a new video. Empty values are dropped, as on the platform.
pub(crate) fn initial_metadata(
    metadata: UserMetadata,
    quirks: &Quirks,
) -> Result<UserMetadata, Refusal> {
    refuse_reserved(&metadata, quirks)?;
    let is_empty = |value: &MetadataValue| {
        value.as_str() == Some("") || value.as_strings().is_some_and(<[String]>::is_empty)
    };
    Ok(metadata
        .into_iter()
        .filter(|(_, value)| !is_empty(value))
        .collect())
}

fn refuse_reserved(metadata: &UserMetadata, quirks: &Quirks) -> Result<(), Refusal> {
    if quirks.get(&quirks::RESERVED_KEYS) != "refuse" {
        return Ok(());
    }
    match metadata.reserved_keys().next() {
        Some(key) => Err(Refusal::invalid(
            "user_metadata",
            &format!("the key `{key}` is reserved"),
        )),
        None => Ok(()),
    }
}

fn find<'a>(
    platform: &'a Platform,
    now: Timestamp,
    index_id: &str,
    id: &str,
) -> Result<&'a VideoRecord, Refusal> {
    let index = indexes::find(platform, index_id)?;
    ids::check("video-id", id)?;
    let video = platform
        .state
        .videos
        .get(id)
        .filter(|video| video.indexed_at <= now);
    video
        .filter(|video| video.index_id == index.id)
        .ok_or_else(Refusal::not_found)
}

fn updated_at(video: &VideoRecord) -> Timestamp {
    video.updated_at.unwrap_or(video.indexed_at)
}

/// Listed videos have no user metadata, unlike retrieved ones.
fn list_view(platform: &Platform, video: &VideoRecord) -> Video {
    let mut view = view(platform, video);
    view.user_metadata = None;
    view
}

fn view(platform: &Platform, video: &VideoRecord) -> Video {
    let mut view = Video::new(video.id.as_str());
    let task = platform.state.tasks.get(&video.task_id);
    view.asset_id = task
        .and_then(|task| task.asset_id.as_deref())
        .map(Into::into);
    view.created_at = Some(api_timestamp(video.created_at));
    view.updated_at = Some(api_timestamp(updated_at(video)));
    view.indexed_at = Some(api_timestamp(video.indexed_at));
    view.system_metadata = Some(video.measured.video_metadata(&video.filename));
    if !video.user_metadata.is_empty() {
        view.user_metadata = Some(video.user_metadata.clone());
    }
    view
}
