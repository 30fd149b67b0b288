//! Verifies the header's duration against the sample table, the index or the tail of the file,
//! without reading all packets. `scan` reads all packets.

use super::super::shim::{IndexSummary, Input, Stream};
use super::scan::{JUMP_SECONDS, RESTART_SECONDS};
use crate::facts::DurationSource;

/// Tolerance between tail and header, in seconds and as a share. Beyond it, every packet is read.
const AGREEMENT_SECONDS: f64 = 0.1;
const AGREEMENT_SHARE: f64 = 0.005;

/// Maximum number of packets to read for the tail.
const MAX_TAIL_PACKETS: u32 = 20_000;

/// Number of positions in a file at which timestamps are sampled, and packets read at each.
const SAMPLED_POSITIONS: u64 = 16;
const SAMPLED_POSITIONS_EXPENSIVE: u64 = 5;
const MAX_SAMPLE_PACKETS: u32 = 200;

/// A step between two positions is examined if it is this many times the usual one. Variable bit
/// rates stay below it.
const OUTLIER_STEP: f64 = 10.0;

/// Size of the tail that is read if reads are expensive and the container has to search for
/// timestamps.
const EXPENSIVE_TAIL_BYTES: u64 = 256 * 1024;

/// The claimed durations of the main stream, in seconds.
#[derive(Debug, Clone, Copy)]
pub(in crate::probe::ffmpeg) struct Claims {
    /// From the header.
    pub(in crate::probe::ffmpeg) header: Option<f64>,
    /// Whether `header` is the duration of the whole container, whose longest stream may be another
    /// one.
    pub(in crate::probe::ffmpeg) of_container: bool,
    /// From a segment index that covers the whole file.
    pub(in crate::probe::ffmpeg) indexed: Option<f64>,
}

/// Result of the verification.
pub(super) enum HeaderCheck {
    /// The header is confirmed: the duration in seconds and its source.
    Confirmed(f64, DurationSource),
    /// The header is wrong.
    Contradicted,
    /// There is no header, or nothing to compare it with.
    Unknown,
}

/// Compares the header's duration with cheap sources.
pub(super) fn check(
    input: &mut Input<'_>,
    stream: &Stream,
    claims: Claims,
    frame: f64,
    fragmented: bool,
) -> HeaderCheck {
    let Some(header) = claims.header else {
        return HeaderCheck::Unknown;
    };
    let format = input.format();
    let by_time = first_timestamp(stream).map(|first| (first, TailStart::Time(first + header)));
    match format.split(',').next().unwrap_or_default() {
        "mov" if !fragmented => match input.index_summary(stream.index) {
            Some(table) => by_index(&table, header, DurationSource::SampleTable),
            None => HeaderCheck::Unknown,
        },
        "mpegts" | "mpeg" => {
            if !timestamps_increase(input, stream, header) {
                return HeaderCheck::Contradicted;
            }
            let tail_start = if input.session().is_expensive() {
                first_timestamp(stream).map(|first| (first, TailStart::End))
            } else {
                by_time
            };
            by_tail(input, stream, header, frame, tail_start)
        }
        // The header often covers only the first fragment, so it cannot confirm anything.
        "mov" if input.session().is_expensive() => match claims.indexed {
            Some(seconds) => HeaderCheck::Confirmed(seconds, DurationSource::Index),
            None => HeaderCheck::Unknown,
        },
        "ogg" if !input.session().is_expensive() && !timestamps_increase(input, stream, header) => {
            HeaderCheck::Contradicted
        }
        _ if !input.session().is_expensive() => by_tail(input, stream, header, frame, by_time),
        "flv" => by_last_tag(input, stream, header, frame),
        "ogg" => {
            let tail_start = first_timestamp(stream).map(|first| (first, TailStart::End));
            by_tail(input, stream, header, frame, tail_start)
        }
        "matroska" | "avi" => {
            // Matroska loads its index on first use, so seek to the middle.
            let found =
                by_time.is_some_and(|(first, _)| input.seek(stream.index, first + header / 2.0));
            match input.index_summary(stream.index).filter(|_| found) {
                // A single entry has no spacing to compare with.
                Some(index) if index.entries > 2 => by_index(&index, header, DurationSource::Index),
                _ => HeaderCheck::Unknown,
            }
        }
        _ => by_tail(input, stream, header, frame, by_time),
    }
}

fn first_timestamp(stream: &Stream) -> Option<f64> {
    stream.start.map(|start| start as f64 * stream.time_base)
}

/// Whether two durations are equal within the accuracy of containers.
fn compare(seconds: f64, header: f64, frame: f64) -> HeaderCheck {
    let tolerance = AGREEMENT_SECONDS
        .max(2.0 * frame)
        .max(header * AGREEMENT_SHARE);
    if seconds > 0.0 && (seconds - header).abs() <= tolerance {
        HeaderCheck::Confirmed(seconds, DurationSource::Tail)
    } else {
        HeaderCheck::Contradicted
    }
}

