//! Lists: pagination, ordering and every documented filter.

use proptest::prelude::*;
use serde_json::Value;
use tl_emulator::platform::Settings;

use crate::world::{World, facts};

fn ids(body: &Value) -> Vec<String> {
    let data = body["data"].as_array().unwrap();
    data.iter()
        .map(|item| item["_id"].as_str().unwrap().to_owned())
        .collect()
}

/// Creates three different videos; their names are in creation order.
fn three() -> (World, String, Vec<(String, String)>) {
    let mut world = World::new(Settings::default());
    let index = world.index("clips");
    let mut made = Vec::new();
    for (name, width, height, seconds, metadata) in [
        (
            "a.mp4",
            640,
            360,
            10.0,
            r#"{"category":"old","n":5,"ok":true}"#,
        ),
        ("b.mp4", 1280, 720, 20.5, r#"{"category":"recent","n":5}"#),
        (
            "c.mp4",
            1920,
            1080,
            30.0,
            r#"{"tags":["x","y"],"rating":9.5}"#,
        ),
    ] {
        let response = world.upload(
            &index,
            name,
            Ok(facts(width, height, seconds)),
            &[("user_metadata", metadata)],
        );
        let id = |key: &str| response.body[key].as_str().unwrap().to_owned();
        made.push((id("_id"), id("video_id")));
        world.wait(1000);
    }
    // The last one is still processing.
    let response = world.upload(&index, "d.mp4", Ok(facts(640, 640, 40.0)), &[]);
    let id = |key: &str| response.body[key].as_str().unwrap().to_owned();
    made.push((id("_id"), id("video_id")));
    (world, index, made)
}

/// The letters of the items returned for `query`, in order.
fn check(query: &str, expected: &str) {
    let (mut world, index, made) = three();
    let is_video = query.starts_with("videos");
    let path = match query.strip_prefix("videos") {
        Some(rest) => format!("/indexes/{index}/videos{rest}"),
        None => format!("/{}", query.replace("INDEX", &index)),
    };
    let response = world.get(&path);
    assert_eq!(response.status, 200, "{query}: {response:?}");
    let letters: String = ids(&response.body)
        .iter()
        .map(|id| {
            let at = made
                .iter()
                .position(|(task, video)| if is_video { video == id } else { task == id });
            char::from(b'a' + u8::try_from(at.unwrap()).unwrap())
        })
        .collect();
    assert_eq!(letters, expected, "{query}");
    assert_eq!(
        response.body["page_info"]["total_results"],
        expected.len(),
        "{query}"
    );
}

#[test]
fn tasks_are_filtered_and_ordered_as_documented() {
    for (query, expected) in [
        ("tasks", "dcba"),
        ("tasks?sort_option=asc", "abcd"),
        ("tasks?sort_by=updated_at&sort_option=desc", "dcba"),
        ("tasks?index_id=INDEX", "dcba"),
        ("tasks?index_id=aaaaaaaaaaaaaaaaaaaaaaaa", ""),
        ("tasks?status=ready", "cba"),
        ("tasks?status=ready&status=validating", "dcba"),
        ("tasks?status=ready,validating", "dcba"),
        ("tasks?status=failed", ""),
        ("tasks?filename=b.mp4", "b"),
        ("tasks?filename=B", ""),
        ("tasks?duration=20.5", "b"),
        ("tasks?width=640", "da"),
        ("tasks?height=360", "a"),
        ("tasks?width=640&height=640", "d"),
        ("tasks?created_at=2026-11-21T12:00:01Z", "dcb"),
        ("tasks?created_at=2026-11-21T13:00:01%2B01:00", "dcb"),
        ("tasks?updated_at=2026-11-21T12:00:01.801Z", "dc"),
    ] {
        check(query, expected);
    }
}

#[test]
fn videos_are_filtered_and_ordered_as_documented() {
    for (query, expected) in [
        ("videos", "cba"),
        ("videos?sort_option=asc", "abc"),
        ("videos?filename=a.mp4", "a"),
        ("videos?duration=10", "a"),
        ("videos?duration%5Bgte%5D=20&duration%5Blte%5D=25", "b"),
        ("videos?fps=25", "cba"),
        ("videos?fps[gte]=26", ""),
        ("videos?width[gte]=1280", "cb"),
        ("videos?height=720", "b"),
        ("videos?size=10000", "a"),
        ("videos?size[lte]=20500", "ba"),
        ("videos?category=recent", "b"),
        ("videos?n=5", "ba"),
        ("videos?n=5.0&category=old", "a"),
        ("videos?ok=true", "a"),
        ("videos?ok=false", ""),
        ("videos?tags=y", "c"),
        ("videos?rating=9.5", "c"),
        ("videos?nothing=1", ""),
        ("videos?created_at=2026-11-21T12:00:02Z", "c"),
        ("videos?updated_at=2026-11-21T12:00:01.8Z", "cb"),
    ] {
        check(query, expected);
    }
}

#[test]
fn indexes_are_filtered_and_ordered_as_documented() {
    let mut world = World::new(Settings::default());
    let mut made = Vec::new();
    for (name, options) in [
        ("a", vec!["visual"]),
        ("b", vec!["audio"]),
        ("c", vec!["visual", "audio"]),
    ] {
        let body = serde_json::json!({
            "index_name": name,
            "models": [{ "model_name": "marengo3.0", "model_options": options }],
            "addons": ["thumbnail"],
        });
        made.push(
            world.json("POST", "/indexes", &body).body["_id"]
                .as_str()
                .unwrap()
                .to_owned(),
        );
        world.wait(1000);
    }
    world.json(
        "PUT",
        &format!("/indexes/{}", made[0]),
        &serde_json::json!({ "index_name": "A" }),
    );
    for (query, expected) in [
        ("", "cba"),
        ("?sort_option=asc", "abc"),
        ("?sort_by=updated_at", "acb"),
        ("?index_name=b", "b"),
        ("?index_name=a", ""),
        ("?model_options=visual", "ca"),
        ("?model_options=visual,audio", "c"),
        ("?model_family=marengo", "cba"),
        ("?model_family=pegasus", ""),
        ("?created_at=2026-11-21T12:00:01Z", "cb"),
        ("?updated_at=2026-11-21T12:00:03Z", "a"),
    ] {
        let response = world.get(&format!("/indexes{query}"));
        let letters: String = ids(&response.body)
            .iter()
            .map(|id| {
                char::from(
                    b'a' + u8::try_from(made.iter().position(|other| other == id).unwrap())
                        .unwrap(),
                )
            })
            .collect();
        assert_eq!(letters, expected, "{query}: {response:?}");
    }
}

#[test]
fn page_beyond_the_end_is_empty() {
    let (mut world, _, _) = three();
    let body = world.get("/tasks?page=7&page_limit=3").body;
    assert_eq!(ids(&body), [""; 0]);
    assert_eq!(
        body["page_info"],
        serde_json::json!({ "limit_per_page": 3, "page": 7, "total_page": 2, "total_results": 4 })
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn pages_cover_each_item_once_in_order(count in 0_usize..60, limit in 1_usize..51, asc: bool) {
        let mut world = World::new(Settings::default());
        let index = world.index("clips");
        let mut made: Vec<String> = (0..count)
            .map(|at| {
                if at % 3 == 0 { world.wait(1); }
                world.task(&index, "a.mp4").0
            })
            .collect();
        if !asc { made.reverse(); }
        let order = if asc { "asc" } else { "desc" };
        let mut seen = Vec::new();
        for page in 1.. {
            let body = world.get(&format!("/tasks?page={page}&page_limit={limit}&sort_option={order}")).body;
            let ids = ids(&body);
            prop_assert_eq!(body["page_info"]["total_page"].as_u64().unwrap() as usize, count.div_ceil(limit));
            if ids.is_empty() { break; }
            prop_assert!(ids.len() <= limit);
            seen.extend(ids);
        }
        prop_assert_eq!(seen, made);
    }
}
