//! `tl embed` against the emulator: saved vectors, tasks that are resumed, queries, and refusals that
//! send nothing.

use std::fs;
use std::path::PathBuf;

use serde_json::Value;
use tl_emulator::{Answers, Fault, FaultPlan, Schedule};
use tl_protocol::embed::{join, npy, read_lines};

use crate::clips;
use crate::platform::Platform;
use crate::tl::{Run, Tl};

const SIDECAR: &str = r#"{
    "segments": [
        {"start": 0, "end": 2, "labels": ["goal"], "text": "A goal in the rain."},
        {"start": 2, "end": 4, "labels": ["mayor"], "text": "An interview with the mayor."}
    ],
    "transcript": [{"start": 0.4, "end": 1.0, "text": "What a strike!"}]
}"#;

struct World {
    platform: Platform,
    folder: tempfile::TempDir,
}

impl World {
    fn new() -> Self {
        let mut answers = Answers::new();
        answers.add_sidecar("good.mp4", None, SIDECAR).unwrap();
        Self {
            platform: Platform::with(|builder| {
                builder.answers(answers).schedule(Schedule::INSTANT)
            }),
            folder: clips::folder(&["good.mp4"]),
        }
    }

    fn tl(&self, arguments: &[&str]) -> Tl {
        let all: Vec<&str> = ["embed"].iter().chain(arguments).copied().collect();
        self.platform.tl(&all).in_folder(self.folder.path())
    }

