//! From upload to ready video, with a manual clock.

use serde_json::json;
use tl_emulator::platform::{Effect, Fetched, MediaKey, Settings};

use crate::world::{World, facts};

#[test]
fn task_goes_through_documented_statuses() {
    let mut world = World::new(Settings::default());
    let index = world.index("clips");
    let (task, _) = world.task(&index, "a.mp4");
    let mut seen = Vec::new();
    for _ in 0..10 {
        let response = world.get(&format!("/tasks/{task}")).body;
        let line = format!(
            "{} {}",
            response["status"].as_str().unwrap(),
            response["updated_at"].as_str().unwrap()
        );
        if seen.last() != Some(&line) {
            seen.push(line);
        }
        world.wait(100);
    }
    assert_eq!(
        seen,
        [
            "validating 2026-11-21T12:00:00.000Z",
            "pending 2026-11-21T12:00:00.200Z",
            "queued 2026-11-21T12:00:00.400Z",
            "indexing 2026-11-21T12:00:00.600Z",
            "ready 2026-11-21T12:00:00.800Z",
        ]
    );
}

#[test]
fn video_appears_when_its_task_is_ready() {
    let mut world = World::new(Settings::default());
    let index = world.index("clips");
    let metadata = [(
        "user_metadata",
        r#"{"category":"recent","n":5,"empty":"","none":[]}"#,
    )];
    let created = world.upload(&index, "a.mp4", Ok(facts(640, 360, 12.5)), &metadata);
    let video = created.body["video_id"].as_str().unwrap().to_owned();
    let path = format!("/indexes/{index}/videos/{video}");
    world.wait(799);
    assert_eq!(world.get(&path).status, 404);
    assert_eq!(
        world.get(&format!("/indexes/{index}")).body["video_count"],
        0
    );

    world.wait(1);
    insta::assert_json_snapshot!("video", world.get(&path).body);
    insta::assert_json_snapshot!("index", world.get(&format!("/indexes/{index}")).body);
    let task = created.body["_id"].as_str().unwrap();
    insta::assert_json_snapshot!("task", world.get(&format!("/tasks/{task}")).body);
    assert_eq!(world.effects[0], Effect::Keep(MediaKey::new("file1")));
}

#[test]
fn video_without_stream_is_not_stored() {
    let mut world = World::new(Settings::default());
    let index = world.index("clips");
    let created = world.upload(
        &index,
        "a.mp4",
        Ok(facts(640, 360, 12.5)),
        &[("enable_video_stream", "false")],
    );
    assert_eq!((created.status, world.effects), (201, vec![]));
}

#[test]
fn task_is_deletable_after_its_video_is_deleted() {
    let mut world = World::new(Settings::default());
    let index = world.index("clips");
    let (task, video) = world.task(&index, "a.mp4");
    let (task, video) = (
        format!("/tasks/{task}"),
        format!("/indexes/{index}/videos/{video}"),
    );
    let delete = |world: &mut World, path: &str| {
        let response = world.request("DELETE", path, tl_emulator::platform::Payload::None);
        (
            response.status,
            response.body["code"]
                .as_str()
                .unwrap_or_default()
                .to_owned(),
        )
    };
    assert_eq!(
        delete(&mut world, &task),
        (400, "task_cannot_be_deleted".to_owned())
    );
    world.wait(800);
    assert_eq!(
        delete(&mut world, &task),
        (400, "task_cannot_be_deleted".to_owned())
    );
    assert_eq!(delete(&mut world, &video), (204, String::new()));
    assert_eq!(delete(&mut world, &video), (404, "not_found".to_owned()));
    assert_eq!(delete(&mut world, &task), (204, String::new()));
    assert_eq!(
        delete(&mut world, &task),
        (404, "resource_not_exist".to_owned())
    );
    assert_eq!(
        world.effects.last(),
        Some(&Effect::Discard(MediaKey::new("file1")))
    );
}

#[test]
fn deleting_an_index_deletes_its_contents() {
    let mut world = World::new(Settings::default());
    let (index, other) = (world.index("clips"), world.index("others"));
    let (task, _) = world.task(&index, "a.mp4");
    let (kept, _) = world.task(&other, "b.mp4");
    world.wait(800);
    let response = world.request(
        "DELETE",
        &format!("/indexes/{index}"),
        tl_emulator::platform::Payload::None,
    );
    assert_eq!(response.status, 204);
    assert_eq!(world.get(&format!("/tasks/{task}")).status, 404);
    assert_eq!(world.get(&format!("/indexes/{index}/videos")).status, 404);
    assert_eq!(world.status(&kept), "ready");
    assert_eq!(
        world.effects.last(),
        Some(&Effect::Discard(MediaKey::new("file1")))
    );
}

