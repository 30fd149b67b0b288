//! `tl asset transcription`, `update`, `videos` and `entities` against the emulator.

use serde_json::json;
use tl_emulator::{Answers, Schedule};

use crate::clips;
use crate::platform::Platform;

const SIDECAR: &str = r#"{"transcript": [
    {"start": 0.5, "end": 1.5, "text": "Good evening.", "speaker": "Ada"},
    {"start": 1.5, "end": 2.5, "text": "It rains & pours.", "speaker": "Ada"},
    {"start": 3, "end": 4, "text": "What a <goal>!", "speaker": "Bob"}
]}"#;

/// A platform with the asset of `good.mp4`, which speaks if `spoken` says so.
fn platform(spoken: &str, schedule: Schedule) -> (Platform, String) {
    let folder = clips::folder(&["good.mp4"]);
    let mut answers = Answers::new();
    answers.add_sidecar("good.mp4", None, spoken).unwrap();
    let platform = Platform::with(|builder| builder.answers(answers).schedule(schedule));
    let upload = platform
        .tl(&["upload", "good.mp4", "--quiet"])
        .in_folder(folder.path())
        .code(0);
    (platform, upload.first_line().to_owned())
}

#[test]
fn speech_is_printed_by_speaker_and_as_subtitles() {
    let (platform, asset) = platform(SIDECAR, Schedule::INSTANT);
    let run = |more: &[&str]| {
        let words = ["asset", "transcription", &asset, "--wait"];
        platform.tl(&[&words[..], more].concat()).code(0).stdout
    };
    // Turns of a speaker are joined.
    assert_eq!(
        run(&[]),
        "Ada: Good evening. It rains & pours.\nBob: What a <goal>!\n"
    );
    assert_eq!(
        run(&["--by", "sentences"]),
        "Good evening.\nIt rains & pours.\nWhat a <goal>!\n"
    );
    assert_eq!(
        run(&["--by", "words", "--format", "jsonl"]).lines().count(),
        9
    );
    assert_eq!(
        run(&["--format", "vtt"]),
        "WEBVTT\n\n00:00:00.500 --> 00:00:02.500\n<v Ada>Good evening. It rains &amp; pours.\n\n\
         00:00:03.000 --> 00:00:04.000\n<v Bob>What a &lt;goal&gt;!\n"
    );
    assert!(run(&["--format", "srt"]).contains("\nBob: What a <goal>!\n"));
    assert_eq!(
        run(&["--format", "timestamps", "--by", "sentences"]),
        "0:00 Good evening.\n0:01 It rains & pours.\n0:03 What a <goal>!\n"
    );
    let json = platform
        .tl(&["asset", "transcription", &asset, "--json"])
        .code(0)
        .json();
    assert_eq!(json["status"], "ready");
    assert_eq!(json["utterances"][1]["speaker"], "Bob");
}

#[test]
fn transcription_that_is_not_ready_or_missing_is_an_error() {
    let (slow, asset) = platform(
        SIDECAR,
        Schedule::every(std::time::Duration::from_secs(600)),
    );
    let run = slow.tl(&["asset", "transcription", &asset]).code(5);
    assert!(run.stderr.contains("its status is processing"), "{run:?}");
    assert!(run.stderr.contains("pass --wait"), "{run:?}");
    let words = [
        "asset",
        "transcription",
        &asset,
        "--wait",
        "--deadline",
        "10ms",
    ];
    slow.tl(&words).code(8);
    let alone = slow
        .tl(&["asset", "transcription", &asset, "--deadline", "1s"])
        .code(2);
    assert!(alone.stderr.contains("require --wait"), "{alone:?}");

    let (silent, asset) = platform("{}", Schedule::INSTANT);
    let run = silent
        .tl(&["asset", "transcription", &asset, "--wait"])
        .code(7);
    assert!(run.stderr.contains("with speech"), "{run:?}");
}

#[test]
fn metadata_of_an_asset_is_merged_replaced_and_cleared() {
    let (platform, asset) = platform(SIDECAR, Schedule::INSTANT);
    let update = |more: &[&str], code: i32| {
        let words = ["asset", "update", &asset];
        platform.tl(&[&words[..], more].concat()).code(code)
    };
    let metadata = || {
        let shown = platform.tl(&["asset", "get", &asset, "--json"]).code(0);
        shown.json()["user_metadata"].clone()
    };
    assert_eq!(
        update(&["-m", "team=red", "-m", "take:=5"], 0).stdout,
        format!("updated asset {asset}\n")
    );
    update(&["-m", "sport=football", "--unset", "take"], 0);
    assert_eq!(metadata(), json!({"team": "red", "sport": "football"}));
    update(&["--replace", "--metadata-json", r#"{"take": 6}"#], 0);
    assert_eq!(metadata(), json!({"take": 6}));
    update(&["--clear"], 0);
    assert!(metadata().is_null() || metadata() == json!({}));

    let before = platform.emulator.journal().len();
    for (more, expected) in [
        (&[][..], "nothing to change"),
        (&["--replace"], "nothing to change"),
        (&["-m", "a=1", "--unset", "a"], "both set and unset"),
        (&["--clear", "--unset", "a"], "cannot be used with"),
        (&["--clear", "-m", "a=1"], "cannot be used with"),
    ] {
        let run = update(more, 2);
        assert!(run.stderr.contains(expected), "{run:?}");
    }
    assert_eq!(platform.emulator.journal().len(), before);
}

#[test]
fn uses_of_an_asset_are_listed() {
    let (platform, asset) = platform(SIDECAR, Schedule::INSTANT);
    let run = |words: &[&str]| platform.tl(words).code(0);
    assert!(
        run(&["asset", "videos", &asset])
            .stderr
            .contains("no videos")
    );
    assert!(
        run(&["asset", "entities", &asset])
            .stderr
            .contains("no entities")
    );
    let folder = clips::folder(&["good.mp4"]);
    let line = platform
        .tl(&["ingest", "good.mp4", "--index", "films", "--json"])
        .in_folder(folder.path())
        .code(0)
        .json();
    let indexed = line["asset_id"].as_str().unwrap();
    let videos = run(&["asset", "videos", indexed, "--json"]).json();
    assert_eq!(videos[0]["_id"], line["video_id"]);
    assert_eq!(videos[0]["index"]["name"], "films");
}
