//! `/knowledge-stores/{knowledge_store_id}/items`: the assets of a knowledge store.

use tl_model::{
    AssetStatus, AssetType, NewStoreItem, Page, StoreItem, StoreItemMetadata, StoreItemType,
};
use tl_protocol::endpoint::{CreateStoreItem, DeleteStoreItem, GetStoreItem, ListStoreItems};

use crate::{
    api::{
        handle::handle,
        listing::{self, SortKey},
    },
    core::{
        Env, Refusal, State,
        faults::TaskFault,
        ids,
        lifecycle::after,
        records::{AssetRecord, StoreItemRecord},
        time::api_timestamp,
    },
};

/// The largest video, in bytes (official Python client 1.3.6). The unit is binary, as for images.
const MAX_VIDEO_BYTES: u64 = 10 << 30;
/// The largest image, in bytes.
const MAX_IMAGE_BYTES: u64 = 32 << 20;

handle!(CreateStoreItem, |state, env, request| {
    let store = request.knowledge_store_id.as_str();
    state.knowledge_store(store)?;
    create(state, env, store, request.item)
});
handle!(ListStoreItems, |state, env, request| list(
    state, env, &request
));
handle!(GetStoreItem, |state, env, request| state
    .store_item(
        request.knowledge_store_id.as_str(),
        request.item_id.as_str()
    )
    .map(|item| view(item, env)));
handle!(DeleteStoreItem, |state, env, request| {
    let id = request.item_id.as_str();
    state.store_item(request.knowledge_store_id.as_str(), id)?;
    state.store_items.remove(id);
    remove_from_collections(state, env, id);
    Ok(())
});

fn create(
    state: &mut State,
    env: &mut Env<'_>,
    store: &str,
    new: NewStoreItem,
) -> Result<StoreItem, Refusal> {
    let asset = new.asset_id.as_str();
    ids::check("asset_id", asset)?;
    let Some(asset) = state.assets.get(asset) else {
        // Only 400 is documented here.
        let detail = format!("the asset {asset} does not exist");
        return Err(Refusal::invalid("asset_id", &detail));
    };
    let asset_type = type_of(asset, new.asset_type.as_ref())?;
    let status = asset.status(env.now);
    if status != AssetStatus::Ready {
        // Whether an asset may still be processing is not documented; refusing it finds mistakes.
        let detail = format!(
            "the asset {} is {status}, only a ready one can be added",
            asset.id
        );
        return Err(Refusal::invalid("asset_id", &detail));
    }
    let (system, has_audio) = system_metadata(asset, &asset_type, env);
    check_size(&asset_type, system.size)?;
    let asset_id = asset.id.clone();
    let schedule = env.settings.schedule;
    let pending_at = after(env.now, schedule.queued);
    let processing_at = after(pending_at, schedule.pending);
    let by_length = schedule
        .indexing_per_second
        .mul_f64(system.duration.unwrap_or(0.0).clamp(0.0, 1e6));
    let mut ends_at = after(after(processing_at, schedule.indexing), by_length);
    let mut fails = false;
    match env.task_fault.take() {
        Some(TaskFault::StuckIn(_)) => ends_at = jiff::Timestamp::MAX,
        Some(TaskFault::FailIn(..)) => fails = true,
        None => {}
    }
    let id = format!("ksi_{}", env.next_uuid(state));
    let record = StoreItemRecord {
        id: id.clone(),
        number: state.last_number(),
        store_id: store.to_owned(),
        asset_id,
        asset_type,
        system,
        has_audio,
        metadata: new.metadata.unwrap_or_default(),
        created_at: env.now,
        pending_at,
        processing_at,
        ends_at,
        fails,
    };
    let view = view(&record, env);
    state.store_items.insert(id, record);
    Ok(view)
}

fn type_of(asset: &AssetRecord, given: Option<&StoreItemType>) -> Result<StoreItemType, Refusal> {
    let asset_type = match asset.kind() {
        AssetType::Video => StoreItemType::Video,
        AssetType::Image => StoreItemType::Image,
        other => {
            let detail = format!(
                "the asset {} is of type {other}, only videos and images can be added",
                asset.id
            );
            return Err(Refusal::invalid("asset_id", &detail));
        }
    };
    match given {
        Some(given) if *given != asset_type => {
            let detail = format!("`{given}`: the asset {} is of type {asset_type}", asset.id);
            Err(Refusal::invalid("asset_type", &detail))
        }
        _ => Ok(asset_type),
    }
}

