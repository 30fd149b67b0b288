//! Indexed assets: from a ready asset to a video in an index, with a manual clock.

use serde_json::{Value, json};
use tl_emulator::platform::{Effect, Payload, Settings};

use crate::{
    assets::{asset, send, world_with},
    world::{Response, World, facts},
};

fn index_it(world: &mut World, index: &str, body: &Value) -> Response {
    world.json("POST", &format!("/indexes/{index}/indexed-assets"), body)
}

/// Creates an asset and indexes it. Returns the path of the indexed asset.
fn indexed(world: &mut World, index: &str, filename: &str, seconds: f64, more: Value) -> String {
    let asset_id = asset(world, filename, seconds);
    world.wait(200);
    let mut body = json!({ "asset_id": asset_id });
    if let (Some(body), Value::Object(more)) = (body.as_object_mut(), more) {
        body.extend(more);
    }
    let created = index_it(world, index, &body);
    assert_eq!(created.status, 202, "{created:?}");
    let id = created.body["_id"].as_str().unwrap();
    format!("/indexes/{index}/indexed-assets/{id}")
}

fn statuses(world: &mut World, path: &str) -> Vec<String> {
    let mut seen: Vec<String> = Vec::new();
    for _ in 0..12 {
        let status = world.get(path).body["status"].as_str().unwrap().to_owned();
        if seen.last() != Some(&status) {
            seen.push(status);
        }
        world.wait(100);
    }
    seen
}

#[test]
fn indexed_asset_goes_through_statuses_to_a_video() {
    let mut world = World::new(Settings::default());
    let index = world.index("clips");
    let more = json!({ "user_metadata": { "n": 5, "empty": "" } });
    let path = indexed(&mut world, &index, "a.mp4", 12.5, more);
    insta::assert_json_snapshot!("indexed_asset_pending", world.get(&path).body);
    let video = path.replace("indexed-assets", "videos");
    assert_eq!(world.get(&video).status, 404);
    assert_eq!(
        statuses(&mut world, &path),
        ["pending", "queued", "indexing", "ready"]
    );
    insta::assert_json_snapshot!("indexed_asset_ready", world.get(&path).body);
    let shown = world.get(&video).body;
    assert_eq!(
        (&shown["_id"], &shown["user_metadata"]),
        (&world.get(&path).body["_id"], &json!({ "n": 5 }))
    );
    let counted = world.get(&format!("/indexes/{index}")).body;
    assert_eq!(
        (&counted["video_count"], &counted["total_duration"]),
        (&json!(1), &json!(12.5))
    );
    // It is not listed as a task.
    assert_eq!(world.get("/tasks").body["data"], json!([]));
    let id = path.rsplit('/').next().unwrap();
    assert_eq!(world.get(&format!("/tasks/{id}")).status, 404);
}

#[test]
fn only_ready_and_suitable_assets_are_indexed() {
    let mut world = World::new(Settings::default());
    let index = world.index("clips");
    let early = asset(&mut world, "a.mp4", 9.0);
    let small = send(&mut world, "s", "s.mp4", Ok(facts(320, 180, 9.0)), &[]);
    let small = small.body["_id"].clone();
    let check = |world: &mut World, index: &str, body: Value, expect: (u16, &str)| {
        let response = index_it(world, index, &body);
        let code = response.body["code"].as_str().unwrap_or_default();
        assert_eq!((response.status, code), expect, "{body}: {response:?}");
    };
    let unknown = "0123456789abcdef01234567";
    check(
        &mut world,
        &index,
        json!({ "asset_id": early }),
        (400, "parameter_invalid"),
    );
    world.wait(200);
    check(
        &mut world,
        &index,
        json!({ "asset_id": small }),
        (400, "video_resolution_too_low"),
    );
    check(
        &mut world,
        &index,
        json!({ "asset_id": unknown }),
        (404, "resource_not_exist"),
    );
    check(
        &mut world,
        &index,
        json!({ "asset_id": "x" }),
        (400, "parameter_invalid"),
    );
    check(
        &mut world,
        &index,
        json!({}),
        (400, "parameter_not_provided"),
    );
    check(
        &mut world,
        &index,
        json!({ "asset_id": early, "color": 1 }),
        (400, "parameter_unknown"),
    );
    check(
        &mut world,
        unknown,
        json!({ "asset_id": early }),
        (404, "resource_not_exist"),
    );
    check(&mut world, &index, json!({ "asset_id": early }), (202, ""));
}

