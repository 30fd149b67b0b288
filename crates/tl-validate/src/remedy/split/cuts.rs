//! The limits of parts, and the key frames to cut at.

use std::fmt;

use super::outline::Outline;
use crate::rules::Severity;
use crate::rules::{Bound, Measure};
use crate::rules::{RulePack, Target};
use crate::with_fields::with_fields;

/// Distance of the parts from a bound on the duration, in seconds. A cut is accurate to a frame,
/// its audio to a packet.
const SAFE_SECONDS: f64 = 0.5;

/// The share of a size limit that the packets of a part may use. The rest is for the container.
const SAFE_SHARE: f64 = 0.97;

/// Maximum number of parts to try, as a multiple of the minimum number.
const MAX_PARTS_FACTOR: usize = 4;

/// Limits for each part.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
#[non_exhaustive]
pub struct Limits {
    /// Maximum duration in seconds.
    pub max_seconds: Option<f64>,
    /// Minimum duration in seconds.
    pub min_seconds: Option<f64>,
    /// Maximum size of the packets in bytes.
    pub max_bytes: Option<u64>,
}

with_fields!(Limits {
    with_max_seconds(max_seconds: Option<f64>);
    with_min_seconds(min_seconds: Option<f64>);
    with_max_bytes(max_bytes: Option<u64>);
});

/// A video cannot be cut into parts that pass.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum CannotSplit {
    /// There is no key frame where a part has to end, or too much data before the next one.
    NoKeyFrame {
        /// Start of the part, in seconds.
        from: f64,
        /// The next key frame at which the part is long enough, in seconds; the end of the video if
        /// there is none.
        next: f64,
        /// The limits.
        limits: Limits,
    },
    /// The limits contradict each other or the video, for example if the video is shorter than the
    /// minimum.
    Limits(Limits),
    /// The outline has no packets.
    Empty,
    /// Some frames have no presentation time, so their display order is known only after decoding.
    NoTimes,
    /// The source hides frames (with an edit list) at a position where a part cannot hide them.
    HiddenFrames,
}

impl Limits {
    /// The limits with which a part passes the rules of `pack` for `target`, with room for inexact
    /// cuts.
    pub fn of(target: &Target, pack: &RulePack) -> Self {
        let mut limits = Self::default();
        let errors = pack
            .rules_for(target)
            .into_iter()
            .filter(|rule| rule.severity == Severity::Error && rule.audio_only.is_none());
        for rule in errors {
            let margin = rule.margin.unwrap_or(0.0) + SAFE_SECONDS;
            match (rule.measure, &rule.bound) {
                (Measure::Duration, Bound::Max(max)) => {
                    let max = max - margin;
                    limits.max_seconds = Some(limits.max_seconds.map_or(max, |m| m.min(max)));
                }
                (Measure::Duration, Bound::Min(min)) => {
                    let min = min + margin;
                    limits.min_seconds = Some(limits.min_seconds.map_or(min, |m| m.max(min)));
                }
                (Measure::FileSize, Bound::Max(max)) => {
                    let factor = rule.unit.smaller_factor().unwrap_or(rule.unit.factor());
                    // The cast saturates; bounds are positive.
                    let max = (max * factor * SAFE_SHARE) as u64;
                    limits.max_bytes = Some(limits.max_bytes.map_or(max, |m| m.min(max)));
                }
                _ => {}
            }
        }
        limits
    }

    fn allows(&self, seconds: f64, bytes: u64) -> bool {
        self.max_seconds.is_none_or(|max| seconds <= max)
            && self.max_bytes.is_none_or(|max| bytes <= max)
    }

    fn are_contradictory(&self) -> bool {
        let max = self.max_seconds.unwrap_or(f64::INFINITY);
        let min = self.min_seconds.unwrap_or(0.0);
        // A negated comparison, because NaN is neither less nor greater.
        !(max > 0.0 && min <= max) || self.max_bytes == Some(0)
    }
}

/// The start times of the parts, beginning with the start of the video. Chooses as few parts as the
/// limits allow, of about equal duration.
///
/// A single time means that no cut is needed.
///
/// # Errors
/// [`CannotSplit`] if no choice of key frames gives parts within the limits.
pub fn cuts(outline: &Outline, limits: &Limits) -> Result<Vec<f64>, CannotSplit> {
    if outline.packets == 0 {
        return Err(CannotSplit::Empty);
    }
    if outline.end <= 0.0 {
        return Err(if outline.untimed {
            CannotSplit::NoTimes
        } else {
            CannotSplit::Empty
        });
    }
    if limits.are_contradictory() {
        return Err(CannotSplit::Limits(*limits));
    }
    if limits.allows(outline.end, outline.bytes) {
        return Ok(vec![0.0]);
    }
    if outline.untimed {
        return Err(CannotSplit::NoTimes);
    }
    if outline.hidden_inside {
        return Err(CannotSplit::HiddenFrames);
    }
    let by_time = limits
        .max_seconds
        .map_or(1.0, |max| (outline.end / max).ceil());
    let by_size = limits
        .max_bytes
        .map_or(1.0, |max| (outline.bytes as f64 / max as f64).ceil());
    // The cast saturates; `are_contradictory` has rejected a maximum of zero.
    let fewest = (by_time.max(by_size) as usize).max(2);
    // Parts of maximum duration are as few as possible. If a part finds no key frame because the one
    // before it is too long, shorter parts may still work.
    let longest = greedy(outline, limits);
    let most = longest.as_ref().map_or_else(
        |_| {
            fewest
                .saturating_mul(MAX_PARTS_FACTOR)
                .min(outline.keys.len())
        },
        Vec::len,
    );
    // If the key frames do not fit equal durations, the result is that of the longest parts.
    (fewest..=most)
        .find_map(|parts| balanced(outline, limits, parts).ok())
        .map_or(longest, Ok)
}

