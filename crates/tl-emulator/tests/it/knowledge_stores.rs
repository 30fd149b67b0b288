//! Knowledge stores, their items and collections, and searches, on the pure handler.

use serde_json::{Value, json};
use tl_emulator::platform::{Payload, Settings};

use crate::{
    assets,
    world::{KEY, Response, World, facts},
};

pub(crate) fn text(response: &Response, name: &str) -> String {
    let found = response.body[name].as_str();
    found
        .unwrap_or_else(|| panic!("{name}: {response:?}"))
        .to_owned()
}

/// Creates an asset: a video of `seconds`, or an image if that is 0.
pub(crate) fn asset(world: &mut World, key: &str, filename: &str, seconds: f64) -> String {
    let sent = assets::send(world, key, filename, Ok(facts(640, 360, seconds)), &[]);
    text(&sent, "_id")
}

/// Creates a store and returns its path.
pub(crate) fn store(world: &mut World, name: &str) -> String {
    let created = world.json("POST", "/knowledge-stores", &json!({ "name": name }));
    assert_eq!(created.status, 201, "{created:?}");
    format!("/knowledge-stores/{}", text(&created, "_id"))
}

/// Adds an asset and returns the id of the item.
pub(crate) fn item(world: &mut World, store: &str, asset: &str, metadata: &Value) -> String {
    let body = json!({ "asset_id": asset, "metadata": metadata });
    let created = world.json("POST", &format!("{store}/items"), &body);
    assert_eq!(created.status, 202, "{created:?}");
    text(&created, "_id")
}

/// A store with a video of 20 s and an image, both ready.
fn filled(world: &mut World) -> (String, String, String) {
    let video = asset(world, "v", "final-match.mp4", 20.0);
    let image = asset(world, "i", "stadium.png", 0.0);
    world.wait(1000);
    let path = store(world, "matches");
    let video = item(world, &path, &video, &json!({ "team": "red" }));
    let image = item(world, &path, &image, &json!({ "team": "blue" }));
    world.wait(1000);
    (path, video, image)
}

fn search(world: &mut World, store: &str, body: &Value) -> Response {
    world.json("POST", &format!("{store}/search"), body)
}

/// The items of the hits, in order.
fn found(hits: &Response) -> Vec<&str> {
    let hits = hits.body["data"].as_array().unwrap().iter();
    hits.map(|hit| hit["item_id"].as_str().unwrap()).collect()
}

/// Requests every operation once.
pub(crate) fn every_operation(world: &mut World) {
    let (video, image) = (
        asset(world, "ks-v", "match.mp4", 20.0),
        asset(world, "ks-i", "logo.png", 0.0),
    );
    world.wait(1000);
    let schema = json!({
        "type": "object",
        "properties": { "goal": { "type": "boolean", "description": "whether a goal is shot" } },
    });
    let configs = [
        json!({ "type": "json_schema", "json_schema": schema }),
        json!({ "type": "description", "description": "who scores" }),
    ];
    let mut path = String::new();
    for config in configs {
        let body = json!({
            "name": "matches", "description": "of the season", "metadata": { "year": "2026" },
            "ingestion_config": { "enrichment_config": config },
        });
        let created = world.json("POST", "/knowledge-stores", &body);
        path = format!("/knowledge-stores/{}", text(&created, "_id"));
        world.get(&path);
        world.json("PATCH", &path, &json!({ "name": "games" }));
    }
    world.get("/knowledge-stores");
    let item = item(world, &path, &video, &json!({ "team": "red" }));
    self::item(world, &path, &image, &json!({}));
    world.wait(1000);
    world.get(&format!("{path}/items"));
    world.get(&format!("{path}/items/{item}"));
    let body = json!({ "query": { "text": "goal" }, "include_metadata": true, "page_size": 2 });
    search(world, &path, &body);
    let collections = format!("{path}/item-collections");
    let body = json!({ "name": "finals", "description": "d", "metadata": { "a": "b" } });
    let created = world.json("POST", &collections, &body);
    let collection = format!("{collections}/{}", text(&created, "_id"));
    world.get(&collections);
    world.get(&collection);
    world.json("PATCH", &collection, &json!({ "name": "semifinals" }));
    let ids = json!({ "item_ids": [item] });
    world.json("POST", &format!("{collection}/items/add"), &ids);
    world.get(&format!("{collection}/items"));
    world.json("POST", &format!("{collection}/items/remove"), &ids);
    world.request("DELETE", &collection, Payload::None);
    world.request("DELETE", &format!("{path}/items/{item}"), Payload::None);
    world.request("DELETE", &path, Payload::None);
}