#[test]
fn quirks_change_initial_status_and_validation() {
    let quirks = [
        ("indexed-asset-validating", "yes"),
        ("indexed-asset-judgment", "fail"),
        ("asset-not-ready", "409"),
    ];
    let mut world = world_with(&quirks);
    let index = world.index("clips");
    let small = send(&mut world, "s", "s.mp4", Ok(facts(320, 180, 9.0)), &[]);
    let body = json!({ "asset_id": small.body["_id"] });
    assert_eq!(index_it(&mut world, &index, &body).status, 409);
    world.wait(200);
    let created = index_it(&mut world, &index, &body);
    assert_eq!(created.status, 202, "{created:?}");
    let id = created.body["_id"].as_str().unwrap();
    let path = format!("/indexes/{index}/indexed-assets/{id}");
    assert_eq!(statuses(&mut world, &path), ["validating", "failed"]);
    assert_eq!(
        world.get(&format!("/indexes/{index}")).body["video_count"],
        0
    );
    let good = indexed(&mut world, &index, "a.mp4", 9.0, json!({}));
    assert_eq!(
        statuses(&mut world, &good),
        ["validating", "pending", "queued", "indexing", "ready"]
    );
}

#[test]
fn lists_lag_behind_and_single_reads_do_not() {
    let mut world = world_with(&[("list-lag", "30s")]);
    let index = world.index("clips");
    let path = indexed(&mut world, &index, "a.mp4", 9.0, json!({}));
    let listed = |world: &mut World, query: &str| {
        let list = format!("/indexes/{index}/indexed-assets{query}");
        world.get(&list).body["data"].as_array().unwrap().len()
    };
    assert_eq!(world.get(&path).body["status"], "pending");
    assert_eq!(listed(&mut world, ""), 0);
    assert_eq!(world.get("/assets").body["data"], json!([]));
    world.wait(29_900);
    // Created 30 s ago, and ready for a shorter time.
    assert_eq!(listed(&mut world, ""), 0);
    assert_eq!(world.get(&path).body["status"], "ready");
    world.wait(200);
    assert_eq!(listed(&mut world, ""), 1);
    assert_eq!(listed(&mut world, "?status=ready"), 0);
    world.wait(1000);
    assert_eq!(listed(&mut world, "?status=ready"), 1);
    assert_eq!(world.get("/assets").body["data"][0]["filename"], "a.mp4");
}

#[test]
fn filters_match_documented_fields() {
    let mut world = World::new(Settings::default());
    let index = world.index("clips");
    let metadata =
        |category: &str, n: u32| json!({ "user_metadata": { "category": category, "n": n } });
    indexed(&mut world, &index, "one.mp4", 10.0, metadata("old", 1));
    world.wait(1000);
    indexed(&mut world, &index, "two.mp4", 20.0, metadata("new", 2));
    world.wait(1000);
    // The asset takes 200 ms: indexing starts at 2.6 s, so the status is `queued` now.
    indexed(&mut world, &index, "three.mp4", 30.0, metadata("new", 3));
    world.wait(200);
    for (query, expect) in [
        ("", "three two one"),
        ("sort_option=asc", "one two three"),
        ("sort_by=updated_at&sort_option=asc", "one two three"),
        ("page=2&page_limit=2", "one"),
        ("status=ready", "two one"),
        ("status=queued&status=ready", "three two one"),
        ("status=failed", ""),
        ("filename=two.mp4", "two"),
        ("duration%5Bgte%5D=20", "three two"),
        ("duration%5Bgte%5D=15&duration%5Blte%5D=25", "two"),
        ("duration=10", "one"),
        ("width=640", "three two one"),
        ("height%5Blte%5D=359", ""),
        ("fps%5Bgte%5D=24&fps%5Blte%5D=26", "three two one"),
        ("size%5Bgte%5D=20000", "three two"),
        ("user_metadata%5Bcategory%5D=new", "three two"),
        (
            "user_metadata=%7B%22category%22%3A%22new%22%2C%22n%22%3A2%7D",
            "two",
        ),
        ("category=new&n=3", "three"),
        ("category=none", ""),
        ("created_at=2026-11-21T12:00:01Z", "three two"),
        ("updated_at=2026-11-21T12:00:02.001Z", "three"),
    ] {
        let listed = world.get(&format!("/indexes/{index}/indexed-assets?{query}"));
        let items = listed.body["data"]
            .as_array()
            .unwrap_or_else(|| panic!("{query}: {listed:?}"));
        let names = items.iter().map(|item| {
            let name = item["system_metadata"]["filename"].as_str().unwrap();
            name.trim_end_matches(".mp4").to_owned()
        });
        assert_eq!(names.collect::<Vec<_>>().join(" "), expect, "{query}");
        assert!(items.iter().all(|item| item.get("user_metadata").is_none()));
    }
    for query in [
        "status=done",
        "sort_by=size",
        "page=0",
        "created_at=yesterday",
        "duration=x",
    ] {
        let listed = world.get(&format!("/indexes/{index}/indexed-assets?{query}"));
        assert_eq!(listed.status, 400, "{query}: {listed:?}");
    }
}