/// Compares the header with the table of all samples, or with an index of some.
fn by_index(table: &IndexSummary, header: f64, source: DurationSource) -> HeaderCheck {
    let span = table.last - table.first;
    // The table lists only start times. The last sample is assumed to last as long as the others,
    // or longer.
    let typical = if table.entries > 1 {
        span / (table.entries - 1) as f64
    } else {
        header
    };
    let longest = span + (3.0 * typical).max(0.5);
    // Allow half a sample at the lower end, for tables that start before the first displayed frame.
    if header >= span - 0.5 * typical && header <= longest {
        HeaderCheck::Confirmed(header, source)
    } else {
        HeaderCheck::Contradicted
    }
}

/// Start of the tail.
#[derive(Clone, Copy)]
enum TailStart {
    /// The last key frame before this time.
    Time(f64),
    /// A fixed number of bytes before the end of the file.
    End,
}

/// Measures from the first timestamp to the end of the last packet.
fn by_tail(
    input: &mut Input<'_>,
    stream: &Stream,
    header: f64,
    frame: f64,
    tail_start: Option<(f64, TailStart)>,
) -> HeaderCheck {
    // The first timestamp was read earlier, because FFmpeg discards it on a seek.
    let Some((first, tail_start)) = tail_start else {
        return HeaderCheck::Unknown;
    };
    let found = match tail_start {
        TailStart::Time(seconds) => input.seek(stream.index, seconds),
        TailStart::End => {
            let start = input.session().size().saturating_sub(EXPENSIVE_TAIL_BYTES);
            input.seek_byte(start)
        }
    };
    if !found {
        return HeaderCheck::Unknown;
    }
    let mut last: Option<f64> = None;
    for _ in 0..MAX_TAIL_PACKETS {
        let Some(packet) = input.next_packet() else {
            return match last.filter(|_| !input.session().status.budget_spent) {
                Some(last) => compare(last - first, header, frame),
                None => HeaderCheck::Unknown,
            };
        };
        if packet.stream == stream.index {
            match packet.end(frame) {
                Some(end) => last = Some(last.map_or(end, |l: f64| l.max(end))),
                None => return HeaderCheck::Unknown,
            }
        }
    }
    HeaderCheck::Unknown
}

/// The timestamp of the last FLV tag, found through the tag size at the end of the file.
fn by_last_tag(input: &mut Input<'_>, stream: &Stream, header: f64, frame: f64) -> HeaderCheck {
    let last = || -> Option<f64> {
        let session = input.session_mut();
        let at = session.size().checked_sub(4)?;
        let length = u32::from_be_bytes(session.peek_exact(at)?);
        let start = at.checked_sub(u64::from(length))?;
        let [kind, _, _, _, high, middle, low, highest] = session.peek_exact(start)?;
        // Audio and video only: a script tag has no timestamp.
        matches!(kind & 0x1f, 8 | 9).then_some(())?;
        Some(f64::from(u32::from_be_bytes([highest, high, middle, low])) / 1000.0)
    }();
    match (last, first_timestamp(stream)) {
        (Some(last), Some(first)) => compare(last + frame - first, header, frame),
        _ => HeaderCheck::Unknown,
    }
}

/// Whether timestamps increase over the whole file, sampled at a few positions. Concatenated
/// recordings restart in between, and a wrong timestamp at one end makes a jump; the first and last
/// timestamps do not show either.
fn timestamps_increase(input: &mut Input<'_>, stream: &Stream, header: f64) -> bool {
    let size = input.session().size();
    let positions = if input.session().is_expensive() {
        SAMPLED_POSITIONS_EXPENSIVE
    } else {
        SAMPLED_POSITIONS
    };
    let first = first_timestamp(stream);
    let mut times: Vec<f64> = first.into_iter().collect();
    for part in 0..positions {
        if !input.seek_byte(size / positions * part) {
            return false;
        }
        let found = (0..MAX_SAMPLE_PACKETS).find_map(|_| {
            let packet = input.next_packet()?;
            (packet.stream == stream.index)
                .then_some(packet.decoding.or(packet.presentation))
                .flatten()
        });
        times.extend(found);
    }
    times.extend(first.map(|first| first + header));
    is_evenly_spaced(&times)
}

/// Whether the times at equally spaced positions increase without an outlier.
fn is_evenly_spaced(times: &[f64]) -> bool {
    let mut steps: Vec<f64> = times.windows(2).map(|pair| pair[1] - pair[0]).collect();
    steps.sort_by(f64::total_cmp);
    let (Some(least), Some(most)) = (steps.first(), steps.last()) else {
        return true;
    };
    let median = steps[steps.len() / 2];
    *least >= -RESTART_SECONDS && (*most <= JUMP_SECONDS || *most <= OUTLIER_STEP * median)
}

#[cfg(test)]
mod tests {
    use super::is_evenly_spaced;

    #[test]
    fn restarts_and_jumps_are_outliers() {
        for (times, expected) in [
            (&[][..], true),
            (&[5.0], true),
            (&[0.0, 60.0, 130.0, 180.0], true),
            (&[0.0, 60.0, 0.0, 60.0], false),
            (&[0.0, 60.0, 97_391.0, 97_450.0], false),
            (&[0.0, 0.0, 0.0, 97_391.0], false),
            (&[0.0, 0.2, 9.0, 9.2], true),
        ] {
            assert_eq!(is_evenly_spaced(times), expected, "{times:?}");
        }
    }
}
