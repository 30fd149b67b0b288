//! `tl validate` on directories: file discovery, output formats, and the cache.

use std::fs;
use std::path::Path;
use std::time::{Duration, SystemTime};

use tempfile::TempDir;

use crate::clips;
use crate::tl::{Run, Tl};

/// A directory with valid and invalid files, hidden and ignored ones, links and a loop of links.
fn tree() -> TempDir {
    let folder = clips::folder(&["good.mp4", "small.mp4"]);
    let root = folder.path();
    for name in ["sub/deep", "drafts", ".hidden"] {
        fs::create_dir_all(root.join(name)).unwrap();
    }
    let good = root.join("good.mp4");
    for name in [
        "sub/deep/one.MOV",
        "sub/two.dat",
        "drafts/three.mp4",
        ".hidden/four.mp4",
        ".five.mp4",
        "old.mp4",
    ] {
        fs::hard_link(&good, root.join(name)).unwrap();
    }
    fs::write(root.join("sub/notes.txt"), "words").unwrap();
    fs::write(root.join(".tlignore"), "old.*\n").unwrap();
    std::os::unix::fs::symlink(&good, root.join("link.mp4")).unwrap();
    std::os::unix::fs::symlink("..", root.join("sub/up")).unwrap();
    folder
}

fn run(folder: &Path, words: &[&str]) -> Run {
    Tl::new(&["validate"])
        .args(words)
        .args(&["--no-cache"])
        .in_folder(folder)
        .run()
}

/// The inputs in result order.
fn names(run: &Run) -> Vec<String> {
    run.json_lines()
        .iter()
        .map(|line| line["input"].as_str().unwrap().to_owned())
        .collect()
}

#[test]
fn walk_finds_media_and_included_files() {
    let folder = tree();
    let check = |more: &[&str], expected: &[&str]| {
        let words = [&["--json", "."][..], more].concat();
        assert_eq!(names(&run(folder.path(), &words)), expected, "{more:?}");
    };
    check(
        &[],
        &[
            "drafts/three.mp4",
            "good.mp4",
            "small.mp4",
            "sub/deep/one.MOV",
        ],
    );
    check(
        &["--exclude", "drafts/"],
        &["good.mp4", "small.mp4", "sub/deep/one.MOV"],
    );
    check(&["--include", "*.dat"], &["sub/two.dat"]);
    check(
        &["--include", "/s*.mp4", "--include", "one.*"],
        &["small.mp4", "sub/deep/one.MOV"],
    );
    check(
        &["--all-files", "--exclude", "drafts"],
        &[
            "good.mp4",
            "small.mp4",
            "sub/deep/one.MOV",
            "sub/notes.txt",
            "sub/two.dat",
        ],
    );
    check(
        &[
            "--follow-symlinks",
            "--exclude",
            "drafts",
            "--exclude",
            "sub",
        ],
        &["good.mp4", "link.mp4", "small.mp4"],
    );
}

#[test]
fn walk_detects_loops_and_empty_directories() {
    let folder = tree();
    let looped = run(folder.path(), &["--json", "--follow-symlinks", "sub"]);
    assert!(
        names(&looped).contains(&"sub/deep/one.MOV".to_owned()),
        "{}",
        looped.text()
    );
    assert!(looped.json_lines().len() < 100, "{}", looped.text());
    let empty = tempfile::tempdir().unwrap();
    let nothing = run(empty.path(), &["."]);
    assert_eq!(nothing.code, 2);
    assert!(
        nothing.stderr.contains("nothing to check"),
        "{}",
        nothing.text()
    );
    let pattern = run(folder.path(), &[".", "--include", "a{"]);
    assert_eq!(pattern.code, 2, "{}", pattern.text());
}

#[test]
fn files_from_reads_a_list() {
    let folder = tree();
    fs::write(
        folder.path().join("list"),
        "small.mp4\r\n\nsub/two.dat\nmissing.mp4\n",
    )
    .unwrap();
    let listed = run(folder.path(), &["--json", "--files-from", "list"]);
    assert_eq!(names(&listed), ["small.mp4", "sub/two.dat", "missing.mp4"]);
    assert_eq!(run(folder.path(), &["--files-from", "nowhere"]).code, 2);
}

