//! `tl task`, `tl index` and `tl video` against the emulator.

use serde_json::Value;

use crate::clips;
use crate::platform::{Platform, page, scripted, tl_to};
use crate::tl::snapshot;

/// A platform with one indexed video; its task and video.
fn with_a_video() -> (Platform, String, String) {
    let platform = Platform::start();
    let folder = clips::folder(&["good.mp4"]);
    let line = platform
        .tl(&[
            "ingest",
            "--route",
            "tasks",
            "good.mp4",
            "--index",
            &platform.index,
            "--wait",
            "--interval",
            "100ms",
            "--json",
            "-m",
            "camera=left",
        ])
        .in_folder(folder.path())
        .code(0)
        .json();
    let text = |member: &str| line[member].as_str().unwrap().to_owned();
    (platform, text("task_id"), text("video_id"))
}

#[test]
fn index_lifecycle() {
    let platform = Platform::start();
    let index = platform.index.clone();
    snapshot!(
        "index_create",
        platform
            .tl(&[
                "index",
                "create",
                "songs",
                "--model",
                "marengo3.0:audio",
                "--thumbnails"
            ])
            .code(0)
    );
    snapshot!(
        "index_list",
        platform
            .tl(&["index", "list", "--sort-option", "asc"])
            .code(0)
    );
    snapshot!("index_get", platform.tl(&["index", "get", &index]).code(0));
    snapshot!(
        "index_rename",
        platform.tl(&["index", "rename", &index, "movies"]).code(0)
    );
    let named = platform
        .tl(&["index", "list", "--name", "movies", "--json"])
        .code(0)
        .json();
    assert_eq!(named[0]["_id"], index);
    snapshot!(
        "index_name_taken",
        platform.tl(&["index", "create", "movies"]).code(7)
    );
    snapshot!(
        "index_delete",
        platform.tl(&["index", "delete", &index, "--yes"]).code(0)
    );
    platform.tl(&["index", "get", &index]).code(7);
    let left = platform.tl(&["index", "list", "--json"]).code(0).json();
    assert_eq!(left.as_array().unwrap().len(), 1);
}

#[test]
fn lists_all_pages_or_up_to_the_limit() {
    let platform = Platform::start();
    for number in 0..4 {
        platform
            .tl(&["index", "create", &format!("index {number}")])
            .code(0);
    }
    let count = |json: &Value| json.as_array().unwrap().len();
    let run = platform
        .tl(&["index", "list", "--page-limit", "2", "--json"])
        .code(0);
    assert_eq!((count(&run.json()), run.stderr.as_str()), (5, ""));
    for limit in [1, 2, 3] {
        let limit = limit.to_string();
        let run = platform
            .tl(&["index", "list", "--limit", &limit, "--json"])
            .code(0);
        assert_eq!(count(&run.json()).to_string(), limit);
        let printed = format!("showing {limit} of 5 indexes");
        assert!(run.stderr.contains(&printed), "{}", run.stderr);
    }
    let run = platform
        .tl(&["index", "list", "--limit", "5", "--json"])
        .code(0);
    assert_eq!((count(&run.json()), run.stderr.as_str()), (5, ""));
    let run = platform
        .tl(&[
            "index",
            "list",
            "--page-limit",
            "2",
            "--page",
            "3",
            "--json",
        ])
        .code(0);
    assert_eq!((count(&run.json()), run.stderr.as_str()), (1, ""));
    let run = platform
        .tl(&["index", "list", "--page-limit", "2", "--all", "--json"])
        .code(0);
    assert_eq!((count(&run.json()), run.stderr.as_str()), (5, ""));
    let run = platform.tl(&["index", "list", "--quiet"]).code(0);
    assert_eq!(run.stdout.lines().count(), 5);
    assert!(
        run.stdout.lines().all(|line| line.len() == 24),
        "ids alone: {}",
        run.stdout
    );
}

