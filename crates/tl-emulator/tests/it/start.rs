//! Starting an emulator without other programs, and on the paused clock of a test.

use std::{
    path::Path,
    process::Command,
    time::{Duration, Instant},
};

use tl_emulator::{Emulator, MediaProber};

use crate::{
    clips::clip,
    raw::{form, get, index, send_form},
};

/// Set in the child process of a test.
const CHILD: &str = "TL_EMULATOR_START_TEST";

/// Runs `test` of this program in a process without a search path and without helpers: the program
/// is linked into an empty folder, because a helper may be next to it.
fn run_alone(test: &str, probe: Option<&str>) -> std::process::Output {
    let base = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let folder = tempfile::tempdir_in(base).unwrap();
    let inner = folder.path().join("a/b");
    std::fs::create_dir_all(&inner).unwrap();
    let program = inner.join("test");
    std::fs::hard_link(std::env::current_exe().unwrap(), &program).unwrap();
    let mut command = Command::new(program);
    command
        .args(["--exact", test, "--nocapture"])
        .env(CHILD, "1")
        .env("PATH", "")
        .env_remove("FFMPEG")
        .env_remove("TL_PROBE");
    if let Some(probe) = probe {
        command.env("TL_PROBE", probe);
    }
    command.output().unwrap()
}

fn is_child() -> bool {
    std::env::var_os(CHILD).is_some()
}

#[test]
fn starts_and_indexes_without_other_programs() {
    // The parent creates the clips; the child, which has no `ffmpeg`, finds them.
    let good = std::fs::read(clip("640x360", 5)).unwrap();
    let small = std::fs::read(clip("320x180", 5)).unwrap();
    if !is_child() {
        let output = run_alone("start::starts_and_indexes_without_other_programs", None);
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(
            output.status.success() && text.contains("1 passed"),
            "{text}\n{}",
            String::from_utf8_lossy(&output.stderr)
        );
        return;
    }
    let emulator = Emulator::start_blocking().unwrap();
    let page = String::from_utf8(get(&emulator, "/_emulator").body).unwrap();
    match emulator.prober() {
        MediaProber::Header { reason } => {
            assert!(reason.contains("`tl-probe` was not found"), "{reason}");
            assert!(page.contains("checked by its headers only"), "{page}");
        }
        other => panic!("{other}"),
    }
    assert!(emulator.lacks_ffmpeg().is_some());
    let index = index(&emulator);
    let send = |bytes: &[u8]| {
        let fields = [("index_id", index.as_str())];
        send_form(&emulator, &form(&fields, Some(("a.mp4", bytes))))
    };
    let created = send(&good);
    assert_eq!(created.status, 201, "{created:?}");
    let task = created.json()["_id"].as_str().unwrap().to_owned();
    let task = get(&emulator, &format!("/v1.3/tasks/{task}")).json();
    assert_eq!(task["status"], "ready", "{task}");
    assert_eq!(task["system_metadata"]["width"], 640, "{task}");
    for (bytes, code) in [
        (&small[..], "video_resolution_too_low"),
        (&good[..good.len() / 2], "video_file_broken"),
        (b"no video", "video_file_broken"),
    ] {
        let refused = send(bytes);
        assert_eq!(
            (refused.status, refused.json()["code"].as_str()),
            (400, Some(code)),
            "{refused:?}"
        );
    }
}

#[test]
fn named_helper_must_exist() {
    if !is_child() {
        let output = run_alone("start::named_helper_must_exist", Some("/nowhere/tl-probe"));
        assert!(output.status.success(), "{output:?}");
        return;
    }
    let error = Emulator::start_blocking().unwrap_err().to_string();
    assert!(
        error.contains("/nowhere/tl-probe") && error.contains("TL_PROBE"),
        "{error}"
    );
}

#[tokio::test(start_paused = true)]
async fn paused_clock_does_not_jump_during_start_and_shutdown() {
    let began = tokio::time::Instant::now();
    let builder = crate::raw::builder();
    let emulator = tokio::time::timeout(Duration::from_secs(10), builder.start())
        .await
        .expect("the clock stands still")
        .unwrap();
    tokio::time::timeout(Duration::from_secs(10), emulator.shutdown())
        .await
        .expect("the clock stands still");
    assert_eq!(began.elapsed(), Duration::ZERO);
}

#[test]
fn time_limits_of_the_emulator_are_real_in_a_paused_test() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .start_paused(true)
        .build()
        .unwrap();
    let emulator = runtime.block_on(crate::raw::builder().start()).unwrap();
    // The clock of the test jumps by far more than any limit of the emulator.
    runtime.block_on(async { tokio::time::sleep(Duration::from_secs(100_000)).await });
    let sent = Instant::now();
    assert_eq!(get(&emulator, "/v1.3/tasks").status, 200);
    assert!(sent.elapsed() < Duration::from_secs(30));
    let entry = emulator.journal().pop().unwrap();
    assert_eq!(entry.status, 200);
}
