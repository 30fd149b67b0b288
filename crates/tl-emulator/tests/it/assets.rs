//! Assets: creation, deferred probing, listing, metadata and deletion.

use std::sync::Arc;

use serde_json::{Value, json};
use tl_emulator::platform::{Effect, Fetched, MediaKey, Payload, Settings, Upload};
use tl_protocol::{
    BytesSource,
    endpoint::{Field, FieldValue},
};
use tl_validate::{MediaFacts, ProbeError, ProbeErrorKind};

use crate::{
    clips::clip,
    raw::{builder, exchange, get, head, send_json},
    world::{Response, World, facts, text},
};

/// Uploads a file with the probe result `probe`, stored under `key`.
pub(crate) fn send(
    world: &mut World,
    key: &str,
    filename: &str,
    probe: Result<MediaFacts, ProbeError>,
    texts: &[(&str, &str)],
) -> Response {
    let mut fields = vec![text("method", "direct")];
    fields.extend(texts.iter().map(|(name, value)| text(name, value)));
    fields.push(Field::new(
        "file".to_owned(),
        FieldValue::File(Arc::new(BytesSource::new(filename, Vec::new()))),
    ));
    let upload = Upload::new(
        "file",
        filename,
        MediaKey::new(key),
        probe.as_ref().map_or(1000, |facts| facts.file_size_bytes),
        probe,
    );
    let uploads = vec![upload];
    world.request("POST", "/assets", Payload::Form { fields, uploads })
}

/// Creates a valid asset.
pub(crate) fn asset(world: &mut World, filename: &str, seconds: f64) -> String {
    let created = send(world, filename, filename, Ok(facts(640, 360, seconds)), &[]);
    assert_eq!(created.status, 201, "{created:?}");
    created.body["_id"].as_str().unwrap().to_owned()
}

pub(crate) fn world_with(quirks: &[(&str, &str)]) -> World {
    let mut settings = Settings::default();
    for (name, value) in quirks {
        settings.quirks.set(name, value).unwrap();
    }
    World::new(settings)
}

fn broken() -> ProbeError {
    ProbeError::new(
        ProbeErrorKind::NotMedia,
        "a.mp4".to_owned(),
        "no video at all".to_owned(),
    )
}

fn delete(world: &mut World, path: &str) -> (u16, Value) {
    let response = world.request("DELETE", path, Payload::None);
    (response.status, response.body["code"].clone())
}

