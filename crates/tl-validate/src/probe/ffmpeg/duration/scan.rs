//! Measures the duration by reading every packet and adding up the time ranges that they cover.

use std::time::Instant;

use super::super::shim::{Input, PacketTimes, Stream};

/// A step back in time larger than this starts a new range: the file consists of concatenated
/// recordings.
pub(super) const RESTART_SECONDS: f64 = 1.0;

/// A step forward larger than this also starts a new range, in containers whose timestamps may
/// jump. It is the default of FFmpeg's programs (`-dts_delta_threshold`).
pub(super) const JUMP_SECONDS: f64 = 10.0;

/// The measured duration of a stream.
pub(super) struct Scanned {
    pub(super) seconds: f64,
    /// From the first to the last timestamp of any stream, if the other streams were read too.
    pub(super) reach: Option<f64>,
}

/// Result of a scan.
pub(super) enum Scan {
    /// The measured duration.
    Measured(Scanned),
    /// The stream has no packets.
    Empty,
    /// No packet has a timestamp, or the deadline expired.
    Unknown,
}

/// Reads every packet of the stream, and those of the other streams if `others` is set.
pub(super) fn scan(
    input: &mut Input<'_>,
    streams: &[Stream],
    stream: &Stream,
    frame: f64,
    others: bool,
    until: Instant,
) -> Scan {
    let session = input.session();
    if session
        .remaining()
        .is_some_and(|left| left < session.size())
    {
        return Scan::Unknown;
    }
    if !others {
        for other in streams.iter().filter(|s| s.index != stream.index) {
            input.discard(other.index);
        }
    }
    let first = stream.start.map_or(0.0, |s| s as f64 * stream.time_base);
    if !input.seek(stream.index, first) {
        // A container that cannot seek by time is still at its start, unless the tail was read.
        input.seek_byte(0);
    }
    let mut ranges = TimeRanges {
        may_jump: input.may_jump(),
        ..TimeRanges::default()
    };
    let mut ends: Option<(f64, f64)> = None;
    let mut unstamped = 0u32;
    let mut read = 0u32;
    let mut found = false;
    while let Some(packet) = input.next_packet() {
        read = read.wrapping_add(1);
        if read.is_multiple_of(256) && Instant::now() >= until {
            return Scan::Unknown;
        }
        if let (Some(start), Some(end)) = (packet.presentation, packet.end(0.0)) {
            let (first, last) = ends.unwrap_or((start, end));
            ends = Some((first.min(start), last.max(end)));
        }
        if packet.stream != stream.index || packet.hidden {
            continue;
        }
        found = true;
        let packet = PacketTimes {
            duration: ranges.plausible_duration(packet.duration),
            ..packet
        };
        match (packet.presentation.or(packet.decoding), packet.end(frame)) {
            (Some(start), Some(end)) => ranges.add(start, end, packet.decoding.unwrap_or(start)),
            _ => unstamped += 1,
        }
    }
    if input.session().status.budget_spent {
        return Scan::Unknown;
    }
    let seconds = ranges.total()
        + if ranges.seen() {
            0.0
        } else {
            f64::from(unstamped) * frame
        };
    match (found, seconds > 0.0) {
        (_, true) => Scan::Measured(Scanned {
            seconds,
            reach: ends.filter(|_| others).map(|(first, last)| last - first),
        }),
        (false, _) => Scan::Empty,
        (true, false) => Scan::Unknown,
    }
}

/// Time ranges without a step back, or a jump forward if the container may have one. Their
/// durations add up.
#[derive(Debug, Default)]
struct TimeRanges {
    may_jump: bool,
    /// Duration of the last packet with a plausible duration.
    usual_duration: f64,
    finished: f64,
    current: Option<(f64, f64)>,
    last_decoding: f64,
}

impl TimeRanges {
    /// The duration of a packet, or that of the previous one if it is implausibly long. FFmpeg's
    /// Ogg demuxer extends the last packet to the timestamp of its page, even if that is wrong.
    fn plausible_duration(&mut self, duration: f64) -> f64 {
        if self.may_jump && duration > JUMP_SECONDS {
            return self.usual_duration;
        }
        if duration > 0.0 {
            self.usual_duration = duration;
        }
        duration
    }

    fn add(&mut self, start: f64, end: f64, decoding: f64) {
        let steps_back = self.current.is_some() && decoding < self.last_decoding - RESTART_SECONDS;
        let jumps = self.may_jump
            && self
                .current
                .is_some_and(|(_, last)| start > last + JUMP_SECONDS);
        self.last_decoding = decoding;
        match &mut self.current {
            Some((first, last)) if !steps_back && !jumps => {
                *first = first.min(start);
                *last = last.max(end);
            }
            current => {
                self.finished += current.map_or(0.0, |(first, last)| last - first);
                *current = Some((start, end));
            }
        }
    }

    fn seen(&self) -> bool {
        self.current.is_some()
    }

    fn total(&self) -> f64 {
        self.finished + self.current.map_or(0.0, |(first, last)| last - first)
    }
}

#[cfg(test)]
mod tests {
    use super::TimeRanges;

    #[test]
    fn concatenated_recordings_add_up() {
        let mut ranges = TimeRanges::default();
        for round in 0..3 {
            for i in 0..10 {
                let t = f64::from(i) + f64::from(round) * 0.001;
                ranges.add(t, t + 1.0, t);
            }
        }
        assert!((ranges.total() - 30.0).abs() < 0.01, "{ranges:?}");
    }

    #[test]
    fn jumps_count_unless_timestamps_may_jump() {
        for (may_jump, expected) in [(true, 2.0), (false, 97_392.0)] {
            let mut ranges = TimeRanges {
                may_jump,
                ..TimeRanges::default()
            };
            ranges.add(0.0, 1.0, 0.0);
            ranges.add(97_391.0, 97_392.0, 97_391.0);
            assert!((ranges.total() - expected).abs() < 1e-9, "{ranges:?}");
        }
    }

    #[test]
    fn reordered_frames_are_not_a_restart() {
        let mut ranges = TimeRanges::default();
        for (decoding, start) in [
            (0.0, 0.08),
            (0.04, 0.24),
            (0.08, 0.16),
            (0.12, 0.12),
            (0.16, 0.2),
        ] {
            ranges.add(start, start + 0.04, decoding);
        }
        assert!((ranges.total() - 0.2).abs() < 1e-9, "{ranges:?}");
    }
}
