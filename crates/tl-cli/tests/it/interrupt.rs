//! Ctrl-C: the program exits with 130 and reports what continues at the platform.

use std::process::Stdio;
use std::time::Duration;

use rustix::process::Signal;
use tl_testkit::server::{Reaction, Seen, Server};

use crate::clips;
use crate::platform::{INDEX, TASK, index, json, scripted, task, tl_to};
use crate::tl::{Run, Running, Tl, snapshot};

/// Starts `tl`, waits until the server has seen `expected`, and sends SIGINT.
fn interrupted(
    server: &Server,
    folder: &std::path::Path,
    arguments: &[&str],
    expected: impl Fn(&[Seen]) -> bool,
) -> Run {
    ended_by(Signal::INT, 130, server, folder, arguments, expected)
}

fn ended_by(
    signal: Signal,
    code: i32,
    server: &Server,
    folder: &std::path::Path,
    arguments: &[&str],
    expected: impl Fn(&[Seen]) -> bool,
) -> Run {
    let mut tl = tl_to(server, arguments).in_folder(folder);
    tl.command().stdout(Stdio::piped()).stderr(Stdio::piped());
    let running = Running::start(tl.command());
    server.wait_until("the requests to be there", |server| {
        expected(&server.seen())
    });
    running.signal(signal);
    let run = running.finish();
    assert_eq!(run.code, code, "{}", run.text());
    assert!(run.took < Duration::from_secs(20), "{:?}", run.took);
    run
}

fn still_working(seen: &Seen) -> Reaction {
    match seen.method.as_str() {
        "POST" => json(
            201,
            &format!(r#"{{"_id": "{TASK}", "video_id": "{TASK}"}}"#),
        )
        .into(),
        _ if seen.target.contains("/tasks/") => task("indexing").into(),
        _ => index().into(),
    }
}

#[test]
fn interrupted_wait() {
    let server = scripted(still_working);
    let folder = tempfile::tempdir().unwrap();
    let waits = |seen: &[Seen]| seen.iter().any(|seen| seen.target.contains("/tasks/"));
    snapshot!(
        "interrupted_wait",
        interrupted(&server, folder.path(), &["task", "wait", TASK], waits)
    );
    let server = scripted(still_working);
    let run = interrupted(
        &server,
        folder.path(),
        &["task", "wait", TASK, "--json"],
        waits,
    );
    let error = &run.json()["error"];
    assert_eq!(error["kind"], "interrupted");
    assert_eq!(error["exit_code"], 130);
    assert!(error["next"].as_str().unwrap().contains(TASK));
}

#[test]
fn sigterm_exits_with_143() {
    let server = scripted(still_working);
    let folder = clips::folder(&["good.mp4"]);
    let waits = |seen: &[Seen]| seen.iter().any(|seen| seen.target.contains("/tasks/"));
    let run = ended_by(
        Signal::TERM,
        143,
        &server,
        folder.path(),
        &["task", "wait", TASK, "--json"],
        waits,
    );
    assert_eq!(run.json()["error"]["kind"], "interrupted");
    assert_eq!(run.json()["error"]["exit_code"], 143);
    let server = scripted(still_working);
    let arguments = [
        "ingest", "good.mp4", "--route", "tasks", "--index", INDEX, "--wait", "--json",
    ];
    let run = ended_by(Signal::TERM, 143, &server, folder.path(), &arguments, waits);
    let line = run.json();
    assert_eq!(
        (&line["exit_code"], &line["task_id"]),
        (&143.into(), &TASK.into())
    );
}

#[test]
fn signal_ends_a_blocked_program() {
    // It waits for a line that never comes.
    let mut tl = Tl::new(&["validate", "--files-from", "-"]);
    tl.command()
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let running = Running::start(tl.command());
    std::thread::sleep(Duration::from_secs(2));
    let since = std::time::Instant::now();
    running.signal(Signal::TERM);
    let run = running.finish();
    assert_eq!(run.code, 143, "{}", run.text());
    assert!(since.elapsed() < Duration::from_secs(10));
}

#[test]
fn interrupted_ingest_reports_each_input() {
    let folder = clips::folder(&["good.mp4"]);
    // The first input waits, the second is being sent, the third has not started.
    for name in ["second.mp4", "third.mp4"] {
        std::fs::copy(folder.path().join("good.mp4"), folder.path().join(name)).unwrap();
    }
    let posts = std::sync::atomic::AtomicU32::new(0);
    let server = scripted(move |seen: &Seen| {
        let first =
            seen.method != "POST" || posts.fetch_add(1, std::sync::atomic::Ordering::Relaxed) == 0;
        if first {
            still_working(seen)
        } else {
            Reaction::never()
        }
    });
    let both = |seen: &[Seen]| seen.iter().filter(|seen| seen.method == "POST").count() == 2;
    let run = interrupted(
        &server,
        folder.path(),
        &[
            "ingest",
            "good.mp4",
            "second.mp4",
            "third.mp4",
            "--route",
            "tasks",
            "--index",
            INDEX,
            "--wait",
            "--json",
        ],
        both,
    );
    let lines = run.json_lines();
    let printed: Vec<_> = lines
        .iter()
        .map(|line| {
            (
                line["input"].as_str().unwrap(),
                line["task_id"].as_str(),
                line["exit_code"].as_u64().unwrap(),
            )
        })
        .collect();
    assert_eq!(
        printed,
        [
            ("good.mp4", Some(TASK), 130),
            ("second.mp4", None, 130),
            ("third.mp4", None, 130)
        ]
    );
    snapshot!(
        "interrupted_ingest",
        Run {
            stdout: String::new(),
            ..run
        }
    );
}