#[test]
fn items_pass_through_all_statuses() {
    let mut world = World::new(Settings::default());
    let video = asset(&mut world, "v", "a.mp4", 20.0);
    world.wait(1000);
    let path = store(&mut world, "matches");
    let id = item(&mut world, &path, &video, &json!({}));
    let mut seen = Vec::new();
    for _ in 0..8 {
        seen.push(text(&world.get(&format!("{path}/items/{id}")), "status"));
        world.wait(100);
    }
    seen.dedup();
    assert_eq!(seen, ["queued", "pending", "processing", "ready"]);
    let listed = world.get(&format!("{path}/items?status=ready&status=failed"));
    assert_eq!(listed.body["data"][0]["system_metadata"]["duration"], 20);
    assert_eq!(world.get(&format!("{path}/items?status=new")).status, 400);
    assert_eq!(world.get(&path).body["item_count"], 1);
}

#[test]
fn hits_are_ranked_by_shared_words_and_repeat() {
    let mut world = World::new(Settings::default());
    let (path, video, image) = filled(&mut world);
    let hits = search(
        &mut world,
        &path,
        &json!({ "query": { "text": "the blue stadium" } }),
    );
    assert_eq!(found(&hits)[0], image);
    assert_eq!(hits.body["data"][0].get("matches"), None);
    let hits = search(
        &mut world,
        &path,
        &json!({ "query": { "text": "red match" } }),
    );
    assert_eq!(found(&hits)[0], video);
    let clip = &hits.body["data"][0]["matches"][0];
    let (start, end) = (
        clip["start_sec"].as_f64().unwrap(),
        clip["end_sec"].as_f64().unwrap(),
    );
    assert!(0.0 <= start && start < end && end <= 20.0, "{clip}");
    assert_eq!(clip["modalities"], json!(["visual"]));
    assert_eq!(
        hits.body["effective_search_options"],
        json!({ "video": { "modalities": ["visual"] } })
    );
    let again = search(
        &mut world,
        &path,
        &json!({ "query": { "text": "red match" } }),
    );
    assert_eq!(again.body, hits.body);
}

#[test]
fn answer_header_says_that_hits_are_generated() {
    let mut world = World::new(Settings::default());
    let (path, ..) = filled(&mut world);
    let body = json!({ "query": { "text": "goal" } }).to_string();
    let request = http::Request::post(format!("/v1.3{path}/search"))
        .header("x-api-key", KEY)
        .header("content-type", "application/json")
        .body(Payload::Json(body.into()))
        .unwrap();
    let reply = world.handle(request);
    assert_eq!(reply.response.headers()["x-emulator-answer"], "generated");
}

#[test]
fn filters_and_groups_restrict_the_hits() {
    let mut world = World::new(Settings::default());
    let (path, video, image) = filled(&mut world);
    let mut hits = |more: Value| {
        let mut body = json!({ "query": { "text": "goal" } });
        body.as_object_mut()
            .unwrap()
            .extend(more.as_object().unwrap().clone());
        search(&mut world, &path, &body)
    };
    let images = hits(json!({ "filter": { "asset_type": { "eq": "image" } } }));
    assert_eq!(found(&images), [image.as_str()]);
    assert_eq!(images.body["effective_search_options"], json!({}));
    let one = hits(json!({ "filter": { "item_id": { "in": [video] } } }));
    assert_eq!(found(&one), [video.as_str(); 3]);
    let grouped = hits(json!({ "group_by": "item", "include_metadata": true }));
    let mut ids = found(&grouped);
    ids.sort_unstable();
    let mut expected = [video.as_str(), image.as_str()];
    expected.sort_unstable();
    assert_eq!(ids, expected);
    let of_video = grouped.body["data"].as_array().unwrap().iter();
    let of_video = of_video
        .clone()
        .find(|hit| hit["item_id"] == video.as_str());
    let of_video = of_video.unwrap();
    assert_eq!(of_video["matches"].as_array().unwrap().len(), 3);
    assert_eq!(of_video["metadata"]["user"], json!({ "team": "red" }));
    // A silent video matches by its picture only.
    let options = json!({ "video": { "modalities": ["audio"] } });
    let audio = hits(json!({ "search_options": options }));
    assert_eq!(found(&audio), [image.as_str()]);
}

#[test]
fn page_tokens_continue_the_search_and_expire() {
    let mut world = World::new(Settings::default());
    let (path, ..) = filled(&mut world);
    let all = search(&mut world, &path, &json!({ "query": { "text": "goal" } }));
    let first = search(
        &mut world,
        &path,
        &json!({ "query": { "text": "goal" }, "page_size": 3 }),
    );
    let token = text(&first, "next_page_token");
    // The other members are ignored, even if they are not allowed.
    let next = json!({ "query": { "text": "x" }, "page_token": token, "group_by": "item" });
    let second = search(&mut world, &path, &next);
    assert_eq!([found(&first), found(&second)].concat(), found(&all));
    assert_eq!(second.body["data"][0]["rank"], 4);
    assert_eq!(second.body.get("next_page_token"), None);

    let other = store(&mut world, "others");
    assert_eq!(search(&mut world, &other, &next).status, 400);
    let mut wrong = next.clone();
    wrong["page_token"] = json!(format!("{token}00"));
    assert_eq!(search(&mut world, &path, &wrong).status, 400);
    wrong["page_token"] = json!("ä");
    assert_eq!(search(&mut world, &path, &wrong).status, 400);
    world.wait(15 * 60 * 1000);
    let expired = search(&mut world, &path, &next);
    assert_eq!(
        (expired.status, text(&expired, "code")),
        (410, "page_token_expired".to_owned())
    );
}

