//! Reads [`MediaFacts`] from an open container: names, numbers and tags. `duration` determines the
//! duration.

use std::time::Instant;

use super::shim::{Input, Stream, StreamKind};
use super::{duration, policy};
use crate::facts::{self, AudioStream, MediaFacts, OtherStream, VideoStream};
use crate::probe::{ProbeError, ProbeErrorKind, ProbeOptions, container, media_type};

pub(super) fn facts_of(
    input: &mut Input<'_>,
    options: &ProbeOptions,
    started: Instant,
) -> Result<MediaFacts, ProbeError> {
    let format = input.format();
    // FFmpeg opens a still image of this family as a video with one frame.
    if format.starts_with("mov,")
        && let Some(container::FileKind::StillPicture(kind)) = input.session_mut().file_kind()
    {
        let file_kind = container::FileKind::StillPicture(kind);
        return Err(policy::explain_file_kind(file_kind).with_format(format));
    }
    let header_sizes: Vec<(u32, u32)> = (0..input.stream_count())
        .map(|i| input.stream(i).map_or((0, 0), |s| (s.width, s.height)))
        .collect();
    if let Err(code) = input.find_stream_info(policy::MAX_PIXELS) {
        return Err(unreadable(&format, code));
    }
    let streams: Vec<Stream> = (0..input.stream_count())
        .filter_map(|i| input.stream(i))
        .collect();
    let mut facts = MediaFacts {
        file_size_bytes: input.session().size(),
        file_mime_type: mime_type(input, &format, &streams),
        container_creation_time: input
            .tag(None, c"creation_time")
            .as_deref()
            .and_then(creation_time),
        container_duration_seconds: input.duration().filter(|_| !input.duration_is_a_guess()),
        container_bitrate_bps: input.bit_rate(),
        start_time_seconds: input.start_time(),
        is_animated: (format == "gif").then_some(true),
        file_container_format: Some(format.clone()),
        probed_with: Some(format!("libavformat {}", super::shim::version())),
        ..MediaFacts::default()
    };
    for stream in &streams {
        match stream.kind {
            StreamKind::Video => {
                let header = header_sizes
                    .get(stream.index as usize)
                    .copied()
                    .unwrap_or_default();
                facts.video_streams.push(video(input, stream, header));
            }
            StreamKind::Audio => facts.audio_streams.push(audio(input, stream)),
            StreamKind::Subtitle | StreamKind::Data | StreamKind::Attachment => {
                facts.other_streams.push(other(input, stream));
            }
        }
    }
    if facts.video().is_none() && facts.audio_streams.is_empty() {
        let seen = "the container has no video or audio";
        return Err(ProbeError::new(ProbeErrorKind::NotMedia, "", seen).with_format(format));
    }
    timecode(input, &mut facts, &streams);
    if let Some(place) = location(input) {
        facts.geospatial_latitude = Some(place.0);
        facts.geospatial_longitude = Some(place.1);
        facts.geospatial_altitude_meters = place.2;
    }
    let session = input.session_mut();
    let outline = container::inspect(&format, session.size(), &mut |offset, into| {
        session.peek(offset, into)
    });
    if outline.external_data {
        let seen = "the file refers to another file for its video or audio";
        return Err(ProbeError::new(ProbeErrorKind::Nested, "", seen).with_format(format));
    }
    facts.truncated = outline.truncated;
    facts.fragmented = outline.fragmented;
    facts.edit_list = outline.edit_list;
    facts.encryption = outline.encryption;
    let (header, of_container) = main_header_duration(input, &streams, &facts);
    let claims = duration::Claims {
        header,
        of_container,
        indexed: outline.indexed_seconds,
    };
    duration::fill_duration(input, &streams, &mut facts, claims, options, started)?;
    if outline.holds_samples && duration::content_is_whole(input, &streams, &facts) {
        facts.overclaim = facts.truncated.take();
    }
    let spent = input.session().status.budget_spent;
    facts.partly_read = spent || (input.session().is_expensive() && facts.duration_unverified);
    if spent && facts.video().is_some_and(|v| v.width == 0 || v.height == 0) {
        let seen = "the byte budget was spent before the frame size was found";
        return Err(ProbeError::new(ProbeErrorKind::BudgetSpent, "", seen).with_format(format));
    }
    facts.summarize();
    Ok(facts)
}

