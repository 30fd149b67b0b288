//! Runs over many inputs: open descriptors and amount of output.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tl_testkit::server::{Reaction, Seen, Server};

use crate::platform::{INDEX, index, json, page, scripted, tl_to};
use crate::tl::{Run, Running, Tl};

/// A directory with this many files. They have other bytes, because the same bytes are one video.
fn inputs(count: usize) -> (tempfile::TempDir, Vec<String>) {
    let folder = tempfile::tempdir().unwrap();
    let names: Vec<String> = (0..count)
        .map(|number| format!("{number:04}.mp4"))
        .collect();
    for name in &names {
        std::fs::write(folder.path().join(name), format!("clip {name}")).unwrap();
    }
    (folder, names)
}

/// A platform whose assets are in process until there are `expected` of them.
fn platform(expected: usize) -> (Server, Arc<AtomicUsize>) {
    let created = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&created);
    let server = scripted(move |seen: &Seen| answer(seen, &count, expected));
    (server, created)
}

/// The number of the first indexed asset. On the platform too, no indexed asset has the id of an
/// asset.
const FIRST_INDEXED: usize = 1 << 40;

/// The number of the next indexed asset, of all platforms.
static INDEXED: AtomicUsize = AtomicUsize::new(FIRST_INDEXED);

fn item(number: usize, status: &str) -> String {
    format!(r#"{{"_id": "{number:024x}", "status": "{status}"}}"#)
}

fn answer(seen: &Seen, created: &AtomicUsize, expected: usize) -> Reaction {
    let path = seen.target.split('?').next().unwrap_or_default();
    let last = path.rsplit('/').next().unwrap_or_default();
    match (seen.method.as_str(), path) {
        ("POST", path) if path.ends_with("/assets") => {
            let number = created.fetch_add(1, Ordering::Relaxed);
            json(
                201,
                &format!(r#"{{"_id": "{number:024x}", "status": "processing"}}"#),
            )
            .into()
        }
        ("POST", path) if path.ends_with("/indexed-assets") => {
            let number = INDEXED.fetch_add(1, Ordering::Relaxed);
            json(202, &format!(r#"{{"_id": "{number:024x}"}}"#)).into()
        }
        ("GET", path) if path.contains("/indexed-assets/") => {
            json(200, &format!(r#"{{"_id": "{last}", "status": "ready"}}"#)).into()
        }
        // All of them are ready.
        ("GET", path) if path.ends_with("/indexed-assets") => {
            let number = INDEXED.load(Ordering::Relaxed);
            let all: Vec<String> = (FIRST_INDEXED..number)
                .map(|number| item(number, "ready"))
                .collect();
            page(&all.join(", ")).into()
        }
        // Many assets are looked at with one request.
        ("GET", path) if path.ends_with("/assets") => {
            let number = created.load(Ordering::Relaxed);
            let status = if number >= expected {
                "ready"
            } else {
                "processing"
            };
            let is_asked = |number: &usize| seen.target.contains(&format!("{number:024x}"));
            let asked = (0..number).filter(is_asked);
            let asked: Vec<String> = asked.map(|number| item(number, status)).collect();
            page(&asked.join(", ")).into()
        }
        ("GET", path) if path.contains("/assets/") => {
            let is_ready = created.load(Ordering::Relaxed) >= expected;
            let status = if is_ready { "ready" } else { "processing" };
            json(
                200,
                &format!(r#"{{"_id": "{last}", "status": "{status}"}}"#),
            )
            .into()
        }
        _ => index().into(),
    }
}

/// Ingests `names` with at most `descriptors` open descriptors.
fn ingest(server: &Server, folder: &Path, descriptors: u32, names: &[String]) -> Tl {
    let script = format!("ulimit -n {descriptors} && exec \"$@\"");
    let arguments = [
        "-c",
        &script,
        "sh",
        env!("CARGO_BIN_EXE_tl"),
        "ingest",
        "--jobs",
        "16",
        "--index",
        INDEX,
    ];
    Tl::at(Path::new("sh"), &arguments)
        .to(&server.url("/v1.3"), crate::tl::KEY)
        .env("TL_LEDGER", "kept/ledger.sqlite3")
        .in_folder(folder)
        .args(&names.iter().map(String::as_str).collect::<Vec<_>>())
}

fn start(mut tl: Tl) -> Running {
    tl.command().stdout(Stdio::piped()).stderr(Stdio::piped());
    Running::start(tl.command())
}

#[cfg(target_os = "linux")]
#[test]
fn waiting_inputs_hold_no_descriptors() {
    const COUNT: usize = 120;
    let (folder, names) = inputs(COUNT);
    // One more than there are: all of them wait until this test creates the last one.
    let (server, created) = platform(COUNT + 1);
    let options = ["--wait", "--interval", "5s", "--json", "--no-check"];
    let tl = ingest(&server, folder.path(), 200, &names).args(&options);
    let running = start(tl);
    let since = std::time::Instant::now();
    while created.load(Ordering::Relaxed) < COUNT {
        assert!(
            since.elapsed() < Duration::from_secs(240),
            "{created:?} were created"
        );
        std::thread::sleep(Duration::from_millis(50));
    }
    // The last responses are in flight.
    std::thread::sleep(Duration::from_millis(500));
    let fds = format!("/proc/{}/fd", running.child.id());
    let open: Vec<_> = std::fs::read_dir(fds)
        .unwrap()
        .filter_map(|entry| std::fs::read_link(entry.ok()?.path()).ok())
        .collect();
    let root = folder.path().canonicalize().unwrap();
    let files = open.iter().filter(|target| target.starts_with(&root));
    assert!(
        files.count() <= 6,
        "the ledger and the lock of the process: {open:?}"
    );
    created.fetch_add(1, Ordering::Relaxed);
    let run = running.finish_within(Duration::from_secs(240));
    assert_eq!(run.code, 0, "{}", run.stderr);
    let lines = run.json_lines();
    let inputs: BTreeSet<_> = lines.iter().map(|line| line["input"].to_string()).collect();
    assert_eq!(inputs.len(), COUNT);
    assert!(lines.iter().all(|line| line["ok"] == true));
}

#[cfg(target_os = "linux")]
#[test]
fn few_descriptors_are_enough() {
    let folder = crate::manifests::archive(16);
    let names: Vec<String> = (0..16).map(|number| format!("{number}.mp4")).collect();
    // The minimum for streams, runtime, helpers and one or two connections.
    for (descriptors, check) in [(40, "--no-check"), (48, "--route=asset")] {
        let (server, _) = platform(1);
        let tl = ingest(&server, folder.path(), descriptors, &names).arg("--force");
        let run =
            start(tl.args(&["--wait", "--json", check])).finish_within(Duration::from_secs(240));
        assert_eq!(run.code, 0, "{}", run.text());
    }
}

/// Starts `tl`, waits until `expected` inputs are at the platform, and sends SIGINT.
fn interrupted(json: bool, count: usize, expected: usize) -> Run {
    let (folder, names) = inputs(count);
    let (server, created) = platform(usize::MAX);
    let mut tl = tl_to(
        &server,
        &["ingest", "--no-check", "--route", "asset", "--index", INDEX],
    )
    .env("TL_LEDGER", "kept/ledger.sqlite3")
    .in_folder(folder.path())
    .args(&names.iter().map(String::as_str).collect::<Vec<_>>());
    if json {
        tl = tl.arg("--json");
    }
    let running = start(tl);
    let since = std::time::Instant::now();
    while created.load(Ordering::Relaxed) < expected {
        assert!(
            since.elapsed() < Duration::from_secs(60),
            "{created:?} were created"
        );
        std::thread::sleep(Duration::from_millis(20));
    }
    running.interrupt();
    let run = running.finish();
    assert_eq!(run.code, 130, "{}", run.text());
    run
}

#[test]
fn interrupt_summary_has_ten_lines() {
    const COUNT: usize = 60;
    let run = interrupted(false, COUNT, 40);
    assert!(run.stderr.lines().count() <= 10, "{}", run.stderr);
    assert!(
        run.stderr
            .contains("interrupted: 60 of 60 inputs not finished"),
        "{}",
        run.stderr
    );
    let run = interrupted(true, COUNT, 40);
    assert!(run.stderr.lines().count() <= 10, "{}", run.stderr);
    let lines = run.json_lines();
    assert_eq!(lines.len(), COUNT, "each input has its line");
    for line in &lines {
        assert!(!line.to_string().contains("0001.mp4 0002.mp4"), "{line}");
        assert_eq!(line["exit_code"], 130);
        assert!(line["error"]["next"].is_string());
    }
    assert!(
        run.stdout.len() < COUNT * 2000,
        "{} bytes",
        run.stdout.len()
    );
}

#[test]
fn quota_error_is_printed_once() {
    let (folder, names) = inputs(40);
    let server = scripted(|seen: &Seen| {
        if seen.method == "POST" {
            json(
                400,
                r#"{"code": "usage_limit_exceeded", "message": "Not enough free credit."}"#,
            )
            .into()
        } else {
            index().into()
        }
    });
    for command in ["ingest", "upload"] {
        let mut tl = tl_to(
            &server,
            &[command, "--no-check", "--route", "asset", "--json"],
        )
        .in_folder(folder.path())
        .args(&names.iter().map(String::as_str).collect::<Vec<_>>());
        if command == "ingest" {
            tl = tl.args(&["--index", INDEX]);
        }
        // A later run of `ingest` continues.
        let run = tl.code(if command == "ingest" { 6 } else { 1 });
        assert!(run.stderr.lines().count() <= 10, "{}", run.stderr);
        assert!(
            run.stderr.contains("39 inputs were not tried"),
            "{}",
            run.stderr
        );
        let lines = run.json_lines();
        assert_eq!(lines.len(), names.len());
        assert!(lines.iter().all(|line| line["exit_code"] == 6));
    }
}

#[test]
fn limit_after_success_exits_with_6() {
    let (folder, names) = inputs(3);
    let posts = AtomicUsize::new(0);
    let created = AtomicUsize::new(0);
    let server = scripted(move |seen: &Seen| {
        if seen.method == "POST"
            && seen.target.ends_with("/assets")
            && posts.fetch_add(1, Ordering::Relaxed) == 1
        {
            let body = r#"{"code": "usage_limit_exceeded", "message": "Not enough free credit."}"#;
            return json(400, body).into();
        }
        answer(seen, &created, 1)
    });
    let run = tl_to(
        &server,
        &["ingest", "--no-check", "--route", "asset", "--index", INDEX],
    )
    .in_folder(folder.path())
    .args(&names.iter().map(String::as_str).collect::<Vec<_>>())
    .arg("--json")
    .code(6);
    let codes: Vec<_> = run
        .json_lines()
        .iter()
        .map(|line| line["exit_code"].to_string())
        .collect();
    assert_eq!(codes.len(), 3);
    assert!(
        codes.contains(&"0".to_owned()) && codes.contains(&"6".to_owned()),
        "{codes:?}"
    );
}

/// Positive control: the limit set by the shell is effective.
#[test]
fn descriptor_limit_is_effective() {
    let output = Command::new("sh")
        .args(["-c", "ulimit -n 40 && ulimit -n"])
        .output()
        .unwrap();
    assert_eq!(output.stdout, b"40\n");
}
