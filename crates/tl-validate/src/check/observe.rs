//! Reads the value that a rule measures from the facts.

use crate::facts::{DurationSource, MediaFacts};
use crate::rules::Measure;

/// Observed value of one measure.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Observed {
    /// A number in base units (pixels, seconds, bytes, …).
    Number(f64),
    /// One or more words, any of which may match (a container can have several names).
    Words(Vec<String>),
    /// The file does not contain the value.
    Unknown,
    /// The measure does not apply to this file, such as a frame size without video.
    NotApplicable,
}

pub(super) fn observe(measure: Measure, facts: &MediaFacts) -> Observed {
    let count = |n: usize| Observed::Number(u32::try_from(n).map_or(f64::MAX, f64::from));
    match measure {
        Measure::Duration => number(facts.duration_seconds()),
        // Exact up to 2^53 bytes, which is 8 PiB.
        Measure::FileSize => Observed::Number(facts.file_size_bytes as f64),
        Measure::AudioTracks => count(facts.audio_streams.len()),
        Measure::VideoTracks => count(
            facts
                .video_streams
                .iter()
                .filter(|v| !v.attached_pic)
                .count(),
        ),
        Measure::BitRate => number(facts.container_bitrate_bps.map(|b| b as f64)),
        Measure::Container => facts
            .file_container_format
            .as_ref()
            .map_or(Observed::Unknown, |names| {
                Observed::Words(names.split(',').map(str::to_owned).collect())
            }),
        Measure::DecodableVideoTracks if facts.video().is_some() => count(
            facts
                .video_streams
                .iter()
                .filter(|v| !v.attached_pic && !v.no_decoder)
                .count(),
        ),
        Measure::DecodableAudioTracks if facts.audio().is_some() => {
            count(facts.audio_streams.iter().filter(|a| !a.no_decoder).count())
        }
        Measure::DecodableAudioTracks => Observed::NotApplicable,
        Measure::Encryption => count(usize::from(facts.encryption.is_some())),
        Measure::ClaimedDurationShare => share_of_claim(facts),
        Measure::ExcessBytes => match &facts.overclaim {
            // Exact up to 2^53 bytes.
            Some(claim) => Observed::Number(
                claim
                    .expected_bytes
                    .unwrap_or_default()
                    .saturating_sub(facts.file_size_bytes)
                    .max(1) as f64,
            ),
            None => Observed::NotApplicable,
        },
        Measure::MeasuredBitRate => optional(measured_bit_rate(facts)),
        Measure::BitsPerPixel => optional(bits_per_pixel(facts)),
        Measure::AudioCodec => match facts.audio() {
            Some(audio) => Observed::Words(vec![audio.codec.clone()]),
            None => Observed::NotApplicable,
        },
        _ => match facts.video() {
            None => Observed::NotApplicable,
            Some(video) => {
                let (long, short) = video.sides();
                let sized = short > 0;
                match measure {
                    Measure::VideoCodec => Observed::Words(vec![video.codec.clone()]),
                    Measure::SampleAspectRatio => Observed::Number(match video.sample_aspect {
                        Some((num, den)) if num > 0 && den > 0 => f64::from(num) / f64::from(den),
                        _ => 1.0,
                    }),
                    Measure::FrameRate => number(video.avg_fps.or(video.fps)),
                    _ if !sized => Observed::Unknown,
                    Measure::ShortSide => Observed::Number(f64::from(short)),
                    Measure::LongSide => Observed::Number(f64::from(long)),
                    Measure::Width => Observed::Number(f64::from(video.width)),
                    Measure::Height => Observed::Number(f64::from(video.height)),
                    Measure::AspectList => {
                        Observed::Number(f64::from(video.width) / f64::from(video.height))
                    }
                    _ => Observed::Number(f64::from(long) / f64::from(short)),
                }
            }
        },
    }
}

/// Differences below this are normal for headers, in seconds.
const CLAIM_TOLERANCE_SECONDS: f64 = 1.0;

/// Frames that are shown for longer count as repeated at this rate, so that audio with a slide show
/// is not treated as an overlong file.
const MIN_FRAME_RATE: f64 = 25.0;

/// The measured duration, unless only the header supports it.
fn measured_seconds(facts: &MediaFacts) -> Option<f64> {
    let is_measured = facts
        .duration_source
        .is_some_and(|source| source != DurationSource::Header);
    facts
        .duration_seconds
        .filter(|seconds| is_measured && *seconds > 0.0)
}

fn share_of_claim(facts: &MediaFacts) -> Observed {
    match (measured_seconds(facts), facts.claimed_duration_seconds) {
        (Some(measured), Some(claimed)) if claimed - measured > CLAIM_TOLERANCE_SECONDS => {
            Observed::Number(measured / claimed)
        }
        _ => Observed::NotApplicable,
    }
}

fn measured_bit_rate(facts: &MediaFacts) -> Option<f64> {
    Some(facts.file_size_bytes as f64 * 8.0 / measured_seconds(facts)?)
}

fn bits_per_pixel(facts: &MediaFacts) -> Option<f64> {
    let pixels: f64 = facts
        .video_streams
        .iter()
        .filter(|video| !video.attached_pic)
        .map(|video| {
            let rate = video.avg_fps.or(video.fps).unwrap_or(0.0);
            f64::from(video.width) * f64::from(video.height) * rate.max(MIN_FRAME_RATE)
        })
        .sum();
    // Not finite without pixels, which is not applicable then.
    Some(measured_bit_rate(facts)? / pixels)
}

fn optional(value: Option<f64>) -> Observed {
    value
        .filter(|v| v.is_finite())
        .map_or(Observed::NotApplicable, Observed::Number)
}

fn number(value: Option<f64>) -> Observed {
    value
        .filter(|v| v.is_finite())
        .map_or(Observed::Unknown, Observed::Number)
}

#[cfg(test)]
mod tests;
