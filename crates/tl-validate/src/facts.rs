//! Facts that a probe collects about a media file. Rules are in [`crate::rules`].
//!
//! Fields have the names of the platform's own `technical_metadata`, so that local and remote
//! values can be compared field by field. Fields that the platform does not report are marked
//! "Ours".

use serde::{Deserialize, Serialize};

/// All known facts about one media file.
///
/// Sizes are in bytes, times in seconds, bit rates in bits per second, and frame sizes in stored
/// pixels. `None` means that the file does not contain the value; a stored zero is `Some(0)`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct MediaFacts {
    /// Size of the file.
    pub file_size_bytes: u64,
    /// Media type of the container, such as `video/mp4`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub file_mime_type: Option<String>,
    /// Container format. A container with several names is a comma-separated list
    /// (`mov,mp4,m4a,3gp,3g2,mj2`).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub file_container_format: Option<String>,
    /// Creation time recorded in the container, RFC 3339.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub container_creation_time: Option<String>,
    /// Every video stream, including cover art (see [`VideoStream::attached_pic`]).
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub video_streams: Vec<VideoStream>,
    /// Codec of the main video stream.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub video_codec: Option<String>,
    /// Stored width of the main video stream.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub video_width: Option<u32>,
    /// Stored height of the main video stream.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub video_height: Option<u32>,
    /// Nominal frame rate of the main video stream.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub video_fps: Option<f64>,
    /// Duration of the main video stream.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub video_duration_seconds: Option<f64>,
    /// Bit rate of the main video stream.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub video_bitrate_bps: Option<u64>,
    /// Every audio stream.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub audio_streams: Vec<AudioStream>,
    /// Ours: every stream that is neither video nor audio, such as subtitles, time codes and
    /// attachments.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub other_streams: Vec<OtherStream>,
    /// Codec of the first audio stream.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub audio_codec: Option<String>,
    /// Sample rate of the first audio stream, in hertz.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub audio_sample_rate: Option<u32>,
    /// Channels of the first audio stream.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub audio_channels: Option<u32>,
    /// Duration of the first audio stream.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub audio_duration_seconds: Option<f64>,
    /// First SMPTE time code, `HH:MM:SS:FF` (`;` before the frames for drop-frame time code).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub start_timecode: Option<String>,
    /// Where the time code was found: `container` or `stream`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub timecode_source: Option<String>,
    /// Whether the time code is drop-frame.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub drop_frame: Option<bool>,
    /// Whether the main video stream has a high dynamic range transfer (PQ or HLG).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub is_hdr: Option<bool>,
    /// Whether there is at least one audio stream.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub has_audio: Option<bool>,
    /// Whether the main video stream has an alpha channel.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub has_alpha: Option<bool>,
    /// Whether this is an animated image (GIF) rather than a video.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub is_animated: Option<bool>,
    /// Number of video streams, excluding cover art.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub total_video_streams: Option<u32>,
    /// Number of audio streams.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub total_audio_streams: Option<u32>,
    /// Stored width divided by stored height of the main video stream.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub storage_aspect_ratio: Option<f64>,
    /// Latitude embedded in the file, decimal degrees, north positive.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub geospatial_latitude: Option<f64>,
    /// Longitude embedded in the file, decimal degrees, east positive.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub geospatial_longitude: Option<f64>,
    /// Altitude embedded in the file, in meters.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub geospatial_altitude_meters: Option<f64>,

    /// Ours: the duration that rules are checked against: that of the main video stream, or of the
    /// audio if there is no video.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub duration_seconds: Option<f64>,
    /// Ours: the stage that determined [`MediaFacts::duration_seconds`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub duration_source: Option<DurationSource>,
    /// Ours: the duration in the container's header.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub container_duration_seconds: Option<f64>,
    /// Ours: the duration that the headers claim for the stream of
    /// [`MediaFacts::duration_seconds`]. `None` if an edit list or a longer track explains a
    /// difference between the two.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub claimed_duration_seconds: Option<f64>,
    /// Ours: timestamp of the first frame, as stored; may be negative.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub start_time_seconds: Option<f64>,
    /// Ours: bit rate of the whole file.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub container_bitrate_bps: Option<u64>,
    /// Ours: set if the file ends before the end that its own tables specify.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub truncated: Option<Truncation>,
    /// Ours: set if a box or chunk claims more bytes than the file has, although the file contains
    /// every sample.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub overclaim: Option<Truncation>,
    /// Ours: encryption scheme of the content, such as `cenc`; `None` if it is not encrypted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub encryption: Option<String>,
    /// Ours: a reduced reader read only the headers. Sizes and durations are the values in the
    /// headers.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub header_only: bool,
    /// Ours: a remote source was read only in part, because its byte budget was used up or because
    /// reading further was too expensive. Missing fields are unknown, not absent.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub partly_read: bool,
    /// Ours: the duration comes from the header alone, or is unknown.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub duration_unverified: bool,
    /// Ours: an edit list changes the presentation (parts are skipped, repeated or delayed).
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub edit_list: bool,
    /// Ours: the file is fragmented (`moof` boxes instead of one sample table).
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub fragmented: bool,
    /// Ours: version of the library that read the file, such as `libavformat 59.27.100`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub probed_with: Option<String>,
    /// Ours: warnings of the demuxer, at most eight lines.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<String>,
}