fn check_size(asset_type: &StoreItemType, size: Option<u64>) -> Result<(), Refusal> {
    let limit = match asset_type {
        StoreItemType::Image => MAX_IMAGE_BYTES,
        _ => MAX_VIDEO_BYTES,
    };
    match size {
        Some(size) if size > limit => {
            let detail =
                format!("the {asset_type} has {size} bytes, at most {limit} bytes are allowed");
            Err(Refusal::invalid("asset_id", &detail))
        }
        _ => Ok(()),
    }
}

/// The technical metadata of a ready asset, and whether it has sound.
fn system_metadata(
    asset: &AssetRecord,
    asset_type: &StoreItemType,
    env: &Env<'_>,
) -> (StoreItemMetadata, bool) {
    let mut system = StoreItemMetadata::default();
    system.asset_type = Some(asset_type.clone());
    system.filename = Some(asset.filename.clone());
    let Some(facts) = asset.facts(env.now) else {
        return (system, false);
    };
    system.size = Some(facts.file_size_bytes);
    if let Some(video) = facts.video() {
        system.width = Some(video.width.into());
        system.height = Some(video.height.into());
        system.codec_name = Some(video.codec.clone());
        system.fps = video.fps;
    }
    let outcome = asset.outcome.as_ref();
    let image = outcome.and_then(|outcome| outcome.technical.as_ref());
    if let Some(image) = image {
        system.size = image.file_size_bytes.or(system.size);
        system.width = image.video_width.map(u64::from).or(system.width);
        system.height = image.video_height.map(u64::from).or(system.height);
        system.codec_name = image.video_codec.clone().or(system.codec_name);
    }
    match asset_type {
        StoreItemType::Image => system.fps = None,
        _ => system.duration = facts.duration_seconds(),
    }
    (system, !facts.audio_streams.is_empty())
}

fn list(
    state: &State,
    env: &Env<'_>,
    request: &ListStoreItems,
) -> Result<Page<StoreItem>, Refusal> {
    let store = state.knowledge_store(request.knowledge_store_id.as_str())?;
    if let Some(unknown) = request.status.iter().find(|status| !status.is_known()) {
        let allowed = "queued, pending, processing, ready, failed";
        return Err(listing::not_one_of("status", unknown.as_str(), allowed));
    }
    let items = state.store_items.values();
    let items = items.filter(|item| {
        item.store_id == store.id
            && (request.status.is_empty() || request.status.contains(&item.status(env.now)))
    });
    let items = items.map(|item| (sort_key(item, env), item)).collect();
    let quirks = &env.settings.quirks;
    listing::page(items, &request.sort, request.page, quirks, |item| {
        view(item, env)
    })
}

pub(super) fn sort_key(item: &StoreItemRecord, env: &Env<'_>) -> SortKey {
    SortKey {
        created: item.created_at,
        updated: item.updated_at(env.now),
        number: item.number,
    }
}

/// Removes a deleted item from the collections that hold it.
fn remove_from_collections(state: &mut State, env: &Env<'_>, item: &str) {
    let collections = state.item_collections.values();
    let holding = collections.filter(|collection| collection.item_ids.iter().any(|id| id == item));
    let holding: Vec<_> = holding.map(|collection| collection.id.clone()).collect();
    for id in holding {
        if let Some(collection) = state.item_collections.get_mut(&id) {
            collection.item_ids.retain(|id| id != item);
            collection.updated_at = env.now;
        }
    }
}

pub(super) fn view(record: &StoreItemRecord, env: &Env<'_>) -> StoreItem {
    let mut view = StoreItem::new(record.id.as_str());
    view.asset_type = Some(record.asset_type.clone());
    view.asset_id = Some(record.asset_id.as_str().into());
    view.status = Some(record.status(env.now));
    view.system_metadata = Some(record.system.clone());
    view.metadata = Some(record.metadata.clone());
    view.created_at = Some(api_timestamp(record.created_at));
    view.updated_at = Some(api_timestamp(record.updated_at(env.now)));
    view
}
