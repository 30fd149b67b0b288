//! Measures, units and bounds of rules. `check` reads the measured values from the facts.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::text::{bytes, plain};

/// The property of a file that a rule measures.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Measure {
    /// The shorter side of the stored frame.
    ShortSide,
    /// The longer side of the stored frame.
    LongSide,
    /// The stored width.
    Width,
    /// The stored height.
    Height,
    /// The longer side divided by the shorter one.
    AspectRatio,
    /// Width to height as a ratio such as `16:9`, compared with a list.
    AspectList,
    /// Pixel (sample) aspect ratio as a number; 1 for square pixels.
    SampleAspectRatio,
    /// Duration.
    Duration,
    /// Size of the file.
    FileSize,
    /// Number of audio streams.
    AudioTracks,
    /// Number of video streams, excluding cover art.
    VideoTracks,
    /// Average frame rate.
    FrameRate,
    /// Bit rate of the whole file.
    BitRate,
    /// Container format, compared with a list.
    Container,
    /// Video codec, compared with a list.
    VideoCodec,
    /// Audio codec, compared with a list.
    AudioCodec,
    /// Number of video streams that FFmpeg can decode, excluding cover art. Applies only to files
    /// with video.
    DecodableVideoTracks,
    /// Number of audio streams that FFmpeg can decode. Applies only to files with audio.
    DecodableAudioTracks,
    /// 1 if the content is encrypted, otherwise 0.
    Encryption,
    /// The measured duration divided by the duration in the headers.
    ClaimedDurationShare,
    /// Bytes that a box or chunk claims beyond the end of a file that contains every sample.
    ExcessBytes,
    /// Size of the file divided by the measured duration.
    MeasuredBitRate,
    /// Size of the file divided by the number of pixels shown within the measured duration.
    BitsPerPixel,
}

impl Measure {
    /// The name of the measure in a sentence.
    pub fn label(self) -> &'static str {
        match self {
            Self::ShortSide => "short side",
            Self::LongSide => "long side",
            Self::Width => "width",
            Self::Height => "height",
            Self::AspectRatio | Self::AspectList => "aspect ratio",
            Self::SampleAspectRatio => "pixel aspect ratio",
            Self::Duration => "duration",
            Self::FileSize => "file size",
            Self::AudioTracks => "audio tracks",
            Self::VideoTracks => "video tracks",
            Self::FrameRate => "frame rate",
            Self::BitRate => "bit rate",
            Self::Container => "container",
            Self::VideoCodec => "video codec",
            Self::AudioCodec => "audio codec",
            Self::DecodableVideoTracks => "decodable video tracks",
            Self::DecodableAudioTracks => "decodable audio tracks",
            Self::Encryption => "encryption",
            Self::ClaimedDurationShare => "share of the claimed duration",
            Self::ExcessBytes => "bytes claimed beyond the end of the file",
            Self::MeasuredBitRate => "bit rate over the measured duration",
            Self::BitsPerPixel => "bits per shown pixel",
        }
    }

    /// Whether the value is a word in a list rather than a number.
    pub(crate) fn is_word(self) -> bool {
        matches!(
            self,
            Self::AspectList | Self::Container | Self::VideoCodec | Self::AudioCodec
        )
    }
}

impl fmt::Display for Measure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.label())
    }
}

/// The unit of a bound.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default, Serialize, Deserialize,
)]
#[non_exhaustive]
pub enum Unit {
    /// A plain number or a word.
    #[default]
    #[serde(rename = "")]
    None,
    /// Pixels.
    #[serde(rename = "px")]
    Pixels,
    /// Seconds.
    #[serde(rename = "s")]
    Seconds,
    /// Bytes, exact.
    #[serde(rename = "bytes")]
    Bytes,
    /// "MB" as documented, without specifying whether it means 10⁶ or 2²⁰.
    #[serde(rename = "MB")]
    Megabytes,
    /// "GB" as documented, without specifying whether it means 10⁹ or 2³⁰.
    #[serde(rename = "GB")]
    Gigabytes,
    /// Frames per second.
    #[serde(rename = "fps")]
    FramesPerSecond,
    /// Bits per second.
    #[serde(rename = "bit/s")]
    BitsPerSecond,
}

impl Unit {
    /// Factor from this unit to the base unit, in the larger interpretation. A file above it is
    /// refused.
    pub(crate) fn factor(self) -> f64 {
        match self {
            Self::Megabytes => 1_048_576.0,
            Self::Gigabytes => 1_073_741_824.0,
            _ => 1.0,
        }
    }

    /// Factor in the smaller interpretation, if there are two.
    pub(crate) fn smaller_factor(self) -> Option<f64> {
        match self {
            Self::Megabytes => Some(1e6),
            Self::Gigabytes => Some(1e9),
            _ => None,
        }
    }
}

/// The allowed values of a rule. Numeric bounds are inclusive.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Bound {
    /// At least this value.
    Min(f64),
    /// At most this value.
    Max(f64),
    /// Exactly this value.
    Equals(f64),
    /// One of these words.
    OneOf(Vec<String>),
}

impl Bound {
    /// Whether `value`, in the bound's own unit, is within the bound. Word lists allow no number.
    pub fn allows(&self, value: f64) -> bool {
        match self {
            Self::Min(min) => value >= *min,
            Self::Max(max) => value <= *max,
            Self::Equals(want) => (value - want).abs() < 1e-9,
            Self::OneOf(_) => false,
        }
    }

    /// The number of the bound, if it has one.
    pub fn number(&self) -> Option<f64> {
        match self {
            Self::Min(n) | Self::Max(n) | Self::Equals(n) => Some(*n),
            Self::OneOf(_) => None,
        }
    }
}

/// Formats a value with its unit.
pub(crate) fn with_unit(value: f64, measure: Measure, unit: Unit) -> String {
    match (measure, unit) {
        (Measure::AspectRatio, _) => format!("{}:1", plain(value)),
        (Measure::FileSize, Unit::Bytes | Unit::None) => bytes(value),
        (_, Unit::None) => plain(value),
        (_, Unit::Pixels) => format!("{} px", plain(value)),
        (_, Unit::Seconds) => format!("{} s", plain(value)),
        (_, Unit::Bytes) => bytes(value),
        (_, Unit::Megabytes) => format!("{} MB", plain(value)),
        (_, Unit::Gigabytes) => format!("{} GB", plain(value)),
        (_, Unit::FramesPerSecond) => format!("{} fps", plain(value)),
        (_, Unit::BitsPerSecond) => format!("{} bit/s", plain(value)),
    }
}
