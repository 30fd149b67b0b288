//! Where a video that is too long or too large is cut, so that every part passes: pure arithmetic over its key frames.
//! Running the cut is the command's work; mapping times back is [`crate::timeline`]'s.
//!
//! ```
//! use tl_validate::split::{cuts, Limits, Outline};
//!
//! // Ten hours with a key frame each two seconds, and parts of four hours at most.
//! let mut outline = Outline::new();
//! for second in 0..36_000 {
//!     outline.packet(f64::from(second), 1.0, 500_000, second % 2 == 0);
//! }
//! let limits = Limits { max_seconds: Some(14_400.0), ..Limits::default() };
//! assert_eq!(cuts(&outline, &limits)?, [0.0, 12_000.0, 24_000.0]);
//! # Ok::<(), tl_validate::split::CannotSplit>(())
//! ```

mod packets;

use std::fmt;

use crate::report::Severity;
use crate::rules::{Bound, Measure};
use crate::{MediaFacts, RulePack, Target};

pub use packets::{FrameReader, PacketReader, StreamPackets};

/// Parts keep this far away from a bound on the duration, in seconds: a cut is exact to a frame, its sound to a packet.
const SAFE_SECONDS: f64 = 0.5;

/// The share of a size limit that the packets of a part may fill; the rest is for the container.
const SAFE_SHARE: f64 = 0.97;

/// More parts than the fewest that could do are tried up to this many times the fewest.
const MOST_TRIED: usize = 4;

/// What a part may be.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Limits {
    /// Seconds at most.
    pub max_seconds: Option<f64>,
    /// Seconds at least.
    pub min_seconds: Option<f64>,
    /// Bytes of packets at most.
    pub max_bytes: Option<u64>,
}

/// What is known of a video for cutting it: the key frames at which it can be cut, and how much there is up to each.
///
/// A key frame is a place to cut only if no frame needs both sides: every frame before it in the file is shown before it, and
/// every frame behind it is shown after it. Key frames with leading frames (open groups of pictures, as MPEG-2 and x265 write
/// them) are none: a decoder that starts there cannot show the leading frames.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Outline {
    keys: Vec<Key>,
    end: f64,
    bytes: u64,
    /// Packets of the stream that is cut at its key frames.
    packets: u64,
    shown: u64,
    first_shown: Option<f64>,
    latest: Option<f64>,
    untimed: bool,
    hidden_inside: bool,
}

/// A place to cut, with what lies before it in the file.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
struct Key {
    seconds: f64,
    bytes: u64,
    packets: u64,
    shown: u64,
}

/// One part as planned: which packets of the stream that is cut it holds. Times are seconds from the start of the source.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub struct PlannedPart {
    /// Where it begins; 0 for the first part.
    pub start_seconds: f64,
    /// Where the next part begins; `None` for the last part.
    pub end_seconds: Option<f64>,
    /// When its first frame is shown.
    pub first_shown_seconds: f64,
    /// Number of its first packet, from 0, in the order of the file.
    pub first_packet: u64,
    /// Number of the packet behind its last one; `None` for the last part.
    pub end_packet: Option<u64>,
    /// How many packets it holds.
    pub packets: u64,
    /// How many of them are shown; the others only have to be decoded.
    pub shown: u64,
}

/// A video cannot be cut into parts that pass.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum CannotSplit {
    /// There is no key frame (or too much data before the next one) where a part would have to end.
    NoKeyFrame {
        /// Where the part begins, in seconds.
        from: f64,
        /// Where the next key frame is at which the part is long enough, in seconds; the end of the video when there is none.
        next: f64,
        /// What a part may be.
        limits: Limits,
    },
    /// The limits contradict each other or the video, such as a video that is shorter than a part must be.
    Limits(Limits),
    /// No packets were seen.
    Empty,
    /// Some frames carry no presentation time, so the order in which they are shown is only known after decoding.
    NoTimes,
    /// The source hides frames (by an edit list) in a place where a part cannot hide them.
    HiddenFrames,
}

impl Limits {
    /// What a part may be to pass the rules of `pack` for `target`, with room for inexact cuts.
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

