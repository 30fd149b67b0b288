//! Unimplemented endpoint families, and requests of older clients.

use serde_json::json;
use tl_emulator::{Schedule, platform::families};

use crate::raw::{builder, exchange, form, get, head, index, send_form, send_json, wait_for};

#[test]
fn unimplemented_family_lists_implemented_ones() {
    let emulator = builder().start_blocking().unwrap();
    for (method, path) in [
        ("POST", "/tasks/transfers"),
        ("GET", "/tasks/transfers/import/x"),
        ("GET", "/tasks/status?index_id=x"),
    ] {
        let headers = [("content-length", "0")];
        let path = format!("/v1.3{path}");
        let response = exchange(&emulator, &head(method, &path, &headers), b"").unwrap();
        assert_eq!(response.status, 501, "{path} {response:?}");
        let body = response.json();
        assert_eq!(body["code"], families::NOT_IMPLEMENTED_CODE);
        let message = body["message"].as_str().unwrap();
        for family in families::IMPLEMENTED {
            assert!(message.contains(family), "{message}");
        }
    }
    // An invalid key is rejected first, and an unknown path belongs to no family.
    let wrong = "POST /v1.3/tasks/status HTTP/1.1\r\nhost: 127.0.0.1\r\nx-api-key: x\r\ncontent-length: 0\r\n\r\n";
    assert_eq!(exchange(&emulator, wrong, b"").unwrap().status, 401);
    assert_eq!(get(&emulator, "/v1.3/nothing").status, 404);
    assert_eq!(get(&emulator, "/v1.3/gist").status, 410);

    let summary = emulator.summary();
    assert_eq!(summary.not_implemented["tasks of v1.2"], 3);
    assert_eq!(summary.others, 2);
    let text = summary.to_string();
    assert!(text.contains("6 requests"), "{text}");
    assert!(
        text.contains("\n  tasks of v1.2: 3 (not implemented in the emulator)"),
        "{text}"
    );
    let entries = get(
        &emulator,
        "/_emulator/journal?code=not_implemented_in_emulator",
    )
    .json();
    assert_eq!(entries["count"], 3);
}

#[test]
fn duplicate_version_in_path_is_accepted() {
    let emulator = builder().start_blocking().unwrap();
    let index = index(&emulator);
    for prefix in ["/v1.3", "/v1.3/v1.3", "/v1.3/v1.3/v1.3"] {
        let response = get(&emulator, &format!("{prefix}/indexes/{index}"));
        assert_eq!(
            (response.status, &response.json()["_id"]),
            (200, &json!(index))
        );
        let refused = get(&emulator, &format!("{prefix}/tasks/status"));
        assert_eq!(refused.status, 501);
    }
    for path in ["/v1.3v1.3/indexes", "/v1.3/v1.2/indexes", "/v1.3/v1.3"] {
        assert_ne!(get(&emulator, path).status, 200, "{path}");
    }
    let operations = emulator.summary().operations;
    assert_eq!(operations["indexes.retrieve"], (3, 0));
}

#[test]
fn null_addons_mean_none() {
    let emulator = builder().start_blocking().unwrap();
    let models = json!([{ "model_name": "marengo3.0", "model_options": ["visual"] }]);
    let body = json!({ "index_name": "films", "models": models, "addons": null });
    let created = send_json(&emulator, "POST", "/v1.3/indexes", &body);
    assert_eq!(created.status, 201, "{created:?}");
    let id = created.json()["_id"].as_str().unwrap().to_owned();
    let shown = get(&emulator, &format!("/v1.3/indexes/{id}")).json();
    assert_eq!(shown["addons"], json!([]));
}

#[test]
fn url_may_be_text_part_or_file_part_or_both() {
    let emulator = builder()
        .schedule(Schedule::INSTANT)
        .start_blocking()
        .unwrap();
    let index = index(&emulator);
    let url = "http://127.0.0.1:9/a.mp4";
    let as_file = |name: &str, text: &str| {
        format!(
            "--XX\r\nContent-Disposition: form-data; name=\"{name}\"; filename=\"upload\"\r\nContent-Type: application/octet-stream\r\n\r\n{text}\r\n"
        )
        .into_bytes()
    };
    let with = |texts: &[(&str, &str)], files: &[Vec<u8>]| {
        let mut body = form(texts, None);
        body.truncate(body.len() - b"--XX--\r\n".len());
        body.extend(files.concat());
        body.extend_from_slice(b"--XX--\r\n");
        send_form(&emulator, &body)
    };
    let id = ("index_id", index.as_str());
    for response in [
        with(&[id, ("video_url", url)], &[]),
        with(&[id], &[as_file("video_url", url)]),
        with(&[id, ("video_url", url)], &[as_file("video_url", url)]),
    ] {
        assert_eq!(response.status, 201, "{response:?}");
        let task = response.json()["_id"].as_str().unwrap().to_owned();
        // The URL is accepted, and rejected later because its address is private.
        assert_eq!(wait_for(&emulator, &task).last().unwrap(), "failed");
    }
    let other = as_file("video_url", "http://127.0.0.1:9/b.mp4");
    for refused in [
        with(&[id, ("video_url", url)], &[other]),
        with(&[id], &[as_file("video_url", "no url")]),
        with(&[id], &[as_file("other", url)]),
    ] {
        assert_eq!(refused.status, 400, "{refused:?}");
    }
}

#[test]
fn legacy_metadata_update_is_a_quirk() {
    let quirk = |value: &str| builder().quirk("video-put", value).unwrap();
    for (emulator, status) in [(quirk("refuse"), 405), (quirk("accept"), 204)] {
        let emulator = emulator.start_blocking().unwrap();
        let seed =
            json!({ "indexes": [{ "index_name": "films", "videos": [{ "filename": "a.mp4" }] }] });
        let ids = send_json(&emulator, "POST", "/_emulator/seed", &seed).json();
        let videos = format!(
            "/v1.3/indexes/{}/videos",
            ids["indexes"][0].as_str().unwrap()
        );
        let listed = get(&emulator, &videos).json();
        let video = format!("{videos}/{}", listed["data"][0]["_id"].as_str().unwrap());
        let patch = json!({ "user_metadata": { "a": 1 } });
        assert_eq!(send_json(&emulator, "PUT", &video, &patch).status, status);
    }
}
