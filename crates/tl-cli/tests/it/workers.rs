//! `tl worker`, `tl ingest-one` and `tl status`: many processes on one ledger, and ledgers that
//! cannot be used.

use std::fs;
use std::io::{BufRead, BufReader};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Stdio;

use serde_json::Value;

use crate::manifests::archive;
use crate::platform::Platform;
use crate::postgres::Postgres;
use crate::tl::{Run, Running, Tl};

/// Adds the files of a folder to a ledger, and sends none of them.
fn add(platform: &Platform, folder: &Path, ledger: &str) {
    let run = platform
        .tl(&[
            "ingest",
            ".",
            "--index",
            "films",
            "--max-items",
            "0",
            "--ledger",
            ledger,
        ])
        .in_folder(folder)
        .run();
    assert_eq!(run.code, 0, "{}", run.text());
    assert!(platform.uploads().is_empty());
}

fn status(folder: &Path, ledger: &str) -> Value {
    Tl::new(&["status", "--json", "--ledger", ledger])
        .in_folder(folder)
        .code(0)
        .json()
}

fn start(mut tl: Tl) -> Running {
    tl.command().stdout(Stdio::piped()).stderr(Stdio::piped());
    Running::start(tl.command())
}

fn error(run: &Run) -> Value {
    let lines = run.json_lines();
    lines.last().unwrap()["error"].clone()
}

#[test]
fn runs_and_workers_wait_for_a_server_that_is_not_up_yet() {
    let platform = Platform::start();
    let folder = archive(2);
    let mut postgres = Postgres::start();
    let ledger = postgres.ledger();
    postgres.stop();
    let arguments: [&[&str]; 3] = [
        &["ingest", "0.mp4", "--index", "films"],
        &["ingest-one", "1.mp4", "--index", "films"],
        &["worker", "--drain"],
    ];
    let started = arguments.map(|words| {
        let mut tl = platform
            .tl(words)
            .args(&["--json", "--ledger", &ledger])
            .in_folder(folder.path());
        tl.command().stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = tl.command().spawn().unwrap();
        let mut stderr = BufReader::new(child.stderr.take().unwrap());
        let mut line = String::new();
        stderr.read_line(&mut line).unwrap();
        assert!(line.contains("trying again"), "{line}");
        assert!(!line.contains("secret-7"), "{line}");
        // Keeps the pipe open.
        std::thread::spawn(move || std::io::copy(&mut stderr, &mut std::io::sink()));
        Running::adopt(child)
    });
    postgres.launch();
    for running in started {
        let run = running.finish();
        assert_eq!(run.code, 0, "{}", run.text());
    }
    assert_eq!(platform.uploads().len(), 2);
}

#[test]
fn workers_share_the_items_of_a_postgres_ledger() {
    let platform = Platform::start();
    let folder = archive(12);
    let postgres = Postgres::start();
    let ledger = postgres.ledger();
    add(&platform, folder.path(), &ledger);
    let watch = start(
        Tl::new(&["status", "--watch", "--json", "--ledger", &ledger]).in_folder(folder.path()),
    );
    let worker = || {
        start(
            platform
                .tl(&[
                    "worker", "--drain", "--json", "--jobs", "2", "--ledger", &ledger,
                ])
                .in_folder(folder.path()),
        )
    };
    let workers = [worker(), worker()];
    let mut inputs = Vec::new();
    for worker in workers {
        let run = worker.finish();
        assert_eq!(run.code, 0, "{}", run.text());
        let lines = run.json_lines();
        assert!(
            lines.iter().all(|line| line["ok"] == true),
            "{}",
            run.text()
        );
        inputs.extend(lines.iter().map(|line| line["input"].to_string()));
        assert!(!run.text().contains("secret-7"), "{}", run.text());
    }
    inputs.sort();
    inputs.dedup();
    assert_eq!(inputs.len(), 12, "each item once");
    assert_eq!(platform.uploads().len(), 12);
    // It ends when nothing is left.
    let watched = watch.finish();
    assert_eq!(watched.code, 0, "{}", watched.text());
    assert_eq!(watched.json_lines().last().unwrap()["left"], 0);
    assert_eq!(
        status(folder.path(), &ledger)["counts"]["states"]["done"]["items"],
        12
    );

    // A worker of another key has other items.
    let other = platform
        .tl(&["worker", "--drain", "--json", "--ledger", &ledger])
        .to(&platform.base_url, "tlk_emulator_another_SECRET0123456789")
        .in_folder(folder.path())
        .code(0);
    assert_eq!(other.stdout, "");
    assert_eq!(platform.uploads().len(), 12);

    // A wrong password is not tried again.
    let wrong = postgres.url("wrong-word-9");
    for words in [
        &["worker", "--drain"][..],
        &["status"],
        &["status", "--watch"],
        &["ingest", "0.mp4", "--index", "films"],
        &["ingest-one", "0.mp4", "--index", "films"],
    ] {
        let run = platform
            .tl(words)
            .args(&["--json", "--ledger", &wrong])
            .in_folder(folder.path())
            .code(2);
        let error = error(&run);
        assert_eq!(error["kind"], "ledger_denied", "{words:?}: {}", run.text());
        assert!(!run.text().contains("wrong-word-9"), "{}", run.text());
        assert!(error["next"].is_string(), "{}", run.text());
    }
    assert_eq!(platform.uploads().len(), 12);
}