/// One video stream, or cover art stored as a video stream.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct VideoStream {
    /// Zero-based index of the stream within the file.
    pub index: u32,
    /// Codec name, such as `h264`.
    pub codec: String,
    /// Stored width in pixels.
    pub width: u32,
    /// Stored height in pixels.
    pub height: u32,
    /// Nominal frame rate.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fps: Option<f64>,
    /// Average frame rate.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub avg_fps: Option<f64>,
    /// Duration of this stream.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub duration_seconds: Option<f64>,
    /// Bit rate of this stream.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bitrate_bps: Option<u64>,
    /// Clockwise rotation applied by players: in practice 0, 90, 180 or 270.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rotation: Option<i32>,
    /// Pixel (sample) aspect ratio as `num:den`. If it is absent, players assume `1:1`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pixel_aspect_ratio: Option<String>,
    /// Display aspect ratio as `num:den`, before rotation.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub display_aspect_ratio: Option<String>,
    /// `progressive` or `interlaced`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scan_type: Option<String>,
    /// Pixel format, such as `yuv420p`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pixel_format: Option<String>,
    /// Bits per color component.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bit_depth: Option<u32>,
    /// Color range, `tv` or `pc`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub color_range: Option<String>,
    /// Color transfer characteristics, such as `bt709` or `smpte2084`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub color_transfer: Option<String>,
    /// Color space (matrix), such as `bt709`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub color_space: Option<String>,
    /// Color primaries, such as `bt709`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub color_primaries: Option<String>,

    /// Ours: displayed width, with pixel aspect ratio and rotation applied.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub display_width: Option<u32>,
    /// Ours: displayed height, with pixel aspect ratio and rotation applied.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub display_height: Option<u32>,
    /// Ours: this stream is cover art, not video.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub attached_pic: bool,
    /// Ours: the container marks this stream as the default.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub default: bool,
    /// Ours: descriptive name of the codec.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub codec_long: Option<String>,
    /// Ours: the container's four-character code for the codec, such as `avc1`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub codec_tag: Option<String>,
    /// Ours: codec profile, such as `High`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub profile: Option<String>,
    /// Ours: the width in the container's header, if it differs from that of the stream.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub header_width: Option<u32>,
    /// Ours: the height in the container's header, if it differs from that of the stream.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub header_height: Option<u32>,
    /// Ours: variable frame rate, as far as the headers show.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub variable_frame_rate: bool,
    /// Ours: number of frames, if the container lists them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub frames: Option<u64>,
    /// Ours: whether the transfer is high dynamic range (PQ or HLG).
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub is_hdr: bool,
    /// Ours: whether the pixel format has an alpha plane.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub has_alpha: bool,
    /// Ours: FFmpeg has no decoder for this codec.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub no_decoder: bool,
    /// Ours: the pixel aspect ratio as two numbers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sample_aspect: Option<(u32, u32)>,
}

/// One audio stream.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct AudioStream {
    /// Zero-based index of the stream within the file.
    pub index: u32,
    /// Codec name, such as `aac`.
    pub codec: String,
    /// Descriptive name of the codec.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub codec_long: Option<String>,
    /// Sample rate in hertz.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sample_rate: Option<u32>,
    /// Bits per sample, if the codec has a fixed number.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bit_depth: Option<u32>,
    /// Number of channels.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub channels: Option<u32>,
    /// Channel layout, such as `stereo` or `5.1`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub channel_layout: Option<String>,
    /// Bit rate of this stream.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bitrate_bps: Option<u64>,
    /// Language tag as stored, such as `eng`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub language: Option<String>,
    /// Ours: the container's four-character code for the codec, such as `mp4a`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub codec_tag: Option<String>,
    /// Duration of this stream.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub duration_seconds: Option<f64>,
    /// Ours: FFmpeg has no decoder for this codec.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub no_decoder: bool,
}

