//! Selects the tracks of a file that a copy keeps, and how the video is encoded.

use crate::facts::is_known_codec;
use crate::facts::{MediaFacts, VideoStream};

/// The tracks that copies and parts of a file keep: the main video stream and every audio stream
/// whose codec FFmpeg can name.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Tracks {
    /// The `-map` arguments of `ffmpeg` for the kept tracks, video first.
    pub map: Vec<String>,
    /// Number of kept audio tracks.
    pub audio: usize,
    /// Omitted tracks, as phrases such as `subtitle track 2 (subrip, eng)`.
    pub left_out: Vec<String>,
}

impl Tracks {
    /// Selects the tracks of a file with these facts.
    pub fn of(facts: &MediaFacts) -> Self {
        let main = facts.video().filter(|video| is_known_codec(&video.codec));
        let mut tracks = Self::default();
        let mut keep = |stream: String| tracks.map.extend(["-map".to_owned(), stream]);
        if let Some(main) = main {
            let first = facts.video_streams.iter().find(|video| !video.attached_pic);
            if first.is_some_and(|first| first.index == main.index) {
                keep("0:V:0".to_owned());
            } else {
                keep(format!("0:{}", main.index));
            }
        }
        tracks.audio = facts.known_audio().count();
        if tracks.audio == facts.audio_streams.len() {
            keep("0:a?".to_owned());
        } else {
            for audio in facts.known_audio() {
                keep(format!("0:{}", audio.index));
            }
        }
        tracks.left_out = left_out(facts, main);
        tracks
    }
}

fn left_out(facts: &MediaFacts, main: Option<&VideoStream>) -> Vec<String> {
    let mut left_out = Vec::new();
    let mut name = |what: &str, index: u32, codec: &str, tag: Option<&str>, more: Option<&str>| {
        let codec = match tag {
            Some(tag) if !is_known_codec(codec) => format!("unknown codec `{tag}`"),
            _ if !is_known_codec(codec) => "unknown codec".to_owned(),
            _ => codec.to_owned(),
        };
        let more = more.map(|more| format!(", {more}")).unwrap_or_default();
        left_out.push((index, format!("{what} track {index} ({codec}{more})")));
    };
    for video in &facts.video_streams {
        if main.is_none_or(|main| main.index != video.index) {
            let what = if video.attached_pic {
                "cover picture"
            } else {
                "video"
            };
            name(
                what,
                video.index,
                &video.codec,
                video.codec_tag.as_deref(),
                None,
            );
        }
    }
    for audio in &facts.audio_streams {
        if !is_known_codec(&audio.codec) {
            let language = audio.language.as_deref();
            name(
                "audio",
                audio.index,
                &audio.codec,
                audio.codec_tag.as_deref(),
                language,
            );
        }
    }
    for other in &facts.other_streams {
        let (tag, language) = (other.codec_tag.as_deref(), other.language.as_deref());
        name(&other.kind, other.index, &other.codec, tag, language);
    }
    left_out.sort();
    left_out.into_iter().map(|(_, phrase)| phrase).collect()
}

/// The `ffmpeg` arguments that encode the video, without the bit rate: 8-bit sources as H.264,
/// deeper ones as 10-bit HEVC, which supports HDR.
pub fn picture_encoder(video: &VideoStream, tone_map: bool) -> Vec<&'static str> {
    if keeps_ten_bits(video, tone_map) {
        // libx265 has its own log, which ignores FFmpeg's log level.
        vec![
            "-c:v",
            "libx265",
            "-pix_fmt",
            "yuv420p10le",
            "-tag:v",
            "hvc1",
            "-x265-params",
            "log-level=error",
        ]
    } else {
        vec!["-c:v", "libx264", "-pix_fmt", "yuv420p"]
    }
}

pub(super) fn keeps_ten_bits(video: &VideoStream, tone_map: bool) -> bool {
    video.bit_depth.is_some_and(|bits| bits > 8) && !(tone_map && video.is_hdr)
}

#[cfg(test)]
mod tests;
