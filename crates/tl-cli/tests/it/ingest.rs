//! `tl ingest` against the emulator: from the file to the indexed video.

use std::time::Duration;

use crate::clips;
use crate::platform::Platform;
use crate::tl::snapshot;

#[test]
fn ingest_waits_until_indexed() {
    let platform = Platform::start();
    let folder = clips::folder(&["good.mp4"]);
    let run = platform
        .tl(&[
            "ingest",
            "good.mp4",
            "--index",
            &platform.index,
            "--wait",
            "--interval",
            "100ms",
        ])
        .in_folder(folder.path())
        .code(0);
    snapshot!("ingest_wait", run);

    let line = platform
        .tl(&[
            "ingest",
            "good.mp4",
            "--index",
            &platform.index,
            "--wait",
            "--interval",
            "100ms",
            "--json",
            "--no-checkpoint",
        ])
        .arg("--metadata")
        .arg("camera=left")
        .arg("--metadata")
        .arg("take:=5")
        .arg("--no-video-stream")
        .in_folder(folder.path())
        .code(0)
        .json();
    assert_eq!(line["input"], "good.mp4");
    assert_eq!(line["ok"], true);
    assert_eq!(line["status"], "ready");
    assert_eq!(line["index_id"], platform.index);
    assert_eq!(line["report"]["verdict"], "pass");
    assert_eq!(line["indexed_asset"]["system_metadata"]["width"], 640);
    assert_eq!(line["route"], "asset");
    assert!(
        line["because"].as_str().unwrap().contains("asset.size.max"),
        "{line}"
    );
    assert_eq!(line["video_id"], line["indexed_asset_id"]);
    for stage in ["check", "upload", "processing", "indexing"] {
        assert!(line["seconds"][stage].is_number(), "{stage}: {line}");
    }
    let history = line["history"].as_array().unwrap();
    assert_eq!(history.last().unwrap()["status"], "ready", "{line}");
    let video = line["video_id"].as_str().unwrap();

    let video = platform
        .tl(&["video", "get", video, "--index", &platform.index, "--json"])
        .code(0)
        .json();
    assert_eq!(video["user_metadata"]["camera"], "left");
    assert_eq!(video["user_metadata"]["take"], 5);
}

#[test]
fn ingest_without_wait_returns_early() {
    let platform = Platform::start();
    let folder = clips::folder(&["good.mp4"]);
    let ingest = |more: &[&str]| {
        platform
            .tl(&["ingest", "good.mp4", "--index", &platform.index])
            .in_folder(folder.path())
            .args(more)
            .arg("--no-checkpoint")
            .code(0)
    };
    snapshot!("ingest_without_wait", ingest(&[]));
    assert!(ingest(&["--json"]).json()["status"].is_null());
    assert!(ingest(&["--wait", "--no-wait", "--json"]).json()["status"].is_null());
    let run = ingest(&["--quiet"]);
    assert_eq!(run.stderr, "");
    // The video exists when it is indexed.
    let which = [run.first_line(), "--index", &platform.index];
    let wait = |more: &[&str]| {
        platform
            .tl(&["video", "wait", "--interval", "100ms"])
            .args(&which)
            .args(more)
            .code(0)
    };
    snapshot!("video_wait", wait(&[]));
    assert_eq!(wait(&["--quiet"]).stdout.trim(), which[0]);
    let line = wait(&["--json"]).json();
    assert_eq!(line["video"]["status"], "ready");
    assert_eq!(line["history"][0]["status"], "ready");
    platform.tl(&["video", "get"]).args(&which).code(0);
    let run = ingest(&["--quiet", "--route", "tasks"]);
    let task = run.first_line();
    let run = platform
        .tl(&["task", "wait", task, "--quiet", "--interval", "100ms"])
        .code(0);
    assert_eq!(run.stderr, "");
    platform
        .tl(&["video", "get", run.first_line(), "--index", &platform.index])
        .code(0);
}

