//! `tl analyze task` and `tl analyze batch` against the emulator; segments as subtitles, chapters and
//! cut lists.

use std::time::Duration;

use serde_json::{Value, json};
use tl_emulator::{Answers, Schedule};

use crate::clips;
use crate::platform::Platform;
use crate::tl::{Run, snapshot};

const VIDEO: &str = "https://videos.example.com/match.mp4";

/// A platform whose assets are ready at once, and whose analyses take an hour.
fn slow() -> Platform {
    let mut schedule = Schedule::INSTANT;
    schedule.indexing = Duration::from_secs(3600);
    Platform::with(|builder| builder.schedule(schedule))
}

fn id_of(run: &Run, noun: &str) -> String {
    let line = run.stderr.lines().find(|line| line.contains("created"));
    let rest = line.and_then(|line| line.split(noun).nth(1)).unwrap();
    let id: String = rest
        .trim_start()
        .chars()
        .take_while(|c| c.is_ascii_alphanumeric() || *c == '_')
        .collect();
    assert!(!id.is_empty(), "{run:?}");
    id
}

#[test]
fn tasks_are_listed_shown_canceled_and_deleted() {
    let platform = slow();
    let run = |words: &[&str], code: i32| platform.tl(words).code(code);
    snapshot!("analyze_tasks_none", run(&["analyze", "task", "list"], 0));
    let ask = |prompt: &str| {
        let words = ["analyze", VIDEO, prompt, "--task", "--deadline", "10ms"];
        id_of(&run(&words, 8), "task")
    };
    let (one, two) = (ask("What happens?"), ask("Who scores?"));
    let shown = run(&["analyze", "task", "get", &one], 0);
    assert!(shown.stdout.contains("What happens?"), "{shown:?}");
    assert!(shown.stdout.contains(VIDEO), "{shown:?}");
    let listed = run(&["analyze", "task", "list", "--url", VIDEO, "--json"], 0).json();
    assert_eq!(listed.as_array().unwrap().len(), 2);
    let none = run(&["analyze", "task", "list", "--status", "ready"], 0);
    assert!(none.stderr.contains("no analysis tasks"), "{none:?}");

    let active = run(&["analyze", "task", "delete", &one, "--yes"], 7);
    assert!(
        active
            .stderr
            .contains(&format!("tl analyze task cancel {one}")),
        "{active:?}"
    );
    let canceled = run(&["analyze", "task", "cancel", &one], 0);
    assert_eq!(canceled.stdout, format!("task {one} is canceled\n"));
    // One of several fails.
    let unknown = "0".repeat(24);
    let some = run(&["analyze", "task", "cancel", &two, &unknown, "--json"], 1);
    assert_eq!(some.json_lines()[0]["status"], "canceled");
    assert_eq!(some.json_lines()[1]["error"]["kind"], "not_found");
    let status = run(&["analyze", "task", "get", &two, "--json"], 0).json();
    assert_eq!(status["status"], "canceled");
    run(&["analyze", "task", "delete", &one, &two, "--yes"], 0);
    run(&["analyze", "task", "get", &one], 7);
}

#[test]
fn batches_are_listed_shown_canceled_and_deleted() {
    let platform = slow();
    let folder = clips::folder(&["good.mp4"]);
    let run = |words: &[&str], code: i32| {
        let tl = platform.tl(words).in_folder(folder.path());
        tl.code(code)
    };
    let uploaded = run(&["upload", "good.mp4", "--wait", "--quiet"], 0);
    let asset = uploaded.first_line();
    std::fs::write(
        folder.path().join("m.csv"),
        format!("asset,id\n{asset},a\n{asset},b\n"),
    )
    .unwrap();
    let begin = [
        "analyze",
        "--batch",
        "m.csv",
        "--out",
        "r.jsonl",
        "Why?",
        "--deadline",
        "10ms",
    ];
    let batch = id_of(&run(&begin, 8), "batch");
    let listed = run(
        &[
            "analyze",
            "batch",
            "list",
            "--status",
            "processing,pending",
            "--json",
        ],
        0,
    );
    assert_eq!(listed.json()[0]["batch_id"], batch.as_str());
    let shown = run(&["analyze", "batch", "get", &batch], 0);
    assert!(shown.stdout.contains("items"), "{shown:?}");
    let results = run(&["analyze", "batch", "results", &batch], 0);
    assert_eq!(results.json_lines().len(), 2);
    assert!(
        results
            .stderr
            .contains("2 items: 0 failed or canceled, 2 not ended"),
        "{results:?}"
    );
    let active = run(&["analyze", "batch", "delete", &batch, "--yes"], 7);
    assert!(
        active
            .stderr
            .contains(&format!("tl analyze batch cancel {batch}")),
        "{active:?}"
    );
    run(&["analyze", "batch", "cancel", &batch], 0);
    platform.emulator.advance(Duration::from_secs(7200));
    let ended = run(&["analyze", "batch", "get", &batch, "--json"], 0).json();
    assert_eq!(ended["status"], "canceled");
    run(&["analyze", "batch", "delete", &batch, "--yes"], 0);
    run(&["analyze", "batch", "results", &batch], 7);
}