/// One stream that is neither video nor audio.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct OtherStream {
    /// Zero-based index of the stream within the file.
    pub index: u32,
    /// Stream type: `subtitle`, `data` or `attachment`.
    pub kind: String,
    /// Codec name, such as `subrip`; `none` if FFmpeg has no name for it.
    pub codec: String,
    /// The container's four-character code for the codec, such as `tmcd`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub codec_tag: Option<String>,
    /// Language tag as stored, such as `eng`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub language: Option<String>,
}

/// The probe stage that determined the duration, from cheapest to most expensive.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum DurationSource {
    /// The container's header, unverified.
    Header,
    /// The container's index, which lists some frames: accurate to their spacing. Used if reading
    /// the tail would be too expensive.
    Index,
    /// The container's sample table, which lists every frame.
    SampleTable,
    /// The first and last packets of the file, which agree with the header.
    Tail,
    /// Every packet of the file was read (but not decoded).
    PacketScan,
}

/// A file that is truncated or claims more bytes than it has.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct Truncation {
    /// The file size according to the file's own tables, if they contain it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expected_bytes: Option<u64>,
    /// Description of what was found.
    pub detail: String,
}

impl MediaFacts {
    /// The main video stream: the default stream, or else the first. Cover art is ignored.
    pub fn video(&self) -> Option<&VideoStream> {
        let real = || self.video_streams.iter().filter(|s| !s.attached_pic);
        real().find(|s| s.default).or_else(|| real().next())
    }

    /// The first audio stream.
    pub fn audio(&self) -> Option<&AudioStream> {
        self.audio_streams.first()
    }

    /// The audio streams whose codec FFmpeg can name. Others can be neither decoded nor copied.
    pub fn known_audio(&self) -> impl Iterator<Item = &AudioStream> {
        self.audio_streams
            .iter()
            .filter(|audio| is_known_codec(&audio.codec))
    }

    /// The cover art, if the file contains one.
    pub fn cover_art(&self) -> Option<&VideoStream> {
        self.video_streams.iter().find(|s| s.attached_pic)
    }

    /// The duration that rules are checked against, in seconds.
    pub fn duration_seconds(&self) -> Option<f64> {
        self.duration_seconds
            .or_else(|| self.video().and_then(|v| v.duration_seconds))
            .or(self.container_duration_seconds)
    }

    /// Displayed width and height, with pixel aspect ratio and rotation applied.
    pub fn display_size(&self) -> Option<(u32, u32)> {
        self.video().map(VideoStream::display_size)
    }

    /// Computes the display sizes and the flat fields (`video_width`, `has_audio`, …) from the
    /// streams, as the platform does.
    pub fn summarize(&mut self) {
        for stream in &mut self.video_streams {
            let (width, height) = stream.display_size();
            let known = |n: u32| Some(n).filter(|n| *n > 0);
            (stream.display_width, stream.display_height) = (known(width), known(height));
        }
        let video = self.video().cloned();
        self.video_codec = video.as_ref().map(|v| v.codec.clone());
        self.video_width = video.as_ref().map(|v| v.width);
        self.video_height = video.as_ref().map(|v| v.height);
        self.video_fps = video.as_ref().and_then(|v| v.fps);
        self.video_duration_seconds = video.as_ref().and_then(|v| v.duration_seconds);
        self.video_bitrate_bps = video.as_ref().and_then(|v| v.bitrate_bps);
        self.storage_aspect_ratio = video
            .as_ref()
            .filter(|v| v.height > 0)
            .map(|v| f64::from(v.width) / f64::from(v.height));
        self.is_hdr = video.as_ref().map(|v| v.is_hdr);
        self.has_alpha = video.as_ref().map(|v| v.has_alpha);
        let audio = self.audio().cloned();
        self.audio_codec = audio.as_ref().map(|a| a.codec.clone());
        self.audio_sample_rate = audio.as_ref().and_then(|a| a.sample_rate);
        self.audio_channels = audio.as_ref().and_then(|a| a.channels);
        self.audio_duration_seconds = audio.as_ref().and_then(|a| a.duration_seconds);
        self.has_audio = Some(audio.is_some());
        let count = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
        self.total_video_streams = Some(count(
            self.video_streams
                .iter()
                .filter(|s| !s.attached_pic)
                .count(),
        ));
        self.total_audio_streams = Some(count(self.audio_streams.len()));
    }
}