#[test]
fn asset_is_processing_then_ready_with_metadata() {
    let mut world = World::new(Settings::default());
    let texts = [
        ("user_metadata", r#"{"a":1,"empty":"","none":[]}"#),
        ("enable_hls", "true"),
    ];
    let created = send(&mut world, "k", "a.mp4", Ok(facts(640, 360, 12.5)), &texts);
    assert_eq!(created.status, 201);
    insta::assert_json_snapshot!("asset_created", created.body);
    assert_eq!(world.effects[0], Effect::Keep(MediaKey::new("k")));
    let path = format!("/assets/{}", created.body["_id"].as_str().unwrap());
    world.wait(199);
    insta::assert_json_snapshot!("asset_processing", world.get(&path).body);
    world.wait(1);
    insta::assert_json_snapshot!("asset_ready", world.get(&path).body);
    assert_eq!(world.get("/assets").body["data"][0]["status"], "ready");
}

#[test]
fn bad_file_fails_later_or_immediately_by_quirk() {
    let mut world = World::new(Settings::default());
    let created = send(&mut world, "k", "a.mp4", Err(broken()), &[]);
    assert_eq!(
        (created.status, &created.body["status"]),
        (201, &json!("processing"))
    );
    assert_eq!(world.effects, []);
    world.wait(200);
    let path = format!("/assets/{}", created.body["_id"].as_str().unwrap());
    insta::assert_json_snapshot!("asset_failed", world.get(&path).body);

    let mut world = world_with(&[("asset-status", "sync")]);
    let refused = send(&mut world, "k", "a.mp4", Err(broken()), &[]);
    assert_eq!(
        (refused.status, &refused.body["code"]),
        (400, &json!("video_file_broken"))
    );
    let good = send(&mut world, "k", "a.mp4", Ok(facts(640, 360, 9.0)), &[]);
    assert_eq!(good.body["status"], "ready");
}

#[test]
fn model_limits_do_not_apply_to_assets() {
    let mut world = World::new(Settings::default());
    for (name, probe) in [
        ("small", facts(320, 180, 12.0)),
        ("short", facts(640, 360, 1.0)),
        ("long", facts(640, 360, 90_000.0)),
    ] {
        let created = send(&mut world, name, "a.mp4", Ok(probe), &[]);
        world.wait(200);
        let path = format!("/assets/{}", created.body["_id"].as_str().unwrap());
        assert_eq!(world.get(&path).body["status"], "ready", "{name}");
    }
}

#[test]
fn asset_from_url_is_fetched_and_probed() {
    let mut world = World::new(Settings::default());
    let create = |world: &mut World, url: &str| {
        let fields = vec![text("method", "url"), text("url", url)];
        let uploads = Vec::new();
        world.request("POST", "/assets", Payload::Form { fields, uploads })
    };
    let created = create(&mut world, "http://example.com/my%20clip.mov?sig=1").body;
    assert_eq!(
        (
            &created["filename"],
            &created["file_type"],
            &created["method"]
        ),
        (
            &json!("my clip.mov"),
            &json!("video/quicktime"),
            &json!("url")
        )
    );
    let id = created["_id"].as_str().unwrap().to_owned();
    let Some(Effect::Fetch {
        task, max_bytes, ..
    }) = world.effects.last()
    else {
        panic!("no fetch")
    };
    assert_eq!((task, *max_bytes), (&id, Some(4 << 30)));
    assert_eq!(world.platform.unfinished().len(), 1);
    let fetched = Fetched::new(
        MediaKey::new("fetched"),
        "my clip.mov",
        9000,
        Ok(facts(640, 360, 9.0)),
    );
    let now = world.now();
    let effects = world.platform.fetched(now, &id, Ok(fetched));
    assert_eq!(effects, [Effect::Keep(MediaKey::new("fetched"))]);
    world.wait(200);
    assert_eq!(world.get(&format!("/assets/{id}")).body["status"], "ready");

    let missing = create(&mut world, "http://example.com/gone.mp4").body;
    let id = missing["_id"].as_str().unwrap().to_owned();
    let now = world.now();
    let reason = Err("video_url answered 404 Not Found".to_owned());
    assert_eq!(world.platform.fetched(now, &id, reason), []);
    world.wait(200);
    let failed = world.get(&format!("/assets/{id}")).body;
    assert_eq!(failed["error"]["message"], "url answered 404 Not Found");
    let refused = create(&mut world, "file:///etc/passwd");
    assert_eq!(
        (refused.status, &refused.body["code"]),
        (400, &json!("parameter_invalid"))
    );
}

#[test]
fn assets_are_listed_newest_first_and_filtered() {
    let mut world = World::new(Settings::default());
    let mut sound = facts(640, 360, 30.0);
    sound.video_streams.clear();
    sound.duration_seconds = Some(30.0);
    let first = asset(&mut world, "Match One.mp4", 9.0);
    world.wait(10);
    let second = send(&mut world, "s", "match two.mp3", Ok(sound), &[]);
    let second = second.body["_id"].as_str().unwrap().to_owned();
    world.wait(10);
    let third = asset(&mut world, "other.mp4", 9.0);
    let all = [&third, &second, &first];
    for (query, expect) in [
        ("", &all[..]),
        ("?filename=MATCH", &all[1..]),
        ("?asset_types=audio", &all[1..2]),
        ("?asset_types=audio&asset_types=video", &all[..]),
        ("?asset_types=image", &[]),
        (
            &format!("?asset_ids={first}&asset_ids={third}"),
            &[&third, &first],
        ),
        ("?page=2&page_limit=2", &all[2..]),
        ("?filename=nothing", &[]),
    ] {
        let listed = world.get(&format!("/assets{query}"));
        let ids = listed.body["data"].as_array().unwrap();
        let ids: Vec<_> = ids
            .iter()
            .map(|item| item["_id"].as_str().unwrap())
            .collect();
        assert_eq!(ids, expect, "{query}: {listed:?}");
    }
    for query in [
        "?asset_types=film",
        "?asset_ids=x",
        "?page_limit=51",
        "?sort_by=x",
    ] {
        assert_eq!(world.get(&format!("/assets{query}")).status, 400, "{query}");
    }
}

#[test]
fn metadata_is_merged_replaced_and_cleared() {
    let mut world = World::new(Settings::default());
    let id = asset(&mut world, "a.mp4", 9.0);
    let path = format!("/assets/{id}/user-metadata");
    let seen =
        |world: &mut World| world.get(&format!("/assets/{id}")).body["user_metadata"].clone();
    for (method, sent, expect) in [
        (
            "PATCH",
            json!({ "a": 1, "b": "x", "c": true }),
            json!({ "a": 1, "b": "x", "c": true }),
        ),
        (
            "PATCH",
            json!({ "a": null, "b": "", "d": ["y"] }),
            json!({ "b": "x", "c": true, "d": ["y"] }),
        ),
        (
            "PUT",
            json!({ "e": 2.5, "f": "", "g": null, "h": [] }),
            json!({ "e": 2.5 }),
        ),
        ("PUT", json!({}), Value::Null),
        ("PATCH", json!({ "a": 1 }), json!({ "a": 1 })),
    ] {
        let body = json!({ "user_metadata": sent });
        assert_eq!(
            world.json(method, &path, &body).status,
            204,
            "{method} {sent}"
        );
        assert_eq!(seen(&mut world), expect, "{method} {sent}");
    }
    assert_eq!(delete(&mut world, &path).0, 204);
    assert_eq!(seen(&mut world), Value::Null);
    let nested = json!({ "user_metadata": { "a": { "b": 1 } } });
    assert_eq!(world.json("PATCH", &path, &nested).status, 400);
    let unknown = "/assets/0123456789abcdef01234567/user-metadata";
    assert_eq!(
        world
            .json("PUT", unknown, &json!({ "user_metadata": {} }))
            .status,
        404
    );
}

#[test]
fn indexed_asset_is_deleted_only_with_force() {
    let mut world = World::new(Settings::default());
    let index = world.index("clips");
    let id = asset(&mut world, "a.mp4", 9.0);
    world.wait(200);
    let created = world.json(
        "POST",
        &format!("/indexes/{index}/indexed-assets"),
        &json!({ "asset_id": id }),
    );
    assert_eq!(created.status, 202, "{created:?}");
    let path = format!("/assets/{id}");
    let references = world.get(&format!("{path}/indexed-assets")).body;
    assert_eq!(
        references["data"],
        json!([{ "_id": created.body["_id"], "index": { "_id": index, "name": "clips" } }])
    );
    assert_eq!(delete(&mut world, &path), (409, json!("asset_in_use")));
    assert_eq!(delete(&mut world, &format!("{path}?force=false")).0, 409);
    assert_eq!(delete(&mut world, &format!("{path}?force=true")).0, 204);
    assert_eq!(
        world.effects.last(),
        Some(&Effect::Discard(MediaKey::new("a.mp4")))
    );
    assert_eq!(
        delete(&mut world, &path),
        (404, json!("resource_not_exist"))
    );
}

#[test]
fn asset_without_renditions_has_no_rendition_fields() {
    let mut world = World::new(Settings::default());
    let id = asset(&mut world, "a.mp4", 9.0);
    let entities = world.get(&format!("/assets/{id}/entities"));
    assert_eq!((entities.status, &entities.body["data"]), (200, &json!([])));
    for (query, expect) in [
        ("", 404),
        ("?include=words&include=sentences", 404),
        ("?include=words,utterances", 404),
        ("?include=letters", 400),
    ] {
        let response = world.get(&format!("/assets/{id}/transcription{query}"));
        assert_eq!(response.status, expect, "{query}: {response:?}");
    }
    assert_eq!(delete(&mut world, "/assets/multipart-uploads").0, 405);
    assert_eq!(world.get("/assets/x").status, 400);
}

#[test]
fn transcription_of_a_sidecar_is_split_by_the_requested_units() {
    let mut settings = Settings::default();
    let sidecar = json!({"transcript": [
        {"start": 0, "end": 1, "text": "ab cdef", "speaker": "Ada"},
        {"start": 1, "end": 2, "text": "Yes.", "speaker": "Ada"},
        {"start": 2, "end": 3, "text": "No."},
        {"start": 3, "end": 4, "text": "No?"},
    ]});
    settings
        .answers
        .add_sidecar("a.mp4", None, &sidecar.to_string())
        .unwrap();
    let mut world = World::new(settings);
    let id = asset(&mut world, "a.mp4", 9.0);
    let path = format!("/assets/{id}/transcription");
    assert_eq!(world.get(&path).body, json!({"status": "processing"}));
    world.wait(10_000);
    // The default is words.
    let words = world.get(&path).body;
    assert_eq!(
        words["words"][1],
        json!({"start": 0.333, "end": 1, "value": "cdef"})
    );
    assert_eq!(words.as_object().unwrap().len(), 2, "{words}");
    let all = world
        .get(&format!("{path}?include=sentences,utterances"))
        .body;
    assert_eq!(all["sentences"].as_array().unwrap().len(), 4);
    // Two lines of nobody are two turns.
    let turns = all["utterances"].as_array().unwrap();
    assert_eq!(turns.len(), 3);
    assert_eq!(
        turns[0],
        json!({"start": 0, "end": 2, "value": "ab cdef Yes.", "speaker": "Ada"})
    );
    assert_eq!(world.get(&format!("{path}?include=letters")).status, 400);
}

#[test]
fn fault_makes_asset_fail_late_or_hang() {
    let mut world = World::new(Settings::default());
    let plan = r#"{"faults":[
        {"operation":"assets.create","nth":[1],"fail_in":"validating","reason":"the disk burnt"},
        {"operation":"assets.create","nth":[2],"stuck_in":"validating"}]}"#;
    let plan = tl_emulator::FaultPlan::from_json(plan).unwrap();
    world.platform.set_faults(plan).unwrap();
    let (fails, stays) = (
        asset(&mut world, "a.mp4", 9.0),
        asset(&mut world, "b.mp4", 9.0),
    );
    world.wait(10_000_000);
    let failed = world.get(&format!("/assets/{fails}")).body;
    assert_eq!(failed["error"]["message"], "the disk burnt");
    let stuck = world.get(&format!("/assets/{stays}")).body;
    assert_eq!(stuck["status"], "processing");
}