fn unreadable(format: &str, code: i32) -> ProbeError {
    let (kind, seen) = if policy::is_out_of_memory(code) {
        (
            ProbeErrorKind::TooComplex,
            "the file requires more memory than allowed",
        )
    } else {
        (
            ProbeErrorKind::Broken,
            "the streams of the file cannot be read",
        )
    };
    ProbeError::new(kind, "", seen).with_format(format)
}

fn video(input: &Input<'_>, stream: &Stream, header: (u32, u32)) -> VideoStream {
    let differs = header != (stream.width, stream.height) && header.0 > 0 && header.1 > 0;
    VideoStream {
        index: stream.index,
        codec: stream.codec.clone(),
        width: stream.width,
        height: stream.height,
        fps: stream.frame_rate,
        avg_fps: stream.average_frame_rate,
        duration_seconds: stream_duration(input, stream),
        bitrate_bps: stream.bit_rate.or_else(|| tag_number(input, stream.index)),
        rotation: stream.rotation,
        pixel_aspect_ratio: stream.sample_aspect.map(|(n, d)| format!("{n}:{d}")),
        display_aspect_ratio: facts::display_aspect(
            stream.width,
            stream.height,
            stream.sample_aspect,
        ),
        scan_type: match stream.field_order {
            1 => Some("progressive".to_owned()),
            2..=5 => Some("interlaced".to_owned()),
            _ => None,
        },
        pixel_format: stream.pixel_format.clone(),
        bit_depth: stream.bit_depth,
        color_range: stream.color_range.clone(),
        variable_frame_rate: varies(stream),
        is_hdr: matches!(
            stream.color_transfer.as_deref(),
            Some("smpte2084" | "arib-std-b67")
        ),
        color_transfer: stream.color_transfer.clone(),
        color_space: stream.color_space.clone(),
        color_primaries: stream.color_primaries.clone(),
        display_width: None,
        display_height: None,
        attached_pic: stream.attached_pic,
        default: stream.default,
        codec_long: stream.codec_long.clone(),
        codec_tag: fourcc(stream.codec_tag),
        profile: stream.profile.clone(),
        header_width: differs.then_some(header.0),
        header_height: differs.then_some(header.1),
        frames: stream.frames,
        has_alpha: stream.has_alpha,
        no_decoder: lacks_decoder(stream),
        sample_aspect: stream.sample_aspect,
    }
}

/// Whether the frame rate is variable. For interlaced streams one rate counts fields and the other
/// frames.
fn varies(stream: &Stream) -> bool {
    let (Some(nominal), Some(average)) = (stream.frame_rate, stream.average_frame_rate) else {
        return false;
    };
    let ratio = nominal / average;
    (ratio - 1.0).abs() > 0.01 && (ratio - 2.0).abs() > 0.02
}

fn audio(input: &Input<'_>, stream: &Stream) -> AudioStream {
    AudioStream {
        index: stream.index,
        codec: stream.codec.clone(),
        codec_long: stream.codec_long.clone(),
        sample_rate: stream.sample_rate,
        bit_depth: stream.bits_per_sample,
        channels: stream.channels,
        channel_layout: stream.channel_layout.clone(),
        bitrate_bps: stream.bit_rate.or_else(|| tag_number(input, stream.index)),
        language: language(input, stream),
        codec_tag: fourcc(stream.codec_tag),
        duration_seconds: stream_duration(input, stream),
        no_decoder: lacks_decoder(stream),
    }
}

