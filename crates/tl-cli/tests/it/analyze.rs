//! `tl analyze` against the emulator: text, data, segments, batches; incomplete answers; refusals
//! that send nothing.

use serde_json::{Value, json};
use tl_emulator::{Answers, Fault, FaultPlan, Schedule};

use crate::clips;
use crate::platform::Platform;
use crate::tl::{Run, Tl};

const VIDEO: &str = "https://videos.example.com/match.mp4";

struct World {
    platform: Platform,
    folder: tempfile::TempDir,
}

impl World {
    fn new() -> Self {
        let mut answers = Answers::new();
        let fixtures = json!({"fixtures": [
            {"when": {"prompt": "what*"}, "answer": "A match in the rain, with two goals."},
            {"when": {"prompt": "rate*"}, "answer": {"rating": "five"}},
        ]});
        answers.add_fixtures(&fixtures.to_string()).unwrap();
        Self {
            platform: Platform::with(|builder| {
                builder.answers(answers).schedule(Schedule::INSTANT)
            }),
            folder: clips::folder(&["good.mp4"]),
        }
    }

    fn tl(&self, arguments: &[&str]) -> Tl {
        self.platform.tl(arguments).in_folder(self.folder.path())
    }

    fn run(&self, arguments: &[&str]) -> Run {
        self.tl(arguments).run()
    }

    fn write(&self, name: &str, text: &str) {
        std::fs::write(self.folder.path().join(name), text).unwrap();
    }

    fn fault(&self, text: &str) {
        let mut plan = FaultPlan::default();
        plan.faults = vec![text.parse::<Fault>().unwrap()];
        self.platform.emulator.set_faults(plan).unwrap();
    }

    /// The operations that were requested, without the set-up of the platform.
    fn requested(&self) -> Vec<String> {
        let journal = self.platform.emulator.journal();
        let names = journal.into_iter().filter_map(|entry| entry.operation);
        names.filter(|name| name != "indexes.create").collect()
    }
}

#[test]
fn file_is_uploaded_and_the_answer_printed_whole() {
    let world = World::new();
    let run = world.run(&["analyze", "good.mp4", "What happens?"]);
    assert_eq!(
        (run.code, run.stdout.as_str()),
        (0, "A match in the rain, with two goals.\n"),
        "{run:?}"
    );
    assert!(
        run.stderr.contains("uploaded good.mp4 as asset"),
        "{}",
        run.stderr
    );
    assert!(run.stderr.contains("output tokens"), "{}", run.stderr);
    let asked = world.requested();
    assert!(asked.contains(&"assets.create".to_owned()), "{asked:?}");
    assert_eq!(asked.iter().filter(|name| *name == "analyze").count(), 1);
    let streamed = world.run(&["analyze", VIDEO, "What happens?", "--stream", "--quiet"]);
    assert_eq!(streamed.stdout, run.stdout);
    let json = world.run(&["analyze", VIDEO, "What happens?", "--json"]);
    let value: Value = serde_json::from_str(&json.stdout).unwrap();
    assert_eq!(value["data"], "A match in the rain, with two goals.");
    assert_eq!(value["usage"]["output_tokens"], 9);
}

#[test]
fn incomplete_answers_are_saved_and_have_their_own_exit_codes() {
    let world = World::new();
    for (fault, arguments, code, kind) in [
        ("analyze omit_end", &[][..], 9, "interrupted_answer"),
        ("analyze cut_after_events=2", &[], 9, "interrupted_answer"),
        (
            "analyze cut_after_events=2",
            &["--stream"],
            9,
            "interrupted_answer",
        ),
    ] {
        world.fault(fault);
        let run = world
            .tl(&["analyze", VIDEO, "What happens?"])
            .args(arguments)
            .run();
        assert_eq!(run.code, code, "{run:?}");
        assert_eq!(run.stdout.is_empty(), arguments.is_empty(), "{run:?}");
        let line = run
            .stderr
            .lines()
            .find(|line| line.contains("what was received is in"))
            .unwrap();
        let path = line.rsplit(' ').next().unwrap();
        let saved = std::fs::read_to_string(world.folder.path().join(path)).unwrap();
        assert!(
            "A match in the rain, with two goals.".starts_with(&saved) && !saved.is_empty(),
            "{saved}"
        );
        let json = world
            .tl(&["analyze", VIDEO, "What happens?", "--json"])
            .run();
        let value: Value = serde_json::from_str(&json.stdout).unwrap();
        assert_eq!(value["error"]["kind"], kind);
    }
    world.fault("assets.list drop");
    let long = "x".repeat(3000);
    let run = world.run(&["analyze", VIDEO, &long, "--max-tokens", "512"]);
    assert_eq!((run.code, run.stdout.as_str()), (10, ""), "{run:?}");
    assert!(
        run.stderr.contains("the answer was truncated"),
        "{}",
        run.stderr
    );
}

#[test]
fn schema_is_checked_before_and_the_answer_after() {
    let world = World::new();
    world.write(
        "bad.json",
        r#"{"type": "object", "properties": {"title": {"type": "string", "maxLength": 9}}}"#,
    );
    let run = world.run(&["analyze", "good.mp4", "Rate it.", "--schema", "bad.json"]);
    assert_eq!(run.code, 3, "{run:?}");
    assert!(
        run.stderr
            .contains("json_schema.properties.title.maxLength: not supported"),
        "{}",
        run.stderr
    );
    world.write(
        "good.json",
        r#"{"type": "object", "properties": {"title": {"type": "string"}}, "required": ["title"]}"#,
    );
    let run = world.run(&["analyze", VIDEO, "Describe it.", "--schema", "good.json"]);
    assert_eq!(run.code, 0, "{run:?}");
    let value: Value = serde_json::from_str(&run.stdout).unwrap();
    assert!(value["title"].is_string(), "{value}");
    // Nothing was sent for the first one.
    assert_eq!(world.requested(), ["analyze"]);
}