/// A real clip over a real socket: the technical metadata is what the prober measured.
#[test]
fn real_clip_becomes_an_asset_with_probed_metadata() {
    let emulator = builder().start_blocking().unwrap();
    let bytes = std::fs::read(clip("640x360", 5)).unwrap();
    let mut body = b"--XX\r\nContent-Disposition: form-data; name=\"method\"\r\n\r\ndirect\r\n--XX\r\nContent-Disposition: form-data; name=\"file\"; filename=\"../clip.mp4\"\r\n\r\n".to_vec();
    body.extend_from_slice(&bytes);
    body.extend_from_slice(b"\r\n--XX--\r\n");
    let length = body.len().to_string();
    let headers = [
        ("content-type", "multipart/form-data; boundary=XX"),
        ("content-length", length.as_str()),
    ];
    let created = exchange(&emulator, &head("POST", "/v1.3/assets", &headers), &body).unwrap();
    assert_eq!(created.status, 201, "{created:?}");
    emulator.advance(std::time::Duration::from_secs(1));
    let id = created.json()["_id"].as_str().unwrap().to_owned();
    let asset = get(&emulator, &format!("/v1.3/assets/{id}")).json();
    let technical = &asset["technical_metadata"];
    assert_eq!(
        (
            &asset["status"],
            &asset["filename"],
            &asset["size"],
            &asset["file_type"]
        ),
        (
            &json!("ready"),
            &json!("clip.mp4"),
            &json!(bytes.len()),
            &json!("video/mp4")
        )
    );
    assert_eq!(
        (
            &technical["video_codec"],
            &technical["audio_codec"],
            &technical["has_audio"]
        ),
        (&json!("mpeg4"), &json!("aac"), &json!(true))
    );
    assert!(technical.get("duration_source").is_none() && technical.get("probed_with").is_none());
    let index = crate::raw::index(&emulator);
    let path = format!("/v1.3/indexes/{index}/indexed-assets");
    let created = send_json(&emulator, "POST", &path, &json!({ "asset_id": id }));
    let indexed = created.json()["_id"].as_str().unwrap().to_owned();
    let location = format!("location: /indexes/{index}/indexed-assets/{indexed}");
    assert!(created.head.contains(&location), "{}", created.head);
    emulator.advance(std::time::Duration::from_secs(1));
    let video = get(
        &emulator,
        &format!("/v1.3/indexes/{index}/videos/{indexed}"),
    );
    assert_eq!(video.json()["system_metadata"]["width"], 640);
}

#[test]
fn uploads_and_indexing_have_separate_rate_limits() {
    let mut settings = Settings::default();
    settings.plan = tl_emulator::Plan::named("free").unwrap();
    let mut world = World::new(settings);
    let index = world.index("clips");
    let created: Vec<_> = (0..61)
        .map(|count| {
            let key = format!("k{count}");
            send(&mut world, &key, "a.mp4", Ok(facts(640, 360, 5.0)), &[])
        })
        .collect();
    let last = created.last().unwrap();
    assert_eq!(
        (created[59].status, last.status, &last.body["code"]),
        (201, 429, &json!("too_many_requests"))
    );
    world.wait(200);
    let body = json!({ "asset_id": created[0].body["_id"] });
    let path = format!("/indexes/{index}/indexed-assets");
    assert_eq!(world.json("POST", &path, &body).status, 202);
}
