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
    MediaFacts {
        file_size_bytes: 1,
        file_mime_type: text(),
        file_container_format: text(),
        container_creation_time: Some("2022-12-11T11:20:58Z".to_owned()),
        video_streams: vec![VideoStream {
            index: 0,
            codec: "h264".to_owned(),
            width: 640,
            height: 360,
            fps: Some(25.0),
            avg_fps: Some(25.0),
            duration_seconds: Some(5.0),
            bitrate_bps: Some(1),
            rotation: Some(90),
            pixel_aspect_ratio: text(),
            display_aspect_ratio: text(),
            scan_type: text(),
            pixel_format: text(),
            bit_depth: Some(8),
            color_range: text(),
            color_transfer: text(),
            color_space: text(),
            color_primaries: text(),
            display_width: Some(360),
            display_height: Some(640),
            attached_pic: true,
            default: true,
            codec_long: text(),
            codec_tag: text(),
            profile: text(),
            header_width: Some(1),
            header_height: Some(1),
            variable_frame_rate: true,
            frames: Some(1),
            is_hdr: true,
            has_alpha: true,
            no_decoder: true,
            sample_aspect: Some((1, 1)),
        }],
        video_codec: text(),
        video_width: Some(1),
        video_height: Some(1),
        video_fps: Some(1.0),
        video_duration_seconds: Some(1.0),
        video_bitrate_bps: Some(1),
        audio_streams: vec![AudioStream {
            index: 1,
            codec: "aac".to_owned(),
            codec_long: text(),
            sample_rate: Some(1),
            bit_depth: Some(1),
            channels: Some(1),
            channel_layout: text(),
            bitrate_bps: Some(1),
            language: text(),
            codec_tag: text(),
            duration_seconds: Some(1.0),
            no_decoder: true,
        }],
        other_streams: vec![OtherStream {
            index: 2,
            kind: "subtitle".to_owned(),
            codec: "subrip".to_owned(),
            codec_tag: text(),
            language: text(),
        }],
        audio_codec: text(),
        audio_sample_rate: Some(1),
        audio_channels: Some(1),
        audio_duration_seconds: Some(1.0),
        start_timecode: text(),
        timecode_source: text(),
        drop_frame: Some(true),
        is_hdr: Some(true),
        has_audio: Some(true),
        has_alpha: Some(true),
        is_animated: Some(true),
        total_video_streams: Some(1),
        total_audio_streams: Some(1),
        storage_aspect_ratio: Some(1.0),
        geospatial_latitude: Some(1.0),
        geospatial_longitude: Some(1.0),
        geospatial_altitude_meters: Some(1.0),
        duration_seconds: Some(1.0),
        duration_source: Some(DurationSource::Tail),
        container_duration_seconds: Some(1.0),
        start_time_seconds: Some(1.0),
        container_bitrate_bps: Some(1),
        truncated: Some(Truncation::default()),
        overclaim: Some(Truncation::default()),
        encryption: text(),
        claimed_duration_seconds: Some(1.0),
        header_only: true,
        partly_read: true,
        duration_unverified: true,
        edit_list: true,
        fragmented: true,
        probed_with: text(),
        warnings: vec!["text".to_owned()],
    }
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
