//! How long the video truly is, and which stage of looking said so.
//!
//! ```text
//! header ──► mov with a sample table: does the table agree? ─── yes ──► SampleTable
//!    ├──► a dear source with an index: does the index agree? ──── yes ──► Index
//!    │                                   │ no
//!    └──► other containers: seek to the end, read the tail; does it agree? ── yes ──► Tail
//!                                        │ no, or there is no header, or the file is too small for so long a time
//!                                        └──► read every packet ──► PacketScan (time left), else Header
//! ```
//!
//! Where the time or the byte budget ends before the last arrow, the header is believed only where it speaks of the whole
//! file: that of a fragmented file may speak of its first fragment, and a transport stream has none.

mod quick;
mod scan;

use std::time::Instant;

use self::quick::Quick;
use self::scan::{Scan, scan};
use super::shim::{Input, PacketStamp, Stream, StreamKind};
use crate::{DurationSource, MediaFacts, ProbeError, ProbeErrorKind, ProbeOptions, Truncation};

/// The share of a probe's time that a packet scan may use before the header is believed instead.
const SCAN_SHARE: f64 = 0.6;

/// Where a file holds fewer bits per second than this, its stamps are read one by one before they are believed: a wrong stamp at
/// either end makes hours of seconds. Half of what the thriftiest speech codecs write; such a file is small, so that this costs
/// little.
const BELIEVED_BITS_PER_SECOND: f64 = 2000.0;

/// How much less than the header claims may be there for a file to be whole, in seconds and as a share.
const WHOLE_SECONDS: f64 = 1.0;
const WHOLE_SHARE: f64 = 0.005;

/// What is said of the duration of the stream that counts, in seconds.
#[derive(Debug, Clone, Copy)]
pub(super) struct Claims {
    /// By the header.
    pub(super) header: Option<f64>,
    /// Whether that is what it says of the whole container, whose longest stream may be another one.
    pub(super) of_container: bool,
    /// By a segment index that lists the whole file.
    pub(super) indexed: Option<f64>,
}

/// Fills the fields of `facts` that say how long and how complete the file is.
///
/// # Errors
/// [`ProbeErrorKind::Broken`] when every packet was asked for and none came.
pub(super) fn settle(
    input: &mut Input<'_>,
    streams: &[Stream],
    facts: &mut MediaFacts,
    claims: Claims,
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
    let quick = |input: &mut Input<'_>| quick::look(input, stream, claims, frame, facts.fragmented);
    let mut answer = None;
    let mut header_stands = !facts.fragmented && !is_stamped_throughout(&format);
    if !options.thorough {
        match quick(input) {
            Quick::Agrees(seconds, source) => {
                answer = Some((seconds, source)).filter(|_| is_plausible(seconds, source, input));
            }
            Quick::Contradicts => header_stands = false,
            Quick::Silent => {}
        }
    }
    let mut reach = None;
    // Where reading is dear, a whole file is read only when that was asked for.
    if answer.is_none() && (options.thorough || !input.session().is_dear()) {
        let until = begun + options.deadline.mul_f64(SCAN_SHARE);
        let others = claims.of_container;
        match scan(input, streams, stream, frame, others, until) {
            Scan::Lasts(scanned) => {
                answer = Some((scanned.seconds, DurationSource::PacketScan));
                reach = scanned.reach;
            }
            Scan::Empty => {
                let seen = "the file has headers, but nothing to show or hear in it";
                return Err(ProbeError::new(ProbeErrorKind::Broken, "", seen).with_format(format));
            }
            Scan::Unknown if options.thorough => match quick(input) {
                Quick::Agrees(seconds, source) => answer = Some((seconds, source)),
                Quick::Contradicts => header_stands = false,
                Quick::Silent => {}
            },
            Scan::Unknown => {}
        }
    }
    let answer = answer.or_else(|| {
        let header = claims.header.filter(|_| header_stands)?;
        Some((header, DurationSource::Header))
    });
    facts.duration_unverified = answer.is_none_or(|(_, source)| source == DurationSource::Header);
    let Some((seconds, source)) = answer else {
        forget_durations(facts);
        return Ok(());
    };
    facts.duration_seconds = Some(rounded(seconds));
    facts.duration_source = Some(source);
    let header_speaks_of_all =
        !facts.edit_list && !facts.fragmented && !is_stamped_throughout(&format);
    facts.claimed_duration_seconds = claims
        .header
        .filter(|_| header_speaks_of_all)
        // Another stream may be the long one.
        .filter(|claim| {
            !claims.of_container || reach.is_none_or(|reach| reach < claim - WHOLE_SECONDS)
        })
        .map(rounded);
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

/// Whether a duration that the ends of a file bear out fits the size of the file. The tables of mov list every sample.
fn is_plausible(seconds: f64, source: DurationSource, input: &Input<'_>) -> bool {
    let bits = input.session().size() as f64 * 8.0;
    source == DurationSource::SampleTable || bits >= seconds * BELIEVED_BITS_PER_SECOND
}

/// Whether everything that the file should hold is in it: by the tables of mov, else by the measured duration.
pub(super) fn content_is_whole(input: &Input<'_>, streams: &[Stream], facts: &MediaFacts) -> bool {
    if facts.fragmented {
        return false;
    }
    if input.format().starts_with("mov,") {
        let size = input.session().size();
        return streams
            .iter()
            .filter(|stream| matches!(stream.kind, StreamKind::Video | StreamKind::Audio))
            .all(|stream| {
                input
                    .index_summary(stream.index)
                    .is_some_and(|table| table.last_byte <= size)
            });
    }
    match (facts.claimed_duration_seconds, facts.duration_seconds) {
        (Some(claimed), Some(measured)) => {
            !facts.duration_unverified
                && claimed - measured <= WHOLE_SECONDS.min(claimed * WHOLE_SHARE)
        }
        _ => false,
    }
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

/// Containers whose "header" duration is itself only the difference of the first and the last stamp.
fn is_stamped_throughout(format: &str) -> bool {
    matches!(format, "mpegts" | "mpeg")
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
