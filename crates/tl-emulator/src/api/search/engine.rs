//! Finds the parts of videos that match a query, by the cosine of vectors and by equal words.

use tl_model::{SearchOperator, SearchOption, TranscriptionOption};
use tl_protocol::endpoint::Search;

use super::{filter, query::Query};
use crate::{
    api::annotations,
    core::{
        Env, State,
        meaning::{Part, parts, words},
        records::ClipRecord,
    },
};

/// The smallest cosine of a match. Unrelated texts are below 0.15.
const LEAST: f32 = 0.2;

/// The result of a search.
#[derive(Debug)]
pub(super) struct Found {
    /// Number and duration in seconds of the videos that were searched.
    pub(super) pool: (u64, f64),
    /// The matching parts, the best first.
    pub(super) clips: Vec<ClipRecord>,
    /// Whether a sidecar was used.
    pub(super) is_supplied: bool,
}

/// Searches all videos of the index that pass the filter.
pub(super) fn find(state: &State, env: &Env<'_>, search: &Search, query: &Query) -> Found {
    let mut pool = (0, 0.0);
    let mut matches = Vec::new();
    let mut is_supplied = false;
    for video in state.videos_of(search.index_id.as_str(), env.now) {
        let passes = search.filter.as_ref();
        if !passes.is_none_or(|filter| filter::passes(filter, video)) {
            continue;
        }
        let duration = video.measured.duration.unwrap_or(0.0);
        pool = (pool.0 + 1, pool.1 + duration);
        let annotations = annotations::of_video(state, env, video);
        is_supplied |= annotations.has_sidecar;
        for part in parts(&annotations, duration) {
            let score = score(search, query, &part);
            if score >= LEAST {
                let clip = ClipRecord {
                    video_id: video.id.clone(),
                    start: part.start,
                    end: part.end,
                    transcription: part.speech,
                };
                matches.push((score, video.number, clip));
            }
        }
    }
    // Ties are in the order in which the videos were indexed.
    matches.sort_by(|(one, one_number, one_clip), (two, two_number, two_clip)| {
        let by_score = two.total_cmp(one);
        let by_number = by_score.then(one_number.cmp(two_number));
        by_number.then(one_clip.start.total_cmp(&two_clip.start))
    });
    Found {
        pool,
        clips: matches.into_iter().map(|(.., clip)| clip).collect(),
        is_supplied,
    }
}

/// How well a part matches: by its best option or, if all must match, by its worst.
fn score(search: &Search, query: &Query, part: &Part) -> f32 {
    let options = search.search_options.iter();
    let scores = options.map(|option| match option {
        SearchOption::Visual => query.vector.cosine(&part.visual()),
        SearchOption::Audio => query.vector.cosine(&part.audio()),
        _ => spoken(search, query, part),
    });
    match search.operator {
        Some(SearchOperator::And) => scores.fold(1.0, f32::min),
        _ => scores.fold(-1.0, f32::max),
    }
}

/// How well the speech of a part matches the text of a query.
fn spoken(search: &Search, query: &Query, part: &Part) -> f32 {
    let Some(vector) = part.transcription() else {
        return 0.0;
    };
    let by = |option: &TranscriptionOption| {
        let options = &search.transcription_options;
        options.is_empty() || options.contains(option)
    };
    let mut best: f32 = 0.0;
    if by(&TranscriptionOption::Semantic) {
        best = best.max(query.vector.cosine(&vector));
    }
    if by(&TranscriptionOption::Lexical) && !query.words.is_empty() {
        let spoken = words(&part.speech);
        if query.words.iter().all(|word| spoken.contains(word)) {
            best = 1.0;
        }
    }
    best
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::meaning::{Annotations, Vector};

    #[test]
    fn operators_and_ways_to_compare_words() {
        let annotations = Annotations {
            scenes: vec![(0.0, 4.0, "goal".into(), "a goal in the rain".into())],
            speech: vec![(0.0, 4.0, "What a wonderful strike".into())],
            ..Annotations::default()
        };
        let part = parts(&annotations, 4.0).remove(0);
        let score = |text: &str, options: &[SearchOption], change: fn(&mut Search)| {
            let mut search = Search::new("i", options.iter().cloned());
            change(&mut search);
            let mut vector = Vector::default();
            vector.add_unit(&Vector::of_text(text));
            let query = Query {
                vector,
                words: words(text),
            };
            score(&search, &query, &part)
        };
        use SearchOption::{Audio, Transcription, Visual};
        let and = |search: &mut Search| search.operator = Some(SearchOperator::And);
        let lexical = |search: &mut Search| {
            search.transcription_options = vec![TranscriptionOption::Lexical];
        };
        let none = |_: &mut Search| {};
        assert!(score("goal", &[Visual], none) > 0.5);
        assert!(score("goal", &[Visual, Audio], and) > 0.5);
        assert!(score("goal", &[Visual, Transcription], none) > 0.5);
        assert!(score("goal", &[Visual, Transcription], and) < LEAST);
        assert!((score("wonderful strike", &[Transcription], lexical) - 1.0).abs() < 1e-6);
        assert!(score("wonderful strikes", &[Transcription], lexical) < LEAST);
        assert!(score("wonderful strikes", &[Transcription], none) > 0.4);
    }
}
