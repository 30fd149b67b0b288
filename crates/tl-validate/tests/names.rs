//! Compares the field names of facts with the platform's own `technical_metadata`, so that local
//! and remote values can be compared.

use std::collections::BTreeSet;

use serde_json::Value;
use tl_model::TechnicalMetadata;
use tl_validate::{AudioStream, DurationSource, MediaFacts, OtherStream, Truncation, VideoStream};

/// The fields that the platform reports for video and audio, according to its documentation of July
/// 2026.
const REMOTE: &str = "audio_channels audio_codec audio_duration_seconds audio_sample_rate audio_streams \
    container_creation_time drop_frame file_container_format file_mime_type file_size_bytes \
    geospatial_altitude_meters geospatial_latitude geospatial_longitude has_alpha has_audio is_animated is_hdr \
    start_timecode storage_aspect_ratio timecode_source total_audio_streams total_video_streams video_bitrate_bps \
    video_codec video_duration_seconds video_fps video_height video_streams video_width";
const REMOTE_VIDEO: &str = "avg_fps bit_depth bitrate_bps codec color_primaries color_range color_space color_transfer \
    display_aspect_ratio duration_seconds fps height index pixel_aspect_ratio pixel_format rotation scan_type width";

/// Fields that the platform does not report.
const OURS: &str = "claimed_duration_seconds container_bitrate_bps container_duration_seconds duration_seconds duration_source \
    duration_unverified edit_list encryption fragmented header_only other_streams overclaim partly_read probed_with start_time_seconds \
    truncated warnings";
const OURS_VIDEO: &str = "attached_pic codec_long codec_tag default display_height display_width frames has_alpha \
    header_height header_width is_hdr no_decoder profile sample_aspect variable_frame_rate";
const OURS_AUDIO: &str = "codec_tag no_decoder";

fn names(text: &str) -> BTreeSet<String> {
    text.split_whitespace().map(str::to_owned).collect()
}

fn keys(value: &Value) -> BTreeSet<String> {
    value
        .as_object()
        .expect("an object")
        .keys()
        .cloned()
        .collect()
}

/// Facts with every field set. A new field causes a compile error here.
fn everything() -> MediaFacts {
    let text = || Some("text".to_owned());
    MediaFacts::default().with(|facts| {
        facts.file_size_bytes = 1;
        facts.file_mime_type = text();
        facts.file_container_format = text();
        facts.container_creation_time = Some("2022-12-11T11:20:58Z".to_owned());
        facts.video_streams = vec![VideoStream::default().with(|video| {
            video.index = 0;
            video.codec = "h264".to_owned();
            video.width = 640;
            video.height = 360;
            video.fps = Some(25.0);
            video.avg_fps = Some(25.0);
            video.duration_seconds = Some(5.0);
            video.bitrate_bps = Some(1);
            video.rotation = Some(90);
            video.pixel_aspect_ratio = text();
            video.display_aspect_ratio = text();
            video.scan_type = text();
            video.pixel_format = text();
            video.bit_depth = Some(8);
            video.color_range = text();
            video.color_transfer = text();
            video.color_space = text();
            video.color_primaries = text();
            video.display_width = Some(360);
            video.display_height = Some(640);
            video.attached_pic = true;
            video.default = true;
            video.codec_long = text();
            video.codec_tag = text();
            video.profile = text();
            video.header_width = Some(1);
            video.header_height = Some(1);
            video.variable_frame_rate = true;
            video.frames = Some(1);
            video.is_hdr = true;
            video.has_alpha = true;
            video.no_decoder = true;
            video.sample_aspect = Some((1, 1));
        })];
        facts.video_codec = text();
        facts.video_width = Some(1);
        facts.video_height = Some(1);
        facts.video_fps = Some(1.0);
        facts.video_duration_seconds = Some(1.0);
        facts.video_bitrate_bps = Some(1);
        facts.audio_streams = vec![AudioStream::default().with(|audio| {
            audio.index = 1;
            audio.codec = "aac".to_owned();
            audio.codec_long = text();
            audio.sample_rate = Some(1);
            audio.bit_depth = Some(1);
            audio.channels = Some(1);
            audio.channel_layout = text();
            audio.bitrate_bps = Some(1);
            audio.language = text();
            audio.codec_tag = text();
            audio.duration_seconds = Some(1.0);
            audio.no_decoder = true;
        })];
        facts.other_streams = vec![OtherStream::default().with(|value| {
            value.index = 2;
            value.kind = "subtitle".to_owned();
            value.codec = "subrip".to_owned();
            value.codec_tag = text();
            value.language = text();
        })];
        facts.audio_codec = text();
        facts.audio_sample_rate = Some(1);
        facts.audio_channels = Some(1);
        facts.audio_duration_seconds = Some(1.0);
        facts.start_timecode = text();
        facts.timecode_source = text();
        facts.drop_frame = Some(true);
        facts.is_hdr = Some(true);
        facts.has_audio = Some(true);
        facts.has_alpha = Some(true);
        facts.is_animated = Some(true);
        facts.total_video_streams = Some(1);
        facts.total_audio_streams = Some(1);
        facts.storage_aspect_ratio = Some(1.0);
        facts.geospatial_latitude = Some(1.0);
        facts.geospatial_longitude = Some(1.0);
        facts.geospatial_altitude_meters = Some(1.0);
        facts.duration_seconds = Some(1.0);
        facts.duration_source = Some(DurationSource::Tail);
        facts.container_duration_seconds = Some(1.0);
        facts.start_time_seconds = Some(1.0);
        facts.container_bitrate_bps = Some(1);
        facts.truncated = Some(Truncation::default());
        facts.overclaim = Some(Truncation::default());
        facts.encryption = text();
        facts.claimed_duration_seconds = Some(1.0);
        facts.header_only = true;
        facts.partly_read = true;
        facts.duration_unverified = true;
        facts.edit_list = true;
        facts.fragmented = true;
        facts.probed_with = text();
        facts.warnings = vec!["text".to_owned()];
    })
}

#[test]
fn fact_names_match_the_platform() {
    let facts = serde_json::to_value(everything()).expect("plain data");
    let (video, audio) = (&facts["video_streams"][0], &facts["audio_streams"][0]);
    let ours = names(OURS);
    assert_eq!(keys(&facts), &names(REMOTE) | &ours);
    assert_eq!(keys(video), &names(REMOTE_VIDEO) | &names(OURS_VIDEO));

    // The API type knows every name of the platform, and none of ours.
    let remote: TechnicalMetadata = serde_json::from_value(facts.clone()).expect("the same types");
    let extra: BTreeSet<String> = remote.extra.keys().cloned().collect();
    assert_eq!(extra, ours);
    let of_video: BTreeSet<String> = remote.video_streams[0].extra.keys().cloned().collect();
    assert_eq!(of_video, names(OURS_VIDEO));
    let of_audio: BTreeSet<String> = remote.audio_streams[0].extra.keys().cloned().collect();
    assert_eq!(of_audio, names(OURS_AUDIO), "{audio}");

    // Conversely, facts can be parsed from the output of the API type.
    let again: MediaFacts =
        serde_json::from_value(serde_json::to_value(&remote).expect("plain data"))
            .expect("the same types");
    assert_eq!(again, everything());
}
