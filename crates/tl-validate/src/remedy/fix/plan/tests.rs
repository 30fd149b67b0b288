//! Tests of the planned change for each kind of rule, and of frames.

use super::*;
use crate::facts::{AudioStream, Truncation, VideoStream};
use crate::rules::RulePack;

fn rules(fields: &[&str]) -> Vec<Rule> {
    let mut text = "name = \"n\"\ndate = \"2026-01-01\"\n".to_owned();
    for (number, fields) in fields.iter().enumerate() {
        text.push_str(&format!(
            "[[rule]]\nid = \"r{number}\"\nwhy = \"w\"\n{fields}\n"
        ));
    }
    let pack = RulePack::from_toml(&text).unwrap_or_else(|error| panic!("{error}"));
    pack.rules().to_vec()
}

/// A file of 640x360 that lasts 100 seconds.
fn facts(has_audio: bool) -> MediaFacts {
    MediaFacts::default().with(|facts| {
        facts.duration_seconds = Some(100.0);
        facts.video_streams = vec![VideoStream::default().with(|video| {
            video.codec = "h264".into();
            (video.width, video.height) = (640, 360);
        })];
        if has_audio {
            facts.audio_streams = vec![AudioStream::default().with(|audio| {
                audio.index = 1;
                audio.codec = "aac".into();
                audio.duration_seconds = Some(110.0);
            })];
        }
    })
}

fn change_for(fields: &str, facts: &MediaFacts) -> Option<Change> {
    let rules = rules(&[fields]);
    let all: Vec<&Rule> = rules.iter().collect();
    change(&rules[0], facts, &all, &FixOptions::default())
}

/// The frame for a size that breaks the first rule.
fn frame_for(shown: (u32, u32), fields: &[&str]) -> Option<((u32, u32), (u32, u32))> {
    let rules = rules(fields);
    let all: Vec<&Rule> = rules.iter().collect();
    frame(shown, &rules[0], &all).map(|frame| (frame.scaled, frame.padded))
}

const DURATION: &str = "measure = \"duration\"\nunit = \"s\"";
const LIST: &str =
    "measure = \"aspect_list\"\none_of = [\"16:9\", \"9:16\", \"1:1\", \"0:9\", \"4:0\", \"x\"]";
const ASPECT: &str = "measure = \"aspect_ratio\"\nmax = 2";

#[test]
fn advice_changes_no_frame() {
    let side = "measure = \"short_side\"\nunit = \"px\"\nmin = 720";
    assert!(change_for(side, &facts(true)).unwrap().frame.is_some());
    let warning = format!("{side}\nseverity = \"warning\"");
    assert!(change_for(&warning, &facts(true)).unwrap().frame.is_some());
    let advice = format!("{side}\nseverity = \"advice\"");
    assert_eq!(change_for(&advice, &facts(true)), None);
}

#[test]
fn a_video_is_cut_before_the_margin_of_its_maximum() {
    let trim = |bound: &str| {
        let change = change_for(&format!("{DURATION}\n{bound}"), &facts(true));
        change.map(|change| change.trim)
    };
    assert_eq!(trim("max = 50\nmargin = 2"), Some(Some(47.5)));
    assert_eq!(trim("max = 50"), Some(Some(49.5)));
    assert_eq!(trim("max = 0.5"), Some(None));
    assert_eq!(trim("max = 50\nseverity = \"warning\""), None);
}

#[test]
fn a_video_is_extended_beyond_the_margin_and_its_audio() {
    let extend = |bound: &str, has_audio| {
        let change = change_for(&format!("{DURATION}\n{bound}"), &facts(has_audio));
        change.and_then(|change| change.extend)
    };
    assert_eq!(extend("min = 120\nmargin = 2", true), Some(122.5));
    assert_eq!(extend("min = 105", true), Some(110.0));
    assert_eq!(extend("min = 105", false), Some(105.5));
}

#[test]
fn silence_is_added_to_video_only() {
    let rule = "measure = \"audio_tracks\"\nmin = 1";
    let change = change_for(rule, &facts(false)).unwrap();
    assert!(change.silence);
    let nothing = facts(false).with(|facts| facts.video_streams.clear());
    assert_eq!(change_for(rule, &nothing), None);
}