impl VideoStream {
    /// Displayed width and height, with pixel aspect ratio and rotation applied.
    pub fn display_size(&self) -> (u32, u32) {
        let mut width = f64::from(self.width);
        if let Some((num, den)) = self.sample_aspect.filter(|(n, d)| *n > 0 && *d > 0) {
            width = width * f64::from(num) / f64::from(den);
        }
        // The cast saturates, and no frame is wider than `u32::MAX`.
        let width = width.round() as u32;
        if self.rotation.unwrap_or(0).rem_euclid(180) == 90 {
            (self.height, width)
        } else {
            (width, self.height)
        }
    }

    /// The longer and the shorter side of the stored frame, in pixels.
    pub fn sides(&self) -> (u32, u32) {
        (self.width.max(self.height), self.width.min(self.height))
    }
}

/// Whether FFmpeg has a name for a codec. Codecs unknown to FFmpeg are `none`; those with only a
/// number are `unknown_codec`.
pub(crate) fn is_known_codec(codec: &str) -> bool {
    !matches!(codec, "" | "none" | "unknown_codec")
}

/// The display aspect ratio as `num:den`, before rotation.
#[cfg(any(feature = "ffmpeg", feature = "header"))]
pub(crate) fn display_aspect(
    width: u32,
    height: u32,
    sample_aspect: Option<(u32, u32)>,
) -> Option<String> {
    let (num, den) = sample_aspect.unwrap_or((1, 1));
    let width = u64::from(width).checked_mul(u64::from(num))?;
    let height = u64::from(height).checked_mul(u64::from(den))?;
    let divisor = greatest_common_divisor(width, height);
    (divisor > 0).then(|| format!("{}:{}", width / divisor, height / divisor))
}

#[cfg(any(feature = "ffmpeg", feature = "header"))]
pub(crate) fn greatest_common_divisor(mut a: u64, mut b: u64) -> u64 {
    while b != 0 {
        (a, b) = (b, a % b);
    }
    a
}

macro_rules! with_facts {
    ($($Facts:ident),+) => {
        $(
        impl $Facts {
            /// Sets facts: the types are `#[non_exhaustive]`, so there are no struct expressions
            /// outside of this crate.
            ///
            /// ```
            /// use tl_validate::MediaFacts;
            ///
            /// let facts = MediaFacts::default().with(|facts| {
            ///     facts.file_size_bytes = 1_000_000;
            ///     facts.duration_seconds = Some(12.5);
            /// });
            /// ```
            #[must_use]
            pub fn with(mut self, set: impl FnOnce(&mut Self)) -> Self {
                set(&mut self);
                self
            }
        }
        )+
    };
}

with_facts!(
    MediaFacts,
    VideoStream,
    AudioStream,
    OtherStream,
    Truncation
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn main_video_is_the_default_stream_not_cover_art() {
        let stream = |index, attached_pic, default| VideoStream {
            index,
            attached_pic,
            default,
            ..VideoStream::default()
        };
        let facts = MediaFacts {
            video_streams: vec![
                stream(0, true, true),
                stream(1, false, false),
                stream(2, false, true),
            ],
            ..MediaFacts::default()
        };
        assert_eq!(facts.video().map(|v| v.index), Some(2));
        assert_eq!(facts.cover_art().map(|v| v.index), Some(0));
    }

    #[test]
    fn display_size_applies_sample_aspect_then_rotation() {
        let mut video = VideoStream {
            width: 720,
            height: 576,
            sample_aspect: Some((16, 11)),
            ..VideoStream::default()
        };
        assert_eq!(video.display_size(), (1047, 576));
        video.rotation = Some(-90);
        assert_eq!(video.display_size(), (576, 1047));
    }

    #[test]
    fn facts_round_trip_through_json() {
        let mut facts = MediaFacts {
            file_size_bytes: 7,
            video_streams: vec![VideoStream {
                codec: "h264".into(),
                width: 640,
                height: 360,
                ..VideoStream::default()
            }],
            duration_source: Some(DurationSource::SampleTable),
            ..MediaFacts::default()
        };
        facts.summarize();
        let text = serde_json::to_string(&facts).expect("facts are plain data");
        assert_eq!(
            serde_json::from_str::<MediaFacts>(&text).expect("own output"),
            facts
        );
        assert!(text.contains(r#""video_width":640"#), "{text}");
    }
}
