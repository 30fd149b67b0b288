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

use crate::platform::{
    Effect, Platform, Refusal, api_timestamp, assets,
    faults::TaskFault,
    handle::{Call, Handle, handle},
    ids, indexes,
    lifecycle::Timeline,
    limits,
    listing::{self, SortKey},
    media, quirks,
    records::{TaskRecord, VideoRecord},
    renditions, tasks, videos,
};

impl Handle for CreateIndexedAsset {
    fn handle(self, call: Call<'_>) -> Result<Self::Response, Refusal> {
        create(call.platform, call.now, self, call.effects)
    }

    fn location(received: &Received, response: &Self::Response) -> Option<String> {
        let index = received.param(0);
        Some(format!("/indexes/{index}/indexed-assets/{}", response.id))
    }
}
handle!(ListIndexedAssets, |call, request| list(
    call.platform,
    call.now,
    &request
));
handle!(GetIndexedAsset, |call, request| retrieve(
    call.platform,
    call.now,
    call.host,
    &request
));
handle!(UpdateIndexedAsset, |call, request| update(
    call.platform,
    call.now,
    &request
));
handle!(DeleteIndexedAsset, |call, request| delete(
    call.platform,
    call.now,
    &request,
    call.effects
));

/// The statuses of an indexed asset, for error messages.
const STATUSES: &str = "ready, pending, queued, indexing, failed, validating";

pub(crate) fn create(
    platform: &mut Platform,
    now: Timestamp,
    create: CreateIndexedAsset,
    effects: &mut Vec<Effect>,
) -> Result<CreatedIndexedAsset, Refusal> {
    let index = indexes::find(platform, create.index_id.as_str())?;
    let asset = assets::find(platform, create.indexed_asset.asset_id.as_str())?;
    let Some(facts) = asset.facts(now) else {
        let status = asset.status(now);
        return Err(Refusal::asset_not_ready(
            &asset.id,
            status.as_str(),
            platform.settings.quirks.get(&quirks::ASSET_NOT_READY),
        ));
    };
    if asset.is_static(now) {
        let detail = format!(
            "the asset {} is {}; only video and sound can be indexed",
            asset.id, asset.file_type
        );
        return Err(Refusal::invalid("asset_id", &detail));
    }
    let user_metadata = videos::initial_metadata(
        create.indexed_asset.user_metadata.unwrap_or_default(),
        &platform.settings.quirks,
    )?;
    let measured = media::measure(facts, facts.file_size_bytes);
    let validated = media::validate(
        &Ok(facts.clone()),
        facts.file_size_bytes,
        &media::index_target(index),
        &platform.settings.rules,
    );
    let (index_id, asset_id) = (index.id.clone(), asset.id.clone());
    let filename = asset.filename.clone();
    let first = match platform.settings.quirks.get(&quirks::INDEXED_VALIDATING) {
        "yes" => TaskStatus::Validating,
        _ => TaskStatus::Pending,
    };
    let mut fault = platform.next_fault.take();
    match validated {
        Ok(_) => {
            let seconds = measured.duration.unwrap_or(0.0);
            limits::count_video(platform, now, &index_id, seconds)?;
        }
        Err(refusal)
            if platform.settings.quirks.get(&quirks::INDEXED_JUDGMENT) == "fail"
                && refusal.status.is_client_error() =>
        {
            let reason = format!("{}: {}", refusal.code, refusal.message);
            fault = Some(TaskFault::FailIn(first.clone(), Some(reason)));
        }
        Err(refusal) => return Err(refusal),
    }
    let has_stream = create.indexed_asset.enable_video_stream.unwrap_or(false);
    let id = platform.next_id(now);
    let task = TaskRecord {
        id: id.clone(),
        number: platform.ids.counter,
        index_id,
        video_id: id.clone(),
        created_at: now,
        timeline: Timeline::starting_in(first, now),
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
    platform.state.tasks.insert(id.clone(), task);
    tasks::schedule_indexing(platform, now, now, &id, measured, None, effects);
    let asset = platform.state.assets.get(&asset_id);
    // If indexing fails, there is no video and therefore no stream.
    if has_stream
        && platform.state.videos.get(&id).is_some()
        && let Some(source) = asset.and_then(|asset| asset.media.clone())
    {
        renditions::start(platform, now, &id, source, (true, true), effects);
    }
    let mut created = CreatedIndexedAsset::new(id);
    created.asset_id = Some(asset_id.into());
    Ok(created)
}

pub(crate) fn list(
    platform: &Platform,
    now: Timestamp,
    list: &ListIndexedAssets,
) -> Result<Page<IndexedAsset>, Refusal> {
    let index = indexes::find(platform, list.index_id.as_str())?;
    if let Some(unknown) = list.status.iter().find(|status| !status.is_known()) {
        return Err(listing::not_one_of("status", unknown.as_str(), STATUSES));
    }
    let created = listing::date_filter("created_at", list.created_at.as_ref())?;
    let updated = listing::date_filter("updated_at", list.updated_at.as_ref())?;
    let quirks = &platform.settings.quirks;
    let number = |filter: &NumberFilter, value: Option<f64>| {
        filter.is_open() || value.is_some_and(|value| filter.accepts(value))
    };
    let tasks = platform.state.tasks.values();
    let of_index = tasks.filter(|task| task.asset_id.is_some() && task.index_id == index.id);
    let items = of_index.filter_map(|task| {
        let system = task
            .measured
            .unwrap_or_default()
            .video_metadata(&task.filename);
        let sort_key = SortKey {
            created: task.created_at,
            updated: updated_at(platform, task, now),
            number: task.number,
        };
        let passes =
            (list.status.is_empty() || list.status.contains(&status(task, now)))
                && listing::filename_passes(list.filename.as_deref(), &task.filename, quirks)
                && number(&list.duration.0, system.duration)
                && number(&list.fps.0, system.fps)
                && number(&list.width.0, system.width.map(f64::from))
                && number(&list.height.0, system.height.map(f64::from))
                && number(&list.size.0, system.size)
                && list.user_metadata.0.iter().all(|(key, value)| {
                    videos::metadata_matches(metadata(platform, task), key, value)
                })
                && created.is_none_or(|from| sort_key.created >= from)
                && updated.is_none_or(|from| sort_key.updated >= from);
        passes.then_some((sort_key, task))
    });
    listing::page(items.collect(), &list.sort, list.page, quirks, |task| {
        view(platform, task, now)
    })
}

pub(crate) fn retrieve(
    platform: &Platform,
    now: Timestamp,
    host: &str,
    get: &GetIndexedAsset,
) -> Result<IndexedAsset, Refusal> {
    let task = find(
        platform,
        get.index_id.as_str(),
        get.indexed_asset_id.as_str(),
    )?;
    videos::refuse_model_output(&get.embedding_option, get.transcription)?;
    let mut view = view(platform, task, now);
    view.hls = renditions::hls(platform, &task.video_id, host);
    let metadata = metadata(platform, task);
    if !metadata.is_empty() {
        view.user_metadata = Some(metadata.clone());
    }
    Ok(view)
}

pub(crate) fn update(
    platform: &mut Platform,
    now: Timestamp,
    update: &UpdateIndexedAsset,
) -> Result<(), Refusal> {
    let id = find(
        platform,
        update.index_id.as_str(),
        update.indexed_asset_id.as_str(),
    )?
    .id
    .clone();
    videos::check_patch(&update.user_metadata, &platform.settings.quirks)?;
    if let Some(video) = platform.state.videos.get_mut(&id) {
        videos::merge(&mut video.user_metadata, &update.user_metadata);
        video.updated_at = Some(now);
    } else if let Some(task) = platform.state.tasks.get_mut(&id) {
        videos::merge(&mut task.user_metadata, &update.user_metadata);
    }
    Ok(())
}

/// Deletes the indexed asset and its video. The asset itself is kept.
pub(crate) fn delete(
    platform: &mut Platform,
    now: Timestamp,
    delete: &DeleteIndexedAsset,
    effects: &mut Vec<Effect>,
) -> Result<(), Refusal> {
    let task = find(
        platform,
        delete.index_id.as_str(),
        delete.indexed_asset_id.as_str(),
    )?;
    let (id, index_id) = (task.id.clone(), task.index_id.clone());
    platform.state.tasks.remove(&id);
    platform.state.videos.remove(&id);
    renditions::remove(platform, &id, effects);
    if let Some(index) = platform.state.indexes.get_mut(&index_id) {
        index.updated_at = now;
    }
    Ok(())
}

/// Deletes the indexed asset that belongs to a deleted video.
pub(crate) fn remove_for_video(platform: &mut Platform, video: &VideoRecord) {
    let task = platform.state.tasks.get(&video.task_id);
    if task.is_some_and(|task| task.asset_id.is_some()) {
        platform.state.tasks.remove(&video.task_id);
    }
}

fn find<'a>(platform: &'a Platform, index_id: &str, id: &str) -> Result<&'a TaskRecord, Refusal> {
    let index = indexes::find(platform, index_id)?;
    ids::check("indexed-asset-id", id)?;
    platform
        .state
        .tasks
        .get(id)
        .filter(|task| task.asset_id.is_some() && task.index_id == index.id)
        .ok_or_else(Refusal::not_found)
}