#[test]
fn bit_rates_follow_from_the_size_the_duration_and_the_audio() {
    let rate = |max: &str, facts: &MediaFacts| {
        let change = change_for(&format!("measure = \"file_size\"\n{max}"), facts);
        change.and_then(|change| change.shrink)
    };
    let ten = "unit = \"MB\"\nmax = 10";
    assert_eq!(rate(ten, &facts(false)), Some(720_000));
    assert_eq!(rate(ten, &facts(true)), Some(592_000));
    assert_eq!(
        rate("unit = \"bytes\"\nmax = 10000000", &facts(false)),
        Some(720_000)
    );
    assert_eq!(
        rate("unit = \"GB\"\nmax = 10", &facts(false)),
        Some(62_500_000)
    );
    // 100 kbit/s are the least.
    assert_eq!(
        rate("unit = \"bytes\"\nmax = 1400000", &facts(false)),
        Some(100_800)
    );
    assert_eq!(rate("unit = \"bytes\"\nmax = 1380000", &facts(false)), None);
    for seconds in [None, Some(0.0)] {
        let facts = facts(false).with(|facts| facts.duration_seconds = seconds);
        assert_eq!(rate(ten, &facts), None, "{seconds:?}");
    }
}

#[test]
fn one_fix_contains_every_change() {
    let rules = rules(&[
        "measure = \"audio_tracks\"\nmin = 1",
        &format!("{DURATION}\nmin = 120"),
        &format!("{DURATION}\nmax = 50"),
    ]);
    let all: Vec<&Rule> = rules.iter().collect();
    let fix = |broken: &[&Rule], facts: &MediaFacts| {
        let fix = for_all(broken, facts, &all, &FixOptions::default());
        fix.map(|fix| fix.summary)
    };
    let silence = "add a silent audio track";
    let hold = "hold the last frame until 120.5 s";
    assert_eq!(fix(&all[..1], &facts(false)).as_deref(), Some(silence));
    let both = format!("{hold}, {silence}");
    assert_eq!(fix(&all[..2], &facts(false)), Some(both.clone()));
    let truncated = facts(false).with(|facts| facts.truncated = Some(Truncation::default()));
    let readable = "keep the readable part";
    assert_eq!(fix(&[], &truncated).as_deref(), Some(readable));
    assert_eq!(
        fix(&all[..2], &truncated),
        Some(format!("{both}, {readable}"))
    );
    assert_eq!(fix(&[], &facts(false)), None);
}

#[test]
fn only_hdr_is_mapped_and_only_if_asked() {
    let rules = rules(&[&format!("{DURATION}\nmin = 120")]);
    let all: Vec<&Rule> = rules.iter().collect();
    let is_mapped = |is_hdr: bool, tone_map: bool| {
        let facts = facts(false).with(|facts| facts.video_streams[0].is_hdr = is_hdr);
        let options = FixOptions::default().with_tone_map(tone_map);
        let fix = for_all(&all, &facts, &all, &options).unwrap();
        fix.argv.iter().any(|word| word.contains("tonemap"))
    };
    assert!(is_mapped(true, true));
    assert!(!is_mapped(true, false));
    assert!(!is_mapped(false, true));
}

#[test]
fn bars_lead_to_the_nearest_listed_ratio() {
    assert_eq!(frame_for((90, 160), &[LIST]), Some(((90, 160), (90, 160))));
    assert_eq!(
        frame_for((400, 100), &[LIST]),
        Some(((400, 100), (400, 226)))
    );
    assert_eq!(
        frame_for((300, 200), &[LIST]),
        Some(((300, 200), (356, 200)))
    );
    assert_eq!(
        frame_for((110, 100), &[LIST]),
        Some(((110, 100), (110, 110)))
    );
    assert_eq!(
        frame_for((100, 110), &[LIST]),
        Some(((100, 110), (110, 110)))
    );
    let none = "measure = \"aspect_list\"\none_of = [\"0:9\", \"4:0\"]";
    let square = ((100, 100), (100, 100));
    assert_eq!(frame_for((100, 100), &[none]), Some(square));
    assert_eq!(frame_for((0, 100), &[LIST]), None);
    assert_eq!(frame_for((100, 0), &[LIST]), None);
}

#[test]
fn bars_stay_within_the_largest_ratio() {
    assert_eq!(
        frame_for((400, 100), &[ASPECT]),
        Some(((400, 100), (400, 200)))
    );
    assert_eq!(
        frame_for((100, 400), &[ASPECT]),
        Some(((100, 400), (200, 400)))
    );
}

#[test]
fn scaling_stays_within_the_margins_of_sides() {
    let width = "measure = \"width\"\nunit = \"px\"\nmax = 210\nmargin = 10";
    // 210 - 10.1 is the most.
    assert_eq!(
        frame_for((400, 200), &[width]),
        Some(((198, 98), (198, 98)))
    );
    let short = "measure = \"short_side\"\nunit = \"px\"\nmin = 360";
    assert_eq!(
        frame_for((320, 180), &[short]),
        Some(((640, 360), (640, 360)))
    );
    // Odd sides of the original become even.
    assert_eq!(
        frame_for((101, 101), &[LIST]),
        Some(((102, 102), (102, 102)))
    );
}