#[test]
fn metadata_and_deletion_apply_to_both_views() {
    let mut world = World::new(Settings::default());
    let index = world.index("clips");
    let path = indexed(
        &mut world,
        &index,
        "a.mp4",
        9.0,
        json!({ "user_metadata": { "a": 1 } }),
    );
    let patch = json!({ "user_metadata": { "a": null, "b": "x" } });
    assert_eq!(world.json("PATCH", &path, &patch).status, 204);
    world.wait(1000);
    let video = path.replace("indexed-assets", "videos");
    assert_eq!(world.get(&video).body["user_metadata"], json!({ "b": "x" }));
    let patch = json!({ "user_metadata": { "c": true } });
    assert_eq!(world.json("PATCH", &video, &patch).status, 204);
    let both = json!({ "b": "x", "c": true });
    assert_eq!(world.get(&path).body["user_metadata"], both);
    assert_eq!(
        world.get(&path).body["updated_at"],
        world.get(&video).body["updated_at"]
    );

    assert_eq!(world.request("DELETE", &path, Payload::None).status, 204);
    for deleted in [&path, &video] {
        let response = world.get(deleted);
        assert_eq!(
            (response.status, &response.body["code"]),
            (404, &json!("not_found"))
        );
    }
    let path = indexed(&mut world, &index, "b.mp4", 9.0, json!({}));
    let video = path.replace("indexed-assets", "videos");
    world.wait(1000);
    assert_eq!(world.request("DELETE", &video, Payload::None).status, 204);
    assert_eq!(world.get(&path).status, 404);
    // The assets and their files remain.
    assert_eq!(world.get("/assets").body["page_info"]["total_results"], 2);
    let discards = world
        .effects
        .iter()
        .filter(|effect| matches!(effect, Effect::Discard(_)));
    assert_eq!(discards.count(), 0);
}

#[test]
fn deleting_an_index_releases_its_assets() {
    let mut world = World::new(Settings::default());
    let (index, other) = (world.index("clips"), world.index("others"));
    let path = indexed(&mut world, &index, "a.mp4", 9.0, json!({}));
    let elsewhere = path.replace(&index, &other);
    assert_eq!(world.get(&elsewhere).status, 404);
    let asset_id = world.get(&path).body["asset_id"]
        .as_str()
        .unwrap()
        .to_owned();
    world.request("DELETE", &format!("/indexes/{index}"), Payload::None);
    assert_eq!(world.get(&path).status, 404);
    let deleted = world.request("DELETE", &format!("/assets/{asset_id}"), Payload::None);
    assert_eq!(deleted.status, 204);
}

#[test]
fn embeddings_are_returned_and_transcriptions_are_not_implemented() {
    let mut world = World::new(Settings::default());
    let index = world.index("clips");
    let path = indexed(&mut world, &index, "a.mp4", 9.0, json!({}));
    let video = path.replace("indexed-assets", "videos");
    world.wait(10_000);
    for path in [&path, &video] {
        for option in ["visual", "audio", "transcription", "visual-text"] {
            let known = world.get(&format!("{path}?embedding_option={option}"));
            assert_eq!(known.status, 200, "{option}");
            // Without a sidecar, nothing is known about speech.
            let rows = &known.body["embedding"]["video_embedding"]["segments"];
            let expected = usize::from(matches!(option, "visual" | "audio")) * 2;
            assert_eq!(rows.as_array().unwrap().len(), expected, "{option}");
        }
        let spoken = world.get(&format!("{path}?transcription=true"));
        assert_eq!(spoken.status, 501, "{spoken:?}");
        let silent = world.get(&format!("{path}?transcription=false"));
        assert_eq!(silent.status, 200, "{silent:?}");
        let unknown = world.get(&format!("{path}?embedding_option=smell"));
        assert_eq!(
            (unknown.status, &unknown.body["code"]),
            (400, &json!("parameter_invalid"))
        );
    }
}
