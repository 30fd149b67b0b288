//! Time in a video and time in the parts that were cut from it. Cutting is the command's work; this is the arithmetic,
//! and the map that is kept beside the parts.
//!
//! ```
//! use tl_validate::timeline::Timeline;
//!
//! let mut map = Timeline::new("match.mp4");
//! map.push("match-1.mp4", 0.0, 7199.2);
//! map.push("match-2.mp4", 7199.2, 3605.0);
//! assert_eq!(map.to_source("match-2.mp4", 10.0), Some(7209.2));
//! assert_eq!(map.to_part(7209.2).map(|(part, t)| (part.name.as_str(), t.round())), Some(("match-2.mp4", 10.0)));
//! ```

use serde::{Deserialize, Serialize};

/// Where each part of a video begins in the whole. Serialises as the offset map that is written beside the parts.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Timeline {
    /// The video that was cut.
    pub source: String,
    /// Size of the video that was cut, by which it is known again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source_size_bytes: Option<u64>,
    /// How long the video is, in seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source_duration_seconds: Option<f64>,
    /// Time stamp of its first frame or sound as stored, in seconds. Every other time in the map counts from there, as players
    /// do: a transport stream whose stamps begin at 1000 s begins at 0 here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source_first_timestamp_seconds: Option<f64>,
    /// Its parts, in order of their beginning.
    pub parts: Vec<Part>,
}

/// One part of a video. Times are in seconds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Part {
    /// Name of the part's file.
    pub name: String,
    /// Where it begins in the source, counted from the start of the source. The frame that a player of the part shows at its
    /// start is the one that a player of the source shows then.
    pub start_seconds: f64,
    /// How long it lasts.
    pub duration_seconds: f64,
    /// Size of the part's file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub size_bytes: Option<u64>,
}

impl Timeline {
    /// A map without parts.
    pub fn new(source: impl Into<String>) -> Self {
        Self {
            source: source.into(),
            ..Self::default()
        }
    }

    /// Adds a part; parts stay in the order of their beginning, whatever order they come in.
    pub fn push(&mut self, name: impl Into<String>, start_seconds: f64, duration_seconds: f64) {
        let at = self
            .parts
            .partition_point(|part| part.start_seconds <= start_seconds);
        let part = Part {
            name: name.into(),
            start_seconds,
            duration_seconds,
            size_bytes: None,
        };
        self.parts.insert(at, part);
    }

    /// The source's time of a time in a part; `None` for an unknown part, a negative time, or one behind its end.
    pub fn to_source(&self, part: &str, seconds: f64) -> Option<f64> {
        let part = self.parts.iter().find(|p| p.name == part)?;
        (0.0..=part.duration_seconds)
            .contains(&seconds)
            .then_some(part.start_seconds + seconds)
    }

    /// The part that shows a time of the source, and the time in it; the later part where two overlap or touch.
    pub fn to_part(&self, seconds: f64) -> Option<(&Part, f64)> {
        self.parts
            .iter()
            .rev()
            .map(|part| (part, seconds - part.start_seconds))
            .find(|(part, within)| (0.0..=part.duration_seconds).contains(within))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::Timeline;

    proptest! {
        #[test]
        fn a_time_of_the_source_comes_back_from_its_part(lengths in prop::collection::vec(0.5f64..8000.0, 1..20), share in 0.0f64..1.0) {
            let mut map = Timeline::new("whole.mp4");
            let mut start = 0.0;
            for (i, length) in lengths.iter().enumerate() {
                map.push(format!("{i}.mp4"), start, *length);
                start += length;
            }
            let time = share * start;
            let (part, within) = map.to_part(time).expect("parts cover the whole");
            let back = map.to_source(&part.name, within).expect("a time within the part");
            prop_assert!((back - time).abs() < 1e-6);
        }
    }

    #[test]
    fn times_outside_of_every_part_have_none() {
        let mut map = Timeline::new("whole.mp4");
        map.push("b.mp4", 20.0, 5.0);
        map.push("a.mp4", 0.0, 10.0);
        assert_eq!(map.parts[0].name, "a.mp4");
        assert!(
            map.to_part(15.0).is_none()
                && map.to_part(-1.0).is_none()
                && map.to_part(26.0).is_none()
        );
        assert!(map.to_source("a.mp4", 10.5).is_none() && map.to_source("c.mp4", 0.0).is_none());
    }
}
