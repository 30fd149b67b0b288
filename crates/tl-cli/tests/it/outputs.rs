//! What a bulk run writes besides its results, and the estimate without a run.

use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::process::Stdio;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::clips;
use crate::platform::Platform;
use crate::tl::{Running, Tl};

/// A directory with three clips, one of which is too small, and a manifest with a missing file.
fn archive() -> tempfile::TempDir {
    let folder = clips::folder(&["good.mp4", "small.mp4"]);
    let root = folder.path();
    fs::create_dir(root.join("show")).unwrap();
    let mut other = fs::read(root.join("good.mp4")).unwrap();
    // Other bytes with the same pictures: an atom that players ignore.
    other.extend(b"\0\0\0\x0cfree1234");
    fs::write(root.join("show/e01.mp4"), other).unwrap();
    fs::write(
        root.join("list.csv"),
        "uri,title\nshow/e01.mp4,One\nmissing.mp4,Two\n",
    )
    .unwrap();
    folder
}

fn ledger(tl: Tl, root: &std::path::Path) -> Tl {
    tl.env("TL_LEDGER", root.join("ledger.sqlite3").to_str().unwrap())
        .in_folder(root)
}

#[test]
fn a_dry_run_sends_nothing_and_names_the_limit() {
    let platform = Platform::start();
    let folder = archive();
    let before = platform.emulator.journal().len();
    let tl = |more: &[&str]| {
        let arguments = [&["ingest", ".", "--index", "films", "--dry-run"], more].concat();
        ledger(platform.tl(&arguments), folder.path()).code(0)
    };
    let json = tl(&["--json", "--from", "list.csv"]).json();
    let estimate = &json["estimate"];
    assert_eq!(
        estimate["verdicts"]["passes"].as_u64().unwrap_or(0)
            + estimate["verdicts"]["warns"].as_u64().unwrap_or(0),
        3,
        "{json}"
    );
    assert_eq!(estimate["verdicts"]["refused"], 1, "{json}");
    assert_eq!(estimate["verdicts"]["unreadable"], 1, "{json}");
    assert_eq!(estimate["requests"], 6);
    assert_eq!(estimate["plans"].as_array().unwrap().len(), 4);
    let text = tl(&["--plan", "developer-1"]);
    for part in [
        "would send",
        "developer-1 (selected)",
        "LIMITED BY",
        "1 refused",
    ] {
        assert!(text.stdout.contains(part), "{part}: {}", text.text());
    }
    // Without a key and without a platform.
    let alone = Tl::new(&["ingest", ".", "--index", "films", "--dry-run"]);
    let alone = ledger(alone, folder.path()).code(0);
    assert!(
        alone.stdout.contains("2 pass") || alone.stdout.contains("warnings"),
        "{}",
        alone.text()
    );
    assert_eq!(
        platform.emulator.journal().len(),
        before,
        "nothing was sent"
    );
    assert!(!folder.path().join("ledger.sqlite3").exists());
}

#[test]
fn a_dry_run_knows_for_which_index_a_video_was_done() {
    let platform = Platform::start();
    let folder = clips::folder(&["good.mp4"]);
    let root = folder.path();
    let rows = |index: &str| format!("uri,index\ngood.mp4,{index}\n");
    fs::write(root.join("films.csv"), rows("films")).unwrap();
    fs::write(root.join("new.csv"), rows("new")).unwrap();
    let estimate = |arguments: &[&str]| {
        let arguments = [&["ingest", "--dry-run", "--json"], arguments].concat();
        let json = ledger(platform.tl(&arguments), root).code(0).json();
        json["estimate"].clone()
    };
    let passes = |estimate: &Value| {
        let of = |name: &str| estimate["verdicts"][name].as_u64().unwrap_or(0);
        of("passes") + of("warns")
    };
    let run = ["ingest", "good.mp4", "--index", "films", "--wait"];
    ledger(platform.tl(&run), root).code(0);
    let before = platform.requests_at_rest();
    for same in [
        &["good.mp4", "--index", "films"][..],
        &["--from", "films.csv"],
    ] {
        let done = estimate(same);
        assert_eq!(done["verdicts"]["done"], 1, "{same:?}: {done}");
        assert_eq!(
            (&done["requests"], &done["bytes"]),
            (&0.into(), &0.into()),
            "{done}"
        );
    }
    // For another index, the asset is indexed, and not uploaded again.
    for other in [&["good.mp4", "--index", "new"][..], &["--from", "new.csv"]] {
        let again = estimate(other);
        assert_eq!(passes(&again), 1, "{other:?}: {again}");
        assert_eq!(
            (&again["requests"], &again["bytes"]),
            (&1.into(), &0.into()),
            "{again}"
        );
    }
    let forced = estimate(&["good.mp4", "--index", "films", "--force"]);
    assert_eq!(
        (passes(&forced), &forced["requests"]),
        (1, &2.into()),
        "{forced}"
    );
    assert_eq!(platform.requests_at_rest(), before, "nothing was sent");
}