#[test]
fn ledgers_that_cannot_be_used_end_every_command() {
    let platform = Platform::start();
    let folder = archive(1);
    let root = folder.path();
    add(&platform, root, "newer.sqlite3");
    fs::write(root.join("text.sqlite3"), "text ".repeat(2000)).unwrap();
    let database = rusqlite::Connection::open(root.join("newer.sqlite3")).unwrap();
    let changed = database
        .execute("UPDATE meta SET value = value + 1", [])
        .unwrap();
    assert!(changed > 0);
    drop(database);
    let check = |ledger: &str, kind: &str| {
        for words in [
            &["worker", "--drain"][..],
            &["status"],
            &["ingest", "0.mp4", "--index", "films"],
            &["ingest-one", "0.mp4", "--index", "films"],
        ] {
            let run = platform
                .tl(words)
                .args(&["--json", "--ledger", ledger])
                .in_folder(root)
                .code(2);
            let error = error(&run);
            assert_eq!(error["kind"], kind, "{words:?} {ledger}: {}", run.text());
            assert!(error["next"].is_string(), "{}", run.text());
        }
    };
    check("newer.sqlite3", "ledger_newer");
    check("text.sqlite3", "not_a_ledger");
    assert!(platform.uploads().is_empty());
}

#[test]
fn a_read_only_ledger_is_shown_and_not_changed() {
    let platform = Platform::start();
    let folder = archive(1);
    let root = folder.path();
    add(&platform, root, "kept/ledger.sqlite3");
    let read_only = |mode: u32, file: u32| {
        fs::set_permissions(
            root.join("kept/ledger.sqlite3"),
            fs::Permissions::from_mode(file),
        )
        .unwrap();
        fs::set_permissions(root.join("kept"), fs::Permissions::from_mode(mode)).unwrap();
    };
    read_only(0o555, 0o444);
    let as_nobody = |tl: Tl| {
        let mut tl = tl.in_folder(root);
        use std::os::unix::process::CommandExt;
        if is_root() {
            tl.command().uid(65_534).gid(65_534);
        }
        tl
    };
    fs::set_permissions(root, fs::Permissions::from_mode(0o755)).unwrap();
    let shown = as_nobody(Tl::new(&[
        "status",
        "--json",
        "--ledger",
        "kept/ledger.sqlite3",
    ]))
    .code(0);
    assert_eq!(shown.json()["total"], 1, "{}", shown.text());
    for words in [
        &["worker", "--drain"][..],
        &["ingest", "0.mp4", "--index", "films", "--no-cache"],
        &["ingest-one", "0.mp4", "--index", "films", "--no-cache"],
    ] {
        let tl = platform
            .tl(words)
            .args(&["--json", "--ledger", "kept/ledger.sqlite3"]);
        let run = as_nobody(tl).code(2);
        assert_eq!(
            error(&run)["kind"],
            "ledger_read_only",
            "{words:?}: {}",
            run.text()
        );
    }
    read_only(0o755, 0o644);
    assert!(platform.uploads().is_empty());
}

fn is_root() -> bool {
    use std::os::unix::fs::MetadataExt;
    fs::metadata("/proc/self").is_ok_and(|meta| meta.uid() == 0)
}

#[test]
fn full_index_sends_no_byte() {
    let platform = Platform::start();
    let folder = archive(2);
    let root = folder.path();
    // The index has room for none: the plan allows 100 videos.
    let videos: Vec<Value> = (0..100)
        .map(|number| serde_json::json!({"filename": format!("{number}.mp4"), "duration": 12.5, "width": 640, "height": 360}))
        .collect();
    let seed = serde_json::json!({"indexes": [{"index_name": "full", "videos": videos}]});
    platform
        .emulator
        .seed(&serde_json::from_value(seed).unwrap())
        .unwrap();
    let run = platform
        .tl(&["ingest", ".", "--index", "full", "--plan", "free", "--json"])
        .in_folder(root)
        .code(6);
    let lines = run.json_lines();
    assert_eq!(lines.len(), 2, "{}", run.text());
    assert!(
        lines
            .iter()
            .all(|line| line["error"]["kind"] == "index_full"),
        "{}",
        run.text()
    );
    let run = platform
        .tl(&["ingest-one", "0.mp4", "--index", "full", "--plan", "free"])
        .in_folder(root)
        .code(6);
    assert_eq!(run.json()["error"]["kind"], "index_full", "{}", run.text());
    assert!(platform.uploads().is_empty(), "no orphan");
    // The same run continues in another index.
    let run = platform
        .tl(&["ingest", ".", "--index", "films", "--plan", "free"])
        .in_folder(root)
        .code(0);
    assert_eq!(platform.uploads().len(), 2, "{}", run.text());
}