#[test]
fn all_formats_agree() {
    let folder = tree();
    let check = |format: &str, whole: &dyn Fn(&str) -> bool| {
        let shown = run(
            folder.path(),
            &["good.mp4", "small.mp4", "missing.mp4", "--format", format],
        );
        assert_eq!(shown.code, 1, "{}", shown.text());
        assert!(whole(&shown.stdout), "{format}: {}", shown.text());
        let to_file = run(
            folder.path(),
            &[
                "good.mp4",
                "small.mp4",
                "missing.mp4",
                "--format",
                format,
                "--output",
                "report",
                "--no-pictures",
            ],
        );
        assert_eq!(
            (to_file.code, to_file.stdout.as_str()),
            (1, ""),
            "{}",
            to_file.text()
        );
        let written = fs::read_to_string(folder.path().join("report")).unwrap();
        assert!(whole(&written), "{format}: {written}");
    };
    let refused = "marengo3.0.resolution.min";
    check("human", &|text| text.contains("refused  small.mp4"));
    check("json", &|text| {
        let all: Vec<serde_json::Value> = serde_json::from_str(text).expect("one array");
        all.len() == 3 && all[1]["exit_code"] == 3 && all[2]["exit_code"] == 2
    });
    check("jsonl", &|text| {
        text.lines()
            .all(|line| serde_json::from_str::<serde_json::Value>(line).is_ok())
    });
    check("junit", &|text| {
        text.contains("tests=\"3\" failures=\"2\"") && text.trim_end().ends_with("</testsuites>")
    });
    check("sarif", &|text| {
        let log: serde_json::Value = serde_json::from_str(text).expect("JSON");
        log["runs"][0]["artifacts"].as_array().unwrap().len() == 3 && text.contains(refused)
    });
    check("csv", &|text| {
        text.lines().count() == 4 && text.contains(refused)
    });
    check("html", &|text| {
        text.contains("3 files") && text.trim_end().ends_with("</html>")
    });
}

#[test]
fn html_shows_thumbnails() {
    let folder = tree();
    let page = run(
        folder.path(),
        &["good.mp4", "small.mp4", "--format", "html"],
    );
    assert_eq!(
        page.stdout.matches("data:image/jpeg;base64,/9j/").count(),
        2,
        "{}",
        page.text()
    );
}

#[test]
fn conflicting_formats_and_bad_outputs_are_rejected() {
    let folder = tree();
    for words in [
        &["good.mp4", "--json", "--format", "html"][..],
        &["good.mp4", "--output", "sub"],
        &["good.mp4", "--output", "nowhere/report"],
        &["good.mp4", "--pack", "v1.2", "--date", "2026-01-01"],
        &["good.mp4", "--pack", "v9"],
        &["good.mp4", "--date", "1999-01-01"],
    ] {
        let refused = run(folder.path(), words);
        assert_eq!(refused.code, 2, "{words:?} {}", refused.text());
    }
}

#[test]
fn date_and_pack_select_rules() {
    let folder = tree();
    fs::write(
        folder.path().join("mine.toml"),
        "remove = [\"marengo3.0.resolution.min\"]\n",
    )
    .unwrap();
    for (words, pack, code) in [
        (&["--date", "2026-03-01"][..], "v1.3-2026-02", 3),
        (&["--pack", "v1.3-2026-10"], "v1.3-2026-10", 3),
        (
            &["--pack", "v1.3-2026-10", "--rules", "mine.toml"],
            "v1.3-2026-10",
            0,
        ),
    ] {
        let words = [&["small.mp4", "--json"], words].concat();
        let judged = run(folder.path(), &words);
        assert_eq!(judged.code, code, "{words:?} {}", judged.text());
        assert!(
            judged.json()["report"]["pack"]
                .as_str()
                .unwrap()
                .starts_with(pack),
            "{}",
            judged.text()
        );
    }
}