#[test]
fn a_budget_is_checked_before_anything_is_sent() {
    let platform = Platform::start();
    let folder = archive();
    let root = folder.path();
    let run = |budget: &str, code: i32| {
        let run = [
            "ingest", ".", "--index", "films", "--wait", "--budget", budget,
        ];
        ledger(platform.tl(&run), root).code(code)
    };
    let creates = || {
        let journal = platform.emulator.journal();
        let creates = journal.iter().filter(|entry| entry.method == "POST");
        creates.count()
    };
    let before = creates();
    let over = run("9s", 3);
    assert_eq!(creates(), before, "{}", over.text());
    assert!(
        over.stderr.contains("exceeds the budget of 9"),
        "{}",
        over.text()
    );
    assert!(
        over.stderr.contains("hint: pass a larger --budget"),
        "{}",
        over.text()
    );
    // Two videos pass; one is refused, and does not count.
    let enough = run("1m", 1);
    assert!(enough.stderr.contains("2 ready"), "{}", enough.text());
    // What is done costs nothing.
    let again = run("1s", 1);
    assert!(again.stderr.contains("2 done before"), "{}", again.text());
}

#[test]
fn reports_and_events_of_a_run() {
    let platform = Platform::start();
    let folder = archive();
    let root = folder.path();
    let run = ledger(
        platform.tl(&[
            "ingest",
            ".",
            "--index",
            "films",
            "--wait",
            "--from",
            "list.csv",
            "--report",
            "run.html",
            "--report",
            "run.csv",
            "--report",
            "run.json",
            "--events",
            "run.jsonl",
        ]),
        root,
    )
    .code(1);
    let read = |name: &str| fs::read_to_string(root.join(name)).unwrap();
    let page = read("run.html");
    assert!(
        page.contains("small.mp4") && !page.contains("<script"),
        "{page}"
    );
    let json: Value = serde_json::from_str(&read("run.json")).unwrap();
    assert_eq!(json["ending"]["because"], "complete", "{json}");
    assert_eq!(json["totals"]["ready"], 2, "{json} {}", run.text());
    let table = read("run.csv");
    assert_eq!(table.matches(",ready,").count(), 2, "{table}");
    assert!(table.contains(",refused,"), "{table}");
    let events: Vec<Value> = read("run.jsonl")
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert!(events.iter().all(|event| event["v"] == 1));
    assert_eq!(events.first().unwrap()["event"], "run_started");
    assert_eq!(events.last().unwrap()["event"], "run_ended");
    let run = &["ingest", ".", "--index", "films", "--json"][..];
    let lines = |more: &[&str]| {
        let done = ledger(platform.tl(&[run, more].concat()), root).run();
        let lines = done
            .stdout
            .lines()
            .map(|line| serde_json::from_str(line).unwrap());
        lines.collect::<Vec<serde_json::Map<String, Value>>>()
    };
    let (all, some) = (lines(&[]), lines(&["--fields", "input,video_id,error"]));
    assert_eq!((all.len(), some.len()), (3, 3));
    for line in &some {
        assert_eq!(
            line.keys().collect::<Vec<_>>(),
            ["error", "input", "video_id"]
        );
        assert!(all.iter().any(|all| {
            line.iter()
                .all(|(name, value)| all.get(name).unwrap_or(&Value::Null) == value)
        }));
    }
    let wrong = ledger(platform.tl(&[run, &["--fields", "video"]].concat()), root).code(2);
    let names = wrong.json()["error"]["message"]
        .as_str()
        .unwrap()
        .to_owned();
    for name in all.iter().flat_map(|line| line.keys()) {
        assert!(names.contains(name), "`{name}` is no field: {names}");
    }
    // What is done is not sent again.
    let again = ledger(
        platform.tl(&["ingest", ".", "--index", "films", "--dry-run", "--json"]),
        root,
    )
    .code(0)
    .json();
    assert_eq!(again["estimate"]["verdicts"]["failed"], 1, "{again}");
    assert_eq!(again["estimate"]["items"], 0, "{again}");
    // A report that cannot be written ends the command before the run.
    let count = platform.requests_at_rest();
    let refused = ledger(
        platform.tl(&[
            "ingest",
            ".",
            "--index",
            "films",
            "--report",
            "none/run.html",
        ]),
        root,
    )
    .code(2);
    assert!(
        refused.stderr.contains("failed to write"),
        "{}",
        refused.text()
    );
    let format = ledger(
        platform.tl(&["ingest", ".", "--index", "films", "--report", "run.pdf"]),
        root,
    )
    .code(2);
    assert!(
        format.stderr.contains(".html, .json or .csv"),
        "{}",
        format.text()
    );
    assert!(platform.requests_at_rest() <= count + 1, "nothing was sent");
}

