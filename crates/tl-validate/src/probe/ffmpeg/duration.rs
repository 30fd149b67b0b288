//! Determines the duration of a file, and the stage that it comes from.
//!
//! ```text
//! header ──► mov with a sample table: does the table agree? ────── yes ──► SampleTable
//!    ├─────► expensive source with an index: does it agree? ────── yes ──► Index
//!    │                                   │ no
//!    └─────► other containers: seek to the end, read the tail; does it agree? ── yes ──► Tail
//!                                        │ no, or no header, or the file is too small for the duration
//!                                        └──► read every packet ──► PacketScan (in time), else Header
//! ```
//!
//! If the deadline or the byte budget stops the probe before the last step, the header is used
//! only if it covers the whole file. The header of a fragmented file may cover only the first
//! fragment, and a transport stream has no header.

mod header_check;
mod scan;

use std::time::Instant;

pub(super) use self::header_check::Claims;
use self::header_check::HeaderCheck;
use self::scan::{Scan, scan};
use super::shim::{Input, Stream, StreamKind};
use crate::facts::{DurationSource, MediaFacts, Truncation};
use crate::probe::{ProbeError, ProbeErrorKind, ProbeOptions};

/// The share of a probe's time that a packet scan may use before the header is used instead.
const SCAN_SHARE: f64 = 0.6;

/// If a file has fewer bits per second than this, its timestamps are verified one by one: a wrong
/// timestamp at either end makes the file appear hours long. The value is half of the lowest bit
/// rate of speech codecs. Such a file is small, so the scan is cheap.
const MIN_PLAUSIBLE_BITS_PER_SECOND: f64 = 2000.0;

/// How much shorter than the header's duration a complete file may be, in seconds and as a share.
const WHOLE_SECONDS: f64 = 1.0;
const WHOLE_SHARE: f64 = 0.005;

/// Sets the fields of `facts` about duration and completeness.
///
/// # Errors
/// [`ProbeErrorKind::Broken`] if the file has no packets.
pub(super) fn fill_duration(
    input: &mut Input<'_>,
    streams: &[Stream],
    facts: &mut MediaFacts,
    claims: Claims,
    options: &ProbeOptions,
    started: Instant,
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
        facts.truncated = data_beyond_end(input, streams);
    }
    let frame = frame_seconds(stream);
    let check_header =
        |input: &mut Input<'_>| header_check::check(input, stream, claims, frame, facts.fragmented);
    let mut answer = None;
    let mut header_is_valid = !facts.fragmented && !has_only_timestamps(&format);
    if !options.thorough {
        match check_header(input) {
            HeaderCheck::Confirmed(seconds, source) => {
                answer = Some((seconds, source)).filter(|_| is_plausible(seconds, source, input));
            }
            HeaderCheck::Contradicted => header_is_valid = false,
            HeaderCheck::Unknown => {}
        }
    }
    let mut reach = None;
    // If reads are expensive, the whole file is read only on request.
    if answer.is_none() && (options.thorough || !input.session().is_expensive()) {
        let until = started + options.deadline.mul_f64(SCAN_SHARE);
        let others = claims.of_container;
        match scan(input, streams, stream, frame, others, until) {
            Scan::Measured(scanned) => {
                answer = Some((scanned.seconds, DurationSource::PacketScan));
                reach = scanned.reach;
            }
            Scan::Empty => {
                let seen = "the file has headers, but no video or audio data";
                return Err(ProbeError::new(ProbeErrorKind::Broken, "", seen).with_format(format));
            }
            Scan::Unknown if options.thorough => match check_header(input) {
                HeaderCheck::Confirmed(seconds, source) => answer = Some((seconds, source)),
                HeaderCheck::Contradicted => header_is_valid = false,
                HeaderCheck::Unknown => {}
            },
            Scan::Unknown => {}
        }
    }
    let answer = answer.or_else(|| {
        let header = claims.header.filter(|_| header_is_valid)?;
        Some((header, DurationSource::Header))
    });
    facts.duration_unverified = answer.is_none_or(|(_, source)| source == DurationSource::Header);
    let Some((seconds, source)) = answer else {
        clear_durations(facts);
        return Ok(());
    };
    facts.duration_seconds = Some(rounded(seconds));
    facts.duration_source = Some(source);
    let header_covers_all = !facts.edit_list && !facts.fragmented && !has_only_timestamps(&format);
    facts.claimed_duration_seconds = claims
        .header
        .filter(|_| header_covers_all)
        // The container's longest stream may be another one.
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

/// Whether a duration confirmed by the ends of the file is plausible for the file size. The sample
/// tables of mov list every sample, so they are always plausible.
fn is_plausible(seconds: f64, source: DurationSource, input: &Input<'_>) -> bool {
    let bits = input.session().size() as f64 * 8.0;
    source == DurationSource::SampleTable || bits >= seconds * MIN_PLAUSIBLE_BITS_PER_SECOND
}

/// Whether the file contains all of its content: according to the sample tables of mov, or else the
/// measured duration.
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

/// Removes durations from headers that are known to cover only part of the file.
fn clear_durations(facts: &mut MediaFacts) {
    facts.container_duration_seconds = None;
    facts.container_bitrate_bps = None;
    for video in &mut facts.video_streams {
        video.duration_seconds = None;
    }
    for audio in &mut facts.audio_streams {
        audio.duration_seconds = None;
    }
}

/// Rounds to microseconds, the finest resolution of any container. Further digits are rounding
/// errors.
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

/// Whether the sample tables refer to data after the end of the file.
fn data_beyond_end(input: &Input<'_>, streams: &[Stream]) -> Option<Truncation> {
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

/// Containers whose "header" duration is only the difference between the first and the last
/// timestamp.
fn has_only_timestamps(format: &str) -> bool {
    matches!(format, "mpegts" | "mpeg")
}
