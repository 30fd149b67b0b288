//! Entities and their collections, on the pure handler.

use serde_json::{Value, json};
use tl_emulator::platform::{Payload, Settings};

use crate::{
    assets,
    world::{Response, World, facts},
};

/// Creates an image asset.
fn image(world: &mut World, key: &str) -> String {
    let sent = assets::send(world, key, "face.png", Ok(facts(640, 480, 0.0)), &[]);
    sent.body["_id"].as_str().unwrap().to_owned()
}

/// Creates a collection and returns its path.
fn collection(world: &mut World, name: &str) -> String {
    let created = world.json("POST", "/entity-collections", &json!({ "name": name }));
    assert_eq!(created.status, 201, "{created:?}");
    format!(
        "/entity-collections/{}",
        created.body["_id"].as_str().unwrap()
    )
}

fn entity(world: &mut World, collection: &str, name: &str, asset: &str) -> Response {
    let body = json!({ "name": name, "asset_ids": [asset], "metadata": { "team": 7 } });
    world.json("POST", &format!("{collection}/entities"), &body)
}

fn names(page: &Response) -> Vec<&str> {
    let items = page.body["data"].as_array().unwrap().iter();
    items.map(|item| item["name"].as_str().unwrap()).collect()
}

/// Requests every operation on entities once.
pub(crate) fn every_operation(world: &mut World) {
    let (first, second) = (image(world, "e1"), image(world, "e2"));
    world.wait(1000);
    let body = json!({ "name": "people", "description": "of the club" });
    let created = world.json("POST", "/entity-collections", &body);
    let path = format!(
        "/entity-collections/{}",
        created.body["_id"].as_str().unwrap()
    );
    world.get("/entity-collections");
    world.get(&path);
    world.json("PATCH", &path, &json!({ "name": "players" }));
    let body = json!({
        "name": "Ada", "description": "keeper", "asset_ids": [first], "metadata": { "team": 7 },
    });
    let created = world.json("POST", &format!("{path}/entities"), &body);
    let entity = format!("{path}/entities/{}", created.body["_id"].as_str().unwrap());
    let body = json!({ "entities": [
        { "name": "Bob", "asset_ids": [second] },
        { "name": "Eve", "asset_ids": ["aaaaaaaaaaaaaaaaaaaaaaaa"] },
    ] });
    world.json("POST", &format!("{path}/entities/bulk"), &body);
    world.get(&format!("{path}/entities"));
    world.get(&format!("/assets/{first}/entities"));
    world.get(&entity);
    world.json("PATCH", &entity, &json!({ "description": "left" }));
    let assets = format!("{entity}/assets");
    world.json("POST", &assets, &json!({ "asset_ids": [second] }));
    world.json("DELETE", &assets, &json!({ "asset_ids": [first] }));
    world.request("DELETE", &entity, Payload::None);
    world.request("DELETE", &path, Payload::None);
}

#[test]
fn entity_is_ready_after_processing() {
    let mut world = World::new(Settings::default());
    let asset = image(&mut world, "a");
    world.wait(1000);
    let path = collection(&mut world, "people");
    let created = entity(&mut world, &path, "Ada", &asset);
    assert_eq!(
        (created.status, &created.body["status"]),
        (201, &json!("processing"))
    );
    let list = format!("{path}/entities?status=ready");
    assert_eq!(names(&world.get(&list)), [""; 0]);
    world.wait(1000);
    assert_eq!(names(&world.get(&list)), ["Ada"]);
    let of_asset = world.get(&format!("/assets/{asset}/entities"));
    assert_eq!(names(&of_asset), ["Ada"]);
    assert_eq!(of_asset.body["data"][0]["metadata"], json!({ "team": 7 }));
}

#[test]
fn lists_are_sorted_by_name_and_filtered() {
    let mut world = World::new(Settings::default());
    let asset = image(&mut world, "a");
    world.wait(1000);
    let path = collection(&mut world, "b");
    for name in ["c", "a"] {
        collection(&mut world, name);
    }
    let mut listed = |query: &str| {
        let page = world.get(&format!("/entity-collections?{query}"));
        names(&page).join(",")
    };
    assert_eq!(listed("sort_by=name&sort_option=asc"), "a,b,c");
    assert_eq!(listed("sort_by=name"), "c,b,a");
    assert_eq!(listed("sort_by=name&page_limit=2&page=2"), "a");
    assert_eq!(listed("name=b"), "b");
    for name in ["z", "y"] {
        entity(&mut world, &path, name, &asset);
    }
    let page = world.get(&format!("{path}/entities?sort_by=name&sort_option=asc"));
    assert_eq!(names(&page), ["y", "z"]);
    assert_eq!(
        world.get(&format!("{path}/entities?status=new")).status,
        400
    );
    assert_eq!(world.get("/assets?sort_by=name").status, 400);
}

