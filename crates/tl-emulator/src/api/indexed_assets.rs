//! `/indexes/{index_id}/indexed-assets`: assets within an index.
//!
//! Each is stored as a task with an asset identifier, so that both go through the same statuses.
//! Once indexed, it is also a video, which `videos.rs` returns.

use jiff::Timestamp;
use tl_model::{
    CreatedIndexedAsset, IndexedAsset, IndexedAssetStatus, Page, TaskStatus, UserMetadata,
};
use tl_protocol::endpoint::{
    CreateIndexedAsset, DeleteIndexedAsset, GetIndexedAsset, ListIndexedAssets, NumberFilter,
    Received, UpdateIndexedAsset,
};

use super::{
    embeddings, families,
    handle::{Handle, Incoming, handle},
    indexing,
    listing::{self, SortKey},
    metadata,
};
use crate::{
    core::{
        Env, Refusal, State, faults::TaskFault, ids, lifecycle::Timeline, limits, quirks,
        records::TaskRecord, time::api_timestamp,
    },
    media::{renditions, validation},
};

impl Handle for CreateIndexedAsset {
    fn handle(
        self,
        state: &mut State,
        env: &mut Env<'_>,
        _: Incoming<'_>,
    ) -> Result<Self::Response, Refusal> {
        create(state, env, self)
    }

    fn location(received: &Received, response: &Self::Response) -> Option<String> {
        let index = received.param(0);
        Some(format!("/indexes/{index}/indexed-assets/{}", response.id))
    }
}
handle!(ListIndexedAssets, |state, env, request| list(
    state, env, &request
));
handle!(GetIndexedAsset, |state, env, request| retrieve(
    state, env, &request
));
handle!(UpdateIndexedAsset, |state, env, request| update(
    state, env, &request
));
handle!(DeleteIndexedAsset, |state, env, request| delete(
    state, env, &request
));

/// The statuses of an indexed asset, for error messages.
const STATUSES: &str = "ready, pending, queued, indexing, failed, validating";

pub(crate) fn create(
    state: &mut State,
    env: &mut Env<'_>,
    create: CreateIndexedAsset,
) -> Result<CreatedIndexedAsset, Refusal> {
    let index = state.index(create.index_id.as_str())?;
    let asset = state.asset(create.indexed_asset.asset_id.as_str())?;
    let Some(facts) = asset.facts(env.now) else {
        let status = asset.status(env.now);
        return Err(Refusal::asset_not_ready(
            &asset.id,
            status.as_str(),
            env.quirk(&quirks::ASSET_NOT_READY),
        ));
    };
    if asset.is_static(env.now) {
        let detail = format!(
            "the asset {} is {}; only video and sound can be indexed",
            asset.id, asset.file_type
        );
        return Err(Refusal::invalid("asset_id", &detail));
    }
    let user_metadata = metadata::initial(
        create.indexed_asset.user_metadata.unwrap_or_default(),
        &env.settings.quirks,
    )?;
    let measured = validation::measure(facts, facts.file_size_bytes);
    let validated = validation::validate(
        &Ok(facts.clone()),
        facts.file_size_bytes,
        &validation::index_target(index),
        &env.settings.rules,
    );
    let (index_id, asset_id) = (index.id.clone(), asset.id.clone());
    let filename = asset.filename.clone();
    let first = match env.quirk(&quirks::INDEXED_VALIDATING) {
        "yes" => TaskStatus::Validating,
        _ => TaskStatus::Pending,
    };
    let mut fault = env.task_fault.take();
    match validated {
        Ok(_) => {
            let seconds = measured.duration.unwrap_or(0.0);
            limits::count_video(state, env, &index_id, seconds)?;
        }
        Err(refusal)
            if env.quirk(&quirks::INDEXED_JUDGMENT) == "fail"
                && refusal.status.is_client_error() =>
        {
            let reason = format!("{}: {}", refusal.code, refusal.message);
            fault = Some(TaskFault::FailIn(first.clone(), Some(reason)));
        }
        Err(refusal) => return Err(refusal),
    }
    let has_stream = create.indexed_asset.enable_video_stream.unwrap_or(false);
    let id = env.next_id(state);
    let task = TaskRecord {
        id: id.clone(),
        number: state.last_number(),
        index_id,
        video_id: id.clone(),
        created_at: env.now,
        timeline: Timeline::starting_in(first, env.now),
        filename,
        measured: None,
        enable_video_stream: has_stream,
        user_metadata,
        error_reason: None,
        fault,
        fetching: None,
        is_announced: false,
        asset_id: Some(asset_id.clone()),
    };
    state.tasks.insert(id.clone(), task);
    indexing::schedule(state, env, env.now, &id, measured, None);
    let asset = state.assets.get(&asset_id);
    // If indexing fails, there is no video and therefore no stream.
    if has_stream
        && state.videos.get(&id).is_some()
        && let Some(source) = asset.and_then(|asset| asset.media.clone())
    {
        renditions::start(state, env, &id, source, (true, true));
    }
    let mut created = CreatedIndexedAsset::new(id);
    created.asset_id = Some(asset_id.into());
    Ok(created)
}