#[test]
fn metrics_are_served_while_a_worker_runs() {
    let platform = Platform::start();
    let folder = archive();
    let mut tl = ledger(platform.tl(&["worker", "--metrics", "0"]), folder.path());
    let command = tl.command();
    command.stdout(Stdio::null()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut stderr = child.stderr.take().unwrap();
    let deadline = Instant::now() + Duration::from_secs(20);
    let mut text = String::new();
    let address = loop {
        let mut byte = [0];
        if stderr.read(&mut byte).unwrap() == 1 {
            text.push(byte[0].into());
        }
        if let Some((_, rest)) = text.split_once("metrics: http://")
            && let Some((address, _)) = rest.split_once("/metrics")
        {
            break address.to_owned();
        }
        assert!(Instant::now() < deadline, "{text}");
    };
    let get = |host: &str| {
        let mut stream = TcpStream::connect(&address).unwrap();
        write!(
            stream,
            "GET /metrics HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n"
        )
        .unwrap();
        let mut response = String::new();
        stream.read_to_string(&mut response).unwrap();
        response
    };
    let response = get(&address);
    assert!(response.starts_with("HTTP/1.1 200"), "{response}");
    assert!(
        response.contains("tl_items{state=\"ready\"} 0"),
        "{response}"
    );
    assert!(get("evil.example").starts_with("HTTP/1.1 403"));
    let running = Running::adopt(child);
    running.interrupt();
    assert_eq!(running.finish().code, 130);
    let shared = platform
        .tl(&["worker", "--metrics", "0.0.0.0:9464"])
        .code(2);
    assert!(shared.stderr.contains("loopback"), "{}", shared.text());
}

#[test]
fn messages_on_standard_error_can_be_json() {
    let folder = archive();
    let run = Tl::new(&[
        "validate",
        ".",
        "none.mp4",
        "--log-format",
        "json",
        "--no-cache",
        "-v",
    ])
    .in_folder(folder.path())
    .run();
    let lines: Vec<Value> = run
        .stderr
        .lines()
        .map(|line| serde_json::from_str(line).unwrap_or_else(|_| panic!("{}", run.text())))
        .collect();
    assert!(!lines.is_empty(), "{}", run.text());
    assert!(
        lines
            .iter()
            .all(|line| line["at"].is_string() && line["message"].is_string())
    );
    assert!(
        lines.iter().any(|line| line["level"] == "info"),
        "{}",
        run.text()
    );
    let failed = Tl::new(&["index", "list", "--log-format=json"]).code(2);
    let line: Value = serde_json::from_str(failed.stderr.trim()).unwrap();
    assert_eq!(
        (line["level"].as_str(), line["error"]["exit_code"].as_u64()),
        (Some("error"), Some(2))
    );
}