#[test]
fn unchanged_files_are_cached() {
    let folder = tree();
    let past = SystemTime::now() - Duration::from_secs(60);
    fs::File::options()
        .write(true)
        .open(folder.path().join("good.mp4"))
        .unwrap()
        .set_modified(past)
        .unwrap();
    fs::File::options()
        .write(true)
        .open(folder.path().join("small.mp4"))
        .unwrap()
        .set_modified(past)
        .unwrap();
    let validate = |more: &[&str]| {
        Tl::new(&["validate", "good.mp4", "small.mp4", "--cache-dir", "kept"])
            .args(more)
            .in_folder(folder.path())
            .code(1)
    };
    let unchanged = |run: &Run| run.stderr.contains("2 cached");
    let first = validate(&[]);
    assert!(!unchanged(&first), "{}", first.text());
    let second = validate(&[]);
    assert!(
        unchanged(&second) && second.stdout == first.stdout,
        "{}",
        second.text()
    );
    let other_rules = validate(&["--date", "2026-03-01"]);
    assert!(
        unchanged(&other_rules),
        "rules are applied again: {}",
        other_rules.text()
    );
    assert!(
        !unchanged(&validate(&["--thorough"])),
        "another way of reading"
    );
    fs::write(
        folder.path().join("kept/probes.sqlite3"),
        "noise ".repeat(4000),
    )
    .unwrap();
    let _ = fs::remove_file(folder.path().join("kept/probes.sqlite3-wal"));
    let damaged = validate(&[]);
    assert!(
        damaged.stderr.contains("recreated") && !unchanged(&damaged),
        "{}",
        damaged.text()
    );
    assert!(unchanged(&validate(&[])));
}

/// Peak memory of `tl` itself for `count` files, in kilobytes.
fn peak(folder: &Path, count: usize) -> u64 {
    let files = folder.join(format!("many-{count}"));
    fs::create_dir(&files).unwrap();
    for i in 0..count {
        fs::write(files.join(format!("{i}.mp4")), format!("no media {i}")).unwrap();
    }
    let program = env!("CARGO_BIN_EXE_tl");
    let script = format!(
        "\"{program}\" validate --no-cache --json --quiet . > ../out-{count} & pid=$!; peak=0; \
         while kill -0 $pid 2>/dev/null; do now=$(sed -n 's/^VmHWM:[^0-9]*\\([0-9]*\\).*/\\1/p' /proc/$pid/status 2>/dev/null); \
         [ -n \"$now\" ] && peak=$now; sleep 0.02; done; echo $peak"
    );
    let output = std::process::Command::new("sh")
        .args(["-c", &script])
        .current_dir(&files)
        .env("TL_PROBE", env!("CARGO_BIN_EXE_tl-probe"))
        .output()
        .unwrap();
    let lines = fs::read_to_string(folder.join(format!("out-{count}")))
        .unwrap()
        .lines()
        .count();
    assert_eq!(lines, count);
    String::from_utf8_lossy(&output.stdout)
        .trim()
        .parse()
        .unwrap()
}

#[test]
#[cfg(target_os = "linux")]
fn memory_does_not_grow_with_the_number_of_files() {
    let folder = tempfile::tempdir().unwrap();
    let (few, many) = (peak(folder.path(), 500), peak(folder.path(), 6000));
    // A result takes at least 2 kB: keeping them all would take 11 MB.
    assert!(
        many < few + 6000,
        "{few} kB for 500 files, {many} kB for 6000"
    );
}

#[test]
fn results_are_in_input_order() {
    let folder = clips::folder(&["good.mp4"]);
    let root = folder.path();
    fs::create_dir(root.join("many")).unwrap();
    let inside: Vec<String> = (0..40)
        .map(|number| format!("many/{number:02}.mp4"))
        .collect();
    for name in &inside {
        fs::hard_link(root.join("good.mp4"), root.join(name)).unwrap();
    }
    // An input that is read slowly or cannot be read keeps its position.
    fs::write(root.join("empty.mp4"), "").unwrap();
    let mut expected = vec!["good.mp4".to_owned()];
    expected.extend(inside);
    expected.push("empty.mp4".to_owned());
    for format in ["human", "json", "jsonl", "csv", "junit", "html", "sarif"] {
        let run = run(
            root,
            &[
                "good.mp4",
                "many",
                "empty.mp4",
                "--jobs",
                "8",
                "--format",
                format,
                "--no-pictures",
            ],
        );
        let seen = format!("{}{}", run.stdout, run.stderr);
        let mut expected = expected.clone();
        if format == "html" {
            // The page lists refused files first; within a verdict, the order is that of the
            // inputs.
            expected.rotate_right(1);
        }
        let mut places = Vec::new();
        for name in &expected {
            // Formats with findings only do not list files that pass.
            places.extend(seen.find(name.as_str()));
        }
        assert!(!places.is_empty(), "{format}: {seen}");
        assert!(places.is_sorted(), "{format}: {places:?} {seen}");
    }
}
