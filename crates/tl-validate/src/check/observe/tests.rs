//! Tests of the value of each measure.

use super::Observed::{NotApplicable, Number, Unknown, Words};
use super::*;
use crate::facts::{AudioStream, Truncation, VideoStream};

/// 320x640 at 50 frames per second, with an attached picture and two audio tracks.
fn portrait() -> MediaFacts {
    MediaFacts::default().with(|facts| {
        facts.file_size_bytes = 1_000_000;
        facts.file_container_format = Some("mov,mp4".into());
        facts.container_bitrate_bps = Some(777);
        facts.duration_seconds = Some(10.0);
        facts.duration_source = Some(DurationSource::PacketScan);
        let video = VideoStream::default().with(|video| {
            video.codec = "h264".into();
            (video.width, video.height) = (320, 640);
            video.sample_aspect = Some((4, 3));
            video.fps = Some(60.0);
            video.avg_fps = Some(50.0);
        });
        let cover = VideoStream::default().with(|cover| {
            cover.codec = "mjpeg".into();
            cover.attached_pic = true;
            (cover.width, cover.height) = (5000, 5000);
        });
        facts.video_streams = vec![video, cover];
        let audio = |codec: &str, no_decoder| {
            AudioStream::default().with(|audio| {
                audio.codec = codec.into();
                audio.no_decoder = no_decoder;
            })
        };
        facts.audio_streams = vec![audio("aac", false), audio("opus", true)];
    })
}

fn changed(change: impl FnOnce(&mut MediaFacts)) -> MediaFacts {
    portrait().with(change)
}

fn words(words: &[&str]) -> Observed {
    Words(words.iter().map(|word| (*word).to_owned()).collect())
}

#[test]
fn each_measure_is_read_from_its_fact() {
    for (measure, value) in [
        (Measure::Duration, Number(10.0)),
        (Measure::FileSize, Number(1e6)),
        (Measure::AudioTracks, Number(2.0)),
        (Measure::VideoTracks, Number(1.0)),
        (Measure::BitRate, Number(777.0)),
        (Measure::Container, words(&["mov", "mp4"])),
        (Measure::DecodableVideoTracks, Number(1.0)),
        (Measure::DecodableAudioTracks, Number(1.0)),
        (Measure::Encryption, Number(0.0)),
        (Measure::ClaimedDurationShare, NotApplicable),
        (Measure::ExcessBytes, NotApplicable),
        (Measure::MeasuredBitRate, Number(800_000.0)),
        (
            Measure::BitsPerPixel,
            Number(800_000.0 / (320.0 * 640.0 * 50.0)),
        ),
        (Measure::AudioCodec, words(&["aac"])),
        (Measure::VideoCodec, words(&["h264"])),
        (Measure::SampleAspectRatio, Number(4.0 / 3.0)),
        (Measure::FrameRate, Number(50.0)),
        (Measure::ShortSide, Number(320.0)),
        (Measure::LongSide, Number(640.0)),
        (Measure::Width, Number(320.0)),
        (Measure::Height, Number(640.0)),
        (Measure::AspectList, Number(0.5)),
        (Measure::AspectRatio, Number(2.0)),
    ] {
        assert_eq!(observe(measure, &portrait()), value, "{measure:?}");
    }
}

#[test]
fn files_without_video_or_audio_have_only_the_other_measures() {
    let audio_only = changed(|facts| facts.video_streams.clear());
    for measure in [
        Measure::DecodableVideoTracks,
        Measure::Width,
        Measure::BitsPerPixel,
    ] {
        assert_eq!(observe(measure, &audio_only), NotApplicable, "{measure:?}");
    }
    assert_eq!(observe(Measure::VideoTracks, &audio_only), Number(0.0));
    let silent = changed(|facts| facts.audio_streams.clear());
    for measure in [Measure::DecodableAudioTracks, Measure::AudioCodec] {
        assert_eq!(observe(measure, &silent), NotApplicable, "{measure:?}");
    }
    assert_eq!(observe(Measure::AudioTracks, &silent), Number(0.0));
}

