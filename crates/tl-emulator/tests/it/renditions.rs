//! Streams and thumbnails: status, playback, and deletion with their owner.

use std::{process::Command, time::Duration};

use serde_json::{Value, json};
use tl_emulator::{
    Emulator,
    platform::{Effect, MediaKey, Rendered, Settings},
};

use crate::{
    assets::send,
    clips::clip,
    raw::{builder, exchange, form, get, head, index, send_form, send_json},
    world::{World, facts},
};

/// Waits until the rendition of `owner` is finished or has failed.
pub(crate) fn rendition(emulator: &Emulator, owner: &str) -> Value {
    for _ in 0..1500 {
        let all = get(emulator, "/_emulator/renditions").json();
        let all = all["renditions"].as_array().unwrap();
        let found = all.iter().find(|one| one["owner"] == owner);
        let found = found.unwrap_or_else(|| panic!("{owner} has none: {all:?}"));
        if found["status"] != "working" {
            return found.clone();
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    panic!("the rendition of {owner} never ended");
}

fn upload(
    emulator: &Emulator,
    index: &str,
    bytes: &[u8],
    more: &[(&str, &str)],
) -> (String, String) {
    let mut texts = vec![("index_id", index)];
    texts.extend_from_slice(more);
    let created = send_form(emulator, &form(&texts, Some(("a.mp4", bytes)))).json();
    let id = |name: &str| created[name].as_str().unwrap().to_owned();
    (id("_id"), id("video_id"))
}

/// Fetches an absolute URL of the emulator.
fn fetch(emulator: &Emulator, url: &Value) -> crate::raw::RawResponse {
    let url = url::Url::parse(url.as_str().unwrap()).unwrap();
    get(emulator, url.path())
}

/// The codecs and duration of a URL, according to `ffprobe`.
fn probe(url: &str) -> (Vec<String>, f64) {
    let output = Command::new("ffprobe")
        .args([
            "-v",
            "error",
            "-show_entries",
            "stream=codec_name:format=duration",
        ])
        .args(["-of", "json", url])
        .output()
        .expect("the `ffprobe` program is needed to look at streams");
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    let streams = report["streams"].as_array().unwrap();
    let mut codecs: Vec<String> = streams
        .iter()
        .map(|stream| stream["codec_name"].as_str().unwrap().to_owned())
        .collect();
    codecs.sort();
    codecs.dedup();
    let seconds = report["format"]["duration"]
        .as_str()
        .unwrap()
        .parse()
        .unwrap();
    (codecs, seconds)
}

#[test]
fn stream_is_processing_then_has_a_url() {
    let mut world = World::new(Settings::default());
    let index = world.index("clips");
    let (task, video) = world.task(&index, "a.mp4");
    world.wait(800);
    let paths = [
        format!("/tasks/{task}"),
        format!("/indexes/{index}/videos/{video}"),
    ];
    let hls = |world: &mut World| {
        paths
            .clone()
            .map(|path| world.get(&path).body["hls"].clone())
    };
    let [of_task, of_video] = hls(&mut world);
    assert_eq!(of_task, of_video);
    assert_eq!(of_task["status"], "PROCESSING");
    assert_eq!(of_task["video_url"], Value::Null);

    world.wait(5_000);
    let made = Rendered::new(MediaKey::new("f00"), true, 2);
    let now = world.now();
    assert_eq!(world.platform.rendered(now, &video, Ok(made)), []);
    let [of_task, of_video] = hls(&mut world);
    assert_eq!(of_task, of_video);
    insta::assert_json_snapshot!("hls_complete", of_task);
    // Lists do not include streams.
    assert_eq!(world.get("/tasks").body["data"][0].get("hls"), None);

    assert_eq!(
        world
            .request("DELETE", &paths[1], Default::default())
            .status,
        204
    );
    let discarded = [
        Effect::Discard(MediaKey::new("f00")),
        Effect::Discard(MediaKey::new("file1")),
    ];
    assert_eq!(world.effects[world.effects.len() - 2..], discarded);
    let late = Rendered::new(MediaKey::new("f01"), true, 0);
    let now = world.now();
    assert_eq!(
        world.platform.rendered(now, &video, Ok(late)),
        [Effect::Discard(MediaKey::new("f01"))]
    );
}

#[test]
fn asset_shows_only_requested_renditions() {
    let mut world = World::new(Settings::default());
    let mut check =
        |texts: &[(&str, &str)], made: Option<Result<(bool, u32), &str>>, expected: Value| {
            let sent = send(&mut world, "k", "a.mp4", Ok(facts(640, 360, 9.0)), texts);
            let id = sent.body["_id"].as_str().unwrap().to_owned();
            let path = format!("/assets/{id}");
            let renditions = |world: &mut World| {
                let body = world.get(&path).body;
                json!([body["hls"], body["thumbnail"]])
            };
            let early = renditions(&mut world);
            for part in early.as_array().unwrap() {
                assert!(
                    part.is_null() || *part == json!({ "status": "pending" }),
                    "{early}"
                );
            }
            world.wait(200);
            if let Some(made) = made {
                let outcome = made.map_err(str::to_owned).map(|(has_stream, thumbnails)| {
                    Rendered::new(MediaKey::new("f0"), has_stream, thumbnails)
                });
                let now = world.now();
                _ = world.platform.rendered(now, &id, outcome);
            }
            assert_eq!(renditions(&mut world), expected, "{texts:?} {made:?}");
        };
    let both = [("enable_hls", "true"), ("enable_thumbnail", "true")];
    let manifest = "http://127.0.0.1/_media/f0/master.m3u8";
    let picture = "http://127.0.0.1/_media/f0/thumbnail-1.jpg";
    check(&[], None, json!([null, null]));
    check(&both[1..], None, json!([null, { "status": "processing" }]));
    check(
        &both,
        Some(Ok((true, 3))),
        json!([
            { "status": "ready", "manifest_url": manifest }, { "status": "ready", "representative_url": picture },
        ]),
    );
    // Audio has no representative thumbnail.
    check(
        &both,
        Some(Ok((true, 0))),
        json!([{ "status": "ready", "manifest_url": manifest }, { "status": "error" }]),
    );
    check(
        &both,
        Some(Err("no room")),
        json!([{ "status": "error" }, { "status": "error" }]),
    );
}

#[test]
fn unfinished_renditions_resume_after_restart() {
    let mut world = World::new(Settings::default());
    let index = world.index("clips");
    let (_, video) = world.task(&index, "a.mp4");
    let renders = |effects: Vec<Effect>| -> Vec<String> {
        let owners = effects.into_iter().filter_map(|effect| match effect {
            Effect::Render { owner, .. } => Some(owner),
            _ => None,
        });
        owners.collect()
    };
    let export = world.platform.export();
    let mut other = World::new(Settings::default());
    other.platform.import(&export).unwrap();
    let expected = std::slice::from_ref(&video);
    assert_eq!(renders(other.platform.unfinished()), expected);
    let now = other.now();
    _ = other
        .platform
        .rendered(now, &video, Err("no room".to_owned()));
    assert_eq!(renders(other.platform.unfinished()), Vec::<String>::new());
}

#[test]
fn real_clip_has_stream_and_thumbnails_until_deleted() {
    let folder = tempfile::tempdir().unwrap();
    let emulator = builder().data_dir(folder.path()).start_blocking().unwrap();
    let index = index(&emulator);
    let bytes = std::fs::read(clip("640x360", 5)).unwrap();
    let (task, video) = upload(&emulator, &index, &bytes, &[]);
    assert_eq!(rendition(&emulator, &video)["error"], Value::Null);
    // The URL uses the host that the client used.
    let port = emulator.base_url().port().unwrap();
    let payload = format!(
        "GET /v1.3/tasks/{task} HTTP/1.1\r\nhost: 127.0.0.1:{port}\r\nx-api-key: tlk_emulator_x\r\n\r\n"
    );
    let hls = exchange(&emulator, &payload, b"").unwrap().json()["hls"].clone();
    assert_eq!(hls["status"], "COMPLETE");

    let (codecs, seconds) = probe(hls["video_url"].as_str().unwrap());
    assert_eq!(codecs, ["aac", "h264"]);
    assert!((4.8..5.3).contains(&seconds), "{seconds}");
    let playlist = fetch(&emulator, &hls["video_url"]);
    assert_eq!(playlist.status, 200);
    assert!(
        playlist
            .head
            .contains("content-type: application/vnd.apple.mpegurl"),
        "{}",
        playlist.head
    );
    assert!(
        playlist.head.contains("access-control-allow-origin: *"),
        "{}",
        playlist.head
    );
    let pictures = hls["thumbnail_urls"].as_array().unwrap();
    assert_eq!(pictures.len(), 3);
    for picture in pictures {
        let picture = fetch(&emulator, picture);
        assert_eq!(
            (picture.status, &picture.body[..3]),
            (200, &b"\xff\xd8\xff"[..])
        );
    }

    let file = hls["video_url"]
        .as_str()
        .unwrap()
        .replace("master.m3u8", "stream.mp4");
    let file = url::Url::parse(&file).unwrap().path().to_owned();
    let part = exchange(
        &emulator,
        &head("GET", &file, &[("range", "bytes=4-7")]),
        b"",
    )
    .unwrap();
    assert_eq!((part.status, part.body.as_slice()), (206, &b"ftyp"[..]));

    let made = file.split('/').nth(2).unwrap();
    for (path, status) in [
        (format!("/_media/{made}/"), 404),
        (format!("/_media/{made}/other.mp4"), 404),
        (format!("/_media/{made}/..%2F..%2Fstate.sqlite"), 404),
        (format!("/_media/..%2Fincoming/{}", "stream.mp4"), 404),
        ("/_media/../stream.mp4".to_owned(), 404),
        ("/_media//stream.mp4".to_owned(), 404),
        (format!("/_media/{made}/thumbnail-9.jpg"), 404),
    ] {
        assert_eq!(get(&emulator, &path).status, status, "{path}");
    }
    assert_eq!(
        exchange(&emulator, &head("DELETE", &file, &[]), b"")
            .unwrap()
            .status,
        405
    );

    let path = format!("/v1.3/indexes/{index}/videos/{video}");
    emulator.advance(Duration::from_secs(1));
    assert_eq!(
        exchange(&emulator, &head("DELETE", &path, &[]), b"")
            .unwrap()
            .status,
        204
    );
    assert_eq!(get(&emulator, &file).status, 404);
    let left: Vec<_> = std::fs::read_dir(folder.path().join("media"))
        .unwrap()
        .collect();
    assert!(left.is_empty(), "{left:?}");
}

#[test]
fn asset_and_indexed_asset_have_separate_streams() {
    let emulator = builder().start_blocking().unwrap();
    let index = index(&emulator);
    let bytes = std::fs::read(clip("640x360", 5)).unwrap();
    let texts = [
        ("method", "direct"),
        ("enable_hls", "true"),
        ("enable_thumbnail", "true"),
    ];
    let body = String::from_utf8_lossy(&form(&texts, None))
        .replace("--XX--\r\n", "")
        .into_bytes();
    let mut body = body;
    body.extend_from_slice(
        b"--XX\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a.mp4\"\r\n\r\n",
    );
    body.extend_from_slice(&bytes);
    body.extend_from_slice(b"\r\n--XX--\r\n");
    let length = body.len().to_string();
    let headers = [
        ("content-type", "multipart/form-data; boundary=XX"),
        ("content-length", length.as_str()),
    ];
    let made = exchange(&emulator, &head("POST", "/v1.3/assets", &headers), &body).unwrap();
    assert_eq!(made.status, 201, "{made:?}");
    let asset = made.json()["_id"].as_str().unwrap().to_owned();
    emulator.advance(Duration::from_secs(1));
    assert_eq!(rendition(&emulator, &asset)["error"], Value::Null);
    let shown = get(&emulator, &format!("/v1.3/assets/{asset}")).json();
    assert_eq!(
        (&shown["hls"]["status"], &shown["thumbnail"]["status"]),
        (&json!("ready"), &json!("ready"))
    );
    assert_eq!(fetch(&emulator, &shown["hls"]["manifest_url"]).status, 200);
    assert_eq!(
        fetch(&emulator, &shown["thumbnail"]["representative_url"]).status,
        200
    );

    let indexed = json!({ "asset_id": asset, "enable_video_stream": true });
    let indexed = send_json(
        &emulator,
        "POST",
        &format!("/v1.3/indexes/{index}/indexed-assets"),
        &indexed,
    )
    .json();
    let id = indexed["_id"].as_str().unwrap();
    assert_eq!(rendition(&emulator, id)["error"], Value::Null);
    let path = format!("/v1.3/assets/{asset}?force=true");
    assert_eq!(
        exchange(&emulator, &head("DELETE", &path, &[]), b"")
            .unwrap()
            .status,
        204
    );
    assert_eq!(fetch(&emulator, &shown["hls"]["manifest_url"]).status, 404);
    let hls = get(
        &emulator,
        &format!("/v1.3/indexes/{index}/indexed-assets/{id}"),
    )
    .json()["hls"]
        .clone();
    assert_eq!(
        (&hls["status"], fetch(&emulator, &hls["video_url"]).status),
        (&json!("COMPLETE"), 200)
    );
}

#[test]
fn no_stream_if_disabled_and_error_without_ffmpeg() {
    let emulator = builder()
        .ffmpeg("/nowhere/ffmpeg")
        .start_blocking()
        .unwrap();
    assert!(emulator.lacks_ffmpeg().unwrap().contains("/nowhere/ffmpeg"));
    let index = index(&emulator);
    let bytes = std::fs::read(clip("640x360", 5)).unwrap();
    let (task, _) = upload(
        &emulator,
        &index,
        &bytes,
        &[("enable_video_stream", "false")],
    );
    assert_eq!(
        get(&emulator, &format!("/v1.3/tasks/{task}"))
            .json()
            .get("hls"),
        None
    );
    let (task, video) = upload(&emulator, &index, &bytes, &[]);
    let failed = rendition(&emulator, &video);
    let reason = failed["error"].as_str().unwrap();
    assert!(
        reason.contains("/nowhere/ffmpeg") && reason.contains("Install it"),
        "{reason}"
    );
    let hls = get(&emulator, &format!("/v1.3/tasks/{task}")).json()["hls"].clone();
    assert_eq!(
        (&hls["status"], hls.get("video_url")),
        (&json!("ERROR"), None)
    );
}

#[test]
fn quirk_enables_asset_streams_by_default() {
    for (quirk, texts, expected) in [
        ("asked", &[][..], json!([null, null])),
        ("unless-refused", &[][..], json!(["pending", "pending"])),
        (
            "unless-refused",
            &[("enable_hls", "false")][..],
            json!([null, "pending"]),
        ),
    ] {
        let mut world = crate::assets::world_with(&[("asset-streams", quirk)]);
        let sent = send(&mut world, "k", "a.mp4", Ok(facts(640, 360, 9.0)), texts);
        let path = format!("/assets/{}", sent.body["_id"].as_str().unwrap());
        let renditions = world.get(&path).body;
        let renditions = json!([
            renditions["hls"]["status"],
            renditions["thumbnail"]["status"]
        ]);
        assert_eq!(renditions, expected, "{quirk} {texts:?}");
    }
}

#[test]
fn multipart_asset_has_the_requested_stream() {
    let emulator = builder().start_blocking().unwrap();
    let bytes = std::fs::read(clip("640x360", 5)).unwrap();
    let begin = json!({
        "filename": "a.mp4", "type": "video", "total_size": bytes.len(), "enable_hls": true, "enable_thumbnail": true,
    });
    let path = "/v1.3/assets/multipart-uploads";
    let opened = send_json(&emulator, "POST", path, &begin).json();
    let url = url::Url::parse(opened["upload_urls"][0]["url"].as_str().unwrap()).unwrap();
    let put = format!(
        "PUT {}?{} HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: application/octet-stream\r\ncontent-length: {}\r\n\r\n",
        url.path(),
        url.query().unwrap(),
        bytes.len()
    );
    let stored = exchange(&emulator, &put, &bytes).unwrap();
    let etag = stored
        .head
        .lines()
        .find_map(|line| line.strip_prefix("etag: "));
    let chunk = json!({
        "chunk_index": 1, "proof": etag.unwrap().trim_matches('"'), "proof_type": "etag", "chunk_size": bytes.len(),
    });
    let upload = opened["upload_id"].as_str().unwrap();
    let report = json!({ "completed_chunks": [chunk] });
    let reported = send_json(&emulator, "POST", &format!("{path}/{upload}"), &report);
    assert_eq!(reported.status, 200, "{reported:?}");
    let asset = opened["asset_id"].as_str().unwrap();
    let path = format!("/v1.3/assets/{asset}");
    for _ in 0..500 {
        if get(&emulator, &path).json()["status"] == "ready" {
            break;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    assert_eq!(rendition(&emulator, asset)["error"], Value::Null);
    let shown = get(&emulator, &path).json();
    assert_eq!(fetch(&emulator, &shown["hls"]["manifest_url"]).status, 200);
    assert_eq!(shown["thumbnail"]["status"], "ready");
}
