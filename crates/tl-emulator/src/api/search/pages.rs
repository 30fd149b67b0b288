//! Pages of search results, and their tokens: valid for 15 minutes of the emulator's clock.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use jiff::{SignedDuration, Timestamp};
use tl_model::{
    ErrorCode, SearchHit, SearchItem, SearchPage, SearchPageInfo, SearchPool, SearchVideo,
};
use tl_protocol::{endpoint::GetSearchPage, rng::Rng};

use super::make_room;
use crate::{
    core::{
        Env, Refusal, State,
        records::{ClipRecord, SearchRecord},
        time::api_timestamp,
    },
    media::renditions,
};

/// How long tokens are valid ("about 15 minutes").
const LIFETIME: SignedDuration = SignedDuration::from_mins(15);

/// When tokens of a search at this time expire.
pub(super) fn expiry(env: &Env<'_>) -> Timestamp {
    env.now.checked_add(LIFETIME).unwrap_or(Timestamp::MAX)
}

/// The first page. The results are stored if there is another one.
pub(super) fn first(
    state: &mut State,
    env: &Env<'_>,
    mut record: SearchRecord,
    with_metadata: bool,
) -> SearchPage {
    let has_more = groups(&record).len() > record.page_limit;
    if has_more {
        make_room(state);
        record.id = env.next_id(state);
        record.number = state.last_number();
    }
    let page = page(state, env, &record, 0, with_metadata);
    if has_more {
        state.searches.insert(record.id.clone(), record);
    }
    page
}

/// A further page.
pub(super) fn retrieve(
    state: &State,
    env: &Env<'_>,
    request: &GetSearchPage,
) -> Result<SearchPage, Refusal> {
    let refuse = || Refusal::invalid("page_token", "it is not a token of a search");
    let (id, offset) = read_token(&request.page_token, env.settings.seed).ok_or_else(refuse)?;
    let expired = || {
        Refusal::bad(
            ErrorCode::SearchPageTokenExpired,
            "The page token has expired. Search again.",
        )
    };
    // A search that was dropped to make room counts as expired.
    let record = state.searches.get(&id).ok_or_else(expired)?;
    if record.expires_at <= env.now {
        return Err(expired());
    }
    let with_metadata = request.include_user_metadata == Some(true);
    Ok(page(state, env, record, offset, with_metadata))
}

/// The items of the results: one clip each or, if grouped, all clips of a video.
fn groups(record: &SearchRecord) -> Vec<Vec<(u64, &ClipRecord)>> {
    let mut groups: Vec<Vec<(u64, &ClipRecord)>> = Vec::new();
    for (rank, clip) in (1..).zip(&record.clips) {
        let group = groups.iter_mut().find(|group| {
            let first = group.first();
            record.is_grouped && first.is_some_and(|(_, first)| first.video_id == clip.video_id)
        });
        match group {
            Some(group) => group.push((rank, clip)),
            None => groups.push(vec![(rank, clip)]),
        }
    }
    groups
}

fn page(
    state: &State,
    env: &Env<'_>,
    record: &SearchRecord,
    offset: usize,
    with_metadata: bool,
) -> SearchPage {
    let groups = groups(record);
    let view = |(rank, clip): &(u64, &ClipRecord)| hit(state, env, clip, *rank, with_metadata);
    let items = groups.iter().skip(offset).take(record.page_limit);
    let data = items.filter_map(|group| match record.is_grouped {
        false => group.first().map(|clip| SearchItem::Hit(view(clip))),
        true => {
            let (_, first) = group.first()?;
            let clips = group.iter().map(view).collect::<Vec<_>>();
            Some(SearchItem::Video(SearchVideo::new(
                first.video_id.as_str(),
                clips,
            )))
        }
    });
    let mut page = SearchPage::default();
    page.data = data.collect();
    let mut pool = SearchPool::default();
    pool.index_id = Some(record.index_id.as_str().into());
    (pool.total_count, pool.total_duration) = (Some(record.pool.0), Some(record.pool.1));
    page.search_pool = pool;
    let mut info = SearchPageInfo::default();
    info.limit_per_page = Some(record.page_limit as u64);
    // Documented contradictorily; here the number of items of all pages.
    info.total_results = Some(groups.len() as u64);
    info.total_inner_matches = record.is_grouped.then_some(record.clips.len() as u64);
    info.page_expires_at = Some(api_timestamp(record.expires_at));
    let token = |offset| write_token(&record.id, offset, env.settings.seed);
    let next = offset.saturating_add(record.page_limit);
    info.next_page_token = (next < groups.len()).then(|| token(next));
    info.prev_page_token = (offset > 0).then(|| token(offset.saturating_sub(record.page_limit)));
    page.page_info = info;
    page
}

fn hit(
    state: &State,
    env: &Env<'_>,
    clip: &ClipRecord,
    rank: u64,
    with_metadata: bool,
) -> SearchHit {
    let mut hit = SearchHit::new(clip.video_id.as_str());
    (hit.start, hit.end) = (Some(clip.start), Some(clip.end));
    hit.rank = Some(rank);
    if !clip.transcription.is_empty() {
        hit.transcription = Some(clip.transcription.clone());
    }
    // A video may have been deleted since the search.
    if let Some(video) = state.videos.get(&clip.video_id) {
        hit.thumbnail_url = renditions::thumbnail_at(state, env, video, clip.start);
        if with_metadata {
            hit.user_metadata = Some(video.user_metadata.clone());
        }
    }
    hit
}

/// A token: the search, the number of the first item, and a check sum, so that a token that was
/// changed is refused.
fn write_token(id: &str, offset: usize, seed: u64) -> String {
    let content = format!("{id}.{offset}");
    let check = check_sum(&content, seed);
    URL_SAFE_NO_PAD.encode(format!("{content}.{check:016x}"))
}

fn read_token(token: &str, seed: u64) -> Option<(String, usize)> {
    let text = String::from_utf8(URL_SAFE_NO_PAD.decode(token).ok()?).ok()?;
    let (content, check) = text.rsplit_once('.')?;
    let is_ours = check == format!("{:016x}", check_sum(content, seed));
    let (id, offset) = content.split_once('.').filter(|_| is_ours)?;
    Some((id.to_owned(), offset.parse().ok()?))
}

fn check_sum(content: &str, seed: u64) -> u64 {
    content.bytes().fold(Rng::new(seed).bits(), |sum, byte| {
        Rng::new(sum ^ u64::from(byte)).bits()
    })
}
