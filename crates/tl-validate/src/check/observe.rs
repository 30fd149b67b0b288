//! Reading the value that a rule measures off the facts.

use crate::MediaFacts;
use crate::rules::Measure;

/// What was observed for one measure.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Observed {
    /// A number in base units (pixels, seconds, bytes, …).
    Number(f64),
    /// One or more words, any of which may match (a container has several names).
    Words(Vec<String>),
    /// The file does not say.
    Unknown,
    /// The measure does not apply to this file: a frame size without a frame.
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

fn number(value: Option<f64>) -> Observed {
    value
        .filter(|v| v.is_finite())
        .map_or(Observed::Unknown, Observed::Number)
}
