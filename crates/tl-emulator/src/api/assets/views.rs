//! Responses about assets: the list, one asset with its technical metadata, and what was derived
//! from it.

use jiff::Timestamp;
use tl_model::{
    Asset, AssetError, AssetReference, AssetReferenceIndex, AssetStatus, MediaStatus, Page,
    TechnicalMetadata,
};
use tl_protocol::endpoint::{GetAsset, ListAssetIndexedAssets, ListAssets, Sort};
use tl_validate::MediaFacts;

use crate::{
    api::{
        handle::handle,
        listing::{self, SortKey},
    },
    core::{
        Env, Refusal, State, ids,
        records::{AssetRecord, ProbeOutcome},
        time::api_timestamp,
    },
    media::renditions,
};

handle!(ListAssets, |state, env, request| list(state, env, &request));
handle!(GetAsset, |state, env, request| retrieve(
    state, env, &request
));
handle!(
    ListAssetIndexedAssets,
    |state, env, request| indexed_assets(state, env, &request)
);

pub(crate) fn list(
    state: &State,
    env: &Env<'_>,
    list: &ListAssets,
) -> Result<Page<Asset>, Refusal> {
    let page = select(state, env, list)?;
    let assets = page.data.into_iter().map(|asset| detail(state, env, asset));
    Ok(Page::new(assets.collect::<Result<_, _>>()?, page.page_info))
}

/// Same as [`list`], but each asset has only the fields of a creation response.
pub(crate) fn list_summaries(
    state: &State,
    env: &Env<'_>,
    list: &ListAssets,
) -> Result<Page<Asset>, Refusal> {
    let page = select(state, env, list)?;
    let assets = page.data.into_iter().map(|asset| view(asset, env.now));
    Ok(Page::new(assets.collect(), page.page_info))
}

fn select<'a>(
    state: &'a State,
    env: &Env<'_>,
    list: &ListAssets,
) -> Result<Page<&'a AssetRecord>, Refusal> {
    for id in &list.asset_ids {
        ids::check("asset_ids", id.as_str())?;
    }
    if let Some(unknown) = list.asset_types.iter().find(|kind| !kind.is_known()) {
        let allowed = "image, video, audio, document";
        return Err(listing::not_one_of(
            "asset_types",
            unknown.as_str(),
            allowed,
        ));
    }
    let part = list.filename.as_deref().map(str::to_lowercase);
    let items = state.assets.values().filter(|asset| {
        listing::is_shown(asset.created_at, env.now, &env.settings.quirks)
            && (list.asset_ids.is_empty()
                || list.asset_ids.iter().any(|id| id.as_str() == asset.id))
            && (list.asset_types.is_empty() || list.asset_types.contains(&asset.kind()))
            && part
                .as_ref()
                .is_none_or(|part| asset.filename.to_lowercase().contains(part))
    });
    let items = items.map(|asset| (sort_key(asset.created_at, asset.number), asset));
    listing::page(
        items.collect(),
        &Sort::default(),
        list.page,
        &env.settings.quirks,
        |asset| asset,
    )
}

fn sort_key(created: Timestamp, number: u64) -> SortKey {
    SortKey {
        created,
        updated: created,
        number,
    }
}

pub(crate) fn retrieve(state: &State, env: &Env<'_>, get: &GetAsset) -> Result<Asset, Refusal> {
    let asset = state.asset(get.asset_id.as_str())?;
    detail(state, env, asset)
}

/// The full response for an asset, as opposed to the response at its creation.
fn detail(state: &State, env: &Env<'_>, asset: &AssetRecord) -> Result<Asset, Refusal> {
    let mut view = view(asset, env.now);
    let status = asset.status(env.now);
    let fallback = match status {
        AssetStatus::Processing => MediaStatus::Pending,
        _ => MediaStatus::Error,
    };
    let (has_hls, has_thumbnail) = asset.requested_renditions();
    if has_hls {
        let hls = renditions::asset_hls(state, env, &asset.id, fallback.clone());
        view.hls = Some(hls);
    }
    if has_thumbnail {
        let thumbnail = renditions::asset_thumbnail(state, env, &asset.id, fallback);
        view.thumbnail = Some(thumbnail);
    }
    match asset
        .outcome
        .as_ref()
        .filter(|outcome| outcome.at <= env.now)
    {
        None => {}
        Some(ProbeOutcome {
            facts: Ok(facts),
            technical: measured,
            ..
        }) => {
            view.size = Some(facts.file_size_bytes);
            view.duration = facts.duration_seconds();
            view.technical_metadata = Some(match measured {
                Some(measured) => measured.clone(),
                None => technical(facts)?,
            });
        }
        Some(ProbeOutcome {
            facts: Err(reason), ..
        }) => {
            let mut error = AssetError::default();
            error.message = Some(reason.clone());
            view.error = Some(error);
        }
    }
    Ok(view)
}

/// Converts our media facts to the platform's type. The common fields have the same names; fields
/// that only we have are dropped.
fn technical(facts: &MediaFacts) -> Result<TechnicalMetadata, Refusal> {
    let value = serde_json::to_value(facts).and_then(serde_json::from_value);
    let mut technical: TechnicalMetadata =
        value.map_err(|error| Refusal::internal(&error.to_string()))?;
    technical.extra.clear();
    for stream in &mut technical.video_streams {
        stream.extra.clear();
    }
    for stream in &mut technical.audio_streams {
        stream.extra.clear();
    }
    Ok(technical)
}

pub(crate) fn view(asset: &AssetRecord, now: Timestamp) -> Asset {
    let mut view = Asset::new(asset.id.as_str());
    view.method = Some(asset.method.clone());
    view.status = Some(asset.status(now));
    view.filename = Some(asset.filename.clone());
    view.file_type = Some(asset.file_type.clone());
    view.created_at = Some(api_timestamp(asset.created_at));
    view.source.clone_from(&asset.source);
    if !asset.user_metadata.is_empty() {
        view.user_metadata = Some(asset.user_metadata.clone());
    }
    view
}

pub(crate) fn indexed_assets(
    state: &State,
    env: &Env<'_>,
    list: &ListAssetIndexedAssets,
) -> Result<Page<AssetReference>, Refusal> {
    let asset = state.asset(list.asset_id.as_str())?;
    let items = state.references(&asset.id);
    let items = items.map(|task| (sort_key(task.created_at, task.number), task));
    listing::page(
        items.collect(),
        &Sort::default(),
        list.page,
        &env.settings.quirks,
        |task| {
            let mut view = AssetReference::new(task.id.as_str());
            let mut index = AssetReferenceIndex::new(task.index_id.as_str());
            let found = state.indexes.get(&task.index_id);
            index.name = found.map(|index| index.name.clone());
            view.index = Some(index);
            view
        },
    )
}
