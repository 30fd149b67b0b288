//! What a probe learns about a media file. No judgement lives here: rules are in [`crate::rules`].
//!
//! The names are those of the platform's own `technical_metadata`, so that a local answer can be compared with the
//! remote one field by field. Fields of ours, which the platform does not report, are marked as such.

use serde::{Deserialize, Serialize};

/// Everything known about one media file.
///
/// Sizes are in bytes, times in seconds, bit rates in bits per second, and frame sizes in stored pixels. A field is
/// `None` when the file does not say, never when it says zero.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct MediaFacts {
    /// Size of the file.
    pub file_size_bytes: u64,
    /// Media type of the container, such as `video/mp4`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub file_mime_type: Option<String>,
    /// Container format; a container with several names gives them as a comma-separated list (`mov,mp4,m4a,3gp,3g2,mj2`).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub file_container_format: Option<String>,
    /// Creation time recorded in the container, RFC 3339.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub container_creation_time: Option<String>,
    /// Every video stream, cover art included (told apart by [`VideoStream::attached_pic`]).
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
    /// Ours: every stream that is neither video nor audio: subtitles, data such as time codes, attached files.
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
    /// First SMPTE time code, `HH:MM:SS:FF` (`;` before the frames when frames are dropped).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub start_timecode: Option<String>,
    /// Where the time code was found: `container` or `stream`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub timecode_source: Option<String>,
    /// Whether the time code drops frames.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub drop_frame: Option<bool>,
    /// Whether the main video stream has a high dynamic range transfer (PQ or HLG).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub is_hdr: Option<bool>,
    /// Whether there is at least one audio stream.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub has_audio: Option<bool>,
    /// Whether the main video stream carries transparency.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub has_alpha: Option<bool>,
    /// Whether this is an animated picture (GIF) rather than a video.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub is_animated: Option<bool>,
    /// Number of video streams, cover art not counted.
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

    /// Ours: the duration that rules are checked against: that of the main video stream, or of the sound when there is no video.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub duration_seconds: Option<f64>,
    /// Ours: which stage gave [`MediaFacts::duration_seconds`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub duration_source: Option<DurationSource>,
    /// Ours: the duration that the container's header claims.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub container_duration_seconds: Option<f64>,
    /// Ours: the duration that headers claim for the stream of [`MediaFacts::duration_seconds`]; absent where an edit list or
    /// a longer track explains a difference between the two.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub claimed_duration_seconds: Option<f64>,
    /// Ours: time stamp of the first frame, as stored; may be negative.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub start_time_seconds: Option<f64>,
    /// Ours: bit rate of the whole file.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub container_bitrate_bps: Option<u64>,
    /// Ours: set when the file ends before its own tables say it should.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub truncated: Option<Truncation>,
    /// Ours: set when a box or chunk claims more bytes than the file has although every sample is in the file.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub overclaim: Option<Truncation>,
    /// Ours: how the content is encrypted, such as `cenc`; absent when it is not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub encryption: Option<String>,
    /// Ours: only headers were read, by a reduced reader; sizes and durations are what the headers claim.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub header_only: bool,
    /// Ours: a remote source was not read as far as it should have been, because its byte budget was spent or because
    /// reading on would have cost too much. What is missing here is unknown, not absent.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub partly_read: bool,
    /// Ours: nothing but the header's word stands behind the duration, or not even that.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub duration_unverified: bool,
    /// Ours: an edit list changes what is shown (parts are skipped, repeated or delayed).
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub edit_list: bool,
    /// Ours: the file is fragmented (`moof` boxes instead of one table).
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub fragmented: bool,
    /// Ours: version of the library that answered, such as `libavformat 59.27.100`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub probed_with: Option<String>,
    /// Ours: what the demuxer complained about while it read, at most eight lines.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<String>,
}

/// One video stream, or a cover picture stored as one.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
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
    /// Clockwise rotation that a player applies: 0, 90, 180 or 270 in practice.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rotation: Option<i32>,
    /// Pixel (sample) aspect ratio as `num:den`; absent when the file does not say, which players take for `1:1`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pixel_aspect_ratio: Option<String>,
    /// Display aspect ratio as `num:den`, rotation not applied.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub display_aspect_ratio: Option<String>,
    /// `progressive` or `interlaced`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scan_type: Option<String>,
    /// Pixel format, such as `yuv420p`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pixel_format: Option<String>,
    /// Bits per colour component.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bit_depth: Option<u32>,
    /// Colour range, `tv` or `pc`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub color_range: Option<String>,
    /// Colour transfer characteristics, such as `bt709` or `smpte2084`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub color_transfer: Option<String>,
    /// Colour space (matrix), such as `bt709`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub color_space: Option<String>,
    /// Colour primaries, such as `bt709`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub color_primaries: Option<String>,

    /// Ours: width as a viewer sees it, pixel aspect ratio and rotation applied.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub display_width: Option<u32>,
    /// Ours: height as a viewer sees it, pixel aspect ratio and rotation applied.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub display_height: Option<u32>,
    /// Ours: this is a cover picture, not video.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub attached_pic: bool,
    /// Ours: the container marks this stream as the one to play.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub default: bool,
    /// Ours: descriptive name of the codec.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub codec_long: Option<String>,
    /// Ours: four-character code of the container for the codec, such as `avc1`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub codec_tag: Option<String>,
    /// Ours: codec profile, such as `High`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub profile: Option<String>,
    /// Ours: the width that the container's header claims, when it differs from the stream's own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub header_width: Option<u32>,
    /// Ours: the height that the container's header claims, when it differs from the stream's own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub header_height: Option<u32>,
    /// Ours: the frames are unevenly spaced, as far as the headers tell.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub variable_frame_rate: bool,
    /// Ours: number of frames, when the container lists them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub frames: Option<u64>,
    /// Ours: high dynamic range transfer.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub is_hdr: bool,
    /// Ours: the pixel format has an alpha plane.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub has_alpha: bool,
    /// Ours: FFmpeg has no decoder for this codec.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub no_decoder: bool,
    /// Ours: the pixel aspect ratio as a number pair, for computation.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sample_aspect: Option<(u32, u32)>,
}