#[test]
fn updates_replace_metadata_and_keep_the_rest() {
    let mut world = World::new(Settings::default());
    let asset = image(&mut world, "a");
    world.wait(1000);
    let path = collection(&mut world, "people");
    let created = entity(&mut world, &path, "Ada", &asset);
    let path = format!("{path}/entities/{}", created.body["_id"].as_str().unwrap());
    let update = json!({ "metadata": { "role": "keeper" } });
    let updated = world.json("PATCH", &path, &update).body;
    assert_eq!(updated["metadata"], json!({ "role": "keeper" }));
    assert_eq!(
        (&updated["name"], &updated["asset_ids"]),
        (&json!("Ada"), &json!([asset]))
    );
    assert_eq!(world.get(&path).body, updated);
}

#[test]
fn bulk_reports_what_failed() {
    let mut world = World::new(Settings::default());
    let (asset, video) = (image(&mut world, "a"), {
        let sent = assets::send(&mut world, "v", "a.mp4", Ok(facts(640, 360, 9.0)), &[]);
        sent.body["_id"].as_str().unwrap().to_owned()
    });
    world.wait(1000);
    let path = collection(&mut world, "people");
    let body = json!({ "entities": [
        { "name": "Ada", "asset_ids": [asset] },
        { "name": "Bob", "asset_ids": [video] },
        { "name": "Eve", "asset_ids": ["aaaaaaaaaaaaaaaaaaaaaaaa"] },
    ] });
    let result = world.json("POST", &format!("{path}/entities/bulk"), &body);
    assert_eq!(result.status, 201);
    let count = |name: &str| result.body[name].as_u64();
    assert_eq!(
        (count("success_count"), count("failed_count")),
        (Some(1), Some(2))
    );
    let failed = |at: usize| {
        let error: &Value = &result.body["errors"][at];
        (error["entity_index"].clone(), error["entity_name"].clone())
    };
    assert_eq!(failed(0), (json!(1), json!("Bob")));
    assert_eq!(failed(1), (json!(2), json!("Eve")));
}

#[test]
fn assets_are_added_once_and_the_last_one_stays() {
    let mut world = World::new(Settings::default());
    let (first, second) = (image(&mut world, "a"), image(&mut world, "b"));
    world.wait(1000);
    let path = collection(&mut world, "people");
    let created = entity(&mut world, &path, "Ada", &first);
    let path = format!("{path}/entities/{}", created.body["_id"].as_str().unwrap());
    world.wait(1000);
    let assets = format!("{path}/assets");
    // Nothing changes, so the entity stays ready.
    let again = world.json("POST", &assets, &json!({ "asset_ids": [first] }));
    assert_eq!(again.body["status"], "ready");
    let both = world.json("POST", &assets, &json!({ "asset_ids": [second, second] }));
    assert_eq!(both.body["asset_ids"], json!([first, second]));
    assert_eq!(both.body["status"], "processing");
    let all = world.json("DELETE", &assets, &json!({ "asset_ids": [first, second] }));
    assert_eq!(all.status, 400);
    let one = world.json("DELETE", &assets, &json!({ "asset_ids": [first] }));
    assert_eq!(one.body["asset_ids"], json!([second]));
}

#[test]
fn deleting_a_collection_deletes_its_entities_only() {
    let mut world = World::new(Settings::default());
    let asset = image(&mut world, "a");
    world.wait(1000);
    let path = collection(&mut world, "people");
    let other = collection(&mut world, "others");
    entity(&mut world, &path, "Ada", &asset);
    entity(&mut world, &other, "Bob", &asset);
    assert_eq!(world.request("DELETE", &path, Payload::None).status, 204);
    assert_eq!(world.get(&path).status, 404);
    let of_asset = world.get(&format!("/assets/{asset}/entities"));
    assert_eq!(names(&of_asset), ["Bob"]);
    assert_eq!(world.get(&format!("/assets/{asset}")).status, 200);
}

#[test]
fn invalid_entities_are_refused() {
    let mut world = World::new(Settings::default());
    let asset = image(&mut world, "a");
    let path = collection(&mut world, "people");
    // The asset is still processing.
    assert_eq!(entity(&mut world, &path, "Ada", &asset).status, 400);
    world.wait(1000);
    let list = json!({ "name": "Ada", "asset_ids": [asset], "metadata": { "teams": ["a"] } });
    let refused = world.json("POST", &format!("{path}/entities"), &list);
    assert_eq!(
        (refused.status, &refused.body["code"]),
        (400, &json!("parameter_invalid"))
    );
    let nowhere = "/entity-collections/aaaaaaaaaaaaaaaaaaaaaaaa/entities";
    let body = json!({ "name": "Ada", "asset_ids": [asset] });
    assert_eq!(world.json("POST", nowhere, &body).status, 404);
    assert_eq!(world.get("/entity-collections/x").status, 400);
    let created = entity(&mut world, &path, "Ada", &asset);
    let assets = format!(
        "{path}/entities/{}/assets",
        created.body["_id"].as_str().unwrap()
    );
    for method in ["POST", "DELETE"] {
        let refused = world.json(method, &assets, &json!({ "asset_ids": ["x"] }));
        assert_eq!(refused.status, 400, "{method}");
    }
}
