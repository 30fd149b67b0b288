//! The pool survives whatever its helpers do.
#![cfg(all(feature = "ffmpeg", feature = "worker", unix))]

mod support;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use support::{folder, good, helper};
use tl_validate::worker::{ProbePool, WorkerOptions};
use tl_validate::{ProbeErrorKind, ProbeOptions, Prober};

/// A helper that is a shell script.
fn script(name: &str, body: &str) -> PathBuf {
    let path = folder().join(format!("{}.{name}.sh", std::process::id()));
    fs::write(&path, format!("#!/bin/sh\n{body}\n"))
        .expect("the build directory can be written to");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).expect("our own file");
    path
}

fn pool(program: PathBuf) -> ProbePool {
    ProbePool::new(WorkerOptions {
        program: Some(program),
        helpers: 1,
        probe: ProbeOptions {
            deadline: Duration::from_millis(500),
            ..ProbeOptions::default()
        },
    })
    .expect("the program exists")
}

#[test]
fn a_helper_that_dies_is_reported_with_its_last_words() {
    let error = pool(script(
        "dies",
        "echo 'libavformat.so.59: cannot open shared object file' >&2; exit 127",
    ))
    .probe(&good())
    .expect_err("no answer");
    assert_eq!(error.kind(), ProbeErrorKind::HelperFailed);
    assert!(
        error
            .to_string()
            .contains("exit code 127: libavformat.so.59"),
        "{error}"
    );
}

#[test]
fn a_helper_that_hangs_is_killed() {
    let start = Instant::now();
    let error = pool(script("hangs", "exec sleep 60"))
        .probe(&good())
        .expect_err("no answer");
    assert_eq!(error.kind(), ProbeErrorKind::DeadlinePassed, "{error}");
    assert!(
        start.elapsed() < Duration::from_secs(5),
        "{:?}",
        start.elapsed()
    );
}

#[test]
fn a_helper_that_talks_nonsense_is_reported() {
    let error = pool(script(
        "nonsense",
        "head -c 4 <&0 >/dev/null; printf 'hello world, this is not a reply' >&0",
    ))
    .probe(&good())
    .expect_err("no answer");
    assert_eq!(error.kind(), ProbeErrorKind::HelperFailed, "{error}");
}

#[test]
fn a_helper_killed_while_idle_is_replaced_silently() {
    let pool = pool(helper());
    let first = pool.probe(&good()).expect("a good clip");
    for pid in children() {
        let _ = std::process::Command::new("kill")
            .args(["-9", &pid])
            .status();
    }
    assert_eq!(
        pool.probe(&good()).expect("a good clip, by a new helper"),
        first
    );
}

/// The pids of this process's own helpers.
fn children() -> Vec<String> {
    let own = std::process::id();
    let tasks = fs::read_dir("/proc").expect("Linux");
    tasks
        .flatten()
        .filter_map(|entry| {
            let status = fs::read_to_string(entry.path().join("status")).ok()?;
            let parent = status.lines().find_map(|l| l.strip_prefix("PPid:\t"))?;
            let name = status.lines().find_map(|l| l.strip_prefix("Name:\t"))?;
            (parent == own.to_string() && name == "probe_helper")
                .then(|| entry.file_name().to_string_lossy().into_owned())
        })
        .collect()
}

#[test]
fn a_missing_helper_says_what_to_do() {
    let error = ProbePool::new(WorkerOptions {
        program: Some("/no/such/tl-probe".into()),
        ..WorkerOptions::default()
    })
    .expect_err("there is none");
    assert_eq!(error.kind(), ProbeErrorKind::HelperMissing);
    assert!(error.to_string().contains("TL_PROBE"), "{error}");
}

#[test]
fn many_threads_share_few_helpers() {
    let pool = ProbePool::new(WorkerOptions {
        program: Some(helper()),
        helpers: 2,
        ..WorkerOptions::default()
    })
    .expect("the helper");
    let path = good();
    std::thread::scope(|scope| {
        let all: Vec<_> = (0..8)
            .map(|_| scope.spawn(|| pool.probe(&path).map(|f| f.file_size_bytes)))
            .collect();
        for one in all {
            assert!(one.join().expect("no panic").is_ok());
        }
    });
    assert!(children().len() <= 2 + 1, "{:?}", children());
}

#[test]
fn a_helper_tells_its_protections_and_works_behind_them() {
    let pool = pool(helper());
    let protections = pool.protections().expect("a helper");
    assert!(protections.limits, "{protections:?}");
    assert!(protections.system_call_filter, "{protections:?}");
    assert!(!protections.libavformat.is_empty(), "{protections:?}");
    eprintln!("{protections:?}");
    assert!(pool.probe(&good()).is_ok());
}
