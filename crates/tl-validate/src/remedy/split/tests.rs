//! Tests of exact values: limits of parts, cuts, planned parts and packets.

use super::cuts::{candidates, greedy, no_key_frame, whole};
use super::*;
use crate::facts::{MediaFacts, VideoStream};
use crate::rules::{Route, RulePack, Target};

/// Packets of 1000 bytes that last a second, with these key frames besides the first.
fn video(seconds: u32, keys: &[u32]) -> Outline {
    let mut outline = Outline::new();
    for second in 0..seconds {
        let is_key = second == 0 || keys.contains(&second);
        outline.packet(f64::from(second), 1.0, 1000, is_key);
    }
    outline
}

fn every_second() -> Outline {
    video(30, &(1..30).collect::<Vec<_>>())
}

fn limits(min: f64, max: f64) -> Limits {
    Limits::default()
        .with_min_seconds(Some(min))
        .with_max_seconds(Some(max))
}

fn max_bytes(bytes: u64) -> Limits {
    Limits::default().with_max_bytes(Some(bytes))
}

#[test]
fn limits_of_parts_are_inside_the_rules_that_refuse() {
    let rule = |id: &str, fields: &str| {
        format!(
            "[[rule]]\nid = \"{id}\"\nwhy = \"Because.\"\nsource = \"s\"\ndocumentation = \"d\"\n{fields}\n"
        )
    };
    let pack = [
        "name = \"n\"\ndate = \"2026-01-01\"\n".to_owned(),
        rule(
            "longest",
            "measure = \"duration\"\nunit = \"s\"\nmax = 100\nmargin = 3\nseverity = \"error\"",
        ),
        rule(
            "shortest",
            "measure = \"duration\"\nunit = \"s\"\nmin = 4\nmargin = 2\nseverity = \"error\"",
        ),
        rule(
            "largest",
            "measure = \"file_size\"\nmax = 2\nunit = \"MB\"\nseverity = \"error\"",
        ),
        // Neither applies: a warning, and a rule for files without video.
        rule(
            "advice",
            "measure = \"duration\"\nunit = \"s\"\nmax = 10\nseverity = \"warning\"",
        ),
        rule(
            "sound",
            "measure = \"duration\"\nunit = \"s\"\nmax = 20\nseverity = \"error\"\naudio_only = true",
        ),
    ];
    let pack = RulePack::from_toml(&pack.concat()).unwrap();
    let found = Limits::of(&Target::new(Route::Tasks), &pack);
    let expected = limits(6.5, 96.5).with_max_bytes(Some(1_940_000));
    assert_eq!(found, expected);
}

#[test]
fn a_maximum_of_zero_is_a_contradiction() {
    let zero = limits(0.0, 0.0);
    assert_eq!(cuts(&every_second(), &zero), Err(CannotSplit::Limits(zero)));
}

#[test]
fn a_last_part_that_is_too_short_takes_from_the_one_before() {
    let outline = video(30, &[9, 18, 24, 27]);
    let cuts = greedy(&outline, &limits(4.0, 10.0));
    assert_eq!(cuts, Ok(vec![0.0, 9.0, 18.0, 24.0]));
    // Exactly long enough.
    let cuts = greedy(&video(30, &[9, 18, 26]), &limits(4.0, 10.0));
    assert_eq!(cuts, Ok(vec![0.0, 9.0, 18.0, 26.0]));
    let mut short = Outline::new();
    for (seconds, duration) in [(0.0, 1.6), (1.6, 0.4), (2.0, 1.2)] {
        short.packet(seconds, duration, 1, true);
    }
    let cuts = greedy(&short, &limits(1.5, 2.0));
    assert_eq!(cuts, Ok(vec![0.0, 1.6]));
}

#[test]
fn few_parts_come_before_equal_ones() {
    let mut outline = Outline::new();
    for (seconds, bytes) in [(0, 500), (5, 100), (6, 600)] {
        outline.packet(f64::from(seconds), 1.0, bytes, true);
    }
    outline.packet(9.0, 1.0, 0, false);
    // From the key frame in the middle, the rest is too large for one part.
    let limits = max_bytes(600).with_max_seconds(Some(7.0));
    assert_eq!(cuts(&outline, &limits), Ok(vec![0.0, 6.0]));
}