    fn contradict(&self) -> bool {
        let max = self.max_seconds.unwrap_or(f64::INFINITY);
        let min = self.min_seconds.unwrap_or(0.0);
        // Not a number is neither above nor below.
        !(max > 0.0 && min <= max) || self.max_bytes == Some(0)
    }
}

impl Outline {
    /// An outline without packets.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a packet of the stream that is cut, in the order of the file: its presentation time and duration in seconds from
    /// the start, its size, and whether it is a key frame. In sound alone, every packet is a key frame.
    pub fn packet(&mut self, seconds: f64, duration: f64, bytes: u64, key: bool) {
        if !seconds.is_finite() {
            self.untimed = true;
        } else {
            self.forget_keys_after(seconds);
            if key && self.shown > 0 && self.latest.is_none_or(|latest| seconds > latest) {
                self.keys.push(self.place(seconds));
            }
            self.first_shown = Some(self.first_shown.map_or(seconds, |first| first.min(seconds)));
            self.latest = Some(self.latest.map_or(seconds, |latest| latest.max(seconds)));
            self.extend(seconds, duration);
        }
        self.packets += 1;
        self.shown += 1;
        self.bytes = self.bytes.saturating_add(bytes);
    }

    /// Adds a packet of the stream that is cut which is decoded but not shown, because an edit list hides it.
    pub fn hidden_packet(&mut self, seconds: f64, bytes: u64) {
        if seconds.is_finite() {
            self.forget_keys_after(seconds);
            // A part can only hide what comes before its first frame.
            self.hidden_inside |= self.first_shown.is_some_and(|first| seconds >= first);
        } else {
            self.hidden_inside = true;
        }
        self.packets += 1;
        self.bytes = self.bytes.saturating_add(bytes);
    }

    /// Adds a packet of a stream that is divided by time, such as the sound of a video.
    pub fn other_packet(&mut self, seconds: f64, duration: f64, bytes: u64) {
        if seconds.is_finite() {
            self.extend(seconds, duration);
        }
        self.bytes = self.bytes.saturating_add(bytes);
    }

    /// A frame that is stored behind a key frame but shown before it rules the key frame out.
    fn forget_keys_after(&mut self, seconds: f64) {
        while self.keys.last().is_some_and(|key| key.seconds > seconds) {
            self.keys.pop();
        }
    }

    fn extend(&mut self, seconds: f64, duration: f64) {
        let duration = if duration.is_finite() {
            duration.max(0.0)
        } else {
            0.0
        };
        self.end = self.end.max(seconds + duration);
    }

    /// The place before the next packet.
    fn place(&self, seconds: f64) -> Key {
        Key {
            seconds,
            bytes: self.bytes,
            packets: self.packets,
            shown: self.shown,
        }
    }

    /// Which packets the parts hold that begin at `starts`, as [`cuts`] gives them; `None` for other times.
    pub fn parts(&self, starts: &[f64]) -> Option<Vec<PlannedPart>> {
        let (first, others) = starts.split_first()?;
        (*first == 0.0).then_some(())?;
        let mut places = vec![Key::default()];
        for start in others {
            places.push(*self.keys.iter().find(|key| key.seconds == *start)?);
        }
        let end = self.place(self.end);
        let part = |(i, from): (usize, &Key)| {
            let next = places.get(i + 1);
            let to = next.copied().unwrap_or(end);
            PlannedPart {
                start_seconds: from.seconds,
                end_seconds: next.map(|next| next.seconds),
                first_shown_seconds: if i == 0 {
                    self.first_shown.unwrap_or(0.0)
                } else {
                    from.seconds
                },
                first_packet: from.packets,
                end_packet: next.map(|next| next.packets),
                packets: to.packets - from.packets,
                shown: to.shown - from.shown,
            }
        };
        Some(places.iter().enumerate().map(part).collect())
    }

    /// Whether frames are hidden before the first one that is shown.
    pub fn begins_hidden(&self) -> bool {
        self.packets > self.shown
    }

