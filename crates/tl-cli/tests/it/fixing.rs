//! `tl fix` and `tl split`: copies and parts pass, sources are not modified, and no partial files
//! are left.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::clips;
use crate::tl::{Run, Running, Tl};

fn run(folder: &Path, words: &[&str]) -> Run {
    Tl::new(words).in_folder(folder).run()
}

fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned())
        .collect();
    names.sort();
    names
}

/// A directory with `long.mp4`: 640x360, a key frame every two seconds, audio, created with `more`
/// arguments.
fn long(seconds: u32, more: &[&str]) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let status = Command::new("ffmpeg")
        .args([
            "-v",
            "error",
            "-f",
            "lavfi",
            "-i",
            &format!("testsrc=size=640x360:rate=10:duration={seconds}"),
        ])
        .args([
            "-f",
            "lavfi",
            "-i",
            &format!("sine=duration={seconds}"),
            "-c:v",
            "libx264",
            "-preset",
            "ultrafast",
        ])
        .args(["-g", "20", "-c:a", "aac"])
        .args(more)
        .arg(folder.path().join("long.mp4"))
        .status()
        .unwrap();
    assert!(status.success());
    folder
}

#[test]
fn fix_corrects_all_errors_in_one_pass() {
    let folder = clips::folder(&["small.mp4", "short.mp4", "good.mp4"]);
    let before = fs::read(folder.path().join("small.mp4")).unwrap();
    let fixed = run(
        folder.path(),
        &[
            "fix",
            "small.mp4",
            "short.mp4",
            "good.mp4",
            "--out",
            "out",
            "--json",
        ],
    );
    assert_eq!(fixed.code, 0, "{}", fixed.text());
    let lines = fixed.json_lines();
    assert_eq!(lines[0]["before"]["report"]["verdict"], "refuse");
    assert_ne!(lines[0]["after"]["report"]["verdict"], "refuse");
    assert_eq!(lines[0]["after"]["facts"]["video_width"], 640);
    assert_eq!(lines[2]["output"], serde_json::Value::Null);
    assert_eq!(
        names(&folder.path().join("out")),
        ["short.mp4", "small.mp4"]
    );
    assert_eq!(fs::read(folder.path().join("small.mp4")).unwrap(), before);
    assert_eq!(
        run(folder.path(), &["validate", "out", "--no-cache"]).code,
        0
    );
}

#[test]
fn existing_files_require_force() {
    let folder = clips::folder(&["small.mp4"]);
    let source = fs::read(folder.path().join("small.mp4")).unwrap();
    fs::create_dir(folder.path().join("out")).unwrap();
    fs::write(folder.path().join("out/small.mp4"), "mine").unwrap();
    for words in [
        &["fix", "small.mp4", "--out", "."][..],
        &["fix", "small.mp4", "--out", ".", "--force"],
        &["fix", "small.mp4", "--out", "out"],
        &["fix", "small.mp4", "--out", "small.mp4"],
    ] {
        let refused = run(folder.path(), words);
        assert_eq!(refused.code, 2, "{words:?} {}", refused.text());
    }
    assert_eq!(
        fs::read(folder.path().join("out/small.mp4")).unwrap(),
        b"mine"
    );
    let forced = run(
        folder.path(),
        &["fix", "small.mp4", "--out", "out", "--force"],
    );
    assert_eq!(forced.code, 0, "{}", forced.text());
    assert!(fs::read(folder.path().join("out/small.mp4")).unwrap().len() > 1000);
    assert_eq!(fs::read(folder.path().join("small.mp4")).unwrap(), source);
    fs::create_dir(folder.path().join("sub")).unwrap();
    fs::copy(
        folder.path().join("small.mp4"),
        folder.path().join("sub/small.mp4"),
    )
    .unwrap();
    let same_name = run(
        folder.path(),
        &[
            "fix",
            "small.mp4",
            "sub/small.mp4",
            "--out",
            "out",
            "--force",
        ],
    );
    assert_eq!(same_name.code, 1, "{}", same_name.text());
}

#[test]
fn unfixable_file_and_dry_run() {
    let folder = clips::folder(&["small.mp4"]);
    fs::write(folder.path().join("text.mp4"), "text ".repeat(500)).unwrap();
    let refused = run(folder.path(), &["fix", "text.mp4", "--out", "out"]);
    assert_eq!(refused.code, 3, "{}", refused.text());
    assert!(
        refused.stderr.contains("file.not_media"),
        "{}",
        refused.text()
    );
    assert_eq!(names(&folder.path().join("out")), [""; 0]);
    let plan = run(
        folder.path(),
        &["fix", "small.mp4", "--out", "never", "--dry-run"],
    );
    assert_eq!(plan.code, 0, "{}", plan.text());
    assert!(
        plan.stdout.contains("ffmpeg -nostdin") && !folder.path().join("never").exists(),
        "{}",
        plan.text()
    );
    let missing = Tl::new(&["fix", "small.mp4", "--out", "out"])
        .env("FFMPEG", "/nowhere/ffmpeg")
        .in_folder(folder.path())
        .code(2);
    assert!(
        missing.stderr.contains("apt-get install ffmpeg"),
        "{}",
        missing.text()
    );
}

