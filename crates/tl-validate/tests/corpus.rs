//! Compares the probe with `ffprobe`, which decodes every frame, over the whole corpus.
#![cfg(feature = "ffmpeg")]

mod support;

use std::collections::BTreeMap;
use std::fmt::Write as _;

use support::corpus::{Decoded, Entry, decoded, entries};
use tl_validate::ffmpeg::InProcess;
use tl_validate::{DurationSource, MediaFacts, ProbeOptions, Prober};

/// Tolerance between our duration and the decoded one: 1.5 frames, and at least 1/50 s.
fn tolerance(decoded_values: &Decoded) -> f64 {
    (decoded_values.frame * 1.5).max(0.02)
}

fn wrong(entry: &Entry, facts: &MediaFacts, decoded_values: &Decoded) -> Option<String> {
    let video = facts.video()?;
    let mut text = String::new();
    if let (Some(ours), Some(seconds)) = (facts.duration_seconds(), decoded_values.seconds)
        && (ours - seconds).abs() > tolerance(decoded_values)
    {
        let _ = write!(
            text,
            "lasts {ours} by {:?}, decoded {seconds}; ",
            facts.duration_source
        );
    }
    if facts.duration_seconds().is_none() {
        text.push_str("no duration; ");
    }
    if (video.width, video.height) != decoded_values.size {
        let _ = write!(
            text,
            "size {}x{}, decoded {:?}; ",
            video.width, video.height, decoded_values.size
        );
    }
    (!text.is_empty()).then(|| format!("{}: {text}", entry.name))
}

#[test]
fn durations_and_sizes_match_full_decoding() {
    let all = entries();
    assert!(all.len() >= 140, "{} files", all.len());
    let (mut errors, mut compared) = (Vec::new(), 0);
    let mut stages: BTreeMap<Option<DurationSource>, u32> = BTreeMap::new();
    for entry in &all {
        let path = entry.path();
        let facts = match InProcess::new().probe(&path) {
            Ok(facts) => facts,
            Err(error) => {
                errors.push(format!("{}: {error}", entry.name));
                continue;
            }
        };
        *stages.entry(facts.duration_source).or_default() += 1;
        let is_truncated = entry.name.starts_with("c-truncated");
        if is_truncated != facts.truncated.is_some() {
            errors.push(format!("{}: truncated {:?}", entry.name, facts.truncated));
        }
        // The decoded duration of a truncated file is unrelated to its headers, and such a file is
        // refused.
        if is_truncated {
            continue;
        }
        if let Some(decoded_values) = decoded(&path) {
            compared += 1;
            errors.extend(wrong(entry, &facts, &decoded_values));
        } else if !entry.name.starts_with("c-sound-only") {
            errors.push(format!("{}: ffprobe decodes nothing", entry.name));
        }
    }
    eprintln!(
        "{} files, {compared} compared with decoding, stages {stages:?}",
        all.len()
    );
    assert!(errors.is_empty(), "{}", errors.join("\n"));
    assert!(compared >= 122, "{compared} compared");
}

#[test]
#[cfg(all(feature = "worker", unix))]
fn sandboxed_helpers_return_the_same_facts() {
    let pool = tl_validate::worker::ProbePool::new(
        tl_validate::worker::WorkerOptions::default().with_program(Some(support::helper())),
    )
    .expect("the example helper");
    for entry in entries() {
        let path = entry.path();
        assert_eq!(
            pool.probe(&path),
            InProcess::new().probe(&path),
            "{}",
            entry.name
        );
    }
}

#[test]
fn thorough_probe_reads_every_packet_and_agrees() {
    let options = ProbeOptions::default().with_thorough(true);
    for entry in entries().iter().filter(|e| !e.name.contains("truncated")) {
        let path = entry.path();
        let quick = InProcess::new()
            .probe(&path)
            .unwrap_or_else(|e| panic!("{e}"));
        let thorough = InProcess::with_options(options)
            .probe(&path)
            .unwrap_or_else(|e| panic!("{e}"));
        assert_eq!(
            thorough.duration_source,
            Some(DurationSource::PacketScan),
            "{}",
            entry.name
        );
        let (Some(a), Some(b)) = (quick.duration_seconds(), thorough.duration_seconds()) else {
            panic!("{}: no duration", entry.name)
        };
        assert!(
            (a - b).abs() < 0.11,
            "{}: {a} quickly, {b} thoroughly",
            entry.name
        );
    }
}

#[test]
fn special_properties_are_detected() {
    let all = entries();
    let facts = |name: &str| {
        let entry = all
            .iter()
            .find(|e| e.name == format!("c-{name}"))
            .unwrap_or_else(|| panic!("{name}"));
        // It may be derived from an earlier entry.
        for earlier in all.iter().take_while(|e| e.name != entry.name) {
            earlier.path();
        }
        InProcess::new()
            .probe(&entry.path())
            .unwrap_or_else(|error| panic!("{error}"))
    };
    assert!(facts("fragmented.mp4").fragmented);
    assert!(!facts("faststart.mp4").fragmented);
    assert!(facts("edit-list.mp4").edit_list);
    assert!(!facts("h264-bframes-silent.mp4").edit_list);
    assert_eq!(
        facts("timecode.mov").start_timecode.as_deref(),
        Some("01:00:00:00")
    );
    let created = facts("created.mp4");
    assert_eq!(
        created.container_creation_time.as_deref(),
        Some("2022-12-11T11:20:58Z")
    );
    assert_eq!(created.geospatial_latitude, Some(52.5186));
    let hdr = facts("hdr.mp4");
    assert_eq!(
        (hdr.is_hdr, hdr.video().and_then(|v| v.bit_depth)),
        (Some(true), Some(10))
    );
    let sounds = facts("two-sounds.mkv");
    let languages: Vec<_> = sounds
        .audio_streams
        .iter()
        .map(|a| a.language.as_deref())
        .collect();
    assert_eq!(languages, [Some("eng"), Some("deu")]);
    assert_eq!(
        facts("surround.mp4")
            .audio()
            .and_then(|a| a.channel_layout.clone())
            .as_deref(),
        Some("5.1")
    );
    assert_eq!(facts("two-videos.mp4").total_video_streams, Some(2));
    let cover = facts("cover.m4v.mp4");
    assert_eq!(
        (cover.total_video_streams, cover.cover_art().is_some()),
        (Some(1), true)
    );
    let lying = facts("lying-size.mp4");
    let video = lying.video().expect("video");
    assert_eq!(
        (video.width, video.header_width),
        (384, Some(3840)),
        "{video:?}"
    );
    assert!(facts("vfr.mp4").video().expect("video").variable_frame_rate);
    assert_eq!(
        facts("interlaced.ts")
            .video()
            .and_then(|v| v.scan_type.clone())
            .as_deref(),
        Some("interlaced")
    );
    assert_eq!(facts("animated.gif").is_animated, Some(true));
    assert_eq!(
        facts("vp9-silent.webm").file_mime_type.as_deref(),
        Some("video/webm")
    );
    assert_eq!(
        facts("vp9-silent.mkv").file_mime_type.as_deref(),
        Some("video/x-matroska")
    );
}