    /// When the first frame is shown, in seconds from the start.
    pub fn first_shown_seconds(&self) -> Option<f64> {
        self.first_shown
    }

    /// How many frames are shown.
    pub fn shown(&self) -> u64 {
        self.shown
    }

    /// Where the last packet ends, in seconds from the start.
    pub fn duration_seconds(&self) -> f64 {
        self.end
    }

    /// Bytes of all packets.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// How many key frames there are at which it can be cut; the first frame is not counted.
    pub fn key_frames(&self) -> usize {
        self.keys.len()
    }

    /// The same video with a key frame each `seconds`, as encoding it again can make it; data spread evenly.
    #[must_use]
    pub fn reencoded(&self, seconds: f64) -> Self {
        let step = if seconds.is_finite() && seconds > 0.0 {
            seconds
        } else {
            1.0
        };
        // The cast saturates; a video of years has too many seconds for anything else as well.
        let count = ((self.end / step).ceil() as usize).clamp(1, 1_000_000);
        let keys = (1..count).map(|i| {
            let seconds = i as f64 * step;
            let bytes = self.bytes as f64 * (seconds / self.end.max(step)).min(1.0);
            Key {
                seconds,
                bytes: bytes as u64,
                ..Key::default()
            }
        });
        Self {
            keys: keys.collect(),
            untimed: false,
            hidden_inside: false,
            ..self.clone()
        }
    }
}

/// The container that holds the streams of a file as they are: `mp4`, or `mov` or `matroska` for what that cannot hold.
///
/// Only `mp4` and `mov` can hide frames at the beginning, so a QuickTime file stays one.
pub fn container(facts: &MediaFacts) -> &'static str {
    let format = facts.file_container_format.as_deref().unwrap_or_default();
    if crate::fix::fits_mp4(facts) {
        "mp4"
    } else if format.split(',').any(|name| name == "mov") {
        "mov"
    } else {
        "matroska"
    }
}

