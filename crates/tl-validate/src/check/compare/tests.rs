//! Tests of the comparison of a value with its bound, and of the texts.

use super::*;
use crate::facts::{AudioStream, DurationSource, Truncation, VideoStream};
use crate::rules::RulePack;

fn rule(fields: &str) -> Rule {
    let text = format!(
        "name = \"n\"\ndate = \"2026-01-01\"\n[[rule]]\nid = \"r\"\nwhy = \"Because.\"\n{fields}\n"
    );
    let pack = RulePack::from_toml(&text).unwrap_or_else(|error| panic!("{error}"));
    pack.rules()[0].clone()
}

/// A video of this size and duration, with audio.
fn video(width: u32, height: u32, seconds: f64) -> MediaFacts {
    MediaFacts::default().with(|facts| {
        facts.duration_seconds = Some(seconds);
        facts.video_streams = vec![VideoStream::default().with(|video| {
            video.codec = "h264".into();
            (video.width, video.height) = (width, height);
        })];
        facts.audio_streams = vec![AudioStream::default().with(|audio| {
            audio.codec = "none".into();
            audio.codec_tag = Some("abcd".into());
        })];
    })
}

fn severity(rule: &Rule, facts: &MediaFacts) -> Option<Severity> {
    against(rule, facts).map(|finding| finding.severity)
}

fn text(fields: &str, facts: &MediaFacts) -> String {
    against(&rule(fields), facts).unwrap().observed
}

const DURATION: &str = "measure = \"duration\"\nunit = \"s\"";

#[test]
fn rules_for_files_without_video_apply_to_these_only() {
    let audio = video(0, 0, 9.0).with(|facts| facts.video_streams.clear());
    for (audio_only, of_video, of_audio) in [
        ("", true, true),
        ("audio_only = true", false, true),
        ("audio_only = false", true, false),
    ] {
        let rule = rule(&format!("{DURATION}\nmin = 10\n{audio_only}"));
        let found = against(&rule, &video(640, 360, 9.0)).is_some();
        assert_eq!(found, of_video, "{audio_only}");
        assert_eq!(against(&rule, &audio).is_some(), of_audio, "{audio_only}");
    }
}

#[test]
fn sizes_between_the_two_meanings_of_a_unit_cause_a_warning() {
    let rule = rule("measure = \"file_size\"\nunit = \"MB\"\nmax = 2");
    let of = |bytes| {
        severity(
            &rule,
            &MediaFacts::default().with(|f| f.file_size_bytes = bytes),
        )
    };
    assert_eq!(of(2_000_000), None);
    assert_eq!(of(2_000_001), Some(Severity::Warning));
    assert_eq!(of(2 << 20), Some(Severity::Warning));
    assert_eq!(of((2 << 20) + 1), Some(Severity::Error));
}

#[test]
fn values_within_the_margin_cause_a_warning() {
    let rule = rule(&format!("{DURATION}\nmin = 4\nmargin = 0.5"));
    let of = |seconds| severity(&rule, &video(640, 360, seconds));
    assert_eq!(of(3.9), Some(Severity::Error));
    assert_eq!(of(4.5), Some(Severity::Warning));
    assert_eq!(of(4.5 + 5e-10), Some(Severity::Warning));
    assert_eq!(of(4.6), None);
}

#[test]
fn listed_aspect_ratios_are_met_within_one_percent() {
    let listed = rule("measure = \"aspect_list\"\none_of = [\"16:9\", \"1:1\"]");
    let of = |width, height| severity(&listed, &video(width, height, 9.0));
    assert_eq!(of(854, 480), None);
    assert_eq!(of(500, 500), None);
    assert_eq!(of(1009, 1000), None);
    assert_eq!(of(991, 1000), None);
    assert_eq!(of(102, 100), Some(Severity::Error));
    assert_eq!(of(98, 100), Some(Severity::Error));
    assert_eq!(of(480, 854), Some(Severity::Error));
    let finding = against(&listed, &video(300, 100, 9.0)).unwrap();
    assert_eq!(finding.observed, "300x100 (aspect ratio 3)");
    assert_eq!(parse_ratio("16:8"), Some(2.0));
    for text in ["16", "0:9", "16:0", "-16:9", "16:-9", "a:b"] {
        assert_eq!(parse_ratio(text), None, "{text}");
    }
}