fn status(task: &TaskRecord, now: Timestamp) -> IndexedAssetStatus {
    IndexedAssetStatus::from(task.timeline.at(now).status.as_str())
}

/// The user metadata of the video, or of the task until the video exists.
fn metadata<'a>(platform: &'a Platform, task: &'a TaskRecord) -> &'a UserMetadata {
    let video = platform.state.videos.get(&task.video_id);
    video.map_or(&task.user_metadata, |video| &video.user_metadata)
}

fn updated_at(platform: &Platform, task: &TaskRecord, now: Timestamp) -> Timestamp {
    let entered = task.timeline.at(now).at;
    let video = platform.state.videos.get(&task.video_id);
    let changed = video.and_then(|video| video.updated_at);
    changed.map_or(entered, |changed| changed.max(entered))
}

fn view(platform: &Platform, task: &TaskRecord, now: Timestamp) -> IndexedAsset {
    let status = status(task, now);
    let mut view = IndexedAsset::new(task.id.as_str());
    view.asset_id = task.asset_id.as_deref().map(Into::into);
    view.created_at = Some(api_timestamp(task.created_at));
    view.updated_at = Some(api_timestamp(updated_at(platform, task, now)));
    if status == IndexedAssetStatus::Ready {
        view.indexed_at = Some(api_timestamp(task.timeline.at(now).at));
    }
    view.status = Some(status);
    let measured = task.measured.unwrap_or_default();
    view.system_metadata = Some(measured.video_metadata(&task.filename));
    view
}