#[test]
fn a_file_that_changes_between_runs_is_a_new_item() {
    let platform = Platform::start();
    let folder = archive(1);
    let root = folder.path();
    add(&platform, root, "ledger.sqlite3");
    // The worker finds other bytes than those that were added.
    let mut bytes = fs::read(root.join("0.mp4")).unwrap();
    bytes.extend(b"\0\0\0\x0cfreenew!");
    fs::write(root.join("0.mp4"), bytes).unwrap();
    let run = platform
        .tl(&["worker", "--drain", "--json", "--ledger", "ledger.sqlite3"])
        .in_folder(root)
        .code(1);
    let lines = run.json_lines();
    let kind = |line: &Value| line["error"]["kind"].as_str().map(str::to_owned);
    let mut kinds: Vec<_> = lines.iter().map(kind).collect();
    kinds.sort();
    assert_eq!(
        kinds,
        [None, Some("source_changed".to_owned())],
        "{}",
        run.text()
    );
    assert_eq!(platform.uploads().len(), 1, "only the new bytes are sent");
    // It is known now.
    let run = platform
        .tl(&[
            "ingest",
            "0.mp4",
            "--index",
            "films",
            "--json",
            "--ledger",
            "ledger.sqlite3",
        ])
        .in_folder(root)
        .code(0);
    assert_eq!(run.json()["skipped"], "done", "{}", run.text());
}

#[test]
fn ingest_one_is_idempotent_with_and_without_a_ledger() {
    let platform = Platform::start();
    let folder = archive(2);
    let ingest_one = |input: &str, more: &[&str]| {
        platform
            .tl(&["ingest-one", "--interval", "100ms"])
            .args(more)
            .input(input)
            .in_folder(folder.path())
            .run()
    };
    let job = r#"{"uri": "0.mp4", "index": "films", "title": "A", "metadata": {"take": 5}}"#;
    let first = ingest_one(job, &[]);
    assert_eq!(first.code, 0, "{}", first.text());
    let second = ingest_one(job, &[]).json();
    assert_eq!(first.json()["video_id"], second["video_id"]);
    let ledger = ["--ledger", "ledger.sqlite3"];
    let job = r#"{"uri": "1.mp4", "index": "films"}"#;
    let third = ingest_one(job, &ledger);
    assert_eq!(third.code, 0, "{}", third.text());
    let fourth = ingest_one(job, &ledger).json();
    assert_eq!(third.json()["video_id"], fourth["video_id"]);
    assert_eq!(fourth["skipped"], "done");
    assert_eq!(platform.uploads().len(), 2);
    for (input, code, part) in [
        ("{\"uri\": \"0.mp4\"}", 2, "no index"),
        (
            "{\"uri\": \"0.mp4\", \"indx\": \"films\"}",
            2,
            "not a JSON object",
        ),
        ("[]", 2, "not a JSON object"),
        ("", 2, "not a JSON object"),
        (
            "{\"uri\": \"none.mp4\", \"index\": \"films\"}",
            2,
            "none.mp4",
        ),
        ("{\"uri\": \"0.mp4\", \"index\": \"none\"}", 7, "no index"),
    ] {
        let run = ingest_one(input, &[]);
        assert_eq!(run.code, code, "{input}: {}", run.text());
        let line = run.json();
        assert_eq!(line["exit_code"], code, "{}", run.text());
        let message = line["error"]["message"].as_str().unwrap();
        assert!(message.contains(part), "{part}: {message}");
    }
}

#[test]
fn status_of_an_empty_ledger_and_of_none() {
    let folder = tempfile::tempdir().unwrap();
    let run = Tl::new(&["status", "--ledger", "none.sqlite3"])
        .in_folder(folder.path())
        .code(2);
    assert!(run.stderr.contains("no ledger at"), "{}", run.text());
    tl_ledger::Ledger::open(folder.path().join("empty.sqlite3")).unwrap();
    let run = Tl::new(&["status", "--watch", "--ledger", "empty.sqlite3"])
        .in_folder(folder.path())
        .code(0);
    assert_eq!(run.stdout, "the ledger has no videos\n");
}