#[test]
fn shorter_parts_are_tried_if_the_longest_lead_to_no_key_frame() {
    // After the longest first part, the next key frame is too late.
    let outline = video(18, &[4, 8, 10]);
    let limits = limits(4.0, 8.0);
    assert!(greedy(&outline, &limits).is_err());
    assert_eq!(cuts(&outline, &limits), Ok(vec![0.0, 4.0, 10.0]));
}

#[test]
fn sizes_count_from_the_start_of_a_part() {
    let cuts = greedy(&every_second(), &max_bytes(10_000));
    assert_eq!(cuts, Ok(vec![0.0, 10.0, 20.0]));
    let starts = vec![0.0, 10.0];
    let last = whole(
        &every_second(),
        &max_bytes(20_000),
        starts.clone(),
        (10.0, 10_000),
    );
    assert_eq!(last, Ok(starts.clone()));
    let last = whole(&every_second(), &max_bytes(19_999), starts, (10.0, 10_000));
    assert!(matches!(
        last,
        Err(CannotSplit::NoKeyFrame { from: 10.0, .. })
    ));
}

#[test]
fn a_part_may_be_exactly_as_short_as_allowed() {
    let last = |min| {
        whole(
            &every_second(),
            &limits(min, 99.0),
            vec![0.0],
            (10.0, 10_000),
        )
    };
    assert_eq!(last(20.0), Ok(vec![0.0]));
    assert_eq!(last(20.5), Err(CannotSplit::Limits(limits(20.5, 99.0))));
}

#[test]
fn a_part_ends_at_the_first_key_frame_that_makes_it_long_enough() {
    let (outline, limits) = (every_second(), limits(4.0, 9.0));
    let ends: Vec<_> = candidates(&outline, &limits, (10.0, 10_000)).collect();
    assert_eq!((ends[0], ends.len()), ((14.0, 14_000), 6));
}

#[test]
fn the_reported_key_frame_is_the_next_that_is_late_enough() {
    let next = |min| match no_key_frame(&every_second(), &limits(min, 9.0), 10.0) {
        CannotSplit::NoKeyFrame { next, .. } => next,
        other => panic!("{other:?}"),
    };
    assert_eq!(next(0.0), 11.0);
    assert_eq!(next(4.0), 14.0);
    assert_eq!(next(25.0), 30.0);
}

#[test]
fn errors_name_the_position_and_the_limits() {
    let none = no_key_frame(&every_second(), &limits(4.0, 9.0), 10.0);
    assert_eq!(
        none.to_string(),
        "no key frame ends the part that starts at 10 s in time: the next key frame is at 14 s \
         (limits of a part: at most 9 s, at least 4 s)"
    );
    assert_eq!(Limits::default().to_string(), "anything");
    assert!(max_bytes(2_000_000).to_string().starts_with("at most 2"));
}

#[test]
fn a_measured_duration_is_for_packets_without_times() {
    let timed = video(3, &[]).with_measured_duration(Some(8.0));
    assert_eq!(timed.duration_seconds(), 3.0);
    let mut untimed = Outline::new();
    untimed.packet(f64::NAN, 0.0, 1, true);
    let of = |seconds| untimed.clone().with_measured_duration(seconds);
    assert_eq!(of(Some(8.0)).duration_seconds(), 8.0);
    assert_eq!(of(Some(f64::NAN)).duration_seconds(), 0.0);
    assert_eq!(
        of(Some(8.0)).with_measured_duration(Some(9.0)),
        of(Some(8.0))
    );
}

#[test]
fn key_frames_at_the_time_of_another_frame() {
    let mut outline = video(3, &[]);
    // Not after all frames before it.
    outline.packet(2.0, 1.0, 1000, true);
    assert_eq!(outline.key_frames(), 0);
    outline.packet(3.0, 1.0, 1000, true);
    // A frame at the same time is not displayed before it.
    outline.packet(3.0, 1.0, 1000, false);
    outline.packet(4.0, 1.0, 1000, true);
    assert_eq!(outline.key_frames(), 2);
}

