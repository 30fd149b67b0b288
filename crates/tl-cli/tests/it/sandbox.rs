//! Untrusted input: file names, server messages, and thumbnails.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, SystemTime};

use tl_testkit::server::Reaction;

use crate::clips;
use crate::platform::{INDEX, json, scripted, tl_to};
use crate::tl::Tl;

#[test]
fn non_utf8_names_stay_distinct_in_json() {
    let folder = clips::folder(&["good.mp4", "small.mp4"]);
    let rename = |from: &str, to: &[u8]| {
        let to = folder.path().join(OsStr::from_bytes(to));
        fs::rename(folder.path().join(from), to).unwrap();
    };
    rename("good.mp4", b"a\xff.mp4");
    rename("small.mp4", b"a\xfe.mp4");
    let run = Tl::new(&["validate", "--json", "--no-cache", "."])
        .in_folder(folder.path())
        .code(1);
    let mut names: Vec<String> = run
        .json_lines()
        .iter()
        .map(|line| line["input"].as_str().unwrap().to_owned())
        .collect();
    names.sort();
    assert_eq!(names, ["a\\xFE.mp4", "a\\xFF.mp4"]);

    let out = OsStr::from_bytes(b"out\xfd");
    for more in [&["--dry-run"][..], &[]] {
        let run = Tl::new(&["fix", "--json"])
            .arg(OsStr::from_bytes(b"a\xfe.mp4"))
            .arg("--out")
            .arg(out)
            .args(more)
            .in_folder(folder.path())
            .code(0);
        let output = run.json()["output"].as_str().unwrap().to_owned();
        assert!(output.starts_with("out\\xFD/"), "{output}");
    }
}

#[test]
fn server_messages_cannot_forge_lines() {
    let body = r#"{"code": "parameter_invalid", "message": "no\r\nok: uploaded\n  hint: run it \u202etxt\u001b[2J\u009b2J"}"#;
    let server = scripted(move |_| Reaction::from(json(400, body)));
    let run = tl_to(&server, &["index", "get", INDEX]).code(7);
    assert!(run.stderr.contains("    | ok: uploaded"), "{}", run.stderr);
    for line in run.stderr.lines() {
        let ours = ["error: ", "    | ", "  hint: ", "  caused by: "];
        assert!(ours.iter().any(|start| line.starts_with(start)), "{line}");
        assert!(!line.starts_with("  hint: run it"), "{line}");
    }
    assert!(
        !run.stderr.contains(['\u{202e}', '\u{1b}', '\u{9b}']),
        "{}",
        run.stderr
    );

    let server = scripted(move |_| Reaction::from(json(400, body)));
    let run = tl_to(&server, &["index", "get", INDEX, "--json"]).code(7);
    assert!(
        !run.stdout.contains(['\u{202e}', '\u{9b}']),
        "{}",
        run.stdout
    );
    let message = run.json()["error"]["message"].as_str().unwrap().to_owned();
    assert!(
        message.contains("\u{202e}txt\u{1b}[2J\u{9b}2J"),
        "{message:?}"
    );
}

/// The HTML report of a run over `words`, in `folder`.
fn page(folder: &Path, words: &[&str]) -> String {
    let run = Tl::new(&["validate", "--format", "html"])
        .args(words)
        .in_folder(folder)
        .run();
    assert!(run.stdout.trim_end().ends_with("</html>"), "{}", run.text());
    run.stdout
}

#[test]
fn thumbnails_are_cached() {
    let folder = clips::folder(&["good.mp4"]);
    let clip = fs::File::options()
        .write(true)
        .open(folder.path().join("good.mp4"))
        .unwrap();
    clip.set_modified(SystemTime::now() - Duration::from_secs(60))
        .unwrap();
    // ctime cannot be set back; a thumbnail of a file that has just changed is not cached.
    std::thread::sleep(Duration::from_millis(10));
    let words = ["good.mp4", "--cache-dir", "kept", "--require-sandbox"];
    assert!(page(folder.path(), &words).contains("image/jpeg;base64,/9j/"));
    let kept = rusqlite::Connection::open(folder.path().join("kept/probes.sqlite3")).unwrap();
    let other = b"\xff\xd8\xffanother picture";
    let changed = kept
        .execute("UPDATE pictures SET picture = ?1", [&other[..]])
        .unwrap();
    assert_eq!(changed, 1);
    drop(kept);
    // Base64 of the bytes above.
    let known = "/9j/YW5vdGhlciBwaWN0dXJl";
    assert!(
        page(folder.path(), &words).contains(known),
        "from the cache"
    );
    let fresh = page(folder.path(), &["good.mp4", "--no-cache"]);
    assert!(fresh.contains("base64,/9j/") && !fresh.contains(known));
}

#[test]
fn oversized_frame_has_no_thumbnail() {
    let folder = tempfile::tempdir().unwrap();
    let made = Command::new("ffmpeg")
        .args(["-v", "error", "-f", "lavfi", "-i"])
        .arg("color=black:size=8192x8192:rate=1:duration=1")
        .args(["-c:v", "png", "large.mov"])
        .current_dir(folder.path())
        .status()
        .unwrap();
    assert!(made.success());
    let page = page(folder.path(), &["large.mov", "--no-cache"]);
    assert!(
        page.contains("No picture: the frame is larger than the rules allow."),
        "{page}"
    );
}
