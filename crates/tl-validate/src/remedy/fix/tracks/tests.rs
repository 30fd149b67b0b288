//! Tests of the tracks that a copy keeps and leaves out.

use super::*;
use crate::facts::{AudioStream, OtherStream};

#[test]
fn codecs_without_a_name_are_left_out_and_called_unknown() {
    let tag = |tag: &str| Some(tag.to_owned()).filter(|tag| !tag.is_empty());
    let audio = |index, codec: &str, codec_tag: &str| {
        AudioStream::default().with(|audio| {
            audio.index = index;
            audio.codec = codec.to_owned();
            audio.codec_tag = tag(codec_tag);
        })
    };
    let data = OtherStream {
        index: 1,
        kind: "data".to_owned(),
        codec: "none".to_owned(),
        ..OtherStream::default()
    };
    let subtitles = OtherStream {
        index: 6,
        kind: "subtitle".to_owned(),
        codec: "subrip".to_owned(),
        codec_tag: tag("text"),
        language: Some("eng".to_owned()),
    };
    let facts = MediaFacts::default().with(|facts| {
        facts.video_streams = vec![VideoStream::default().with(|video| {
            video.codec = "h264".into();
        })];
        facts.audio_streams = vec![
            audio(2, "aac", "mp4a"),
            audio(3, "unknown_codec", ""),
            audio(4, "none", "xyz1"),
            audio(5, "", ""),
        ];
        facts.other_streams = vec![subtitles, data];
    });
    let tracks = Tracks::of(&facts);
    assert_eq!(tracks.map, ["-map", "0:V:0", "-map", "0:2"]);
    assert_eq!(tracks.audio, 1);
    assert_eq!(
        tracks.left_out,
        [
            "data track 1 (unknown codec)",
            "audio track 3 (unknown codec)",
            "audio track 4 (unknown codec `xyz1`)",
            "audio track 5 (unknown codec)",
            "subtitle track 6 (subrip, eng)",
        ]
    );
}

#[test]
fn ten_bits_are_kept_unless_hdr_is_mapped() {
    let encoder = |bits: u32, is_hdr: bool, tone_map: bool| {
        let video = VideoStream::default().with(|video| {
            video.bit_depth = Some(bits);
            video.is_hdr = is_hdr;
        });
        picture_encoder(&video, tone_map)[1]
    };
    assert_eq!(encoder(10, true, false), "libx265");
    assert_eq!(encoder(10, false, true), "libx265");
    assert_eq!(encoder(10, true, true), "libx264");
    assert_eq!(encoder(8, false, false), "libx264");
}
