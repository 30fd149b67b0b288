//! The complete emulator over real sockets, with real media.

use std::time::{Duration, Instant};

use serde_json::json;
use tl_emulator::{ClockMode, Schedule};

use crate::{
    clips::clip,
    raw::{builder, connect, exchange, form, get, head, index, read_response, send_form, wait_for},
};

#[test]
fn good_clip_is_indexed_with_probed_metadata() {
    let emulator = builder().start_blocking().unwrap();
    let index = index(&emulator);
    let bytes = std::fs::read(clip("640x360", 5)).unwrap();
    let created = send_form(
        &emulator,
        &form(&[("index_id", &index)], Some(("my clip.mp4", &bytes))),
    );
    assert_eq!(created.status, 201, "{created:?}");
    assert!(
        created
            .head
            .to_ascii_lowercase()
            .contains("x-api-version: 1.3"),
        "{}",
        created.head
    );
    let (task, video) = (
        created.json()["_id"].clone(),
        created.json()["video_id"].clone(),
    );
    let seen = wait_for(&emulator, task.as_str().unwrap());
    assert_eq!(
        seen,
        ["validating", "pending", "queued", "indexing", "ready"]
    );
    let video = get(
        &emulator,
        &format!("/v1.3/indexes/{index}/videos/{}", video.as_str().unwrap()),
    )
    .json();
    let system = &video["system_metadata"];
    assert_eq!(
        (
            &system["filename"],
            &system["width"],
            &system["height"],
            &system["fps"],
            &system["size"]
        ),
        (
            &json!("my clip.mp4"),
            &json!(640),
            &json!(360),
            &json!(25),
            &json!(bytes.len())
        )
    );
    let duration = system["duration"].as_f64().unwrap();
    assert!((4.9..5.2).contains(&duration), "{duration}");

    let journal = emulator.journal();
    let upload = journal
        .iter()
        .find(|entry| entry.operation.as_deref() == Some("tasks.create"))
        .unwrap();
    assert_eq!((upload.status, upload.media_stored), (201, true));
    assert!(upload.bytes_received > bytes.len() as u64);
    emulator.shutdown_blocking();
}

#[test]
fn bad_file_is_rejected_and_not_stored() {
    let emulator = builder().start_blocking().unwrap();
    let index = index(&emulator);
    let small = std::fs::read(clip("320x180", 5)).unwrap();
    let short = std::fs::read(clip("640x360", 2)).unwrap();
    let good = std::fs::read(clip("640x360", 5)).unwrap();
    for (name, bytes, code) in [
        ("small", &small[..], "video_resolution_too_low"),
        ("short", &short[..], "video_duration_too_short"),
        (
            "text",
            b"this is no video at all, whatever it is called",
            "video_file_broken",
        ),
        ("cut", &good[..good.len() / 2], "video_file_broken"),
        ("empty", b"", "video_file_broken"),
    ] {
        let response = send_form(
            &emulator,
            &form(&[("index_id", &index)], Some(("a.mp4", bytes))),
        );
        assert_eq!(
            (response.status, response.json()["code"].as_str()),
            (400, Some(code)),
            "{name}: {response:?}"
        );
    }
    assert!(emulator.journal().iter().all(|entry| !entry.media_stored));
    assert_eq!(
        get(&emulator, "/v1.3/tasks").json()["page_info"]["total_results"],
        0
    );
}

#[test]
fn manual_clock_controls_indexing() {
    let emulator = builder()
        .clock(ClockMode::Manual)
        .schedule(Schedule::REALISTIC)
        .start_blocking()
        .unwrap();
    let index = index(&emulator);
    let bytes = std::fs::read(clip("640x360", 5)).unwrap();
    let created = send_form(
        &emulator,
        &form(&[("index_id", &index)], Some(("a.mp4", &bytes))),
    );
    let task = created.json()["_id"].as_str().unwrap().to_owned();
    let status = || {
        get(&emulator, &format!("/v1.3/tasks/{task}")).json()["status"]
            .as_str()
            .unwrap()
            .to_owned()
    };
    assert_eq!(status(), "validating");
    emulator.advance(Duration::from_secs(7200));
    assert_eq!(status(), "ready");
}

#[test]
fn files_are_temporary_unless_a_directory_is_set() {
    let folder = tempfile::tempdir().unwrap();
    let emulator = builder().data_dir(folder.path()).start_blocking().unwrap();
    let index = index(&emulator);
    let bytes = std::fs::read(clip("640x360", 5)).unwrap();
    let created = send_form(
        &emulator,
        &form(&[("index_id", &index)], Some(("../../evil.mp4", &bytes))),
    );
    assert_eq!(created.status, 201, "{created:?}");
    send_form(
        &emulator,
        &form(&[("index_id", &index)], Some(("b.mp4", b"no video"))),
    );
    drop(emulator);
    let files = |name: &str| {
        let entries = std::fs::read_dir(folder.path().join(name)).unwrap();
        entries
            .map(|entry| std::fs::read(entry.unwrap().path()).unwrap())
            .collect::<Vec<_>>()
    };
    assert_eq!(files("media"), [bytes]);
    assert!(files("incoming").is_empty());
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 2);
}

#[test]
fn journal_over_http_contains_no_keys() {
    let emulator = builder().start_blocking().unwrap();
    get(&emulator, "/v1.3/tasks?filename=tlk_secret_1");
    get(&emulator, "/v1.3/nothing");
    let wrong = "GET /v1.3/tasks HTTP/1.1\r\nhost: 127.0.0.1\r\nx-api-key: tlk_secret_2\r\n\r\n";
    assert_eq!(exchange(&emulator, wrong, b"").unwrap().status, 401);
    let all = get(&emulator, "/_emulator/journal");
    assert_eq!(all.json()["count"], 3);
    assert!(
        !String::from_utf8_lossy(&all.body).contains("secret"),
        "{all:?}"
    );
    assert_eq!(
        get(
            &emulator,
            "/_emulator/journal?operation=tasks.list&status=401"
        )
        .json()["count"],
        1
    );
    let cleared = exchange(&emulator, &head("DELETE", "/_emulator/journal", &[]), b"").unwrap();
    assert_eq!((cleared.status, emulator.journal().len()), (204, 0));
}

#[test]
fn starts_async_and_blocking_and_stops_quickly() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    let port = runtime.block_on(async {
        let emulator = builder().start().await.unwrap();
        let port = emulator.base_url().port().unwrap();
        let taken = builder().port(port).start().await.unwrap_err().to_string();
        assert!(
            taken.contains("cannot listen on") && taken.contains("another port"),
            "{taken}"
        );
        emulator.shutdown().await;
        port
    });
    let started = Instant::now();
    let again = builder().port(port).start_blocking().unwrap();
    assert!(again.api_key().starts_with("tlk_emulator"));
    drop(again);
    assert!(
        started.elapsed() < Duration::from_secs(2),
        "{:?}",
        started.elapsed()
    );
}

#[test]
fn idle_connection_does_not_delay_shutdown() {
    let emulator = builder().start_blocking().unwrap();
    let mut idle = connect(&emulator);
    std::io::Write::write_all(&mut idle, head("GET", "/v1.3/tasks", &[]).as_bytes()).unwrap();
    assert_eq!(read_response(&mut idle).unwrap().status, 200);
    let started = Instant::now();
    drop(emulator);
    assert!(
        started.elapsed() < Duration::from_millis(400),
        "{:?}",
        started.elapsed()
    );
    assert!(read_response(&mut idle).is_none());
}
