//! Persistent state: state directory, export and import.

use serde_json::json;

use crate::{
    clips::clip,
    raw::{builder, exchange, form, get, head, index, send_form, send_json, wait_for},
    renditions::rendition,
};

#[test]
fn state_directory_survives_restart_and_is_exclusive() {
    let folder = tempfile::tempdir().unwrap();
    let start = || builder().state_dir(folder.path()).start_blocking();
    let emulator = start().unwrap();
    let index = index(&emulator);
    let bytes = std::fs::read(clip("640x360", 5)).unwrap();
    let metadata = [
        ("index_id", index.as_str()),
        ("user_metadata", r#"{"a":1.5}"#),
    ];
    let created = send_form(&emulator, &form(&metadata, Some(("a.mp4", &bytes)))).json();
    wait_for(&emulator, created["_id"].as_str().unwrap());
    let video = created["video_id"].as_str().unwrap();
    assert_eq!(rendition(&emulator, video)["status"], "made");
    let paths = [
        format!("/v1.3/tasks/{}", created["_id"].as_str().unwrap()),
        format!("/v1.3/indexes/{index}"),
        format!(
            "/v1.3/indexes/{index}/videos/{}",
            created["video_id"].as_str().unwrap()
        ),
        "/v1.3/tasks".to_owned(),
    ];
    let before: Vec<_> = paths
        .iter()
        .map(|path| get(&emulator, path).json())
        .collect();

    let second = start().unwrap_err().to_string();
    assert!(second.contains("another emulator is using it"), "{second}");
    drop(emulator);
    std::fs::write(folder.path().join("media").join("stray"), b"nobody's").unwrap();

    let again = start().unwrap();
    let after: Vec<_> = paths.iter().map(|path| get(&again, path).json()).collect();
    assert_eq!(before, after);
    // The file, and the directory with its stream.
    let media: Vec<_> = std::fs::read_dir(folder.path().join("media"))
        .unwrap()
        .collect();
    assert_eq!(media.len(), 2, "{media:?}");
    let next = send_form(&again, &form(&metadata, Some(("a.mp4", &bytes)))).json();
    assert_ne!(next["_id"], created["_id"]);
}

#[test]
fn export_import_and_reset() {
    let one = builder().start_blocking().unwrap();
    let seed = json!({ "indexes": [{ "index_name": "seeded", "videos": [
        { "filename": "a.mp4", "duration": 12.5, "width": 640, "height": 360, "fps": 25, "size": 9, "user_metadata": { "n": 1 } },
        { "filename": "b.mp4" },
    ] }] });
    let made = send_json(&one, "POST", "/_emulator/seed", &seed);
    assert_eq!(made.status, 201, "{made:?}");
    let index = made.json()["indexes"][0].as_str().unwrap().to_owned();
    let videos = get(&one, &format!("/v1.3/indexes/{index}/videos")).json();
    assert_eq!(videos["page_info"]["total_results"], 2);
    let twice = send_json(&one, "POST", "/_emulator/seed", &seed);
    assert_eq!(twice.status, 400, "{twice:?}");

    let export = get(&one, "/_emulator/state").json();
    let other = builder().seed(5).start_blocking().unwrap();
    assert_eq!(
        send_json(&other, "PUT", "/_emulator/state", &export).status,
        204
    );
    assert_eq!(
        get(&other, &format!("/v1.3/indexes/{index}/videos")).json(),
        videos
    );
    for wrong in [
        json!({}),
        json!({ "format": 1, "planets": { "a": 1 } }),
        json!({ "format": 1, "tasks": { "a": 1 } }),
    ] {
        let refused = send_json(&other, "PUT", "/_emulator/state", &wrong);
        assert_eq!(refused.status, 400, "{refused:?}");
    }
    assert_eq!(
        get(&other, "/v1.3/tasks").json()["page_info"]["total_results"],
        2
    );

    assert_eq!(
        exchange(&other, &head("POST", "/_emulator/reset", &[]), b"")
            .unwrap()
            .status,
        204
    );
    assert_eq!(
        get(&other, "/v1.3/tasks").json()["page_info"]["total_results"],
        0
    );
    assert_eq!(get(&other, &format!("/v1.3/indexes/{index}")).status, 404);
}

#[test]
fn import_and_reset_are_persisted() {
    let folder = tempfile::tempdir().unwrap();
    let start = || builder().state_dir(folder.path()).start_blocking().unwrap();
    let emulator = start();
    let first = index(&emulator);
    let export = get(&emulator, "/_emulator/state").json();
    exchange(&emulator, &head("POST", "/_emulator/reset", &[]), b"").unwrap();
    drop(emulator);
    let emulator = start();
    assert_eq!(
        get(&emulator, &format!("/v1.3/indexes/{first}")).status,
        404
    );
    send_json(&emulator, "PUT", "/_emulator/state", &export);
    drop(emulator);
    assert_eq!(get(&start(), &format!("/v1.3/indexes/{first}")).status, 200);
}
