//! `tl task`, `tl index` and `tl video` against the emulator.

use serde_json::Value;

use crate::clips;
use crate::platform::Platform;
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
fn indexes_are_created_listed_renamed_and_deleted() {
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
fn a_list_tells_when_there_is_more_and_all_fetches_it() {
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
    assert_eq!(count(&run.json()), 2);
    assert!(
        run.stderr.contains("2 of 5 indexes are shown"),
        "{}",
        run.stderr
    );
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
fn tasks_are_listed_by_every_filter() {
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
fn videos_are_listed_changed_and_deleted() {
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