/// For each part, the key frame nearest to an equal share of the rest.
fn balanced(outline: &Outline, limits: &Limits, parts: usize) -> Result<Vec<f64>, CannotSplit> {
    let mut cuts = vec![0.0];
    let mut from = (0.0, 0);
    for left in (2..=parts).rev() {
        let share = from.0 + (outline.end - from.0) / left as f64;
        let next = candidates(outline, limits, from)
            .min_by(|a, b| (a.0 - share).abs().total_cmp(&(b.0 - share).abs()))
            .ok_or_else(|| no_key_frame(outline, limits, from.0))?;
        cuts.push(next.0);
        from = next;
    }
    whole(outline, limits, cuts, from)
}

/// For each part, the latest allowed key frame. A last part that is too short takes from the one
/// before it.
pub(super) fn greedy(outline: &Outline, limits: &Limits) -> Result<Vec<f64>, CannotSplit> {
    let mut cuts = vec![0.0];
    let mut from = (0.0, 0);
    let mut before = None;
    while !limits.allows(outline.end - from.0, outline.bytes - from.1) {
        let next = candidates(outline, limits, from)
            .last()
            .ok_or_else(|| no_key_frame(outline, limits, from.0))?;
        cuts.push(next.0);
        before = Some(from);
        from = next;
    }
    let min = limits.min_seconds.unwrap_or(0.0);
    if outline.end - from.0 < min
        && let Some(before) = before
    {
        cuts.pop();
        let earlier = candidates(outline, limits, before)
            .filter(|key| outline.end - key.0 >= min)
            .last()
            .ok_or(CannotSplit::Limits(*limits))?;
        cuts.push(earlier.0);
        from = earlier;
    }
    whole(outline, limits, cuts, from)
}

/// The key frames at which a part that starts at `from` may end.
pub(super) fn candidates<'a>(
    outline: &'a Outline,
    limits: &'a Limits,
    from: (f64, u64),
) -> impl Iterator<Item = (f64, u64)> + 'a {
    let min = limits.min_seconds.unwrap_or(0.0);
    let first = outline.keys.partition_point(|key| key.seconds <= from.0);
    outline.keys[first..]
        .iter()
        .map(|key| (key.seconds, key.bytes))
        .take_while(move |key| limits.allows(key.0 - from.0, key.1 - from.1))
        .filter(move |key| key.0 - from.0 >= min)
}

pub(super) fn whole(
    outline: &Outline,
    limits: &Limits,
    cuts: Vec<f64>,
    last: (f64, u64),
) -> Result<Vec<f64>, CannotSplit> {
    let seconds = outline.end - last.0;
    if !limits.allows(seconds, outline.bytes - last.1) {
        return Err(no_key_frame(outline, limits, last.0));
    }
    if seconds < limits.min_seconds.unwrap_or(0.0) {
        return Err(CannotSplit::Limits(*limits));
    }
    Ok(cuts)
}

pub(super) fn no_key_frame(outline: &Outline, limits: &Limits, from: f64) -> CannotSplit {
    let min = limits.min_seconds.unwrap_or(0.0);
    // Ignore a key frame that comes too early.
    let next = outline
        .keys
        .iter()
        .find(|key| key.seconds > from && key.seconds - from >= min);
    CannotSplit::NoKeyFrame {
        from,
        next: next.map_or(outline.end, |key| key.seconds),
        limits: *limits,
    }
}

impl fmt::Display for Limits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut parts = Vec::new();
        if let Some(max) = self.max_seconds {
            parts.push(format!("at most {} s", crate::text::plain(max)));
        }
        if let Some(min) = self.min_seconds {
            parts.push(format!("at least {} s", crate::text::plain(min)));
        }
        if let Some(max) = self.max_bytes {
            parts.push(format!("at most {}", crate::text::bytes(max as f64)));
        }
        f.write_str(&if parts.is_empty() {
            "anything".to_owned()
        } else {
            parts.join(", ")
        })
    }
}