#[test]
fn task_list_filters() {
    let (platform, task, _) = with_a_video();
    let list = |more: &[&str]| {
        let tasks = platform
            .tl(&["task", "list", "--json"])
            .args(more)
            .code(0)
            .json();
        tasks.as_array().unwrap().len()
    };
    let index = platform.index.as_str();
    for (filter, other) in [
        (
            &["--index", index][..],
            &["--index", "6298d673f1090f1100476d4c"][..],
        ),
        (&["--status", "ready"], &["--status", "failed"]),
        (
            &["--status", "failed,ready"],
            &["--status", "failed", "--status", "queued"],
        ),
        (&["--filename", "good.mp4"], &["--filename", "other.mp4"]),
        (&["--width", "640"], &["--width", "641"]),
        (&["--height", "360"], &["--height", "361"]),
        (
            &["--created-after", "2020-01-01"],
            &["--created-after", "2999-01-01"],
        ),
        (
            &["--updated-after", "2020-01-01T00:00:00Z"],
            &["--updated-after", "2999-01-01"],
        ),
    ] {
        assert_eq!((list(filter), list(other)), (1, 0), "{filter:?} {other:?}");
    }
    snapshot!("task_list", platform.tl(&["task", "list"]).code(0));
    snapshot!(
        "task_list_empty",
        platform.tl(&["task", "list", "--status", "failed"]).code(0)
    );
    snapshot!("task_get", platform.tl(&["task", "get", &task]).code(0));
    snapshot!(
        "task_status_unknown",
        platform.tl(&["task", "list", "--status", "redy"]).run()
    );
    let got = platform
        .tl(&["task", "get", &task, "--json"])
        .code(0)
        .json();
    assert_eq!(got["_id"], task);
    let waited = platform
        .tl(&["task", "wait", &task, "--json"])
        .code(0)
        .json();
    assert_eq!(waited["task"]["status"], "ready");
    assert_eq!(waited["history"][0]["status"], "ready");
}