#[test]
fn sixth_active_batch_waits_for_another() {
    let platform = slow();
    let folder = clips::folder(&["good.mp4"]);
    let run = |words: &[&str], code: i32| {
        let tl = platform.tl(words).in_folder(folder.path());
        tl.code(code)
    };
    let uploaded = run(&["upload", "good.mp4", "--wait", "--quiet"], 0);
    let manifest = format!("asset\n{}\n", uploaded.first_line());
    std::fs::write(folder.path().join("m.csv"), manifest).unwrap();
    let begin = |out: &str| {
        let words = ["analyze", "--batch", "m.csv", "--out", out, "Why?"];
        run(&[&words[..], &["--deadline", "10ms"]].concat(), 8)
    };
    for out in ["1", "2", "3", "4", "5"] {
        begin(out);
    }
    let sixth = begin("6");
    assert!(
        sixth.stderr.contains("has 5 active batches already"),
        "{sixth:?}"
    );
    let active = ["analyze", "batch", "list", "--quiet"];
    assert_eq!(run(&active, 0).stdout.lines().count(), 5);
}

#[test]
fn segments_become_subtitles_chapters_and_cut_lists() {
    let sidecar = json!({"segments": [
        {"start": 0.5, "end": 2, "labels": ["goal"], "metadata": {"by": "Ada", "minute": 5}},
        {"start": 3, "end": 4.5, "labels": ["goal"], "metadata": {"by": "Bob", "minute": 8}},
    ]});
    let mut answers = Answers::new();
    answers
        .add_sidecar("good.mp4", None, &sidecar.to_string())
        .unwrap();
    let platform = Platform::with(|builder| builder.answers(answers).schedule(Schedule::INSTANT));
    let folder = clips::folder(&["good.mp4"]);
    let definition = json!({"id": "goal", "description": "a goal", "fields": [
        {"name": "by", "type": "string", "description": "the player"},
        {"name": "minute", "type": "integer", "description": "the minute"},
    ]});
    std::fs::write(folder.path().join("goal.json"), definition.to_string()).unwrap();
    let run = |words: &[&str], code: i32| {
        let tl = platform.tl(words).in_folder(folder.path());
        tl.code(code)
    };
    let first = run(
        &[
            "analyze",
            "good.mp4",
            "--segments",
            "goal.json",
            "--format",
            "vtt",
        ],
        0,
    );
    assert_eq!(
        first.stdout,
        "WEBVTT\n\n00:00:00.500 --> 00:00:02.000\ngoal: Ada, 5\n\n\
         00:00:03.000 --> 00:00:04.500\ngoal: Bob, 8\n"
    );
    let task = id_of(&first, "task");
    let again = |format: &str, more: &[&str]| {
        let words = ["analyze", "--continue", &task, "--format", format];
        run(&[&words[..], more].concat(), 0).stdout
    };
    assert_eq!(
        again("timestamps", &["--title", "by"]),
        "0:00 Ada\n0:03 Bob\n"
    );
    assert!(again("chapters", &["--title", "by"]).contains("START=3000\nEND=4500\ntitle=Bob"));
    let edl = again("edl", &[]);
    assert!(edl.contains("00:00:00:13 00:00:02:00"), "{edl}");
    assert!(edl.contains("FROM CLIP NAME: good.mp4"), "{edl}");
    let otio: Value = serde_json::from_str(&again("otio", &[])).unwrap();
    let clip = &otio["tracks"]["children"][0]["children"][1];
    assert_eq!(clip["metadata"]["twelvelabs"]["metadata"]["minute"], 8);
    assert_eq!(clip["source_range"]["start_time"]["value"], 75.0);
    let ffconcat = again("ffconcat", &[]);
    assert!(
        ffconcat.contains("file 'good.mp4'\ninpoint 3.000"),
        "{ffconcat}"
    );

    let field = [
        "analyze",
        "--continue",
        &task,
        "--format",
        "srt",
        "--title",
        "x",
    ];
    let unknown = run(&field, 2);
    assert!(unknown.stderr.contains("no segment has the field `x`"));
    let text = run(&["analyze", VIDEO, "Why?", "--format", "srt"], 2);
    assert!(text.stderr.contains("--segments FILE"), "{text:?}");
    let words = run(&["analyze", VIDEO, "Why?", "--task", "--json"], 0).json();
    let task = words["task_id"].as_str().unwrap();
    let text = run(&["analyze", "--continue", task, "--format", "srt"], 7);
    assert!(text.stderr.contains("is not a segmentation"), "{text:?}");
    assert!(text.stderr.contains("what was received is in"), "{text:?}");
}