fn other(input: &Input<'_>, stream: &Stream) -> OtherStream {
    OtherStream {
        index: stream.index,
        kind: match stream.kind {
            StreamKind::Subtitle => "subtitle",
            StreamKind::Attachment => "attachment",
            _ => "data",
        }
        .to_owned(),
        codec: stream.codec.clone(),
        codec_tag: fourcc(stream.codec_tag),
        language: language(input, stream),
    }
}

fn language(input: &Input<'_>, stream: &Stream) -> Option<String> {
    input
        .tag(Some(stream.index), c"language")
        .filter(|l| !l.is_empty() && l != "und")
}

/// Codecs with a native FFmpeg decoder that some distributions omit because of patents. A decoder
/// missing here does not mean that it is missing in the platform's FFmpeg.
const LEFT_OUT_OF_BUILDS: [&str; 8] = ["h264", "hevc", "vvc", "vc1", "mpeg4", "aac", "ac3", "eac3"];

/// Whether no decoder is known for the codec of a stream.
fn lacks_decoder(stream: &Stream) -> bool {
    !stream.has_decoder && !LEFT_OUT_OF_BUILDS.contains(&stream.codec.as_str())
}

/// The header duration of the main stream, or of the container if the stream has none, and whether
/// it is the container's.
fn main_header_duration(
    input: &Input<'_>,
    streams: &[Stream],
    facts: &MediaFacts,
) -> (Option<f64>, bool) {
    let main = facts
        .video()
        .map(|v| v.index)
        .or_else(|| facts.audio().map(|a| a.index));
    let own = streams
        .iter()
        .find(|s| Some(s.index) == main)
        .and_then(|stream| stream_duration(input, stream));
    match own {
        Some(seconds) => (Some(seconds), false),
        None => (facts.container_duration_seconds, true),
    }
}

/// The header duration of one stream: its own field, or the tag written by Matroska muxers.
fn stream_duration(input: &Input<'_>, stream: &Stream) -> Option<f64> {
    if input.duration_is_a_guess() {
        return None;
    }
    stream
        .duration
        .map(|d| d as f64 * stream.time_base)
        .filter(|d| *d > 0.0)
        .or_else(|| clock(&input.tag(Some(stream.index), c"DURATION")?))
}

/// The bit rate from Matroska's statistics tags.
fn tag_number(input: &Input<'_>, stream: u32) -> Option<u64> {
    input
        .tag(Some(stream), c"BPS")
        .and_then(|text| text.parse().ok())
}

/// Parses `HH:MM:SS.fraction` as seconds.
fn clock(text: &str) -> Option<f64> {
    let mut parts = text.trim().split(':').map(str::parse::<f64>);
    let (hours, minutes, seconds) = (
        parts.next()?.ok()?,
        parts.next()?.ok()?,
        parts.next()?.ok()?,
    );
    let total = hours * 3600.0 + minutes * 60.0 + seconds;
    (parts.next().is_none() && total.is_finite() && total > 0.0).then_some(total)
}

fn fourcc(tag: u32) -> Option<String> {
    let bytes = tag.to_le_bytes();
    (tag != 0 && bytes.iter().all(|b| b.is_ascii_graphic() || *b == b' '))
        .then(|| String::from_utf8_lossy(&bytes).trim_end().to_owned())
}

