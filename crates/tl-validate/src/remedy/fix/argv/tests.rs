//! Tests of the call for a change, of what it loses, and of its estimated cost.

use super::*;
use crate::facts::{AudioStream, VideoStream};

/// A file of 100x200 that lasts 100 seconds and has 3 GB.
fn facts(audio: Option<&str>) -> MediaFacts {
    MediaFacts::default().with(|facts| {
        facts.file_size_bytes = 3_000_000_000;
        facts.duration_seconds = Some(100.0);
        facts.video_streams = vec![VideoStream::default().with(|video| {
            video.codec = "h264".into();
            (video.width, video.height) = (100, 200);
        })];
        let audio = audio.map(|codec| {
            AudioStream::default().with(|audio| {
                audio.index = 1;
                audio.codec = codec.into();
            })
        });
        facts.audio_streams = audio.into_iter().collect();
    })
}

fn fix(change: &Change, facts: &MediaFacts) -> Fix {
    write(change, facts, &FixOptions::default()).unwrap()
}

fn has(fix: &Fix, words: &str) -> bool {
    fix.argv.join(" ").contains(words)
}

fn remux() -> Change {
    Change {
        remux: true,
        ..Change::default()
    }
}

fn trim(seconds: f64) -> Change {
    Change {
        trim: Some(seconds),
        ..Change::default()
    }
}

#[test]
fn audio_that_mp4_cannot_contain_is_encoded() {
    let copied = fix(&remux(), &facts(Some("aac")));
    assert!(has(&copied, "-c:a copy") && copied.lossless);
    let encoded = fix(&remux(), &facts(Some("pcm_s16le")));
    assert!(has(&encoded, "-c:a aac -b:a 128000") && !encoded.lossless);
    let silent = fix(&remux(), &facts(None));
    assert!(!has(&silent, "-c:a") && silent.lossless);
}

#[test]
fn silence_is_added_to_files_without_audio() {
    let change = Change {
        silence: true,
        ..Change::default()
    };
    let added = fix(&change, &facts(None));
    assert!(has(&added, "anullsrc") && has(&added, "-map 1:a"));
    assert!(!has(&fix(&change, &facts(Some("aac"))), "anullsrc"));
}

#[test]
fn a_cut_is_a_loss_if_something_follows_it() {
    let cut = fix(&trim(60.0), &facts(Some("aac")));
    assert_eq!(cut.losses, ["the last 40 s of 100 s"]);
    assert_eq!((cut.cut_at_seconds, cut.lossless), (Some(60.0), false));
    let whole = fix(&trim(100.0), &facts(Some("aac")));
    assert_eq!((whole.cut_at_seconds, whole.lossless), (None, true));
    // The audio is longer than the video.
    let options = FixOptions::default().with_sound_seconds(Some(130.0));
    let longer = write(&trim(100.0), &facts(Some("aac")), &options).unwrap();
    assert_eq!(longer.losses, ["the last 30 s of 130 s"]);
}

fn cost(change: &Change, facts: &MediaFacts) -> (Option<u64>, Option<f64>) {
    let fix = fix(change, facts);
    (fix.estimated_bytes, fix.estimated_seconds)
}

#[test]
fn a_copy_costs_as_much_as_what_is_kept() {
    let all = (Some(3_000_000_000), Some(10.0));
    assert_eq!(cost(&remux(), &facts(None)), all);
    let half = (Some(1_500_000_000), Some(5.0));
    assert_eq!(cost(&trim(50.0), &facts(None)), half);
    assert_eq!(cost(&trim(500.0), &facts(None)), all);
    let unknown = facts(None).with(|facts| facts.duration_seconds = Some(0.0));
    assert_eq!(cost(&trim(50.0), &unknown), all);
}

#[test]
fn encoding_costs_time_and_bytes_per_pixel() {
    let frame = Frame {
        scaled: (100, 150),
        padded: (100, 200),
    };
    let change = Change {
        frame: Some(frame),
        ..Change::default()
    };
    // 50 million pixels, at 25 frames per second.
    assert_eq!(cost(&change, &facts(None)), (Some(750_000), Some(0.9)));
    let audio = 128_000 * 100 / 8;
    assert_eq!(
        cost(&change, &facts(Some("aac"))),
        (Some(750_000 + audio), Some(0.9))
    );
    let faster = facts(None).with(|facts| facts.video_streams[0].avg_fps = Some(50.0));
    assert_eq!(cost(&change, &faster), (Some(1_500_000), Some(1.7)));
    let ten_bits = facts(None).with(|facts| facts.video_streams[0].bit_depth = Some(10));
    assert_eq!(cost(&change, &ten_bits), (Some(750_000), Some(3.4)));
    let shrink = Change {
        shrink: Some(1_000_000),
        ..Change::default()
    };
    let bytes = 1_000_000 * 100 / 8;
    assert_eq!(cost(&shrink, &facts(None)), (Some(bytes), Some(0.9)));
    assert_eq!(
        cost(&shrink, &facts(Some("aac"))),
        (Some(bytes + audio), Some(0.9))
    );
}

#[test]
fn names_that_look_like_options_or_urls_are_files() {
    let command = fix(&remux(), &facts(None)).command("-in.mp4", "a:b.mp4");
    let position = command.iter().position(|word| word == "-i").unwrap();
    assert_eq!(command[position + 1], "file:-in.mp4");
    assert_eq!(command.last().unwrap(), "file:a:b.mp4");
    let command = fix(&remux(), &facts(None)).command("in.mp4", "out.mp4");
    assert_eq!(command.last().unwrap(), "out.mp4");
}
