//! Maps elements of Matroska and WebM to facts.

use matroska_demuxer::{FlagInterlaced, MatroskaFile, TrackEntry, TrackType};

use super::source::Source;
use crate::facts::{self, AudioStream, MediaFacts, VideoStream};
use crate::probe::{ProbeError, ProbeErrorKind, container, media_type};

const FORMAT: &str = "matroska,webm";

/// Seconds from 1970 to 2001, the epoch of Matroska.
const EPOCH_SECONDS: i64 = 978_307_200;

pub(super) fn facts(source: &mut Source<'_>) -> Result<MediaFacts, ProbeError> {
    let outline = container::inspect(FORMAT, source.size(), &mut |offset, into| {
        source.peek(offset, into)
    });
    let file = MatroskaFile::open(source).map_err(|error| {
        let seen =
            format!("this looks like a Matroska file, but its headers cannot be read ({error})");
        ProbeError::new(ProbeErrorKind::Broken, "", seen).with_format(FORMAT)
    })?;
    let info = file.info();
    let ticks = info.timestamp_scale().get() as f64;
    let seconds = info
        .duration()
        .map(|duration| duration * ticks / 1e9)
        .filter(|seconds| seconds.is_finite() && *seconds > 0.0);
    let mut facts = MediaFacts {
        file_container_format: Some(FORMAT.to_owned()),
        container_creation_time: info.date_utc().and_then(creation_time),
        container_duration_seconds: seconds,
        truncated: outline.truncated,
        ..MediaFacts::default()
    };
    for (index, track) in file.tracks().iter().enumerate() {
        let index = u32::try_from(index).unwrap_or(u32::MAX);
        match track.track_type() {
            TrackType::Video => facts.video_streams.extend(video(index, track, seconds)),
            TrackType::Audio => facts.audio_streams.extend(audio(index, track, seconds)),
            _ => {}
        }
    }
    let webm = file.ebml_header().doc_type() == "webm";
    facts.file_mime_type = Some(media_type::of_matroska(webm, facts.video().is_some()));
    Ok(facts)
}

fn creation_time(nanoseconds: i64) -> Option<String> {
    let seconds = (nanoseconds / 1_000_000_000).checked_add(EPOCH_SECONDS)?;
    let time = jiff::Timestamp::from_second(seconds).ok()?;
    Some(time.strftime("%Y-%m-%dT%H:%M:%SZ").to_string())
}

fn video(index: u32, track: &TrackEntry, seconds: Option<f64>) -> Option<VideoStream> {
    let video = track.video()?;
    let width = u32::try_from(video.pixel_width().get()).ok()?;
    let height = u32::try_from(video.pixel_height().get()).ok()?;
    let sample_aspect = sample_aspect(
        (width, height),
        (
            video.display_width().map_or(u64::from(width), |n| n.get()),
            video
                .display_height()
                .map_or(u64::from(height), |n| n.get()),
        ),
    );
    let fps = track
        .default_duration()
        .map(|nanoseconds| 1e9 / nanoseconds.get() as f64);
    Some(VideoStream {
        index,
        codec: codec(track),
        width,
        height,
        fps,
        avg_fps: fps,
        duration_seconds: seconds,
        pixel_aspect_ratio: sample_aspect.map(|(n, d)| format!("{n}:{d}")),
        display_aspect_ratio: facts::display_aspect(width, height, sample_aspect),
        scan_type: match video.flag_interlaced() {
            FlagInterlaced::Interlaced => Some("interlaced".to_owned()),
            FlagInterlaced::Progressive => Some("progressive".to_owned()),
            _ => None,
        },
        default: track.flag_default(),
        has_alpha: video.alpha_mode().is_some_and(|mode| mode > 0),
        sample_aspect,
        ..VideoStream::default()
    })
}

/// The pixel aspect ratio that scales the pixel size to the display size.
fn sample_aspect((width, height): (u32, u32), display: (u64, u64)) -> Option<(u32, u32)> {
    let num = display.0.checked_mul(u64::from(height))?;
    let den = display.1.checked_mul(u64::from(width))?;
    let divisor = facts::greatest_common_divisor(num, den);
    (divisor > 0).then_some(())?;
    Some((
        u32::try_from(num / divisor).ok()?,
        u32::try_from(den / divisor).ok()?,
    ))
}

fn audio(index: u32, track: &TrackEntry, seconds: Option<f64>) -> Option<AudioStream> {
    let audio = track.audio()?;
    Some(AudioStream {
        index,
        codec: codec(track),
        // The cast saturates, and NaN becomes 0.
        sample_rate: Some(audio.sampling_frequency() as u32).filter(|rate| *rate > 0),
        bit_depth: audio.bit_depth().and_then(|n| u32::try_from(n.get()).ok()),
        channels: u32::try_from(audio.channels().get()).ok(),
        language: track
            .language()
            .filter(|language| !language.is_empty() && *language != "und")
            .map(str::to_owned),
        duration_seconds: seconds,
        ..AudioStream::default()
    })
}

/// FFmpeg's name of the codec if known, otherwise Matroska's.
fn codec(track: &TrackEntry) -> String {
    let id = track.codec_id();
    let known = match id {
        "V_MPEG4/ISO/AVC" => "h264",
        "V_MPEGH/ISO/HEVC" => "hevc",
        "V_VP8" => "vp8",
        "V_VP9" => "vp9",
        "V_AV1" => "av1",
        "V_MPEG4/ISO/ASP" | "V_MPEG4/ISO/SP" | "V_MPEG4/ISO/AP" => "mpeg4",
        "V_MPEG1" => "mpeg1video",
        "V_MPEG2" => "mpeg2video",
        "V_THEORA" => "theora",
        "V_PRORES" => "prores",
        "V_MJPEG" => "mjpeg",
        "V_FFV1" => "ffv1",
        "A_OPUS" => "opus",
        "A_VORBIS" => "vorbis",
        "A_FLAC" => "flac",
        "A_MPEG/L3" => "mp3",
        "A_MPEG/L2" => "mp2",
        "A_AC3" => "ac3",
        "A_EAC3" => "eac3",
        "A_DTS" => "dts",
        id if id.starts_with("A_AAC") => "aac",
        "V_MS/VFW/FOURCC" => return windows_codec(track),
        id => return id.to_ascii_lowercase(),
    };
    known.to_owned()
}

/// The codec of a track with an AVI stream header: its four-character code is at byte 16.
fn windows_codec(track: &TrackEntry) -> String {
    let tag = track.codec_private().and_then(|header| header.get(16..20));
    let tag = String::from_utf8_lossy(tag.unwrap_or_default()).to_ascii_lowercase();
    let known = match tag.as_str() {
        "h264" | "x264" | "avc1" => "h264",
        "xvid" | "divx" | "dx50" | "fmp4" | "mp4v" => "mpeg4",
        "mjpg" => "mjpeg",
        "mpg2" => "mpeg2video",
        other => other,
    };
    known.to_owned()
}