#[test]
fn missing_values_are_unknown() {
    let empty = changed(|facts| {
        facts.duration_seconds = None;
        facts.container_bitrate_bps = None;
        facts.file_container_format = None;
        let video = &mut facts.video_streams[0];
        (video.width, video.height) = (0, 0);
        (video.fps, video.avg_fps) = (None, Some(f64::NAN));
    });
    for measure in [
        Measure::Duration,
        Measure::BitRate,
        Measure::Container,
        Measure::FrameRate,
        Measure::ShortSide,
        Measure::AspectRatio,
    ] {
        assert_eq!(observe(measure, &empty), Unknown, "{measure:?}");
    }
    assert_eq!(observe(Measure::MeasuredBitRate, &empty), NotApplicable);
    assert_eq!(observe(Measure::VideoCodec, &empty), words(&["h264"]));
}

#[test]
fn undecodable_tracks_and_encryption_are_counted() {
    let facts = changed(|facts| {
        facts.video_streams[0].no_decoder = true;
        facts.encryption = Some("cenc".into());
    });
    assert_eq!(observe(Measure::DecodableVideoTracks, &facts), Number(0.0));
    assert_eq!(observe(Measure::Encryption, &facts), Number(1.0));
}

#[test]
fn pixels_are_square_unless_both_numbers_are_positive() {
    for aspect in [None, Some((0, 3)), Some((4, 0)), Some((0, 0))] {
        let facts = changed(|facts| facts.video_streams[0].sample_aspect = aspect);
        let observed = observe(Measure::SampleAspectRatio, &facts);
        assert_eq!(observed, Number(1.0), "{aspect:?}");
    }
}

#[test]
fn a_claim_counts_if_it_exceeds_a_measured_duration_by_more_than_a_second() {
    let share = |source, measured, claimed| {
        let facts = changed(|facts| {
            facts.duration_source = source;
            facts.duration_seconds = Some(measured);
            facts.claimed_duration_seconds = Some(claimed);
        });
        observe(Measure::ClaimedDurationShare, &facts)
    };
    let measured = Some(DurationSource::PacketScan);
    assert_eq!(share(measured, 10.0, 40.0), Number(0.25));
    assert_eq!(share(measured, 3.0, 4.5), Number(3.0 / 4.5));
    assert_eq!(share(measured, 10.0, 11.0), NotApplicable);
    assert_eq!(share(measured, 10.0, 5.0), NotApplicable);
    assert_eq!(share(measured, 0.0, 40.0), NotApplicable);
    assert_eq!(
        share(Some(DurationSource::Header), 10.0, 40.0),
        NotApplicable
    );
    assert_eq!(share(None, 10.0, 40.0), NotApplicable);
}

#[test]
fn excess_is_what_the_header_claims_beyond_the_file() {
    let excess = |expected_bytes| {
        let facts = changed(|facts| {
            facts.overclaim = Some(Truncation {
                expected_bytes,
                detail: "d".into(),
            });
        });
        observe(Measure::ExcessBytes, &facts)
    };
    assert_eq!(excess(Some(1_000_500)), Number(500.0));
    assert_eq!(excess(Some(10)), Number(1.0));
    assert_eq!(excess(None), Number(1.0));
}

#[test]
fn slow_video_counts_as_25_frames_per_second() {
    let facts = changed(|facts| {
        let video = &mut facts.video_streams[0];
        (video.fps, video.avg_fps) = (Some(1.0), None);
    });
    let expected = 800_000.0 / (320.0 * 640.0 * 25.0);
    assert_eq!(observe(Measure::BitsPerPixel, &facts), Number(expected));
    let unsized_video = changed(|facts| facts.video_streams[0].width = 0);
    assert_eq!(
        observe(Measure::BitsPerPixel, &unsized_video),
        NotApplicable
    );
}