#[test]
fn nothing_is_sent_if_the_request_is_not_allowed() {
    let world = World::new();
    for (arguments, expected) in [
        (
            &["analyze", VIDEO, "Why?", "--start", "0", "--end", "4000"][..],
            "at most 3600 s are analyzed",
        ),
        (
            &["analyze", VIDEO, "Why?", "--max-tokens", "5"],
            "max_tokens: 5 is not 512 to 98304",
        ),
        (
            &["analyze", VIDEO, "Why?", "--temperature", "7"],
            "temperature: 7 is not 0 to 1",
        ),
        (&["analyze", VIDEO], "prompt: is required"),
        (
            &["analyze", "good.mp4", "Why?", "--end", "900"],
            "after the end of the video",
        ),
        (
            &["analyze", "good.mp4", "Why?", "--budget", "1s"],
            "exceed the budget",
        ),
    ] {
        let run = world.run(arguments);
        assert_eq!(run.code, 3, "{run:?}");
        assert!(run.stderr.contains(expected), "{}", run.stderr);
        assert_eq!(world.requested(), [""; 0], "{arguments:?}");
    }
    let unknown = world.run(&["analyze", VIDEO, "Why?", "--threshold", "3"]);
    assert_eq!(unknown.code, 2);
    let missing = world.run(&["analyze", "missing.mp4", "Why?"]);
    assert!(missing.code == 2 || missing.code == 3, "{missing:?}");
    assert_eq!(world.requested(), [""; 0]);
}

#[test]
fn dry_run_names_the_cost_and_sends_nothing() {
    let world = World::new();
    world.write(
        "goals.json",
        r#"[{"id": "goal", "description": "a goal"}, {"id": "foul", "description": "a foul"}]"#,
    );
    let run = world.run(&[
        "analyze",
        "good.mp4",
        "--segments",
        "goals.json",
        "--dry-run",
        "--json",
    ]);
    let value: Value = serde_json::from_str(&run.stdout).unwrap();
    assert_eq!(
        (run.code, &value["definitions"], &value["task"]),
        (0, &json!(2), &json!(true)),
        "{run:?}"
    );
    let (window, charged) = (
        value["seconds"].as_f64().unwrap(),
        value["charged_seconds"].as_f64().unwrap(),
    );
    assert!(
        window > 1.0 && (charged - 2.0 * window).abs() < 1e-9,
        "{value}"
    );
    assert_eq!(world.requested(), [""; 0]);
}

#[test]
fn segments_run_as_a_task_that_can_be_resumed() {
    let world = World::new();
    world.write("goal.json", r#"{"id": "goal", "description": "a goal"}"#);
    let run = world.run(&["analyze", VIDEO, "--segments", "goal.json", "--json"]);
    assert_eq!(run.code, 0, "{run:?}");
    let value: Value = serde_json::from_str(&run.stdout).unwrap();
    assert!(
        value["data"]["goal"].as_array().unwrap().len() > 1,
        "{value}"
    );
    let task = value["task_id"].as_str().unwrap();
    let again = world.run(&["analyze", "--continue", task, "--json"]);
    let again: Value = serde_json::from_str(&again.stdout).unwrap();
    assert_eq!(again["data"], value["data"]);
    let created = world
        .requested()
        .into_iter()
        .filter(|name| name == "analyze_async.tasks.create");
    assert_eq!(created.count(), 1);
}

#[test]
fn batch_results_are_in_the_order_of_the_manifest() {
    let world = World::new();
    let upload = world.run(&["upload", "good.mp4", "--wait", "--quiet"]);
    let asset = upload.stdout.trim();
    world.write(
        "m.csv",
        &format!("asset,id,prompt\n{asset},row b,\n{asset},row a,Why?\n{asset},,\n"),
    );
    let arguments = [
        "analyze",
        "--batch",
        "m.csv",
        "--out",
        "r.jsonl",
        "What happens?",
    ];
    let dry = world.tl(&arguments).arg("--dry-run").run();
    assert_eq!(dry.code, 0, "{dry:?}");
    assert!(
        !world
            .requested()
            .contains(&"analyze_async.batches.create".to_owned())
    );
    // The first creation is not answered: the next run finds the batch.
    world.fault("analyze_async.batches.create nth=1 lose_answer");
    let lost = world.run(&arguments);
    assert_eq!(lost.code, 5, "{lost:?}");
    let run = world.run(&arguments);
    assert_eq!(run.code, 0, "{run:?}");
    let text = std::fs::read_to_string(world.folder.path().join("r.jsonl")).unwrap();
    let lines: Vec<Value> = text
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let ids: Vec<_> = lines.iter().map(|line| line["id"].clone()).collect();
    assert_eq!(ids, [json!("row b"), json!("row a"), Value::Null]);
    assert_eq!(lines[0]["data"], "A match in the rain, with two goals.");
    assert!(lines[1]["data"].as_str().unwrap().contains("Why?"));
    let created = world
        .requested()
        .into_iter()
        .filter(|name| name == "analyze_async.batches.create");
    assert_eq!(created.count(), 1, "a batch was created twice");
    assert!(!world.folder.path().join("r.jsonl.batches.json").exists());
}
