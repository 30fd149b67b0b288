//! Which clips of an item match a query. Nothing is recognized: the words of the query are compared
//! with the file name and the metadata of the item, and the clips are chosen by a hash.

use std::collections::BTreeSet;

use jiff::Timestamp;
use tl_model::{MetadataValue, StoreItemType, StoreMatch, StoreModality};
use tl_protocol::rng::Rng;

use crate::core::{State, records::StoreItemRecord};

/// The length of a clip, in seconds. The last one of a video may be shorter.
const CLIP_SECONDS: f64 = 6.0;
/// Maximum number of matching clips per video. A real search finds the nearest clips, however far
/// away they are, so every video has some.
const MAX_CLIPS: usize = 3;

/// A matching item, or a matching clip of one.
#[derive(Debug, Clone)]
pub(super) struct Candidate<'a> {
    pub(super) item: &'a StoreItemRecord,
    /// The clip; `None` for an image.
    pub(super) clip: Option<StoreMatch>,
    /// The number of words of the query that the item has.
    shared: usize,
    /// Orders candidates with the same number of words.
    tie: u64,
}

/// The lower-case words of a text.
fn words(text: &str) -> BTreeSet<String> {
    text.split(|letter: char| !letter.is_alphanumeric())
        .filter(|word| !word.is_empty())
        .map(str::to_lowercase)
        .collect()
}

/// The words that describe an item: its file name, its metadata and that of its asset.
fn words_of(state: &State, item: &StoreItemRecord) -> BTreeSet<String> {
    let mut found = words(item.system.filename.as_deref().unwrap_or_default());
    let asset = state.assets.get(&item.asset_id);
    let metadata = asset.iter().flat_map(|asset| asset.user_metadata.iter());
    for (_, value) in item.metadata.iter().chain(metadata) {
        match value {
            MetadataValue::Strings(items) => {
                items.iter().for_each(|item| found.extend(words(item)));
            }
            other => found.extend(words(&other.to_string())),
        }
    }
    found
}

/// A number that depends on every byte of the parts (FNV-1a), mixed.
fn hash(parts: &[&str]) -> u64 {
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    for byte in parts.iter().flat_map(|part| part.bytes().chain([0xff])) {
        hash = (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
    }
    Rng::new(hash).bits()
}

/// The matching clips of all ready items that pass `filter`, the best first.
pub(super) fn candidates<'a>(
    state: &'a State,
    now: Timestamp,
    query: &str,
    modalities: &[StoreModality],
    filter: impl Fn(&StoreItemRecord) -> bool,
) -> Vec<Candidate<'a>> {
    let query_words = words(query);
    let items = state
        .store_items
        .values()
        .filter(|item| item.status(now) == tl_model::StoreItemStatus::Ready && filter(item));
    let mut found: Vec<_> = items
        .flat_map(|item| {
            let shared = words_of(state, item).intersection(&query_words).count();
            clips(item, query, modalities)
                .into_iter()
                .map(move |(tie, clip)| Candidate {
                    item,
                    clip,
                    shared,
                    tie,
                })
        })
        .collect();
    found.sort_by(|left, right| {
        let key = |candidate: &Candidate<'_>| (std::cmp::Reverse(candidate.shared), candidate.tie);
        key(left)
            .cmp(&key(right))
            .then_with(|| left.item.number.cmp(&right.item.number))
    });
    found
}

/// The clips of an item, each with the number that orders them.
fn clips(
    item: &StoreItemRecord,
    query: &str,
    modalities: &[StoreModality],
) -> Vec<(u64, Option<StoreMatch>)> {
    if item.asset_type == StoreItemType::Image {
        return vec![(hash(&[query, &item.asset_id]), None)];
    }
    // A silent video matches by its picture only.
    let possible: Vec<_> = modalities
        .iter()
        .filter(|modality| item.has_audio || **modality != StoreModality::Audio)
        .cloned()
        .collect();
    if possible.is_empty() {
        return Vec::new();
    }
    let duration = item.system.duration.unwrap_or(CLIP_SECONDS);
    let mut clips = Vec::new();
    let mut start = 0.0;
    while start < duration && clips.len() < 10_000 {
        let end = (start + CLIP_SECONDS).min(duration);
        let tie = hash(&[query, &item.asset_id, &start.to_string()]);
        let mut clip = StoreMatch::default();
        clip.start_sec = Some(start);
        clip.end_sec = Some(end);
        // One of the modalities, or all of them.
        let chosen = usize::try_from(tie % (possible.len() as u64 + 1)).unwrap_or_default();
        clip.modalities = match possible.get(chosen) {
            Some(one) => vec![one.clone()],
            None => possible.clone(),
        };
        clips.push((tie, Some(clip)));
        start = end;
    }
    clips.sort_by_key(|(tie, _)| *tie);
    clips.truncate(MAX_CLIPS);
    clips
}