pub(crate) fn list(
    state: &State,
    env: &Env<'_>,
    list: &ListIndexedAssets,
) -> Result<Page<IndexedAsset>, Refusal> {
    let index = state.index(list.index_id.as_str())?;
    if let Some(unknown) = list.status.iter().find(|status| !status.is_known()) {
        return Err(listing::not_one_of("status", unknown.as_str(), STATUSES));
    }
    let created = listing::date_filter("created_at", list.created_at.as_ref())?;
    let updated = listing::date_filter("updated_at", list.updated_at.as_ref())?;
    let quirks = &env.settings.quirks;
    let number = |filter: &NumberFilter, value: Option<f64>| {
        filter.is_open() || value.is_some_and(|value| filter.accepts(value))
    };
    let tasks = state.tasks.values();
    let of_index = tasks.filter(|task| task.asset_id.is_some() && task.index_id == index.id);
    let items = of_index.filter_map(|task| {
        let system = task
            .measured
            .unwrap_or_default()
            .video_metadata(&task.filename);
        let sort_key = SortKey {
            created: task.created_at,
            updated: updated_at(state, env, task),
            number: task.number,
        };
        let passes = listing::is_shown(sort_key.created, env.now, quirks)
            && (list.status.is_empty() || listing::is_shown(sort_key.updated, env.now, quirks))
            && (list.status.is_empty() || list.status.contains(&status(task, env.now)))
            && listing::filename_passes(list.filename.as_deref(), &task.filename, quirks)
            && number(&list.duration.0, system.duration)
            && number(&list.fps.0, system.fps)
            && number(&list.width.0, system.width.map(f64::from))
            && number(&list.height.0, system.height.map(f64::from))
            && number(&list.size.0, system.size)
            && list
                .user_metadata
                .0
                .iter()
                .all(|(key, value)| metadata::matches(user_metadata(state, task), key, value))
            && created.is_none_or(|from| sort_key.created >= from)
            && updated.is_none_or(|from| sort_key.updated >= from);
        passes.then_some((sort_key, task))
    });
    listing::page(items.collect(), &list.sort, list.page, quirks, |task| {
        view(state, env, task)
    })
}

pub(crate) fn retrieve(
    state: &State,
    env: &Env<'_>,
    get: &GetIndexedAsset,
) -> Result<IndexedAsset, Refusal> {
    let task = find(state, get.index_id.as_str(), get.indexed_asset_id.as_str())?;
    families::check_embedding_options(&get.embedding_option)?;
    families::refuse_transcription(get.transcription)?;
    let mut view = view(state, env, task);
    view.hls = renditions::hls(state, env, &task.video_id);
    let video = state.videos.get(&task.video_id);
    if let Some(video) = video.filter(|video| video.indexed_at <= env.now) {
        view.embedding = embeddings::of_video(state, env, video, &get.embedding_option)?;
    }
    let metadata = user_metadata(state, task);
    if !metadata.is_empty() {
        view.user_metadata = Some(metadata.clone());
    }
    Ok(view)
}

pub(crate) fn update(
    state: &mut State,
    env: &Env<'_>,
    update: &UpdateIndexedAsset,
) -> Result<(), Refusal> {
    let id = find(
        state,
        update.index_id.as_str(),
        update.indexed_asset_id.as_str(),
    )?
    .id
    .clone();
    metadata::check_patch(&update.user_metadata, &env.settings.quirks)?;
    if let Some(video) = state.videos.get_mut(&id) {
        metadata::merge(&mut video.user_metadata, &update.user_metadata);
        video.updated_at = Some(env.now);
    } else if let Some(task) = state.tasks.get_mut(&id) {
        metadata::merge(&mut task.user_metadata, &update.user_metadata);
    }
    Ok(())
}

/// Deletes the indexed asset and its video. The asset itself is kept.
pub(crate) fn delete(
    state: &mut State,
    env: &mut Env<'_>,
    delete: &DeleteIndexedAsset,
) -> Result<(), Refusal> {
    let task = find(
        state,
        delete.index_id.as_str(),
        delete.indexed_asset_id.as_str(),
    )?;
    let (id, index_id) = (task.id.clone(), task.index_id.clone());
    state.tasks.remove(&id);
    state.videos.remove(&id);
    renditions::remove(state, env, &id);
    if let Some(index) = state.indexes.get_mut(&index_id) {
        index.updated_at = env.now;
    }
    Ok(())
}

fn find<'a>(state: &'a State, index_id: &str, id: &str) -> Result<&'a TaskRecord, Refusal> {
    let index = state.index(index_id)?;
    ids::check("indexed-asset-id", id)?;
    state
        .tasks
        .get(id)
        .filter(|task| task.asset_id.is_some() && task.index_id == index.id)
        .ok_or_else(Refusal::not_found)
}

fn status(task: &TaskRecord, now: Timestamp) -> IndexedAssetStatus {
    IndexedAssetStatus::from(task.timeline.at(now).status.as_str())
}

/// The user metadata of the video, or of the task until the video exists.
fn user_metadata<'a>(state: &'a State, task: &'a TaskRecord) -> &'a UserMetadata {
    let video = state.videos.get(&task.video_id);
    video.map_or(&task.user_metadata, |video| &video.user_metadata)
}

fn updated_at(state: &State, env: &Env<'_>, task: &TaskRecord) -> Timestamp {
    let entered = task.timeline.at(env.now).at;
    let video = state.videos.get(&task.video_id);
    let changed = video.and_then(|video| video.updated_at);
    changed.map_or(entered, |changed| changed.max(entered))
}

fn view(state: &State, env: &Env<'_>, task: &TaskRecord) -> IndexedAsset {
    let status = status(task, env.now);
    let mut view = IndexedAsset::new(task.id.as_str());
    view.asset_id = task.asset_id.as_deref().map(Into::into);
    view.created_at = Some(api_timestamp(task.created_at));
    view.updated_at = Some(api_timestamp(updated_at(state, env, task)));
    if status == IndexedAssetStatus::Ready {
        view.indexed_at = Some(api_timestamp(task.timeline.at(env.now).at));
    }
    view.status = Some(status);
    let measured = task.measured.unwrap_or_default();
    view.system_metadata = Some(measured.video_metadata(&task.filename));
    view
}