#[test]
fn metadata_is_merged_and_null_deletes() {
    let mut world = World::new(Settings::default());
    let index = world.index("clips");
    let metadata = [("user_metadata", r#"{"a":1,"b":"x","c":true}"#)];
    let created = world.upload(&index, "a.mp4", Ok(facts(640, 360, 12.5)), &metadata);
    let video = created.body["video_id"].as_str().unwrap().to_owned();
    world.wait(1000);
    let path = format!("/indexes/{index}/videos/{video}");
    let patch = json!({ "user_metadata": { "a": 2.5, "b": null, "c": "", "d": ["x", "y"], "never": null } });
    assert_eq!(world.json("PATCH", &path, &patch).status, 204);
    let body = world.get(&path).body;
    assert_eq!(
        body["user_metadata"],
        json!({ "a": 2.5, "c": true, "d": ["x", "y"] })
    );
    assert_eq!(body["updated_at"], "2026-11-21T12:00:01.000Z");
    let nested = json!({ "user_metadata": { "a": { "b": 1 } } });
    let response = world.json("PATCH", &path, &nested);
    assert_eq!(
        (response.status, &response.body["code"]),
        (400, &json!("parameter_invalid"))
    );
}

#[test]
fn url_is_fetched_then_validated_like_a_file() {
    let mut world = World::new(Settings::default());
    let index = world.index("clips");
    let create = |world: &mut World| {
        let url = "http://example.com/dir/my%20clip.mp4?sig=1";
        let created = world.form(&[("index_id", &index), ("video_url", url)]);
        assert_eq!(created.status, 201, "{created:?}");
        created.body["_id"].as_str().unwrap().to_owned()
    };
    let good = create(&mut world);
    let Some(Effect::Fetch {
        task, max_bytes, ..
    }) = world.effects.last()
    else {
        panic!("no fetch")
    };
    assert_eq!((task, *max_bytes), (&good, Some(2 << 30)));
    world.wait(5000);
    let waiting = world.get(&format!("/tasks/{good}")).body;
    assert_eq!(waiting["status"], "uploading");
    assert_eq!(
        waiting["system_metadata"],
        json!({ "filename": "my clip.mp4" })
    );
    let fetched = |width| {
        Ok(Fetched::new(
            MediaKey::new("fetched"),
            "my clip.mp4",
            9,
            Ok(facts(width, 360, 12.0)),
        ))
    };
    let effects = world.platform.fetched(world.now(), &good, fetched(640));
    assert_eq!(effects[0], Effect::Keep(MediaKey::new("fetched")));
    assert_eq!(world.status(&good), "validating");
    world.wait(800);
    assert_eq!(world.status(&good), "ready");

    let small = create(&mut world);
    assert_eq!(
        world.platform.fetched(world.now(), &small, fetched(320)),
        []
    );
    insta::assert_json_snapshot!("refused_url", world.get(&format!("/tasks/{small}")).body);

    let failing = create(&mut world);
    world.platform.fetched(
        world.now(),
        &failing,
        Err("video_url answered 404 Not Found".to_owned()),
    );
    let body = world.get(&format!("/tasks/{failing}")).body;
    assert_eq!(body["status"], "failed");
    assert_eq!(body["error_reason"], "video_url answered 404 Not Found");
    let response = world.request(
        "DELETE",
        &format!("/tasks/{failing}"),
        tl_emulator::platform::Payload::None,
    );
    assert_eq!(response.status, 204);
    assert_eq!(
        world.platform.fetched(world.now(), &failing, fetched(640)),
        []
    );
}

#[test]
fn quirks_change_responses() {
    let with = |name: &str, value: &str| {
        let mut settings = Settings::default();
        settings.quirks.set(name, value).unwrap();
        World::new(settings)
    };
    let mut world = with("created-status", "200");
    let index = world.index("clips");
    assert_eq!(
        world
            .upload(&index, "a.mp4", Ok(facts(640, 360, 9.0)), &[])
            .status,
        200
    );

    let mut world = with("video-id", "same");
    let index = world.index("clips");
    let (task, video) = world.task(&index, "a.mp4");
    assert_eq!(task, video);

    let mut world = with("first-status", "uploading");
    let index = world.index("clips");
    let (task, _) = world.task(&index, "a.mp4");
    assert_eq!(world.status(&task), "uploading");
    world.wait(1000);
    assert_eq!(world.status(&task), "ready");

    let mut world = with("empty-status", "200");
    let index = world.index("clips");
    assert_eq!(
        world
            .json(
                "PUT",
                &format!("/indexes/{index}"),
                &json!({ "index_name": "b" })
            )
            .status,
        200
    );

    let mut world = with("beyond-page-limit", "clamp");
    let page = world.get("/tasks?page_limit=1000").body;
    assert_eq!(page["page_info"]["limit_per_page"], 50);
}

#[test]
fn quirk_defers_failure_of_a_bad_file() {
    let mut world = crate::assets::world_with(&[("file-judgment", "fail")]);
    let index = world.index("clips");
    let made = world.upload(&index, "small.mp4", Ok(facts(320, 180, 12.0)), &[]);
    assert_eq!(made.status, 201, "{made:?}");
    let task = made.body["_id"].as_str().unwrap().to_owned();
    assert_eq!(world.status(&task), "validating");
    world.wait(1000);
    let body = world.get(&format!("/tasks/{task}")).body;
    assert_eq!(body["status"], "failed");
    let reason = body["error_reason"].as_str().unwrap();
    assert!(reason.starts_with("video_resolution_too_low: "), "{reason}");
    let videos = world.get(&format!("/indexes/{index}/videos")).body;
    assert_eq!(videos["page_info"]["total_results"], 0);
    // A file that could not be probed is rejected as well: this is a failure of the emulator.
    let lost = tl_validate::ProbeError::new(
        tl_validate::ProbeErrorKind::HelperFailed,
        "a.mp4".to_owned(),
        "gone".to_owned(),
    );
    assert_eq!(world.upload(&index, "a.mp4", Err(lost), &[]).status, 500);
}