#[test]
fn collections_hold_each_item_once() {
    let mut world = World::new(Settings::default());
    let (path, video, image) = filled(&mut world);
    let collections = format!("{path}/item-collections");
    let created = world.json("POST", &collections, &json!({ "name": "finals" }));
    let collection = format!("{collections}/{}", text(&created, "_id"));
    let ids = json!({ "item_ids": [video, image, video] });
    let added = world.json("POST", &format!("{collection}/items/add"), &ids);
    assert_eq!(added.body["member_count"], 2);
    let taken = world.json("POST", &collections, &json!({ "name": "finals" }));
    assert_eq!(taken.status, 400);
    // A deleted item leaves its collections.
    world.request("DELETE", &format!("{path}/items/{image}"), Payload::None);
    assert_eq!(world.get(&collection).body["member_count"], 1);
    let ids = json!({ "item_ids": [image] });
    let unknown = world.json("POST", &format!("{collection}/items/add"), &ids);
    assert_eq!(unknown.status, 400);
    let removed = world.json("POST", &format!("{collection}/items/remove"), &ids);
    assert_eq!((removed.status, &removed.body), (204, &Value::Null));
    let listed = world.get(&format!("{collection}/items"));
    assert_eq!(listed.body["data"][0]["_id"], video);
}

#[test]
fn deleting_a_store_keeps_its_assets() {
    let mut world = World::new(Settings::default());
    let (path, video, _) = filled(&mut world);
    let asset = text(&world.get(&format!("{path}/items/{video}")), "asset_id");
    assert_eq!(world.request("DELETE", &path, Payload::None).status, 204);
    assert_eq!(world.get(&format!("{path}/items")).status, 404);
    assert_eq!(world.get(&format!("/assets/{asset}")).status, 200);
}

#[test]
fn invalid_requests_are_refused() {
    let mut world = World::new(Settings::default());
    let video = asset(&mut world, "v", "a.mp4", 20.0);
    let audio = assets::send(&mut world, "a", "a.mp3", Ok(facts(0, 0, 9.0)), &[]);
    let audio = text(&audio, "_id");
    let path = store(&mut world, "matches");
    let items = format!("{path}/items");
    // The asset is still processing.
    let refused = world.json("POST", &items, &json!({ "asset_id": video }));
    assert_eq!(refused.status, 400);
    world.wait(1000);
    let pairs: serde_json::Map<String, Value> = (0..51)
        .map(|number| (number.to_string(), json!(1)))
        .collect();
    let schema = |property: Value| {
        let schema = json!({ "type": "object", "properties": { "a": property } });
        json!({ "name": "a", "ingestion_config": { "enrichment_config": {
            "type": "json_schema", "json_schema": schema } } })
    };
    let cases = [
        (&items, json!({ "asset_id": audio }), 400),
        (
            &items,
            json!({ "asset_id": video, "asset_type": "image" }),
            400,
        ),
        (&items, json!({ "asset_id": video, "metadata": pairs }), 400),
        (
            &items,
            json!({ "asset_id": video, "metadata": { "a": null } }),
            400,
        ),
        (
            &items,
            json!({ "asset_id": "aaaaaaaaaaaaaaaaaaaaaaaa" }),
            400,
        ),
        (&format!("{path}/search"), json!({ "query": {} }), 400),
        (
            &format!("{path}/search"),
            json!({ "query": { "text": "a" }, "page_size": 51 }),
            400,
        ),
        (
            &format!("{path}/search"),
            json!({ "query": { "text": "a" }, "filter": { "item_id": { "eq": "x" } } }),
            400,
        ),
        (&"/knowledge-stores".to_owned(), json!({ "name": "" }), 400),
        (
            &"/knowledge-stores".to_owned(),
            schema(json!({ "type": "string" })),
            422,
        ),
        (
            &"/knowledge-stores".to_owned(),
            schema(json!({ "type": "string", "description": "a", "pattern": "a" })),
            422,
        ),
    ];
    for (path, body, status) in cases {
        let refused = world.json("POST", path, &body);
        assert_eq!(refused.status, status, "{body} {refused:?}");
    }
    assert_eq!(world.get("/knowledge-stores/x").status, 400);
    assert_eq!(world.get("/knowledge-stores?sort_by=name").status, 400);
    let unknown = "ks_018bcfe5-6800-7000-8000-000000000001";
    assert_eq!(
        world.get(&format!("/knowledge-stores/{unknown}")).status,
        404
    );
}
