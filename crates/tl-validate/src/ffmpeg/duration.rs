//! How long the video truly is, and which stage of looking said so.
//!
//! ```text
//! header ──► mov with a sample table: does the table agree? ─── yes ──► SampleTable
//!    │                                   │ no
//!    └──► other containers: seek to the end, read the tail; does it agree? ── yes ──► Tail
//!                                        │ no, or there is no header
//!                                        └──► read every packet ──► PacketScan (time left), else Header
//! ```
//!
//! Where the time or the byte budget ends before the last arrow, the header is believed only where it speaks of the whole
//! file: that of a fragmented file may speak of its first fragment, and a transport stream has none.

use std::time::Instant;

use super::shim::{Input, PacketStamp, Stream, StreamKind};
use crate::{DurationSource, MediaFacts, ProbeError, ProbeErrorKind, ProbeOptions, Truncation};

/// The share of a probe's time that a packet scan may use before the header is believed instead.
const SCAN_SHARE: f64 = 0.6;

/// How far the tail may be from the header before every packet is read, in seconds and as a share.
const AGREEMENT_SECONDS: f64 = 0.1;
const AGREEMENT_SHARE: f64 = 0.005;

/// A step back in time larger than this starts a new stretch: recordings put one behind the other.
const RESTART_SECONDS: f64 = 1.0;

/// Packets of the tail that are read before it is given up as no tail at all.
const MAX_TAIL_PACKETS: u32 = 20_000;

/// Places of a file at which time is looked at, and packets read at each.
const SAMPLED_PLACES: u64 = 16;
const SAMPLED_PLACES_REMOTE: u64 = 5;
const MAX_SAMPLE_PACKETS: u32 = 200;

/// The tail that is read of a remote file whose container finds times by trying out places.
const REMOTE_TAIL_BYTES: u64 = 256 * 1024;

/// Fills the fields of `facts` that say how long and how complete the file is.
///
/// # Errors
/// [`ProbeErrorKind::Broken`] when every packet was asked for and none came.
pub(super) fn settle(
    input: &mut Input<'_>,
    streams: &[Stream],
    facts: &mut MediaFacts,
    header: Option<f64>,
    options: &ProbeOptions,
    begun: Instant,
) -> Result<(), ProbeError> {
    let format = input.format();
    let main = facts
        .video()
        .map(|v| v.index)
        .or_else(|| facts.audio().map(|a| a.index));
    let Some(stream) = main.and_then(|index| streams.iter().find(|s| s.index == index)) else {
        return Ok(());
    };
    let is_mov = format.starts_with("mov,");
    if is_mov && facts.truncated.is_none() {
        facts.truncated = beyond_the_end(input, streams);
    }
    let frame = frame_seconds(stream);
    let quick = |input: &mut Input<'_>| {
        if is_mov && !facts.fragmented {
            sample_table(input, stream, header).map(|d| (d, DurationSource::SampleTable))
        } else {
            tail(input, stream, header, frame).map(|d| (d, DurationSource::Tail))
        }
    };
    let claims_whole = !facts.fragmented && !is_stamped_throughout(&format);
    let mut answer = None;
    if !options.thorough {
        answer = quick(input);
    }
    if answer.is_none() {
        let until = begun + options.deadline.mul_f64(SCAN_SHARE);
        answer = match scan(input, streams, stream, frame, until) {
            Scan::Lasts(seconds) => Some((seconds, DurationSource::PacketScan)),
            Scan::Empty => {
                let seen = "the file has headers, but nothing to show or hear in it";
                return Err(ProbeError::new(ProbeErrorKind::Broken, "", seen).with_format(format));
            }
            Scan::Unknown if options.thorough => quick(input),
            Scan::Unknown => None,
        };
    }
    let answer = answer.or_else(|| {
        let header = header.filter(|_| claims_whole)?;
        Some((header, DurationSource::Header))
    });
    facts.duration_unverified = answer.is_none_or(|(_, source)| source == DurationSource::Header);
    let Some((seconds, source)) = answer else {
        forget_durations(facts);
        return Ok(());
    };
    facts.duration_seconds = Some(rounded(seconds));
    facts.duration_source = Some(source);
    if let Some(video) = facts
        .video_streams
        .iter_mut()
        .find(|v| v.index == stream.index)
    {
        video.duration_seconds = facts.duration_seconds;
    } else if let Some(audio) = facts
        .audio_streams
        .iter_mut()
        .find(|a| a.index == stream.index)
    {
        audio.duration_seconds = facts.duration_seconds;
    }
    Ok(())
}

/// Takes back what headers said of times, where it is known to speak of a part of the file only.
fn forget_durations(facts: &mut MediaFacts) {
    facts.container_duration_seconds = None;
    facts.container_bitrate_bps = None;
    for video in &mut facts.video_streams {
        video.duration_seconds = None;
    }
    for audio in &mut facts.audio_streams {
        audio.duration_seconds = None;
    }
}