/// The times at which the parts begin, the first being the start: as few parts as the limits allow, of about equal length.
///
/// One time means that nothing has to be cut.
///
/// # Errors
/// [`CannotSplit`], when no choice of key frames gives parts within the limits.
pub fn cuts(outline: &Outline, limits: &Limits) -> Result<Vec<f64>, CannotSplit> {
    if outline.packets == 0 || outline.end <= 0.0 {
        return Err(CannotSplit::Empty);
    }
    if limits.contradict() {
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
    // The cast saturates; `contradict` has refused a maximum of zero.
    let fewest = (by_time.max(by_size) as usize).max(2);
    let most = fewest
        .saturating_mul(MOST_TRIED)
        .min(outline.keys.len() + 1)
        .max(fewest);
    if let Some(cuts) = (fewest..=most).find_map(|parts| balanced(outline, limits, parts).ok()) {
        return Ok(cuts);
    }
    // Equal lengths do not meet the key frames; parts that are as long as they may be still can. Where they cannot, their
    // trouble is the one to tell.
    greedy(outline, limits)
}

/// Part by part, the key frame nearest to an equal share of what is left.
fn balanced(outline: &Outline, limits: &Limits, parts: usize) -> Result<Vec<f64>, CannotSplit> {
    let mut cuts = vec![0.0];
    let mut from = (0.0, 0);
    for left in (2..=parts).rev() {
        let share = from.0 + (outline.end - from.0) / left as f64;
        let next = possible(outline, limits, from)
            .min_by(|a, b| (a.0 - share).abs().total_cmp(&(b.0 - share).abs()))
            .ok_or_else(|| no_key_frame(outline, limits, from.0))?;
        cuts.push(next.0);
        from = next;
    }
    whole(outline, limits, cuts, from)
}

/// Part by part, the latest key frame that is allowed; a last part that is too short takes from the one before it.
fn greedy(outline: &Outline, limits: &Limits) -> Result<Vec<f64>, CannotSplit> {
    let mut cuts = vec![0.0];
    let mut from = (0.0, 0);
    let mut before = None;
    while !limits.allows(outline.end - from.0, outline.bytes - from.1) {
        let next = possible(outline, limits, from)
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
        let earlier = possible(outline, limits, before)
            .filter(|key| outline.end - key.0 >= min)
            .last()
            .ok_or(CannotSplit::Limits(*limits))?;
        cuts.push(earlier.0);
        from = earlier;
    }
    whole(outline, limits, cuts, from)
}

/// The key frames at which a part that begins at `from` may end.
fn possible<'a>(
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

fn whole(
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

fn no_key_frame(outline: &Outline, limits: &Limits, from: f64) -> CannotSplit {
    let min = limits.min_seconds.unwrap_or(0.0);
    // A key frame that comes too early is as good as none.
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
            parts.push(format!("at most {} s", crate::rules::plain(max)));
        }
        if let Some(min) = self.min_seconds {
            parts.push(format!("at least {} s", crate::rules::plain(min)));
        }
        if let Some(max) = self.max_bytes {
            parts.push(format!("at most {}", crate::rules::bytes(max as f64)));
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
        let plain = crate::rules::plain;
        match self {
            Self::NoKeyFrame { from, next, limits } => write!(
                f,
                "the part that begins at {} s cannot end in time: the next key frame is at {} s (allowed for a part: {limits})",
                plain(*from),
                plain(*next)
            ),
            Self::Limits(limits) => write!(
                f,
                "no choice of cuts gives parts within the limits (allowed for a part: {limits})"
            ),
            Self::Empty => f.write_str("there are no packets to cut between"),
            Self::NoTimes => f.write_str(
                "some frames carry no presentation time, so it cannot be cut without decoding it",
            ),
            Self::HiddenFrames => {
                f.write_str("its edit list hides frames between shown ones, which a part cannot do")
            }
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
    fn cuts_are_as_few_and_as_equal_as_key_frames_allow() {
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
    fn what_cannot_be_cut_says_where() {
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
    fn key_frames_with_leading_frames_are_no_place_to_cut() {
        let mut outline = Outline::new();
        // I0 P2 B1, then an open group I5 B3 B4, then a closed one I6.
        for (seconds, key) in [
            (0.0, true),
            (2.0, false),
            (1.0, false),
            (5.0, true),
            (3.0, false),
            (4.0, false),
            (6.0, true),
            (7.0, false),
        ] {
            outline.packet(seconds, 1.0, 10, key);
        }
        assert_eq!(outline.key_frames(), 1);
        assert_eq!(
            cuts(&outline, &limits(0.0, 6.5)).as_deref(),
            Ok(&[0.0, 6.0][..])
        );
        let parts = outline.parts(&[0.0, 6.0]).expect("places of this outline");
        let seen: Vec<_> = parts
            .iter()
            .map(|part| (part.first_packet, part.end_packet, part.shown))
            .collect();
        assert_eq!(seen, [(0, Some(6), 6), (6, None, 2)]);
        assert_eq!(outline.parts(&[0.0, 5.0]), None);
    }

    #[test]
    fn hidden_frames_stay_with_the_first_part_or_rule_out_cutting() {
        let mut outline = Outline::new();
        outline.hidden_packet(-2.0, 10);
        outline.packet(0.0, 1.0, 10, false);
        outline.hidden_packet(-1.0, 10);
        for second in 1..10 {
            outline.packet(f64::from(second), 1.0, 10, second % 5 == 0);
        }
        assert!(outline.begins_hidden());
        let starts = cuts(&outline, &limits(0.0, 6.0)).expect("a key frame in the middle");
        let parts = outline.parts(&starts).expect("places of this outline");
        assert_eq!(
            (parts[0].packets, parts[0].shown, parts[1].shown),
            (7, 5, 5)
        );
        outline.hidden_packet(4.0, 10);
        assert_eq!(
            cuts(&outline, &limits(0.0, 6.0)),
            Err(CannotSplit::HiddenFrames)
        );
    }

    #[test]
    fn the_rules_say_what_a_part_may_be() {
        let limits = Limits::of(
            &Target::new(crate::Route::Tasks).with_engine("marengo3.0"),
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
        fn parts_cover_the_whole_and_keep_to_the_limits(
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