fn mime_type(input: &mut Input<'_>, format: &str, streams: &[Stream]) -> Option<String> {
    let has_video = streams
        .iter()
        .any(|s| s.kind == StreamKind::Video && !s.attached_pic);
    let either = |video: &str, audio: &str| {
        if has_video {
            video.to_owned()
        } else {
            audio.to_owned()
        }
    };
    Some(match format.split(',').next()? {
        "mov" => {
            let brand = input.tag(None, c"major_brand").unwrap_or_default();
            media_type::of_mov(&brand, has_video)
        }
        "matroska" => {
            let mut head = [0u8; 64];
            let read = input.session_mut().peek(0, &mut head).unwrap_or(0);
            let webm = head[..read].windows(4).any(|w| w == b"webm");
            media_type::of_matroska(webm, has_video)
        }
        "avi" => "video/x-msvideo".to_owned(),
        "mpegts" => "video/mp2t".to_owned(),
        "mpeg" | "mpegvideo" => "video/mpeg".to_owned(),
        "flv" => "video/x-flv".to_owned(),
        "asf" => either("video/x-ms-wmv", "audio/x-ms-wma"),
        "ogg" => either("video/ogg", "audio/ogg"),
        "mxf" => "application/mxf".to_owned(),
        "gif" => "image/gif".to_owned(),
        "h264" => "video/h264".to_owned(),
        "hevc" => "video/h265".to_owned(),
        "mp3" => "audio/mpeg".to_owned(),
        "wav" => "audio/wav".to_owned(),
        "aac" => "audio/aac".to_owned(),
        "flac" => "audio/flac".to_owned(),
        _ => "application/octet-stream".to_owned(),
    })
}

/// Formats as RFC 3339 in UTC, with whole seconds. Invalid dates from FFmpeg are rejected.
fn creation_time(text: &str) -> Option<String> {
    let time: jiff::Timestamp = text.trim().parse().ok()?;
    // 1904, the zero of mov, means "not set".
    (time.as_second() > -2_082_844_800).then(|| time.strftime("%Y-%m-%dT%H:%M:%SZ").to_string())
}

fn timecode(input: &Input<'_>, facts: &mut MediaFacts, streams: &[Stream]) {
    let container = input.tag(None, c"timecode").map(|code| (code, "container"));
    let found = container.or_else(|| {
        streams
            .iter()
            .find_map(|s| input.tag(Some(s.index), c"timecode"))
            .map(|code| (code, "stream"))
    });
    if let Some((code, source)) = found {
        facts.drop_frame = Some(code.contains(';'));
        facts.start_timecode = Some(code);
        facts.timecode_source = Some(source.to_owned());
    }
}

fn location(input: &Input<'_>) -> Option<(f64, f64, Option<f64>)> {
    let text = input
        .tag(None, c"com.apple.quicktime.location.ISO6709")
        .or_else(|| input.tag(None, c"location"))?;
    iso6709(&text)
}

/// Parses latitude, longitude and altitude from `+52.5186+013.4080+034.000/`.
fn iso6709(text: &str) -> Option<(f64, f64, Option<f64>)> {
    let mut numbers: Vec<String> = Vec::new();
    for c in text.trim().trim_end_matches('/').chars() {
        match c {
            '+' | '-' => numbers.push(c.to_string()),
            '0'..='9' | '.' => numbers.last_mut()?.push(c),
            _ => break,
        }
    }
    let number = |i: usize| numbers.get(i).and_then(|t: &String| t.parse::<f64>().ok());
    let (latitude, longitude) = (number(0)?, number(1)?);
    (latitude.abs() <= 90.0 && longitude.abs() <= 180.0).then_some((latitude, longitude, number(2)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn valid_tags_are_parsed_and_invalid_ones_ignored() {
        assert_eq!(clock("00:01:02.500000000"), Some(62.5));
        assert_eq!(clock("1:2"), None);
        assert_eq!(clock("x:y:z"), None);
        assert_eq!(
            iso6709("+52.5186+013.4080+034.000/"),
            Some((52.5186, 13.408, Some(34.0)))
        );
        assert_eq!(iso6709("-33.8-070.5/"), Some((-33.8, -70.5, None)));
        assert_eq!(iso6709("+95.0+10.0/"), None);
        assert_eq!(iso6709("hello"), None);
        assert_eq!(
            creation_time("2022-12-11T11:20:58.000000Z").as_deref(),
            Some("2022-12-11T11:20:58Z")
        );
        assert_eq!(creation_time("1904-01-01T00:00:00.000000Z"), None);
        assert_eq!(
            fourcc(u32::from_le_bytes(*b"avc1")).as_deref(),
            Some("avc1")
        );
        assert_eq!(fourcc(7), None);
    }
}