#[test]
fn split_writes_parts_and_their_start_times() {
    let folder = long(40, &[]);
    let split = run(
        folder.path(),
        &[
            "split",
            "long.mp4",
            "--out",
            "parts",
            "--max-duration",
            "15s",
            "--json",
        ],
    );
    assert_eq!(split.code, 0, "{}", split.text());
    assert_eq!(
        names(&folder.path().join("parts")),
        [
            "long-001.mp4",
            "long-002.mp4",
            "long-003.mp4",
            "long.parts.json"
        ]
    );
    assert_eq!(
        run(folder.path(), &["validate", "parts", "--no-cache"]).code,
        0
    );
    let text = fs::read_to_string(folder.path().join("parts/long.parts.json")).unwrap();
    let map: tl_validate::timeline::Timeline = serde_json::from_str(&text).unwrap();
    assert_eq!(map.source, "long.mp4");
    let mut end = 0.0;
    for part in &map.parts {
        assert!((part.start_seconds - end).abs() < 0.15, "{text}");
        assert!(
            part.duration_seconds <= 15.0 && part.start_seconds % 2.0 < 0.001,
            "{text}"
        );
        end = part.start_seconds + part.duration_seconds;
    }
    assert!((end - 40.0).abs() < 0.3, "{text}");
    let again = run(
        folder.path(),
        &[
            "split",
            "long.mp4",
            "--out",
            "parts",
            "--max-duration",
            "15s",
        ],
    );
    assert_eq!(again.code, 2, "{}", again.text());
}

#[test]
fn last_part_is_long_enough() {
    let folder = long(
        31,
        &[
            "-output_ts_offset",
            "-1.5",
            "-avoid_negative_ts",
            "disabled",
        ],
    );
    let split = run(
        folder.path(),
        &[
            "split",
            "long.mp4",
            "--out",
            "parts",
            "--max-duration",
            "15s",
            "--json",
        ],
    );
    assert_eq!(split.code, 0, "{}", split.text());
    let parts = split.json()["timeline"]["parts"].clone();
    let shortest = parts
        .as_array()
        .unwrap()
        .iter()
        .map(|part| part["duration_seconds"].as_f64().unwrap())
        .fold(f64::MAX, f64::min);
    assert!(shortest > 8.0, "{parts}");
    let whole = run(
        folder.path(),
        &["split", "long.mp4", "--out", "none", "--json"],
    );
    assert_eq!(
        (whole.code, names(&folder.path().join("none")).len()),
        (0, 0),
        "{}",
        whole.text()
    );
}

#[test]
fn split_without_key_frames_requires_reencode() {
    let folder = long(20, &["-g", "1000", "-keyint_min", "1000"]);
    let words = [
        "split",
        "long.mp4",
        "--out",
        "parts",
        "--max-duration",
        "8s",
    ];
    let refused = run(folder.path(), &words);
    assert_eq!(refused.code, 3, "{}", refused.text());
    assert!(
        refused.stderr.contains("next key frame") && refused.stderr.contains("--reencode"),
        "{}",
        refused.text()
    );
    assert_eq!(names(&folder.path().join("parts")), [""; 0]);
    let encoded = run(folder.path(), &[&words[..], &["--reencode"]].concat());
    assert_eq!(encoded.code, 0, "{}", encoded.text());
    assert_eq!(
        names(&folder.path().join("parts")).len(),
        4,
        "{}",
        encoded.text()
    );
}

#[test]
fn interrupted_fix_leaves_no_files() {
    let folder = tempfile::tempdir().unwrap();
    let status = Command::new("ffmpeg")
        .args([
            "-v",
            "error",
            "-f",
            "lavfi",
            "-i",
            "testsrc2=size=320x180:rate=30:duration=600",
        ])
        .args(["-c:v", "mpeg4", "-q:v", "20"])
        .arg(folder.path().join("slow.mp4"))
        .status()
        .unwrap();
    assert!(status.success());
    let mut command = Command::new(env!("CARGO_BIN_EXE_tl"));
    command
        .args(["fix", "slow.mp4", "--out", "out"])
        .current_dir(folder.path())
        .env("TL_PROBE", env!("CARGO_BIN_EXE_tl-probe"))
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped());
    let running = Running::start(&mut command);
    let out = folder.path().join("out");
    let started = Instant::now();
    while !out.exists() || names(&out).is_empty() {
        assert!(
            started.elapsed() < Duration::from_secs(30),
            "nothing was started"
        );
        std::thread::sleep(Duration::from_millis(10));
    }
    running.interrupt();
    let ended = running.finish();
    assert_eq!(ended.code, 130, "{}", ended.text());
    assert_eq!(names(&out), [""; 0]);
}