#[test]
fn each_input_has_its_own_result() {
    let platform = Platform::start();
    let folder = clips::folder(&["good.mp4", "small.mp4"]);
    let ingest = |more: &[&str]| {
        platform
            .tl(&[
                "ingest",
                "small.mp4",
                "missing.mp4",
                "ftp://example.com/a.mp4",
                "good.mp4",
                "--index",
                &platform.index,
            ])
            .in_folder(folder.path())
            .args(more)
            .arg("--no-checkpoint")
            .code(1)
    };
    snapshot!("ingest_several", ingest(&[]));
    let lines = ingest(&["--json"]).json_lines();
    let mut printed: Vec<_> = lines
        .iter()
        .map(|line| {
            (
                line["input"].as_str().unwrap(),
                line["exit_code"].as_u64().unwrap(),
            )
        })
        .collect();
    // Inputs that cannot be read are reported first.
    printed.sort_unstable();
    assert_eq!(
        printed,
        [
            ("ftp://example.com/a.mp4", 2),
            ("good.mp4", 0),
            ("missing.mp4", 2),
            ("small.mp4", 3)
        ]
    );
    let small = lines.iter().find(|line| line["input"] == "small.mp4");
    assert_eq!(
        small.unwrap()["error"]["report"]["findings"][0]["predicted_code"],
        "video_resolution_too_low"
    );
    // In parallel, the order may differ, but not the results.
    let mut codes: Vec<_> = ingest(&["--json", "--jobs", "4"])
        .json_lines()
        .iter()
        .map(|line| line["exit_code"].as_u64().unwrap())
        .collect();
    codes.sort_unstable();
    assert_eq!(codes, [0, 2, 2, 3]);
    assert_eq!(platform.uploads().len(), 3, "one upload in each run");
}

#[test]
fn check_predicts_the_code_of_the_platform() {
    let platform = Platform::start();
    let folder = clips::folder(&["small.mp4"]);
    let run = platform
        .tl(&[
            "ingest",
            "small.mp4",
            "--index",
            &platform.index,
            "--no-check",
            "--route",
            "tasks",
        ])
        .in_folder(folder.path())
        .code(7);
    snapshot!("ingest_unchecked", run);
    assert_eq!(platform.uploads().len(), 1);
}

#[test]
fn url_is_downloaded_by_the_platform() {
    let platform = Platform::start();
    let folder = clips::folder(&["good.mp4", "small.mp4"]);
    let read = |name: &str| std::fs::read(folder.path().join(name)).unwrap();
    let (good, small) = (read("good.mp4"), read("small.mp4"));
    let server = crate::platform::scripted(move |seen| {
        let body = if seen.target.contains("small") {
            small.clone()
        } else {
            good.clone()
        };
        tl_testkit::server::Reply::ok(body)
            .header("content-type", "video/mp4")
            .into()
    });
    let run = platform
        .tl(&[
            "ingest",
            &server.url("/good.mp4"),
            "--index",
            &platform.index,
            "--wait",
            "--interval",
            "100ms",
            "--json",
        ])
        .code(0);
    assert_eq!(run.json()["status"], "ready");
    // Only the platform knows where a URL leads.
    let run = platform
        .tl(&[
            "ingest",
            &server.url("/small.mp4"),
            "--index",
            &platform.index,
            "--wait",
            "--interval",
            "100ms",
            "--json",
        ])
        .code(7);
    assert!(run.json()["error"]["message"].is_string());
}

#[test]
fn custom_rules_allow_account_limits() {
    let platform = Platform::start();
    let folder = clips::folder(&["short.mp4"]);
    std::fs::write(
        folder.path().join("ours.toml"),
        "remove = [\"marengo3.0.duration.min\"]\n",
    )
    .unwrap();
    let ingest = |more: &[&str]| {
        platform
            .tl(&["ingest", "short.mp4", "--index", &platform.index])
            .in_folder(folder.path())
            .args(more)
            .run()
    };
    assert_eq!(ingest(&[]).code, 3);
    // The emulator keeps its own rules: it rejects permanently what now passes locally.
    assert_eq!(ingest(&["--rules", "ours.toml"]).code, 7);
    assert_eq!(platform.uploads().len(), 1);
}

#[test]
fn steps_are_logged_only_with_verbose() {
    let platform = Platform::start();
    let folder = clips::folder(&["good.mp4"]);
    let ingest = |more: &[&str]| {
        platform
            .tl(&[
                "ingest",
                "good.mp4",
                "--index",
                &platform.index,
                "--wait",
                "--interval",
                "50ms",
            ])
            .in_folder(folder.path())
            .args(more)
            .arg("--no-checkpoint")
            .code(0)
    };
    assert_eq!(ingest(&[]).stderr, "", "no terminal, no progress");
    let printed = ingest(&["-v"]).stderr;
    for part in [
        "good.mp4: checked: pass",
        "(100 %)",
        "created",
        "good.mp4: indexing",
        "good.mp4: ready",
    ] {
        assert!(printed.contains(part), "{part}: {printed}");
    }
}

