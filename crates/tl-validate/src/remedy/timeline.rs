//! Maps between times in a video and times in the parts cut from it, and defines the offset map
//! that is stored with the parts.
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

/// The position of each part in the source video. Serializes as the offset map that is stored with
/// the parts.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Timeline {
    /// The video that was cut.
    pub source: String,
    /// Size of the source in bytes, to identify it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source_size_bytes: Option<u64>,
    /// Duration of the source in seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source_duration_seconds: Option<f64>,
    /// Timestamp of the first frame or audio sample as stored, in seconds. Every other time in the
    /// map is relative to it, as in players: a transport stream whose timestamps start at 1000 s
    /// starts at 0 here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source_first_timestamp_seconds: Option<f64>,
    /// The parts, in order of their start times.
    pub parts: Vec<Part>,
}

/// One part of a video. Times are in seconds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Part {
    /// File name of the part.
    pub name: String,
    /// Start of the part, relative to the start of the source. The first frame that a player shows
    /// for the part is the one that it shows for the source at this time.
    pub start_seconds: f64,
    /// Duration of the part.
    pub duration_seconds: f64,
    /// Size of the part's file in bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub size_bytes: Option<u64>,
}

impl Timeline {
    /// Creates a map without parts.
    pub fn new(source: impl Into<String>) -> Self {
        Self {
            source: source.into(),
            ..Self::default()
        }
    }

    /// Adds a part. Parts are sorted by start time, regardless of the order in which they are
    /// added.
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

    /// Converts a time in a part to a time in the source. `None` for an unknown part, a negative
    /// time, or a time after its end.
    pub fn to_source(&self, part: &str, seconds: f64) -> Option<f64> {
        let part = self.parts.iter().find(|p| p.name == part)?;
        (0.0..=part.duration_seconds)
            .contains(&seconds)
            .then_some(part.start_seconds + seconds)
    }

    /// The part that contains a time of the source, and the time within it. If two parts overlap or
    /// touch, the later one.
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
        fn source_times_round_trip_through_parts(lengths in prop::collection::vec(0.5f64..8000.0, 1..20), share in 0.0f64..1.0) {
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
    fn times_outside_all_parts_are_none() {
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
