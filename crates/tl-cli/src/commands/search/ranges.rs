//! Results as ranges of videos: merged, extended, and in the order of their rank.

use std::collections::BTreeMap;

use serde::Serialize;
use tl_model::{SearchHit, UserMetadata, Video, VideoId};

use crate::export::clock;

/// A range of a video. Times are in seconds.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct Range {
    /// The position in the results, from 1; of merged results, the best.
    pub(super) rank: u64,
    pub(super) video_id: VideoId,
    /// The file name of the video.
    pub(super) file: Option<String>,
    pub(super) start: f64,
    pub(super) end: f64,
    pub(super) transcription: Option<String>,
    pub(super) thumbnail_url: Option<String>,
    pub(super) user_metadata: Option<UserMetadata>,
    /// Frames per second of the video.
    #[serde(skip)]
    pub(super) fps: Option<f64>,
}

impl Range {
    pub(super) fn of(hit: &SearchHit, video: Option<&Video>) -> Self {
        let system = video.and_then(Video::system_metadata);
        Self {
            rank: hit.rank.unwrap_or(0),
            video_id: hit.video_id.clone(),
            file: system.and_then(|system| system.filename.clone()),
            start: hit.start.unwrap_or(0.0),
            end: hit.end.or(hit.start).unwrap_or(0.0),
            transcription: hit.transcription.clone(),
            thumbnail_url: hit.thumbnail_url.clone(),
            user_metadata: hit.user_metadata.clone(),
            fps: system.and_then(|system| system.fps),
        }
    }

    /// The name of the file, or the id of the video.
    pub(super) fn name(&self) -> &str {
        self.file.as_deref().unwrap_or(self.video_id.as_str())
    }

    /// Start and end for people.
    pub(super) fn times(&self) -> String {
        format!("{} - {}", clock(self.start, '.'), clock(self.end, '.'))
    }
}

/// Merges results of a video that are at most `merge` apart, extends them by `pad` within the video,
/// and sorts by rank. Extended ranges that overlap are merged if `merge` is given.
pub(super) fn arrange(
    hits: &[SearchHit],
    videos: &BTreeMap<VideoId, Video>,
    merge: Option<f64>,
    pad: f64,
) -> Vec<Range> {
    let duration = |id: &VideoId| videos.get(id)?.system_metadata()?.duration;
    let extended = hits.iter().map(|hit| {
        let mut range = Range::of(hit, videos.get(&hit.video_id));
        range.start = (range.start - pad).max(0.0);
        range.end += pad;
        if let Some(duration) = duration(&hit.video_id) {
            range.end = range.end.min(duration).max(range.start);
        }
        range
    });
    let mut ranges: Vec<Range> = extended.collect();
    let Some(gap) = merge else {
        return ranges;
    };
    ranges.sort_by(|one, two| {
        one.video_id
            .cmp(&two.video_id)
            .then(one.start.total_cmp(&two.start))
    });
    let mut merged: Vec<Range> = Vec::new();
    for range in ranges {
        match merged.last_mut() {
            Some(last) if last.video_id == range.video_id && range.start <= last.end + gap => {
                last.end = last.end.max(range.end);
                last.rank = last.rank.min(range.rank);
                let texts = [last.transcription.take(), range.transcription];
                let texts: Vec<String> = texts.into_iter().flatten().collect();
                last.transcription = (!texts.is_empty()).then(|| texts.join(" "));
            }
            _ => merged.push(range),
        }
    }
    merged.sort_by_key(|range| range.rank);
    merged
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hit(video: &str, rank: u64, start: f64, end: f64) -> SearchHit {
        let mut hit = SearchHit::new(video);
        (hit.rank, hit.start, hit.end) = (Some(rank), Some(start), Some(end));
        hit.transcription = Some(format!("t{rank}"));
        hit
    }

    fn shown(ranges: &[Range]) -> Vec<(u64, &str, f64, f64)> {
        let ranges = ranges.iter();
        ranges
            .map(|range| (range.rank, range.video_id.as_str(), range.start, range.end))
            .collect()
    }

    #[test]
    fn ranges_are_merged_and_extended_within_the_video() {
        let hits = [
            hit("a", 1, 6.0, 9.0),
            hit("b", 2, 0.5, 2.0),
            hit("a", 3, 2.0, 5.0),
            hit("a", 4, 11.5, 12.0),
        ];
        let mut video = Video::new("a");
        let mut system = tl_model::SystemMetadata::default();
        system.duration = Some(12.5);
        video.system_metadata = Some(system);
        let videos = BTreeMap::from([("a".into(), video)]);
        let plain = arrange(&hits, &videos, None, 0.0);
        assert_eq!(shown(&plain)[2], (3, "a", 2.0, 5.0));
        let merged = arrange(&hits, &videos, Some(1.0), 0.0);
        assert_eq!(
            shown(&merged),
            [(1, "a", 2.0, 9.0), (2, "b", 0.5, 2.0), (4, "a", 11.5, 12.0)]
        );
        assert_eq!(merged[0].transcription.as_deref(), Some("t3 t1"));
        let padded = arrange(&hits, &videos, Some(0.0), 1.0);
        assert_eq!(
            shown(&padded),
            [
                (1, "a", 1.0, 10.0),
                (2, "b", 0.0, 3.0),
                (4, "a", 10.5, 12.5)
            ]
        );
    }
}
