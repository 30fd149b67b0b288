//! `/knowledge-stores/{knowledge_store_id}/search`: the hits of a query, page by page.

use tl_model::{
    StoreFilter, StoreGroupBy, StoreHit, StoreHitMetadata, StoreHits, StoreItemMetadata,
    StoreItemType, StoreModality, StoreSearch, StoreSearchOptions, StoreVideoOptions,
};
use tl_protocol::endpoint::SearchKnowledgeStore;

use super::{
    matching::{Candidate, candidates},
    token::PageToken,
};
use crate::{
    api::handle::handle,
    core::{Env, Refusal, State, answers::AnswerSource, ids, records::StoreItemRecord},
};

/// The platform's default page size.
const DEFAULT_PAGE_SIZE: u32 = 10;

handle!(SearchKnowledgeStore, |state, env, request| search(
    state, env, request
));

fn search(
    state: &State,
    env: &mut Env<'_>,
    request: SearchKnowledgeStore,
) -> Result<StoreHits, Refusal> {
    let store = state.knowledge_store(request.knowledge_store_id.as_str())?;
    let (search, offset) = match &request.search.page_token {
        Some(token) => {
            let token = PageToken::decode(token, &store.id, env)?;
            (token.search, token.offset)
        }
        None => (request.search, 0),
    };
    check_ids(&search)?;
    env.answer = Some(AnswerSource::Generated);
    let video = effective_video_options(&search);
    let modalities = video.as_ref().map_or(&[][..], |video| &video.modalities);
    let found = candidates(state, env, &search.query.text, modalities, |item| {
        item.store_id == store.id && passes(item, search.filter.as_ref())
    });
    let results = if search.group_by == Some(StoreGroupBy::Item) {
        group(found)
    } else {
        found.into_iter().map(|candidate| vec![candidate]).collect()
    };
    let size = search.page_size.unwrap_or(DEFAULT_PAGE_SIZE) as usize;
    let with_metadata = search.include_metadata == Some(true);
    let total = results.len();
    let mut hits = StoreHits::default();
    hits.data = results
        .into_iter()
        .enumerate()
        .skip(offset)
        .take(size)
        .map(|(index, clips)| hit(index, clips, with_metadata))
        .collect();
    let next = offset.saturating_add(size);
    if next < total {
        let token = PageToken::new(&store.id, &search, next, env);
        hits.next_page_token = Some(token.encode(env));
    }
    let mut options = StoreSearchOptions::default();
    options.video = video;
    hits.effective_search_options = Some(options);
    Ok(hits)
}

fn check_ids(search: &StoreSearch) -> Result<(), Refusal> {
    let by_id = search
        .filter
        .as_ref()
        .and_then(|filter| filter.item_id.as_ref());
    let ids = by_id.iter().flat_map(|by| by.eq.iter().chain(&by.any_of));
    for id in ids {
        ids::check_prefixed("filter.item_id", "ksi_", id.as_str())?;
    }
    Ok(())
}

/// The options for videos with their defaults. A search of images only has none.
fn effective_video_options(search: &StoreSearch) -> Option<StoreVideoOptions> {
    let types = search
        .filter
        .as_ref()
        .and_then(|filter| filter.asset_type.as_ref());
    let excludes_video = types.is_some_and(|types| {
        let video = StoreItemType::Video;
        types.eq.as_ref() != Some(&video) && !types.any_of.contains(&video)
    });
    if excludes_video {
        return None;
    }
    let given = search
        .search_options
        .as_ref()
        .and_then(|options| options.video.clone());
    Some(given.unwrap_or_else(|| {
        let mut video = StoreVideoOptions::default();
        video.modalities = vec![StoreModality::Visual];
        video
    }))
}

fn passes(item: &StoreItemRecord, filter: Option<&StoreFilter>) -> bool {
    let Some(filter) = filter else { return true };
    let by_type = filter.asset_type.as_ref().is_none_or(|by| {
        by.eq.as_ref() == Some(&item.asset_type) || by.any_of.contains(&item.asset_type)
    });
    let by_id = filter.item_id.as_ref().is_none_or(|by| {
        let mut ids = by.eq.iter().chain(&by.any_of);
        ids.any(|id| id == item.id.as_str())
    });
    by_type && by_id
}

/// Groups clips by their item, in the order of the best clip of each.
fn group(found: Vec<Candidate<'_>>) -> Vec<Vec<Candidate<'_>>> {
    let mut groups: Vec<Vec<Candidate<'_>>> = Vec::new();
    for candidate in found {
        let same = |group: &&mut Vec<Candidate<'_>>| group[0].item.id == candidate.item.id;
        match groups.iter_mut().find(same) {
            Some(group) => group.push(candidate),
            None => groups.push(vec![candidate]),
        }
    }
    groups
}

fn hit(index: usize, clips: Vec<Candidate<'_>>, with_metadata: bool) -> StoreHit {
    let item = clips[0].item;
    let mut hit = StoreHit::new(item.id.as_str());
    hit.asset_type = Some(item.asset_type.clone());
    hit.rank = Some(index as u64 + 1);
    hit.matches = clips
        .into_iter()
        .filter_map(|candidate| candidate.clip)
        .collect();
    if with_metadata {
        // Documented: fewer members than the metadata of the item.
        let mut system = StoreItemMetadata::default();
        system.duration = item.system.duration;
        system.width = item.system.width;
        system.height = item.system.height;
        system.size = item.system.size;
        let mut metadata = StoreHitMetadata::default();
        metadata.system = Some(system);
        metadata.user = Some(item.metadata.clone());
        hit.metadata = Some(metadata);
    }
    hit
}
