//! `tl fix` and `tl split` on files that are easily damaged: audio longer than the video, hidden
//! frames, tracks with an unknown codec, parts that need the start of the file.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;
use tempfile::TempDir;

use crate::tl::{Run, Tl};
use crate::whole_corpus::{frames, lengths};

/// A directory with the file `name`, created by FFmpeg from `arguments` and modified by `change`.
fn folder(name: &str, arguments: &str, change: impl Fn(&mut Vec<u8>)) -> TempDir {
    let clips = Path::new(env!("CARGO_TARGET_TMPDIR")).join("clips");
    fs::create_dir_all(&clips).unwrap();
    let clip = tl_corpus::clip(&clips, name, arguments).unwrap_or_else(|e| panic!("{e}"));
    let mut bytes = fs::read(clip).unwrap();
    change(&mut bytes);
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join(name), bytes).unwrap();
    folder
}

fn run(folder: &TempDir, words: &[&str]) -> Run {
    Tl::new(words).in_folder(folder.path()).run()
}

/// Paths of the parts and their start times.
fn parts(folder: &TempDir, run: &Run) -> Vec<(PathBuf, f64)> {
    let parts = run.json()["timeline"]["parts"].clone();
    let part = |part: &Value| {
        let name = part["name"].as_str().unwrap();
        let start = part["start_seconds"].as_f64().unwrap();
        (folder.path().join("out").join(name), start)
    };
    parts.as_array().unwrap().iter().map(part).collect()
}

/// Overwrites the last `old` in `bytes` with `new`.
fn patch(bytes: &mut [u8], old: &[u8], new: &[u8]) {
    let at = bytes
        .windows(old.len())
        .rposition(|w| w == old)
        .expect("it is there");
    bytes[at..at + new.len()].copy_from_slice(new);
}

const X264: &str = "-c:v libx264 -preset veryfast -pix_fmt yuv420p";

#[test]
fn unopened_formats_are_converted() {
    for name in ["closed.nut", "closed.y4m"] {
        let (sound, codecs) = if name.ends_with("nut") {
            ("-f lavfi -i sine=duration=5", "-c:v mpeg4 -c:a mp2")
        } else {
            ("", "-pix_fmt yuv420p")
        };
        let arguments =
            format!("-f lavfi -i testsrc=size=640x360:rate=25:duration=5 {sound} {codecs}");
        let folder = folder(name, &arguments, |_| {});
        let fixed = run(&folder, &["fix", name, "--out", "out", "--json"]);
        assert_eq!(fixed.code, 0, "{}", fixed.text());
        let (source, copy) = (
            folder.path().join(name),
            folder.path().join("out/closed.mp4"),
        );
        assert_eq!(frames(&copy).len(), frames(&source).len());
        let (before, after) = (lengths(&source), lengths(&copy));
        assert_eq!(before.len(), after.len());
        for (before, after) in before.into_iter().zip(after) {
            assert!(after > before - 0.1, "{after} of {before} s");
        }
    }
}

#[test]
fn short_video_is_extended_to_its_audio() {
    let arguments = format!(
        "-f lavfi -i testsrc=size=640x360:rate=25:duration=0.04 -f lavfi -i sine=duration=8 -map 1 -map 0 {X264} -c:a aac -f mp4"
    );
    let folder = folder("still.m4a", &arguments, |_| {});
    let fixed = run(&folder, &["fix", "still.m4a", "--out", "out", "--json"]);
    assert_eq!(fixed.code, 0, "{}", fixed.text());
    for seconds in lengths(&folder.path().join("out/still.mp4")) {
        assert!((7.9..8.2).contains(&seconds), "{seconds}");
    }
    let table = run(&folder, &["fix", "still.m4a", "--out", "out", "--force"]);
    let row = table
        .stdout
        .lines()
        .find(|line| line.contains("audio duration"));
    assert!(
        row.is_some_and(|row| row.contains("8.0")),
        "{}",
        table.text()
    );
    assert!(table.stdout.contains("bit depth"), "{}", table.text());
}

#[test]
fn truncation_requires_allow_cut() {
    let arguments = format!(
        "-f lavfi -i testsrc=size=640x360:rate=25:duration=12 -f lavfi -i sine=duration=12 {X264} -g 25 -c:a aac"
    );
    let folder = folder("twelve.mp4", &arguments, |_| {});
    fs::write(
        folder.path().join("rules.toml"),
        "[[rule]]\nid = \"marengo3.0.duration.max\"\nmax = 8\n",
    )
    .unwrap();
    let words = ["fix", "twelve.mp4", "--rules", "rules.toml", "--out", "out"];
    let refused = run(&folder, &words);
    assert_eq!(refused.code, 3, "{}", refused.text());
    for part in ["the last ", "tl split", "--allow-cut"] {
        assert!(refused.stderr.contains(part), "{part}: {}", refused.text());
    }
    let cut = run(&folder, &[&words[..], &["--allow-cut"]].concat());
    assert_eq!(cut.code, 0, "{}", cut.text());
    assert!(
        cut.stdout.contains("lost: the last ") && !cut.stdout.contains("nothing is lost"),
        "{}",
        cut.text()
    );
    for seconds in lengths(&folder.path().join("out/twelve.mp4")) {
        assert!((6.0..8.0).contains(&seconds), "{seconds}");
    }
}