#[test]
fn missing_tracks_and_decoders_are_named() {
    let silent = video(640, 360, 9.0).with(|facts| facts.audio_streams.clear());
    assert_eq!(
        text("measure = \"audio_tracks\"\nmin = 1", &silent),
        "no audio track"
    );
    let blank = video(640, 360, 9.0).with(|facts| facts.video_streams.clear());
    assert_eq!(
        text("measure = \"video_tracks\"\nmin = 1", &blank),
        "no video track"
    );
    let full = video(640, 360, 9.0);
    assert_eq!(
        text("measure = \"audio_tracks\"\nmin = 2", &full),
        "audio tracks 1"
    );
    assert_eq!(
        text("measure = \"video_tracks\"\nmin = 2", &full),
        "video tracks 1"
    );
    let undecodable = video(640, 360, 9.0).with(|facts| {
        facts.video_streams[0].no_decoder = true;
        facts.audio_streams[0].no_decoder = true;
    });
    assert_eq!(
        text(
            "measure = \"decodable_video_tracks\"\nmin = 1",
            &undecodable
        ),
        "FFmpeg has no decoder for the video (codec h264)"
    );
    assert_eq!(
        text(
            "measure = \"decodable_audio_tracks\"\nmin = 1",
            &undecodable
        ),
        "FFmpeg has no decoder for the audio (codec `abcd`)"
    );
    for measure in ["video", "audio"] {
        let fields = format!("measure = \"decodable_{measure}_tracks\"\nmin = 2");
        let expected = format!("decodable {measure} tracks 1");
        assert_eq!(text(&fields, &full), expected);
    }
    let codec = |codec, tag| codec_with_tag(codec, tag);
    assert_eq!(codec("", None), "an unknown codec");
    assert_eq!(codec("h264", Some("avc1")), "codec h264, `avc1`");
}

#[test]
fn values_that_round_to_the_bound_have_all_digits() {
    let rule = rule(&format!("{DURATION}\nmin = 4"));
    let of = |seconds| against(&rule, &video(640, 360, seconds)).unwrap().observed;
    assert_eq!(of(3.0), "duration 3 s");
    assert_eq!(of(3.999_999_9), "duration 3.9999999 s");
}

#[test]
fn words_are_compared_without_case() {
    let rule = rule("measure = \"container\"\none_of = [\"mov\", \"mp4\"]");
    let of = |names: &str| {
        let facts = video(640, 360, 9.0).with(|f| f.file_container_format = Some(names.into()));
        against(&rule, &facts).map(|finding| finding.observed)
    };
    assert_eq!(of("matroska,MP4"), None);
    assert_eq!(of("avi,ogg").as_deref(), Some("container avi,ogg"));
}

#[test]
fn claims_and_excess_name_what_the_header_says() {
    let facts = video(640, 360, 10.0).with(|facts| {
        facts.file_size_bytes = 1_000_000;
        facts.duration_source = Some(DurationSource::PacketScan);
        facts.claimed_duration_seconds = Some(40.0);
        facts.overclaim = Some(Truncation {
            expected_bytes: None,
            detail: "a box is too long".into(),
        });
    });
    assert_eq!(
        text("measure = \"claimed_duration_share\"\nmin = 0.9", &facts),
        "the header claims 40 s, but the file contains only 10 s"
    );
    assert_eq!(
        text(
            "measure = \"excess_bytes\"\nunit = \"bytes\"\nmax = 0",
            &facts
        ),
        "a box is too long; every sample is in the file"
    );
    let rate = text(
        "measure = \"measured_bit_rate\"\nunit = \"bit/s\"\nmax = 5",
        &facts,
    );
    assert!(
        rate.contains("for a duration of 10 s (bit rate over the measured duration 800000 bit/s)"),
        "{rate}"
    );
}
