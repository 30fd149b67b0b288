//! The slow way to a duration: reading every packet, and adding up the stretches of time they cover.

use std::time::Instant;

use super::super::shim::{Input, Stream};
use super::packet_end;

/// A step back in time larger than this starts a new stretch: recordings put one behind the other.
pub(super) const RESTART_SECONDS: f64 = 1.0;

/// What reading every packet came to.
pub(super) enum Scan {
    /// So many seconds.
    Lasts(f64),
    /// There is not one packet.
    Empty,
    /// There are packets without any time, or the time to read them was over.
    Unknown,
}

/// Reads every packet of the stream.
pub(super) fn scan(
    input: &mut Input<'_>,
    streams: &[Stream],
    stream: &Stream,
    frame: f64,
    until: Instant,
) -> Scan {
    let session = input.session();
    if session
        .remaining()
        .is_some_and(|left| left < session.size())
    {
        return Scan::Unknown;
    }
    for other in streams.iter().filter(|s| s.index != stream.index) {
        input.discard(other.index);
    }
    let first = stream.start.map_or(0.0, |s| s as f64 * stream.time_base);
    if !input.seek(stream.index, first) {
        // A container that cannot seek by time stands where it was, at its beginning, unless the tail was read.
        input.seek_byte(0);
    }
    let mut stretches = Stretches::default();
    let mut unstamped = 0u32;
    let mut read = 0u32;
    let mut found = false;
    while let Some(packet) = input.next_packet() {
        read = read.wrapping_add(1);
        if read.is_multiple_of(256) && Instant::now() >= until {
            return Scan::Unknown;
        }
        if packet.stream != stream.index || packet.hidden {
            continue;
        }
        found = true;
        match (
            packet.presentation.or(packet.decoding),
            packet_end(&packet, frame),
        ) {
            (Some(start), Some(end)) => stretches.add(start, end, packet.decoding.unwrap_or(start)),
            _ => unstamped += 1,
        }
    }
    if input.session().marks.budget_spent {
        return Scan::Unknown;
    }
    let seconds = stretches.total()
        + if stretches.seen() {
            0.0
        } else {
            f64::from(unstamped) * frame
        };
    match (found, seconds > 0.0) {
        (_, true) => Scan::Lasts(seconds),
        (false, _) => Scan::Empty,
        (true, false) => Scan::Unknown,
    }
}

/// Stretches of time without a step back; their lengths add up.
#[derive(Debug, Default)]
struct Stretches {
    finished: f64,
    current: Option<(f64, f64)>,
    last_decoding: f64,
}

impl Stretches {
    fn add(&mut self, start: f64, end: f64, decoding: f64) {
        let steps_back = self.current.is_some() && decoding < self.last_decoding - RESTART_SECONDS;
        self.last_decoding = decoding;
        match &mut self.current {
            Some((first, last)) if !steps_back => {
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
    use super::Stretches;

    #[test]
    fn recordings_put_one_behind_the_other_add_up() {
        let mut stretches = Stretches::default();
        for round in 0..3 {
            for i in 0..10 {
                let t = f64::from(i) + f64::from(round) * 0.001;
                stretches.add(t, t + 1.0, t);
            }
        }
        assert!((stretches.total() - 30.0).abs() < 0.01, "{stretches:?}");
    }

    #[test]
    fn reordered_frames_are_no_restart() {
        let mut stretches = Stretches::default();
        for (decoding, start) in [
            (0.0, 0.08),
            (0.04, 0.24),
            (0.08, 0.16),
            (0.12, 0.12),
            (0.16, 0.2),
        ] {
            stretches.add(start, start + 0.04, decoding);
        }
        assert!((stretches.total() - 0.2).abs() < 1e-9, "{stretches:?}");
    }
}
