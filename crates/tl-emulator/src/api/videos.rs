//! `/indexes/{index_id}/videos`: list, update and delete the videos of ready tasks.

use jiff::Timestamp;
use tl_model::{Page, Video};
use tl_protocol::endpoint::{DeleteVideo, GetVideo, ListVideos, NumberFilter, UpdateVideoMetadata};

use super::{
    embeddings, families,
    handle::handle,
    listing::{self, SortKey},
    metadata,
};
use crate::{
    core::{Env, Refusal, State, effect::Effect, ids, records::VideoRecord, time::api_timestamp},
    media::renditions,
};

handle!(ListVideos, |state, env, request| list(state, env, &request));
handle!(GetVideo, |state, env, request| retrieve(
    state, env, &request
));
handle!(UpdateVideoMetadata, |state, env, request| update(
    state, env, &request
));
handle!(DeleteVideo, |state, env, request| delete(
    state, env, &request
));

pub(crate) fn list(
    state: &State,
    env: &Env<'_>,
    list: &ListVideos,
) -> Result<Page<Video>, Refusal> {
    let index = state.index(list.index_id.as_str())?;
    let created = listing::date_filter("created_at", list.created_at.as_ref())?;
    let updated = listing::date_filter("updated_at", list.updated_at.as_ref())?;
    let quirks = &env.settings.quirks;
    let number = |filter: &NumberFilter, value: Option<f64>| {
        filter.is_open() || value.is_some_and(|value| filter.accepts(value))
    };
    let items = state.videos_of(&index.id, env.now).filter_map(|video| {
        let system = video.measured.video_metadata(&video.filename);
        let sort_key = SortKey {
            created: video.created_at,
            updated: updated_at(video),
            number: video.number,
        };
        let passes = listing::filename_passes(list.filename.as_deref(), &video.filename, quirks)
            && number(&list.duration, system.duration)
            && number(&list.fps, system.fps)
            && number(&list.width, system.width.map(f64::from))
            && number(&list.height, system.height.map(f64::from))
            && number(&list.size, system.size)
            && list
                .user_metadata
                .0
                .iter()
                .all(|(key, value)| metadata::matches(&video.user_metadata, key, value))
            && created.is_none_or(|from| sort_key.created >= from)
            && updated.is_none_or(|from| sort_key.updated >= from);
        passes.then_some((sort_key, video))
    });
    listing::page(items.collect(), &list.sort, list.page, quirks, |video| {
        list_view(state, video)
    })
}

pub(crate) fn retrieve(state: &State, env: &Env<'_>, get: &GetVideo) -> Result<Video, Refusal> {
    let video = find(state, env, get.index_id.as_str(), get.video_id.as_str())?;
    families::check_embedding_options(&get.embedding_option)?;
    families::refuse_transcription(get.transcription)?;
    let mut view = view(state, video);
    view.hls = renditions::hls(state, env, &video.id);
    view.embedding = embeddings::of_video(state, env, video, &get.embedding_option)?;
    Ok(view)
}

pub(crate) fn update(
    state: &mut State,
    env: &Env<'_>,
    update: &UpdateVideoMetadata,
) -> Result<(), Refusal> {
    let id = find(
        state,
        env,
        update.index_id.as_str(),
        update.video_id.as_str(),
    )?
    .id
    .clone();
    metadata::check_patch(&update.user_metadata, &env.settings.quirks)?;
    if let Some(video) = state.videos.get_mut(&id) {
        metadata::merge(&mut video.user_metadata, &update.user_metadata);
        video.updated_at = Some(env.now);
    }
    Ok(())
}

pub(crate) fn delete(
    state: &mut State,
    env: &mut Env<'_>,
    delete: &DeleteVideo,
) -> Result<(), Refusal> {
    let id = find(
        state,
        env,
        delete.index_id.as_str(),
        delete.video_id.as_str(),
    )?
    .id
    .clone();
    if let Some(video) = state.videos.remove(&id) {
        if let Some(index) = state.indexes.get_mut(&video.index_id) {
            index.updated_at = env.now;
        }
        let task = state.tasks.get(&video.task_id);
        if task.is_some_and(|task| task.asset_id.is_some()) {
            state.tasks.remove(&video.task_id);
        }
        renditions::remove(state, env, &video.id);
        env.effects.extend(video.media.map(Effect::Discard));
    }
    Ok(())
}

fn find<'a>(
    state: &'a State,
    env: &Env<'_>,
    index_id: &str,
    id: &str,
) -> Result<&'a VideoRecord, Refusal> {
    let index = state.index(index_id)?;
    ids::check("video-id", id)?;
    let video = state
        .videos
        .get(id)
        .filter(|video| video.indexed_at <= env.now);
    video
        .filter(|video| video.index_id == index.id)
        .ok_or_else(Refusal::not_found)
}

fn updated_at(video: &VideoRecord) -> Timestamp {
    video.updated_at.unwrap_or(video.indexed_at)
}

/// Listed videos have no user metadata, unlike retrieved ones.
fn list_view(state: &State, video: &VideoRecord) -> Video {
    let mut view = view(state, video);
    view.user_metadata = None;
    view
}

fn view(state: &State, video: &VideoRecord) -> Video {
    let mut view = Video::new(video.id.as_str());
    let task = state.tasks.get(&video.task_id);
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
