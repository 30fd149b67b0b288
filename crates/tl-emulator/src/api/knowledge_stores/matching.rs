//! Which clips of an item match a query. Nothing is recognized: the words of the query are compared
//! with what the sidecar says about a clip, and with the file name and the metadata of the item.
//! Clips with the same number of words are ordered by a hash.

use std::collections::BTreeSet;

use tl_model::{MetadataValue, StoreItemStatus, StoreItemType, StoreMatch, StoreModality};
use tl_protocol::rng::Rng;

use crate::core::{
    Env, State,
    answers::{MediaRef, Sidecar, hash},
    records::StoreItemRecord,
};

/// The length of a clip, in seconds. The last one of a video may be shorter.
const CLIP_SECONDS: f64 = 6.0;
/// Maximum number of matching clips per video. A real search finds the nearest clips, however far
/// away they are, so every video has some.
const MAX_CLIPS: usize = 3;
/// Maximum number of clips of a video that are looked at.
const MAX_WINDOWS: usize = 10_000;

/// A matching item, or a matching clip of one.
#[derive(Debug, Clone)]
pub(crate) struct Candidate<'a> {
    pub(crate) item: &'a StoreItemRecord,
    /// The clip; `None` for an image.
    pub(crate) clip: Option<StoreMatch>,
    /// What the sidecar says about the clip.
    pub(crate) text: Option<String>,
    /// The number of words of the query that the clip or its item has.
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

/// The asset of an item, as answers refer to it.
pub(crate) fn media_of<'a>(state: &'a State, item: &'a StoreItemRecord) -> MediaRef<'a> {
    let asset = state.assets.get(&item.asset_id);
    MediaRef {
        filename: item.system.filename.as_deref().unwrap_or_default(),
        content: state.content_of(asset.and_then(|asset| asset.media.as_ref())),
        duration: item.system.duration.unwrap_or_default(),
    }
}

/// A number that depends on every byte of the parts.
fn tie(parts: &[&str]) -> u64 {
    Rng::new(hash(parts.join("\u{1f}").as_bytes())).bits()
}

/// The matching clips of all ready items that pass `filter`, the best first.
pub(crate) fn candidates<'a>(
    state: &'a State,
    env: &Env<'_>,
    query: &str,
    modalities: &[StoreModality],
    filter: impl Fn(&StoreItemRecord) -> bool,
) -> Vec<Candidate<'a>> {
    let query_words = words(query);
    let items = state
        .store_items
        .values()
        .filter(|item| item.status(env.now) == StoreItemStatus::Ready && filter(item));
    let mut found = Vec::new();
    for item in items {
        let sidecar = env.settings.answers.sidecar(media_of(state, item));
        let of_item = words_of(state, item);
        let mut clips = clips(item, sidecar, query, modalities);
        for candidate in &mut clips {
            let of_clip = words(candidate.text.as_deref().unwrap_or_default());
            let known = of_item.union(&of_clip);
            candidate.shared = known.filter(|word| query_words.contains(*word)).count();
        }
        sort(&mut clips);
        clips.truncate(MAX_CLIPS);
        found.extend(clips);
    }
    sort(&mut found);
    found
}

fn sort(candidates: &mut [Candidate<'_>]) {
    let key = |candidate: &Candidate<'_>| {
        let best = std::cmp::Reverse(candidate.shared);
        (best, candidate.tie, candidate.item.number)
    };
    candidates.sort_by_key(key);
}

/// The clips of an item: the segments of its sidecar, or else parts of the same length.
fn clips<'a>(
    item: &'a StoreItemRecord,
    sidecar: Option<&Sidecar>,
    query: &str,
    modalities: &[StoreModality],
) -> Vec<Candidate<'a>> {
    let candidate = |clip: Option<StoreMatch>, text: Option<String>, tie: u64| Candidate {
        item,
        clip,
        text,
        shared: 0,
        tie,
    };
    if item.asset_type == StoreItemType::Image {
        let text = sidecar.map(|sidecar| scenes(sidecar, 0.0, f64::MAX));
        let text = text.filter(|text| !text.is_empty());
        return vec![candidate(None, text, tie(&[query, &item.asset_id]))];
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
    windows(item, sidecar)
        .into_iter()
        .map(|(start, end)| {
            let tie = tie(&[query, &item.asset_id, &start.to_string()]);
            let mut clip = StoreMatch::default();
            clip.start_sec = Some(start);
            clip.end_sec = Some(end);
            // One of the modalities, or all of them.
            let chosen = usize::try_from(tie % (possible.len() as u64 + 1)).unwrap_or_default();
            clip.modalities = match possible.get(chosen) {
                Some(one) => vec![one.clone()],
                None => possible.clone(),
            };
            let mut text = None;
            if let Some(sidecar) = sidecar {
                let said = sidecar.text_in(start, end);
                let shown = scenes(sidecar, start, end);
                text = [shown, said.clone()]
                    .into_iter()
                    .filter(|text| !text.is_empty())
                    .reduce(|shown, said| format!("{shown} {said}"));
                clip.transcription = Some(said).filter(|said| !said.is_empty());
            }
            candidate(Some(clip), text, tie)
        })
        .collect()
}

/// The start and the end of each clip, in seconds.
fn windows(item: &StoreItemRecord, sidecar: Option<&Sidecar>) -> Vec<(f64, f64)> {
    let duration = item.system.duration.unwrap_or(CLIP_SECONDS);
    let inside = sidecar
        .iter()
        .flat_map(|sidecar| &sidecar.segments)
        .map(|scene| (scene.start, scene.end.min(duration)))
        .filter(|(start, end)| start < end);
    let mut windows: Vec<(f64, f64)> = inside.take(MAX_WINDOWS).collect();
    let mut start = 0.0;
    if windows.is_empty() {
        while start < duration && windows.len() < MAX_WINDOWS {
            let end = (start + CLIP_SECONDS).min(duration);
            windows.push((start, end));
            start = end;
        }
    }
    windows
}

/// What the segments of a sidecar between two times show.
fn scenes(sidecar: &Sidecar, start: f64, end: f64) -> String {
    let scenes = sidecar.segments.iter();
    let scenes = scenes.filter(|scene| scene.start < end && start < scene.end);
    let texts = scenes.flat_map(|scene| {
        let text = Some(scene.text.as_str()).filter(|text| !text.is_empty());
        scene.labels.iter().map(String::as_str).chain(text)
    });
    texts.collect::<Vec<_>>().join(" ")
}