#[test]
fn hidden_frames_stay_hidden() {
    let arguments = format!(
        "-f lavfi -i testsrc=size=480x360:rate=25:duration=14 -f lavfi -i sine=duration=14 {X264} -bf 2 -g 50 -c:a aac"
    );
    let folder = folder("whole.mp4", &arguments, |_| {});
    // Starts between two key frames: an edit list hides frames that only have to be decoded.
    tl_corpus::clip(folder.path(), "cut.mp4", "-ss 1.32 -i whole.mp4 -c copy").unwrap();
    let source = frames(&folder.path().join("cut.mp4"));
    assert!((310..=320).contains(&source.len()), "{}", source.len());
    let split = run(
        &folder,
        &[
            "split",
            "cut.mp4",
            "--max-duration",
            "8s",
            "--out",
            "out",
            "--json",
        ],
    );
    assert_eq!(split.code, 0, "{}", split.text());
    let parts = parts(&folder, &split);
    assert_eq!(parts.len(), 2, "{}", split.text());
    let shown: Vec<(f64, String)> = parts
        .iter()
        .flat_map(|(path, start)| {
            frames(path)
                .into_iter()
                .map(move |(t, hash)| (t + start, hash))
        })
        .collect();
    assert_eq!(shown.len(), source.len());
    for ((time, hash), (shown_time, shown_hash)) in source.iter().zip(&shown) {
        assert_eq!(hash, shown_hash, "at {time}");
        assert!((time - shown_time).abs() < 0.001, "{shown_time} for {time}");
    }
}

#[test]
fn track_with_unknown_codec_is_dropped() {
    let arguments = format!(
        "-f lavfi -i testsrc=size=640x360:rate=25:duration=16 -f lavfi -i sine=duration=16 -map 0 -map 1 -map 1 {X264} -g 50 -c:a aac"
    );
    let folder = folder("spatial.mp4", &arguments, |bytes| {
        // The sample entry of the last track, and the description of its codec.
        patch(bytes, b"mp4a", b"apac");
        patch(bytes, b"esds", b"dapa");
    });
    for more in [&[][..], &["--reencode"]] {
        let words = [
            "split",
            "spatial.mp4",
            "--max-duration",
            "8s",
            "--out",
            "out",
            "--json",
            "--force",
        ];
        let split = run(&folder, &[&words[..], more].concat());
        assert_eq!(split.code, 0, "{}", split.text());
        assert_eq!(parts(&folder, &split).len(), 2, "{}", split.text());
        let left_out = &split.json()["left_out"];
        assert_eq!(
            left_out[0], "audio track 2 (unknown codec `apac`)",
            "{left_out}"
        );
    }
}

#[test]
fn part_that_needs_the_file_start_is_discarded() {
    let arguments = "-f lavfi -i testsrc2=size=480x360:rate=25:duration=16 -c:v libx264 -preset veryfast -pix_fmt yuv444p -g 50";
    let folder = folder("yuv444.mp4", arguments, |bytes| {
        // Decoders work around a bug of versions before 151 in 4:4:4, and only the first access
        // unit contains the version.
        let name = b"x264 - core ";
        let at = bytes
            .windows(name.len())
            .position(|w| w == name)
            .expect("x264 names itself");
        bytes[at + name.len()..at + name.len() + 3].copy_from_slice(b"142");
    });
    let words = [
        "split",
        "yuv444.mp4",
        "--max-duration",
        "9s",
        "--out",
        "out",
    ];
    let refused = run(&folder, &words);
    assert_eq!(refused.code, 3, "{}", refused.text());
    assert!(
        refused.stderr.contains("decoded by itself") && refused.stderr.contains("--reencode"),
        "{}",
        refused.text()
    );
    assert_eq!(fs::read_dir(folder.path().join("out")).unwrap().count(), 0);
    let encoded = run(&folder, &[&words[..], &["--reencode", "--json"]].concat());
    assert_eq!(encoded.code, 0, "{}", encoded.text());
    let shown: usize = parts(&folder, &encoded)
        .iter()
        .map(|(path, _)| frames(path).len())
        .sum();
    assert_eq!(shown, 400);
}

#[test]
fn error_contains_the_ffmpeg_log() {
    let arguments = format!("-f lavfi -i testsrc=size=640x360:rate=25:duration=16 {X264} -g 50");
    let folder = folder("plain.mp4", &arguments, |_| {});
    // A program that lists packets like ffmpeg and fails to write parts.
    let script = "#!/bin/sh\ncase \"$*\" in *framecrc*) exec ffmpeg \"$@\";; esac\n\
                  echo '[error] Could not find tag for codec' >&2\necho '[error] ' >&2\nexit 1\n";
    let fake = folder.path().join("fake");
    fs::write(&fake, script).unwrap();
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        fs::set_permissions(&fake, fs::Permissions::from_mode(0o755)).unwrap();
    }
    let words = [
        "split",
        "plain.mp4",
        "--max-duration",
        "9s",
        "--out",
        "out",
        "--json",
    ];
    let failed = Tl::new(&words)
        .env("FFMPEG", &fake.to_string_lossy())
        .in_folder(folder.path())
        .run();
    assert_eq!(failed.code, 3, "{}", failed.text());
    assert_eq!(
        failed.json()["error"]["log"],
        serde_json::json!(["[error] Could not find tag for codec"])
    );
    assert!(
        failed
            .stderr
            .contains("ffmpeg: [error] Could not find tag for codec"),
        "{}",
        failed.text()
    );
}
