//! The positions where a video can be cut: key frames that no frame depends on from the other side,
//! with the amount of data before each.

/// The data needed to cut a video: the key frames at which it can be cut, and the amount of data
/// before each.
///
/// A key frame is a cut point only if no frame needs both sides: every frame before it in the file
/// is displayed before it, and every frame after it in the file is displayed after it. Key frames
/// with leading frames (open GOPs, as written by MPEG-2 encoders and x265) are not cut points: a
/// decoder that starts there cannot display the leading frames.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Outline {
    pub(super) keys: Vec<Key>,
    pub(super) end: f64,
    pub(super) bytes: u64,
    /// Packets of the stream that is cut at its key frames.
    pub(super) packets: u64,
    shown: u64,
    first_shown: Option<f64>,
    latest: Option<f64>,
    pub(super) untimed: bool,
    pub(super) hidden_inside: bool,
}

/// A cut point, with the amount of data before it in the file.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct Key {
    pub(super) seconds: f64,
    pub(super) bytes: u64,
    packets: u64,
    shown: u64,
}

/// A planned part: its packets of the stream that is cut. Times are in seconds from the start of
/// the source.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub struct PlannedPart {
    /// Start time; 0 for the first part.
    pub start_seconds: f64,
    /// Start time of the next part; `None` for the last part.
    pub end_seconds: Option<f64>,
    /// Presentation time of the first displayed frame.
    pub first_shown_seconds: f64,
    /// Number of its first packet, from 0, in file order.
    pub first_packet: u64,
    /// Number of the packet after its last one; `None` for the last part.
    pub end_packet: Option<u64>,
    /// Number of packets.
    pub packets: u64,
    /// Number of displayed packets. The others are only decoded.
    pub shown: u64,
}

impl Outline {
    /// The same outline with a measured duration, for a stream whose packets carry no times, such
    /// as raw HEVC.
    #[must_use]
    pub fn with_measured_duration(mut self, seconds: Option<f64>) -> Self {
        if self.untimed && self.end <= 0.0 {
            self.end = seconds.filter(|seconds| seconds.is_finite()).unwrap_or(0.0);
        }
        self
    }

    /// An outline without packets.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a packet of the stream that is cut, in file order: its presentation time and duration
    /// in seconds from the start, its size, and whether it is a key frame. In an audio-only file,
    /// every packet is a key frame.
    pub fn packet(&mut self, seconds: f64, duration: f64, bytes: u64, key: bool) {
        if !seconds.is_finite() {
            self.untimed = true;
        } else {
            self.remove_keys_after(seconds);
            if key && self.shown > 0 && self.latest.is_none_or(|latest| seconds > latest) {
                self.keys.push(self.cut_point(seconds));
            }
            self.first_shown = Some(self.first_shown.map_or(seconds, |first| first.min(seconds)));
            self.latest = Some(self.latest.map_or(seconds, |latest| latest.max(seconds)));
            self.extend(seconds, duration);
        }
        self.packets += 1;
        self.shown += 1;
        self.bytes = self.bytes.saturating_add(bytes);
    }

    /// Adds a packet of the stream that is cut which is decoded but not displayed, because an edit
    /// list hides it.
    pub fn hidden_packet(&mut self, seconds: f64, bytes: u64) {
        if seconds.is_finite() {
            self.remove_keys_after(seconds);
            // A part can hide only frames before its first displayed frame.
            self.hidden_inside |= self.first_shown.is_some_and(|first| seconds >= first);
        } else {
            self.hidden_inside = true;
        }
        self.packets += 1;
        self.bytes = self.bytes.saturating_add(bytes);
    }

    /// Adds a packet of a stream that is divided by time, such as the audio of a video.
    pub fn other_packet(&mut self, seconds: f64, duration: f64, bytes: u64) {
        if seconds.is_finite() {
            self.extend(seconds, duration);
        }
        self.bytes = self.bytes.saturating_add(bytes);
    }

    /// Removes key frames after `seconds`: a frame that is stored after a key frame but displayed
    /// before it makes the key frame unusable.
    fn remove_keys_after(&mut self, seconds: f64) {
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

    /// The cut point before the next packet.
    fn cut_point(&self, seconds: f64) -> Key {
        Key {
            seconds,
            bytes: self.bytes,
            packets: self.packets,
            shown: self.shown,
        }
    }

    /// The packets of the parts that start at `starts`, as returned by [`cuts`](super::cuts);
    /// `None` for other times.
    pub fn parts(&self, starts: &[f64]) -> Option<Vec<PlannedPart>> {
        let (first, others) = starts.split_first()?;
        (*first == 0.0).then_some(())?;
        let mut cut_points = vec![Key::default()];
        for start in others {
            cut_points.push(*self.keys.iter().find(|key| key.seconds == *start)?);
        }
        let end = self.cut_point(self.end);
        let part = |(i, from): (usize, &Key)| {
            let next = cut_points.get(i + 1);
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
        Some(cut_points.iter().enumerate().map(part).collect())
    }

    /// Whether frames are hidden before the first displayed one.
    pub fn begins_hidden(&self) -> bool {
        self.packets > self.shown
    }

    /// Presentation time of the first displayed frame, in seconds from the start.
    pub fn first_shown_seconds(&self) -> Option<f64> {
        self.first_shown
    }

    /// Number of displayed frames.
    pub fn shown(&self) -> u64 {
        self.shown
    }

    /// End of the last packet, in seconds from the start.
    pub fn duration_seconds(&self) -> f64 {
        self.end
    }

    /// Size of all packets in bytes.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Number of key frames that are cut points, excluding the first frame.
    pub fn key_frames(&self) -> usize {
        self.keys.len()
    }

    /// The same video with a key frame every `seconds`, as after re-encoding. The data is
    /// distributed evenly.
    #[must_use]
    pub fn reencoded(&self, seconds: f64) -> Self {
        let step = if seconds.is_finite() && seconds > 0.0 {
            seconds
        } else {
            1.0
        };
        // The cast saturates; the clamp limits the memory for videos of extreme duration.
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

#[cfg(test)]
mod tests {
    use super::super::cuts::{CannotSplit, Limits, cuts};
    use super::*;

    fn limits(min: f64, max: f64) -> Limits {
        Limits {
            max_seconds: Some(max),
            min_seconds: Some(min),
            max_bytes: None,
        }
    }

    #[test]
    fn packets_without_times_can_be_cut_after_reencoding() {
        let mut outline = Outline::new();
        for number in 0..100 {
            outline.packet(f64::NAN, 0.0, 1000, number % 10 == 0);
        }
        let limits = limits(1.0, 5.0);
        assert_eq!(cuts(&outline, &limits), Err(CannotSplit::NoTimes));
        let planned = outline.with_measured_duration(Some(8.0)).reencoded(1.0);
        assert_eq!(cuts(&planned, &limits), Ok(vec![0.0, 4.0]));
    }

    #[test]
    fn key_frames_with_leading_frames_are_not_cut_points() {
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
    fn hidden_frames_are_only_allowed_in_the_first_part() {
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
}