/// One audio stream.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
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
    /// Bits per sample, for codecs that have such a number.
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
    /// Ours: four-character code of the container for the codec, such as `mp4a`.
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
pub struct OtherStream {
    /// Zero-based index of the stream within the file.
    pub index: u32,
    /// What it carries: `subtitle`, `data` or `attachment`.
    pub kind: String,
    /// Codec name, such as `subrip`; `none` if FFmpeg has no name for it.
    pub codec: String,
    /// Four-character code of the container for the codec, such as `tmcd`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub codec_tag: Option<String>,
    /// Language tag as stored, such as `eng`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub language: Option<String>,
}

/// Which stage of the probe the duration comes from, from the least work to the most.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum DurationSource {
    /// The container's header, checked by nothing else.
    Header,
    /// The index of the container, which lists some frames: right to within their spacing. Asked where reading the tail
    /// would cost too much.
    Index,
    /// The sample table of the container, which lists every frame.
    SampleTable,
    /// The first packets and the last packets of the file, which agree with the header.
    Tail,
    /// Every packet of the file was read (not decoded).
    PacketScan,
}

/// How a file is known to be cut off, or to claim more bytes than it has.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Truncation {
    /// The size that the file's own tables ask for, when they say.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expected_bytes: Option<u64>,
    /// What was seen, in words.
    pub detail: String,
}

impl MediaFacts {
    /// The main video stream: the default one, or else the first, cover art left out.
    pub fn video(&self) -> Option<&VideoStream> {
        let real = || self.video_streams.iter().filter(|s| !s.attached_pic);
        real().find(|s| s.default).or_else(|| real().next())
    }

    /// The first audio stream.
    pub fn audio(&self) -> Option<&AudioStream> {
        self.audio_streams.first()
    }

    /// The audio streams whose codec FFmpeg can name; others can be neither decoded nor copied.
    pub fn known_audio(&self) -> impl Iterator<Item = &AudioStream> {
        self.audio_streams
            .iter()
            .filter(|audio| is_known_codec(&audio.codec))
    }

    /// The cover picture, when the file carries one.
    pub fn cover_art(&self) -> Option<&VideoStream> {
        self.video_streams.iter().find(|s| s.attached_pic)
    }

    /// The duration that rules are checked against, in seconds.
    pub fn duration_seconds(&self) -> Option<f64> {
        self.duration_seconds
            .or_else(|| self.video().and_then(|v| v.duration_seconds))
            .or(self.container_duration_seconds)
    }

    /// Width and height as a viewer sees them: pixel aspect ratio and rotation applied.
    pub fn display_size(&self) -> Option<(u32, u32)> {
        self.video().map(VideoStream::display_size)
    }

    /// Fills the flat fields (`video_width`, `has_audio`, …) from the streams, as the platform does, and the display sizes.
    pub fn summarise(&mut self) {
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
    /// Width and height as a viewer sees them: pixel aspect ratio and rotation applied.
    pub fn display_size(&self) -> (u32, u32) {
        let mut width = f64::from(self.width);
        if let Some((num, den)) = self.sample_aspect.filter(|(n, d)| *n > 0 && *d > 0) {
            width = width * f64::from(num) / f64::from(den);
        }
        // The cast saturates, and a frame wider than `u32` does not exist.
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

/// Whether FFmpeg has a name for a codec: what it does not know is `none`, what it only has a number for `unknown_codec`.
pub(crate) fn is_known_codec(codec: &str) -> bool {
    !matches!(codec, "" | "none" | "unknown_codec")
}

/// The display aspect ratio as `num:den`, rotation not applied.
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_main_video_is_the_default_stream_and_never_the_cover() {
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
    fn facts_survive_json() {
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
        facts.summarise();
        let text = serde_json::to_string(&facts).expect("facts are plain data");
        assert_eq!(
            serde_json::from_str::<MediaFacts>(&text).expect("own output"),
            facts
        );
        assert!(text.contains(r#""video_width":640"#), "{text}");
    }
}