#[test]
fn video_lifecycle() {
    let (platform, task, video) = with_a_video();
    let index = platform.index.clone();
    snapshot!(
        "video_list",
        platform.tl(&["video", "list", "--index", &index]).code(0)
    );
    let list = |more: &[&str]| {
        let videos = platform
            .tl(&["video", "list", "--index", &index, "--json"])
            .args(more)
            .code(0)
            .json();
        videos.as_array().unwrap().len()
    };
    assert_eq!(
        (list(&["-m", "camera=left"]), list(&["-m", "camera=right"])),
        (1, 0)
    );
    assert_eq!(
        (list(&["--duration", "4..6"]), list(&["--duration", "..4"])),
        (1, 0)
    );
    assert_eq!(
        (list(&["--width", "640"]), list(&["--width", "641.."])),
        (1, 0)
    );
    let update = |more: &[&str]| {
        platform
            .tl(&["video", "update", &video, "--index", &index])
            .args(more)
            .run()
    };
    snapshot!(
        "video_update",
        update(&["-m", "camera=right", "-m", "take:=2"])
    );
    assert_eq!(update(&["--unset", "camera"]).code, 0);
    assert_eq!(update(&["--unset", "camera", "-m", "camera=x"]).code, 2);
    assert_eq!(update(&["--metadata-json", r#"{"a": {"b": 1}}"#]).code, 2);
    let got = platform
        .tl(&["video", "get", &video, "--index", &index, "--json"])
        .code(0)
        .json();
    assert_eq!(got["user_metadata"], serde_json::json!({"take": 2}));
    snapshot!(
        "video_get",
        platform
            .tl(&["video", "get", &video, "--index", &index])
            .code(0)
    );
    snapshot!(
        "video_delete",
        platform
            .tl(&["video", "delete", &video, "--index", &index, "--yes"])
            .code(0)
    );
    platform
        .tl(&["video", "get", &video, "--index", &index])
        .code(7);
    snapshot!(
        "task_delete",
        platform.tl(&["task", "delete", &task, "--yes"]).code(0)
    );
    platform.tl(&["task", "get", &task]).code(7);
}

/// A platform with two assets that are being indexed; their videos.
fn with_two_on_their_way() -> (Platform, [String; 2]) {
    let platform = Platform::start();
    let folder = crate::manifests::archive(2);
    let video = |name: &str| {
        platform
            .tl(&["ingest", name, "--index", "films", "--quiet"])
            .in_folder(folder.path())
            .code(0)
            .first_line()
            .to_owned()
    };
    let videos = [video("0.mp4"), video("1.mp4")];
    (platform, videos)
}

#[test]
fn wait_and_delete_take_several_videos() {
    let (platform, [first, second]) = with_two_on_their_way();
    let wait = |more: &[&str]| {
        platform
            .tl(&["video", "wait", "--index", "films", "--interval", "50ms"])
            .args(more)
    };
    let mut ready: Vec<String> = wait(&["--all", "--quiet"])
        .code(0)
        .stdout
        .lines()
        .map(str::to_owned)
        .collect();
    ready.sort();
    // Videos that were indexed before the list was read are not waited for.
    assert!(
        ready.iter().all(|id| [&first, &second].contains(&id)),
        "{ready:?}"
    );
    let run = wait(&["--all"]).code(0);
    assert!(
        run.stderr.contains("no videos to wait for"),
        "{}",
        run.text()
    );
    let lines = wait(&[&first, &second, "--json"]).code(0).json_lines();
    assert_eq!(lines.len(), 2);
    assert!(lines.iter().all(|line| line["video"]["status"] == "ready"));
    let ids = format!("{first}\n\n{second}\n");
    let lines = wait(&["-", "--json"]).input(&ids).code(0).json_lines();
    assert_eq!(lines.len(), 2);
    wait(&[]).code(2);
    // One of them does not exist.
    let unknown = "6298d673f1090f1100476d4c";
    let lines = wait(&[&first, unknown, "--json"]).code(1).json_lines();
    let failed: Vec<_> = lines
        .iter()
        .filter_map(|line| line["id"].as_str())
        .collect();
    assert_eq!((lines.len(), failed), (2, vec![unknown]));

    let delete = |ids: &str| {
        platform
            .tl(&[
                "video", "delete", "-", "--index", "films", "--yes", "--json",
            ])
            .input(ids)
    };
    let lines = delete(&format!("{first}\n{unknown}\n{second}"))
        .code(1)
        .json_lines();
    assert_eq!(lines[0]["deleted"], first);
    assert_eq!(
        (&lines[1]["id"], &lines[1]["error"]["exit_code"]),
        (&unknown.into(), &7.into())
    );
    assert_eq!(lines[2]["deleted"], second);
    let run = delete("").code(0);
    assert!(run.stderr.contains("no videos to delete"), "{}", run.text());
    let left = platform
        .tl(&["video", "list", "--index", "films", "--json"])
        .code(0)
        .json();
    assert_eq!(left, serde_json::json!([]));
    let assets = platform.tl(&["asset", "list", "--quiet"]).code(0).stdout;
    let run = platform
        .tl(&["asset", "delete", "-", "--yes"])
        .input(&assets)
        .code(0);
    assert_eq!(run.stdout.lines().count(), 2, "{}", run.text());
    platform.tl(&["index", "create", "songs"]).code(0);
    let run = platform
        .tl(&["index", "delete", "films", "songs", "--yes"])
        .code(0);
    assert_eq!(run.stdout, "deleted index films\ndeleted index songs\n");
}

#[test]
fn index_name_is_accepted_everywhere() {
    let (platform, task, video) = with_a_video();
    let index = platform.index.clone();
    let tl = |words: &[&str]| platform.tl(words).code(0);
    assert_eq!(
        tl(&["index", "get", "films", "--json"]).json()["_id"],
        index
    );
    for list in ["video", "task"] {
        let run = tl(&[list, "list", "--index", "films", "--quiet"]);
        assert_eq!(
            run.stdout.trim(),
            if list == "video" { &video } else { &task }
        );
    }
    tl(&["video", "get", &video, "--index", "films"]);
    tl(&["video", "update", &video, "--index", "films", "-m", "a=b"]);
    tl(&["index", "rename", "films", "movies"]);
    assert_eq!(
        tl(&["index", "get", "movies", "--json"]).json()["_id"],
        index
    );
    let folder = clips::folder(&["good.mp4"]);
    let line = platform
        .tl(&["ingest", "good.mp4", "--index", "movies", "--json"])
        .in_folder(folder.path())
        .code(0)
        .json();
    assert_eq!(line["index_id"], index);
    snapshot!(
        "index_unknown_name",
        platform
            .tl(&["video", "list", "--index", "nothing"])
            .code(7)
    );
    let run = platform
        .tl(&["ingest", "good.mp4", "--index", "nothing"])
        .in_folder(folder.path())
        .code(7);
    assert!(
        run.stderr
            .contains("no index with the name or id `nothing`"),
        "{}",
        run.text()
    );
    // A name in the form of an id.
    let odd = "0123456789abcdef01234567";
    platform.tl(&["index", "create", odd]).code(0);
    tl(&["index", "get", odd]);
}

#[test]
fn ambiguous_index_name_lists_the_ids() {
    let server = scripted(|seen| {
        let item = |id: char| {
            let id = id.to_string().repeat(24);
            format!(r#"{{"_id": "{id}", "index_name": "films", "models": []}}"#)
        };
        let other = r#"{"_id": "c", "index_name": "films of others", "models": []}"#;
        assert!(seen.target.contains("index_name=films"), "{}", seen.target);
        page(&format!("{}, {other}, {}", item('a'), item('b'))).into()
    });
    snapshot!(
        "index_ambiguous_name",
        tl_to(&server, &["video", "list", "--index", "films"]).code(2)
    );
}

#[test]
fn failed_videos_are_listed() {
    let server = scripted(|seen| {
        let (ready, failed) = ("a".repeat(24), "b".repeat(24));
        let video = format!(
            r#"{{"_id": "{ready}", "created_at": "2026-11-01T00:00:00Z", "system_metadata": {{"filename": "ready.mp4"}}, "user_metadata": {{"k": 1}}}}"#
        );
        let indexed = |id: &str, day: u32, status: &str, name: &str| {
            format!(
                r#"{{"_id": "{id}", "asset_id": "c", "created_at": "2026-11-{day:02}T00:00:00Z", "status": "{status}", "system_metadata": {{"filename": "{name}"}}}}"#
            )
        };
        let both = [
            indexed(&ready, 1, "ready", "ready.mp4"),
            indexed(&failed, 2, "failed", "failed.mp4"),
        ];
        match seen.target.split('?').next().unwrap_or_default() {
            path if path.ends_with("/videos") => page(&video),
            _ if seen.target.contains("status=failed") => page(&both[1]),
            _ => page(&both.join(", ")),
        }
        .into()
    });
    let list = |more: &[&str]| {
        tl_to(
            &server,
            &["video", "list", "--index", crate::platform::INDEX],
        )
        .args(more)
        .code(0)
    };
    snapshot!("video_list_with_failed", list(&[]));
    let rows = list(&["--json"]).json();
    assert_eq!(
        (&rows[0]["status"], &rows[1]["status"]),
        (&"failed".into(), &"ready".into())
    );
    assert_eq!(
        (&rows[1]["user_metadata"]["k"], &rows[1]["asset_id"]),
        (&1.into(), &"c".into())
    );
    let rows = list(&["--status", "failed", "--json"]).json();
    assert_eq!(rows.as_array().unwrap().len(), 1);
    assert_eq!(rows[0]["status"], "failed");
    let rows = list(&["--limit", "1", "--sort-option", "asc", "--json"]).json();
    assert_eq!(
        (rows.as_array().unwrap().len(), &rows[0]["status"]),
        (1, &"ready".into())
    );
}