/// Microseconds are the finest that any container means; what is beyond is the noise of the division.
fn rounded(seconds: f64) -> f64 {
    (seconds * 1e6).round() / 1e6
}

fn frame_seconds(stream: &Stream) -> f64 {
    let rate = stream
        .average_frame_rate
        .or(stream.frame_rate)
        .filter(|_| stream.kind == StreamKind::Video);
    rate.filter(|r| *r > 0.0).map_or(0.0, |r| 1.0 / r)
}

/// A sample that the tables place behind the end of the file.
fn beyond_the_end(input: &Input<'_>, streams: &[Stream]) -> Option<Truncation> {
    let size = input.session().size();
    let expected = streams
        .iter()
        .filter_map(|s| input.index_summary(s.index))
        .map(|summary| summary.last_byte)
        .max()
        .filter(|last| *last > size)?;
    Some(Truncation {
        expected_bytes: Some(expected),
        detail: format!(
            "its last sample ends at byte {expected}, but the file ends at byte {size}"
        ),
    })
}

/// The header's duration, when the table of all samples bears it out.
fn sample_table(input: &Input<'_>, stream: &Stream, header: Option<f64>) -> Option<f64> {
    let header = header?;
    let table = input.index_summary(stream.index)?;
    let span = table.last - table.first;
    // The last sample lasts as long as the others do, or longer: the table holds starts only.
    let typical = if table.entries > 1 {
        span / (table.entries - 1) as f64
    } else {
        header
    };
    let longest = span + (3.0 * typical).max(0.5);
    // Half a sample of slack at the lower end, for tables that start before the first frame shown.
    (header >= span - 0.5 * typical && header <= longest).then_some(header)
}

/// From the first time stamp to the end of the last packet, when the header agrees.
fn tail(input: &mut Input<'_>, stream: &Stream, header: Option<f64>, frame: f64) -> Option<f64> {
    let header = header?;
    // Taken from the beginning, before the seek makes FFmpeg forget it.
    let first = stream.start.map(|s| s as f64 * stream.time_base)?;
    let format = input.format();
    if is_stamped_throughout(&format) && !runs_forward(input, stream.index) {
        return None;
    }
    let found = if input.session().is_dear() && seeks_by_trying(&format) {
        let start = input.session().size().saturating_sub(REMOTE_TAIL_BYTES);
        input.seek_byte(start)
    } else {
        input.seek(stream.index, first + header)
    };
    if !found {
        return None;
    }
    let mut last: Option<f64> = None;
    for _ in 0..MAX_TAIL_PACKETS {
        let Some(packet) = input.next_packet() else {
            if input.session().marks.budget_spent {
                return None;
            }
            let seconds = last? - first;
            let tolerance = AGREEMENT_SECONDS
                .max(2.0 * frame)
                .max(header * AGREEMENT_SHARE);
            return ((seconds - header).abs() <= tolerance && seconds > 0.0).then_some(seconds);
        };
        if packet.stream == stream.index {
            let end = packet_end(&packet, frame)?;
            last = Some(last.map_or(end, |l: f64| l.max(end)));
        }
    }
    None
}

/// Containers whose "header" duration is itself only the difference of the first and the last stamp.
fn is_stamped_throughout(format: &str) -> bool {
    matches!(format, "mpegts" | "mpeg")
}

/// Containers in which FFmpeg finds a time by reading here and there, or by reading everything up to it.
fn seeks_by_trying(format: &str) -> bool {
    is_stamped_throughout(format) || matches!(format, "flv" | "ogg" | "asf")
}

/// Whether time runs forward over the whole file, tried at a few places. Two recordings put one behind the other start
/// again in between, which first and last stamp do not show.
fn runs_forward(input: &mut Input<'_>, stream: u32) -> bool {
    let size = input.session().size();
    let places = if input.session().is_dear() {
        SAMPLED_PLACES_REMOTE
    } else {
        SAMPLED_PLACES
    };
    let mut last = f64::NEG_INFINITY;
    for part in 0..places {
        if !input.seek_byte(size / places * part) {
            return false;
        }
        let found = (0..MAX_SAMPLE_PACKETS).find_map(|_| {
            let packet = input.next_packet()?;
            (packet.stream == stream)
                .then_some(packet.decoding.or(packet.presentation))
                .flatten()
        });
        if let Some(time) = found {
            if time < last - RESTART_SECONDS {
                return false;
            }
            last = time;
        }
    }
    true
}

fn packet_end(packet: &PacketStamp, frame: f64) -> Option<f64> {
    let start = packet.presentation.or(packet.decoding)?;
    Some(
        start
            + if packet.duration > 0.0 {
                packet.duration
            } else {
                frame
            },
    )
}

/// What reading every packet came to.
enum Scan {
    /// So many seconds.
    Lasts(f64),
    /// There is not one packet.
    Empty,
    /// There are packets without any time, or the time to read them was over.
    Unknown,
}

/// Reads every packet of the stream.
fn scan(
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