#[test]
fn ingest_resumes_after_a_deadline() {
    let platform = Platform::start();
    let folder = clips::folder(&["good.mp4"]);
    let ingest = |deadline: &str| {
        platform
            .tl(&[
                "ingest",
                "good.mp4",
                "--index",
                &platform.index,
                "--wait",
                "--json",
            ])
            .args(&["--interval", "100ms", "--deadline", deadline])
            .in_folder(folder.path())
    };
    let run = ingest("1ms").code(8);
    assert!(run.took < Duration::from_secs(20));
    let line = run.json();
    let asset = line["asset_id"].as_str().expect("the asset is there");
    let next = line["error"]["next"].as_str().unwrap();
    assert!(next.contains("resume"), "{line}");
    let again = ingest("1m").code(0).json();
    assert_eq!(again["asset_id"], asset);
    assert_eq!(platform.uploads().len(), 1);
}

#[test]
fn bad_url_is_rejected_as_in_validate() {
    let platform = Platform::start();
    for (link, kind) in [
        ("https://www.youtube.com/watch?v=abc", "share_page"),
        ("https://drive.google.com/file/d/1AbC/view", "share_page"),
        (
            "https://example.com/live/manifest.mpd?token=1",
            "share_page",
        ),
        ("s3://bucket/a.mp4", "share_page"),
        (
            "https://b.example/k?X-Amz-Date=20200102T025500Z&X-Amz-Expires=60&X-Amz-Signature=a",
            "url_expired",
        ),
    ] {
        let error = |words: &[&str]| {
            let run = platform.tl(words).arg(link).arg("--json").code(3);
            let line = run.json();
            assert_eq!(
                (&line["ok"], &line["exit_code"]),
                (&false.into(), &3.into()),
                "{line}"
            );
            let text = line["error"]["message"].as_str().unwrap();
            assert!(
                run.stderr.contains(text),
                "the text is printed too: {}",
                run.stderr
            );
            line["error"].clone()
        };
        let validated = error(&["validate"]);
        assert_eq!(validated["kind"], kind, "{link}");
        // The time since the expiry of a URL differs between runs.
        let same = |other: &serde_json::Value| {
            assert_eq!(
                (&other["kind"], &other["next"]),
                (&validated["kind"], &validated["next"])
            );
            if kind == "share_page" {
                assert_eq!(other, &validated);
            }
        };
        same(&error(&["ingest", "--index", &platform.index]));
        same(&error(&["upload"]));
    }
    assert!(platform.uploads().is_empty());
}

#[test]
fn what_was_done_is_not_sent_again() {
    let platform = Platform::start();
    let folder = crate::manifests::archive(2);
    std::fs::copy(folder.path().join("0.mp4"), folder.path().join("copy.mp4")).unwrap();
    let ingest = |more: &[&str]| {
        platform
            .tl(&["ingest", "--index", "films", "--json"])
            .args(more)
            .in_folder(folder.path())
            .code(0)
    };
    let first = ingest(&["0.mp4"]).json();
    assert_eq!(
        (&first["skipped"], &first["duplicate"]),
        (&serde_json::Value::Null, &false.into())
    );
    let before = platform.emulator.journal().len();
    let second = ingest(&["0.mp4"]).json();
    assert_eq!(second["skipped"], "indexing", "{second}");
    assert_eq!(second["video_id"], first["video_id"]);
    assert_eq!(
        platform.emulator.journal().len(),
        before + 2,
        "the index is looked up by name"
    );
    // Waiting continues where the first run ended.
    let third = ingest(&["0.mp4", "--wait"]).json();
    assert_eq!(
        (&third["status"], &third["video_id"]),
        (&"ready".into(), &first["video_id"])
    );
    assert_eq!(ingest(&["0.mp4", "--wait"]).json()["skipped"], "done");
    // A copy has its own result, and is not sent.
    let lines = ingest(&["0.mp4", "copy.mp4", "1.mp4", "--wait"]).json_lines();
    assert_eq!(lines.len(), 3);
    assert_eq!(platform.uploads().len(), 2);
    let forced = ingest(&["0.mp4", "--force", "--wait"]).json();
    assert_ne!(forced["video_id"], first["video_id"]);
    assert_eq!(platform.uploads().len(), 3);
}

#[test]
fn short_names_are_kept_in_errors() {
    let platform = Platform::start();
    let folder = clips::folder(&["small.mp4"]);
    std::fs::rename(folder.path().join("small.mp4"), folder.path().join("a")).unwrap();
    let run = platform
        .tl(&[
            "ingest",
            "a",
            "--no-check",
            "--route",
            "tasks",
            "--index",
            "films",
        ])
        .in_folder(folder.path())
        .code(7);
    assert!(
        run.stderr.contains("error: `a`: could not"),
        "{}",
        run.stderr
    );
}