impl fmt::Display for CannotSplit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let plain = crate::text::plain;
        match self {
            Self::NoKeyFrame { from, next, limits } => write!(
                f,
                "no key frame ends the part that starts at {} s in time: the next key frame is at {} s (limits of a part: {limits})",
                plain(*from),
                plain(*next)
            ),
            Self::Limits(limits) => write!(
                f,
                "no cuts give parts within the limits (limits of a part: {limits})"
            ),
            Self::Empty => f.write_str("there are no packets"),
            Self::NoTimes => f.write_str(
                "some frames have no presentation time, so it cannot be cut without re-encoding",
            ),
            Self::HiddenFrames => f.write_str(
                "its edit list hides frames between displayed ones, which a part cannot reproduce",
            ),
        }
    }
}

impl std::error::Error for CannotSplit {}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn outline(seconds: u32, gop: u32) -> Outline {
        let mut outline = Outline::new();
        for second in 0..seconds {
            outline.packet(f64::from(second), 1.0, 1000, second % gop == 0);
        }
        outline
    }

    fn limits(min: f64, max: f64) -> Limits {
        Limits {
            max_seconds: Some(max),
            min_seconds: Some(min),
            max_bytes: None,
        }
    }

    #[test]
    fn cuts_are_few_and_balanced() {
        let check = |outline: &Outline, limits: &Limits, expected: &[f64]| {
            assert_eq!(cuts(outline, limits).as_deref(), Ok(expected), "{limits}");
        };
        check(&outline(100, 2), &limits(4.0, 200.0), &[0.0]);
        check(&outline(100, 2), &limits(4.0, 60.0), &[0.0, 50.0]);
        // 60 + 60 + 1 would leave a last part that is too short.
        check(&outline(121, 1), &limits(4.0, 60.0), &[0.0, 40.0, 80.0]);
        check(&outline(100, 30), &limits(4.0, 45.0), &[0.0, 30.0, 60.0]);
        let by_size = Limits {
            max_bytes: Some(40_000),
            ..Limits::default()
        };
        check(&outline(100, 1), &by_size, &[0.0, 33.0, 66.0]);
    }

    #[test]
    fn uncuttable_videos_report_the_position() {
        let error =
            cuts(&outline(100, 50), &limits(4.0, 30.0)).expect_err("one key frame in the middle");
        assert_eq!(
            error,
            CannotSplit::NoKeyFrame {
                from: 0.0,
                next: 50.0,
                limits: limits(4.0, 30.0)
            }
        );
        assert!(matches!(
            cuts(&outline(100, 100), &limits(0.0, 30.0)),
            Err(CannotSplit::NoKeyFrame { next: 100.0, .. })
        ));
        assert!(matches!(
            cuts(&outline(9, 1), &limits(6.0, 8.0)),
            Err(CannotSplit::Limits(_))
        ));
        assert!(matches!(
            cuts(&outline(9, 1), &limits(9.0, 5.0)),
            Err(CannotSplit::Limits(_))
        ));
        assert!(matches!(
            cuts(&outline(9, 1), &limits(0.0, f64::NAN)),
            Err(CannotSplit::Limits(_))
        ));
        assert_eq!(
            cuts(&Outline::new(), &limits(0.0, 5.0)),
            Err(CannotSplit::Empty)
        );
    }

    #[test]
    fn limits_follow_the_rules() {
        let limits = Limits::of(
            &Target::new(crate::rules::Route::Tasks).with_engine("marengo3.0"),
            RulePack::current(),
        );
        let (max, min) = (
            limits.max_seconds.expect("a bound"),
            limits.min_seconds.expect("a bound"),
        );
        assert!(
            (14_000.0..14_400.0).contains(&max) && (4.0..6.0).contains(&min),
            "{limits}"
        );
        assert!(
            limits.max_bytes.is_some_and(|bytes| bytes < 2_000_000_000),
            "{limits}"
        );
    }

    proptest! {
        #[test]
        fn parts_cover_the_video_within_the_limits(
            gaps in prop::collection::vec((0.02f64..12.0, 1u64..5000), 1..300),
            max in 5.0f64..200.0,
            min in 0.0f64..4.0,
            max_bytes in prop::option::of(5000u64..200_000),
        ) {
            let mut outline = Outline::new();
            let mut at = 0.0;
            for (gap, bytes) in &gaps {
                outline.packet(at, *gap, *bytes, true);
                at += gap;
            }
            let limits = Limits { max_seconds: Some(max), min_seconds: Some(min), max_bytes };
            if let Ok(cuts) = cuts(&outline, &limits) {
                prop_assert_eq!(cuts[0], 0.0);
                let bytes_before = |t: f64| if t == 0.0 { 0 } else { outline.keys.iter().find(|k| k.seconds == t).map_or(outline.bytes, |k| k.bytes) };
                for (i, from) in cuts.iter().enumerate() {
                    let to = cuts.get(i + 1).copied().unwrap_or(outline.end);
                    prop_assert!(to > *from);
                    prop_assert!(limits.allows(to - from, bytes_before(to) - bytes_before(*from)));
                    prop_assert!(cuts.len() == 1 || to - from >= min);
                }
            }
        }
    }
}
