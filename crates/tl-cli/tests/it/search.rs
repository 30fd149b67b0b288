//! `tl search` against the emulator with a sidecar: lists, cut lists, clips, a contact sheet and a
//! suite of queries.

use std::fs;

use tempfile::TempDir;
use tl_emulator::{Answers, Schedule};

use crate::clips;
use crate::platform::Platform;
use crate::whole_corpus::{frames, lengths};

const SIDECAR: &str = r#"{
    "segments": [
        {"start": 1.2, "end": 2.2, "labels": ["goal"], "text": "A goal in the rain."},
        {"start": 2.4, "end": 3.4, "labels": ["goal", "replay"], "text": "The goal again."}
    ],
    "transcript": [{"start": 1.4, "end": 2.0, "text": "What a strike, \"wonderful\"!"}]
}"#;

/// An emulator that has indexed `good.mp4`, and the directory with the file.
fn platform() -> (Platform, TempDir) {
    let folder = clips::folder(&["good.mp4"]);
    let mut answers = Answers::new();
    answers.add_sidecar("good.mp4", None, SIDECAR).unwrap();
    let platform = Platform::with(|builder| builder.answers(answers).schedule(Schedule::INSTANT));
    platform
        .tl(&["ingest", "good.mp4", "--index", "films", "--quiet"])
        .in_folder(folder.path())
        .code(0);
    (platform, folder)
}

#[test]
fn results_become_lists_clips_and_a_sheet() {
    let (platform, folder) = platform();
    let search = |words: &[&str]| {
        let mut all = vec![
            "search",
            "goal in the rain",
            "--index",
            "films",
            "--on",
            "visual",
        ];
        all.extend(words);
        platform.tl(&all).in_folder(folder.path())
    };
    let json = search(&["--json"]).code(0).json();
    let found: Vec<_> = json.as_array().unwrap().iter().collect();
    assert_eq!(found.len(), 2, "{json}");
    assert_eq!(
        (found[0]["start"].as_f64(), found[0]["end"].as_f64()),
        (Some(1.2), Some(2.2))
    );
    let table = search(&[]).code(0);
    assert!(table.stdout.contains("00:00:01.200") && table.stdout.contains("good.mp4"));

    let csv = search(&["--format", "csv", "--merge", "1s", "--pad", "500ms"])
        .code(0)
        .stdout;
    assert!(
        csv.contains(",good.mp4,0.700,3.900,\"What a strike, \"\"wonderful\"\"!\""),
        "{csv}"
    );
    let srt = search(&["--format", "srt"]).code(0).stdout;
    assert!(
        srt.starts_with("1\n00:00:01,200 --> 00:00:02,200\n"),
        "{srt}"
    );
    let parts = search(&["--format", "ffconcat", "--source", "."])
        .code(0)
        .stdout;
    assert!(
        parts.contains("file './good.mp4'\ninpoint 1.200\noutpoint 2.200"),
        "{parts}"
    );

    // A clip that starts between key frames shows exactly the frames of the range.
    let clips = [
        "--limit",
        "1",
        "--clip",
        "clips",
        "--source",
        ".",
        "--sheet",
        "hits.html",
    ];
    search(&clips).code(0);
    let clip = folder.path().join("clips/01-good-0h00m01.2s.mp4");
    let (whole, cut) = (frames(&folder.path().join("good.mp4")), frames(&clip));
    let hashes = |frames: &[(f64, String)]| {
        frames
            .iter()
            .map(|(_, hash)| hash.clone())
            .collect::<Vec<_>>()
    };
    assert_eq!(
        hashes(&cut),
        hashes(&whole[30..55]),
        "25 frames from the 30th"
    );
    let seconds = lengths(&clip);
    assert!(
        seconds.iter().all(|seconds| (seconds - 1.0).abs() < 0.06),
        "{seconds:?}"
    );
    let page = fs::read_to_string(folder.path().join("hits.html")).unwrap();
    assert!(
        page.contains("data:image/jpeg;base64,/9j/"),
        "a JPEG is inlined"
    );

    let again = search(&clips[..6]).code(2);
    assert!(again.stderr.contains("already exists"), "{}", again.stderr);
    search(&[
        "--limit", "1", "--clip", "clips", "--source", ".", "--exact", "--force",
    ])
    .code(0);
    assert_eq!(frames(&clip).len(), 25);
    let gone = search(&["--clip", "more", "--source", "clips"]).code(2);
    assert!(
        gone.stderr.contains("no file `good.mp4` in `clips`"),
        "{}",
        gone.stderr
    );
}

#[test]
fn suite_reports_recall() {
    let (platform, folder) = platform();
    let cases = [
        r#"{"query": "goal in the rain", "expect": [{"video": "good.mp4", "start": 1, "end": 2}]}"#,
        r#"{"name": "speech", "query": "wonderful strike", "on": ["transcription"], "k": 1, "expect": [{"video": "good.mp4", "start": 4}]}"#,
    ];
    fs::write(folder.path().join("cases.jsonl"), cases.join("\n")).unwrap();
    let words = [
        "search",
        "--index",
        "films",
        "--suite",
        "cases.jsonl",
        "--junit",
        "junit.xml",
        "--json",
    ];
    let run = platform.tl(&words).in_folder(folder.path()).code(1);
    let lines = run.json_lines();
    assert_eq!(
        (&lines[0]["ok"], &lines[0]["recall"]),
        (&true.into(), &1.0.into())
    );
    assert_eq!(
        (&lines[1]["ok"], &lines[1]["missing"][0]),
        (&false.into(), &"good.mp4 4-".into())
    );
    let junit = fs::read_to_string(folder.path().join("junit.xml")).unwrap();
    assert!(
        junit.contains("tests=\"2\" failures=\"1\"") && junit.contains("name=\"speech\""),
        "{junit}"
    );
}

#[test]
fn invalid_searches_are_not_sent() {
    let platform = Platform::start();
    let before = |platform: &Platform| {
        let journal = platform.emulator.journal();
        journal
            .iter()
            .filter(|entry| entry.operation.as_deref() == Some("search.create"))
            .count()
    };
    for (words, part) in [
        (
            vec!["goal", "--on", "logo"],
            "`logo` is not a search option",
        ),
        (
            vec!["goal", "--words", "lexical", "--on", "visual"],
            "needs the search option `transcription`",
        ),
        (vec!["goal", "--where", "duration>5"], "use `<=` and `>=`"),
        (
            vec!["goal", "--where", "duration=long"],
            "a number or a range is expected",
        ),
        (
            vec!["goal", "--person", "Ada"],
            "no entity has the name `Ada`",
        ),
    ] {
        let mut all = vec!["search", "--index", "films"];
        all.extend(words);
        let run = platform.tl(&all).code(2);
        assert!(run.stderr.contains(part), "{}", run.stderr);
        assert!(
            run.stderr.contains("hint:") || run.stderr.contains("use `<=`"),
            "{}",
            run.stderr
        );
    }
    let image = [
        "search",
        "--index",
        "films",
        "goal",
        "--image",
        "/nowhere.png",
    ];
    let run = platform.tl(&image).code(3);
    assert!(run.stderr.contains("/nowhere.png"), "{}", run.stderr);
    assert_eq!(before(&platform), 0);
    let empty = platform.tl(&["search", "goal", "--index", "films"]).code(0);
    assert!(empty.stderr.contains("no results"), "{}", empty.stderr);
}