#[test]
fn parts_have_their_own_packets_and_times() {
    let mut outline = Outline::new();
    outline.hidden_packet(-1.0, 10);
    for second in 0..9 {
        outline.packet(0.5 + f64::from(second), 1.0, 10, second % 3 == 0);
    }
    assert!(outline.begins_hidden());
    assert!(!every_second().begins_hidden());
    assert_eq!(outline.first_shown_seconds(), Some(0.5));
    assert_eq!(Outline::new().first_shown_seconds(), None);
    let parts = outline.parts(&[0.0, 3.5, 6.5]).unwrap();
    let seen = parts.iter().map(|part| {
        let times = (
            part.start_seconds,
            part.end_seconds,
            part.first_shown_seconds,
        );
        let packets = (part.first_packet, part.end_packet, part.packets, part.shown);
        (times, packets)
    });
    let expected = [
        ((0.0, Some(3.5), 0.5), (0, Some(4), 4, 3)),
        ((3.5, Some(6.5), 3.5), (4, Some(7), 3, 3)),
        ((6.5, None, 6.5), (7, None, 3, 3)),
    ];
    assert_eq!(seen.collect::<Vec<_>>(), expected);
}

#[test]
fn reencoding_sets_key_frames_at_even_distances() {
    let keys = |seconds| {
        let outline = video(8, &[]).reencoded(seconds);
        let keys = outline.keys.iter();
        keys.map(|key| (key.seconds, key.bytes)).collect::<Vec<_>>()
    };
    let each_second: Vec<_> = (1..8)
        .map(|second: u32| (f64::from(second), u64::from(second) * 1000))
        .collect();
    assert_eq!(keys(3.0), [(3.0, 3000), (6.0, 6000)]);
    assert_eq!(keys(1.0), each_second);
    for unusable in [0.0, -2.0, f64::NAN, f64::INFINITY] {
        assert_eq!(keys(unusable), each_second, "{unusable}");
    }
    let mut hidden = video(8, &[]);
    hidden.hidden_packet(4.0, 10);
    hidden.packet(f64::NAN, 0.0, 10, false);
    let cut = cuts(&hidden.reencoded(1.0), &limits(0.0, 4.0));
    assert_eq!(cut, Ok(vec![0.0, 4.0]));
}

#[test]
fn flags_tell_key_frames_and_hidden_packets() {
    let mut reader = PacketReader::new();
    for line in [
        "#tb 0: 1/1",
        "#tb 1: 1/0",
        "#tb 2: 0/5",
        "0, 0, 2, 1, 10, 0x1",
        "0, 1, 3, 1, 10, 0x1, F=0x0",
        "0, 2, 4, 1, 10, 0x1, F=0x1",
        "0, 3, 5, 1, 10, 0x1, F=0x2",
        "0, 4, 6, 1, 10, 0x1",
        "0, 5, 7, 1, 10, 0x1, F=0x0",
        "1, 0, 0, 1, 10, 0x1",
        "2, 0, 0, 1, 10, 0x1",
    ] {
        reader.line(line);
    }
    assert_eq!(reader.outline().key_frames(), 2);
    let streams: Vec<_> = reader.streams().keys().copied().collect();
    assert_eq!(streams, [0], "a time base of 0 or without an end is none");
    let video = &reader.streams()[&0];
    assert_eq!(
        (video.start, video.end, video.seconds()),
        (Some(2.0), 8.0, 6.0)
    );
}

#[test]
fn parts_stay_in_a_container_that_holds_their_streams() {
    let of = |format: &str, codec: &str| {
        container(&MediaFacts::default().with(|facts| {
            facts.file_container_format = Some(format.into());
            facts.video_streams = vec![VideoStream::default().with(|video| {
                video.codec = codec.into();
            })];
        }))
    };
    assert_eq!(of("mov,mp4,m4a,3gp,3g2,mj2", "h264"), "mp4");
    assert_eq!(of("mov,mp4,m4a,3gp,3g2,mj2", "prores"), "mov");
    assert_eq!(of("avi", "prores"), "matroska");
}