    fn run(&self, arguments: &[&str]) -> Run {
        self.tl(arguments).run()
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn fault(&self, text: &str) {
        let mut plan = FaultPlan::default();
        plan.faults = vec![text.parse::<Fault>().unwrap()];
        self.platform.emulator.set_faults(plan).unwrap();
    }

    /// How often operations on embeddings, and uploads, were requested.
    fn requested(&self, operation: &str) -> usize {
        let journal = self.platform.emulator.journal();
        let names = journal.into_iter().filter_map(|entry| entry.operation);
        names.filter(|name| name == operation).count()
    }
}

#[test]
fn a_video_becomes_a_matrix_that_is_searched_without_the_platform() {
    let world = World::new();
    let video = [
        "video",
        "good.mp4",
        "--segment",
        "2",
        "--scope",
        "clip",
        "-o",
        "match.npy",
    ];
    let saved = world.tl(&video).code(0);
    assert!(
        saved.stdout.contains("of 512 numbers to match.npy"),
        "{saved:?}"
    );
    assert!(
        saved.stderr.contains("keeps its embeddings for seven days"),
        "{saved:?}"
    );
    let matrix = npy::read(&fs::read(world.path("match.npy")).unwrap()).unwrap();
    let rows = fs::read_to_string(world.path("match.npy.jsonl")).unwrap();
    let embeddings = join(matrix, Some(&rows)).unwrap();
    let origin = embeddings.rows()[0].origin.as_deref().unwrap();
    assert!(origin.asset.is_some() && origin.task.is_some());
    assert_eq!(origin.input.as_deref(), Some("file good.mp4"));
    assert_eq!(embeddings.model().unwrap().as_str(), "marengo3.0");

    // An existing file is not overwritten, and nothing is paid for.
    let again = world.tl(&video).code(2);
    assert!(again.stderr.contains("`match.npy` exists"), "{again:?}");
    assert_eq!(world.requested("embed.v_2.tasks.create"), 1);

    let found = world
        .tl(&[
            "query",
            "match.npy",
            "goal in the rain",
            "-k",
            "2",
            "--json",
        ])
        .code(0)
        .json();
    assert_eq!(
        (&found[0]["start"], &found[0]["option"]),
        (&0.0.into(), &"visual".into()),
        "{found}"
    );
    assert!(found[0]["cosine"].as_f64().unwrap() > found[1]["cosine"].as_f64().unwrap());
    assert_eq!(world.requested("embed.v_2.create"), 1);

    // The query from a file: nothing is sent.
    world
        .tl(&["text", "interview with the mayor", "-o", "query.jsonl"])
        .code(0);
    let before = world.platform.emulator.journal().len();
    let query = [
        "query",
        "match.npy",
        "--vector",
        "query.jsonl",
        "--fuse",
        "-k",
        "1",
        "--on",
        "visual,audio",
    ];
    let table = world.tl(&query).code(0).stdout;
    assert!(
        table.contains("2.000") && table.contains("4.000"),
        "{table}"
    );
    assert_eq!(world.platform.emulator.journal().len(), before);
    let both = world.tl(&[
        "query",
        "match.npy",
        "--and",
        "query.jsonl",
        "--vector",
        "query.jsonl",
        "--json",
    ]);
    assert_eq!(both.code(0).json()[0]["source"], "interview with the mayor");
}

#[test]
fn a_task_is_resumed_by_another_process() {
    let world = World::new();
    world.fault("embed.v_2.tasks.retrieve status=500");
    let failed = world.run(&["video", "good.mp4", "-o", "match.npy", "--deadline", "1s"]);
    assert_ne!(failed.code, 0, "{failed:?}");
    assert!(failed.stderr.contains("tl embed resume "), "{failed:?}");
    assert!(!world.path("match.npy").exists());
    world
        .platform
        .emulator
        .set_faults(FaultPlan::default())
        .unwrap();
    let listed = world.tl(&["list", "--json"]).code(0).json();
    let task = listed[0]["_id"].as_str().unwrap();
    world.tl(&["resume", task, "-o", "match.jsonl"]).code(0);
    let text = fs::read_to_string(world.path("match.jsonl")).unwrap();
    let rows = read_lines(&text).unwrap();
    let origin = rows.rows()[0].origin.as_deref().unwrap();
    assert_eq!(origin.task.as_ref().unwrap().as_str(), task);
    assert_eq!(world.requested("embed.v_2.tasks.create"), 1);
    assert!(world.tl(&["list"]).code(0).stdout.contains("EXPIRES IN"));
}

#[test]
fn what_was_paid_for_is_saved_after_an_error() {
    let world = World::new();
    fs::write(world.path("texts.txt"), "goal\n\nrain\nmayor\n").unwrap();
    world.fault("embed.v_2.create nth=3 status=400");
    let failed = world.run(&["text", "--from", "texts.txt", "-o", "texts.jsonl"]);
    assert_ne!(failed.code, 0, "{failed:?}");
    let rows = read_lines(&fs::read_to_string(world.path("texts.jsonl")).unwrap()).unwrap();
    let inputs: Vec<_> = rows
        .rows()
        .iter()
        .filter_map(|row| row.origin.as_deref()?.input.clone())
        .collect();
    assert_eq!(inputs, ["goal", "rain"]);
}

#[test]
fn parquet_files_need_a_feature() {
    let world = World::new();
    let text = ["text", "goal", "rain", "-o", "goals.parquet"];
    if cfg!(feature = "parquet") {
        let saved = world.tl(&text).code(0);
        assert!(saved.stdout.contains("saved 2 embeddings"), "{saved:?}");
        let bytes = fs::read(world.path("goals.parquet")).unwrap();
        assert!(bytes.starts_with(b"PAR1") && bytes.ends_with(b"PAR1"));
    } else {
        let refused = world.tl(&text).code(2);
        assert!(refused.stderr.contains("--features parquet"), "{refused:?}");
        assert_eq!(world.requested("embed.v_2.create"), 0);
        assert!(!world.path("goals.parquet").exists());
    }
}

#[test]
fn indexed_videos_have_embeddings() {
    let world = World::new();
    let ingest = ["ingest", "good.mp4", "--index", "films", "--json"];
    world
        .platform
        .tl(&ingest)
        .in_folder(world.folder.path())
        .code(0);
    let videos = world
        .platform
        .tl(&["video", "list", "--index", "films", "--json"])
        .code(0)
        .json();
    let video = videos[0]["_id"].as_str().unwrap();
    let saved = world
        .tl(&["indexed", video, "--index", "films"])
        .code(0)
        .stdout;
    let rows = read_lines(&saved).unwrap();
    assert_eq!(
        rows.rows()[0]
            .origin
            .as_deref()
            .unwrap()
            .video
            .as_ref()
            .unwrap()
            .as_str(),
        video
    );
    assert!(
        rows.rows()
            .iter()
            .all(|row| row.scope.as_deref() == Some("clip"))
    );
}

#[test]
fn nothing_is_sent_for_bad_input_or_a_dry_run() {
    let world = World::new();
    fs::write(world.path("no.png"), "no image").unwrap();
    fs::write(world.path("cut.npy"), b"\x93NUMPY\x01\x00").unwrap();
    fs::write(
        world.path("other.jsonl"),
        "{\"model\":\"marengo3.5\",\"dimension\":2,\"embedding\":[1,2]}\n",
    )
    .unwrap();
    fs::write(
        world.path("some.jsonl"),
        "{\"model\":\"marengo3.0\",\"dimension\":2,\"embedding\":[1,2]}\n",
    )
    .unwrap();
    let before = world.platform.emulator.journal().len();
    for (arguments, code, expected) in [
        (
            &["text", "goal", "--dimension", "256"][..],
            3,
            "marengo3.0 has one dimension",
        ),
        (&["text", " "], 3, "the text is empty"),
        (
            &["text", "goal", "--model", "marengo2.7"],
            3,
            "`marengo2.7`: one of",
        ),
        (&["text", "goal", "-o", "v.txt"], 2, "names no format"),
        (
            &["text", "goal", "-o", "nowhere/v.npy"],
            2,
            "failed to write",
        ),
        (&["image", "no.png"], 3, "`no.png` cannot be embedded"),
        (&["image", "missing.png"], 2, "failed to read `missing.png`"),
        (
            &["video", "good.mp4", "--segment", "11"],
            3,
            "2 to 10 is expected",
        ),
        (
            &["video", "good.mp4", "--on", "smell"],
            3,
            "`smell`: one of",
        ),
        (
            &[
                "video",
                "good.mp4",
                "--model",
                "marengo3.5",
                "--on",
                "transcription",
            ],
            3,
            "one of `visual`, `audio`",
        ),
        (
            &[
                "video",
                "good.mp4",
                "--start",
                "0",
                "--end",
                "700",
                "--at-once",
            ],
            3,
            "up to 600 s at once",
        ),
        (
            &["video", "good.mp4", "--dry-run", "--budget", "2s"],
            3,
            "exceed the budget",
        ),
        (
            &["audio", "good.mp4", "--on", "visual"],
            3,
            "one of `audio`, `transcription`",
        ),
        (
            &[
                "indexed",
                "6298d673f1090f1100476d4c",
                "--index",
                "films",
                "--on",
                "smell",
            ],
            2,
            "`smell` is not an embedding",
        ),
        (&["query", "cut.npy", "goal"], 2, "failed to read `cut.npy`"),
        (
            &["query", "some.jsonl", "--vector", "other.jsonl"],
            2,
            "the query is of marengo3.5",
        ),
        (
            &[
                "query",
                "some.jsonl",
                "goal",
                "--and",
                "other.jsonl",
                "--on",
                "visual",
                "--model",
                "x",
            ],
            2,
            "models differ",
        ),
    ] {
        let run = world.run(arguments);
        assert_eq!(run.code, code, "{arguments:?} {run:?}");
        assert!(run.stderr.contains(expected), "{arguments:?} {run:?}");
    }
    let dry = world
        .tl(&["video", "good.mp4", "--dry-run", "--json"])
        .code(0)
        .json();
    assert!(dry["charged_seconds"].as_f64().unwrap() > 3.0, "{dry}");
    let dry: Value = world
        .tl(&["text", "a", "b", "--dry-run", "--json"])
        .code(0)
        .json();
    assert_eq!(dry["charged_requests"], 2);
    assert_eq!(world.platform.emulator.journal().len(), before);
}
