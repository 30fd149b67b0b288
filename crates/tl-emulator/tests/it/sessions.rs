//! Upload sessions in the API: creation, listing, reports and errors. `presigned.rs` tests the
//! bytes.

use serde_json::{Value, json};
use tl_emulator::platform::{Effect, Payload, Settings};

use crate::world::{Response, World};

fn world(chunk_size: u64, urls: u32) -> World {
    let mut settings = Settings::default();
    settings.chunk_size = chunk_size;
    settings.initial_urls = urls;
    World::new(settings)
}

fn create(world: &mut World, body: &Value) -> Response {
    world.json("POST", "/assets/multipart-uploads", body)
}

/// Creates a session of 120 chunks and returns its path.
fn session(world: &mut World) -> String {
    let body = json!({ "filename": "a.mp4", "type": "video", "total_size": 1195 });
    let created = create(world, &body);
    assert_eq!(created.status, 201, "{created:?}");
    let id = created.body["upload_id"].as_str().unwrap();
    format!("/assets/multipart-uploads/{id}")
}

/// Uploads a chunk to its URL, as the server would.
fn store(world: &mut World, path: &str, index: u32) -> String {
    let payload = json!({ "start": index, "count": 1 });
    let urls = world
        .json("POST", &format!("{path}/presigned-urls"), &payload)
        .body;
    let len = if index == 120 { 5 } else { 10 };
    let head = http::Request::put(urls["upload_urls"][0]["url"].as_str().unwrap())
        .header("content-type", "application/octet-stream")
        .header("content-length", len)
        .body(())
        .unwrap();
    let now = world.now();
    let outcome = world.platform.begin_put(now, &head.into_parts().0);
    let tl_emulator::platform::PutDecision::Take(put) = outcome else {
        panic!("{outcome:?}")
    };
    let mut md5 = [0; 16];
    md5[12..].copy_from_slice(&index.to_be_bytes());
    let reply = world.platform.finish_put(*put, Ok(md5));
    assert!(reply.is_stored, "{reply:?}");
    format!("{index:032x}")
}

fn item(index: u32, proof: &str) -> Value {
    let len = if index == 120 { 5 } else { 10 };
    json!({ "chunk_index": index, "proof": proof, "proof_type": "etag", "chunk_size": len })
}

fn report(world: &mut World, path: &str, items: &[Value]) -> Response {
    world.json("POST", path, &json!({ "completed_chunks": items }))
}

fn counts(response: &Response) -> (u64, u64, u64) {
    let count = |name: &str| response.body[name].as_u64().unwrap();
    (
        count("processed_chunks"),
        count("duplicate_chunks"),
        count("total_completed"),
    )
}

#[test]
fn session_has_chunks_and_initial_urls() {
    let mut world = world(10, 3);
    let body = json!({ "filename": "a.mp4", "type": "video", "total_size": 1195 });
    let mut created = create(&mut world, &body).body;
    let urls = created["upload_urls"].as_array_mut().unwrap();
    let first = urls[0]["url"].as_str().unwrap().to_owned();
    let (location, query) = first
        .split_once("?X-Amz-Algorithm=AWS4%2DHMAC%2DSHA256&")
        .unwrap();
    assert!(
        location.starts_with("http://127.0.0.1/_storage/") && location.ends_with("/1"),
        "{first}"
    );
    assert!(
        query.contains("X-Amz-Expires=3600") && query.contains("&X-Amz-Signature="),
        "{first}"
    );
    for url in urls.iter_mut() {
        url["url"] = json!("URL");
    }
    insta::assert_json_snapshot!("upload_session", created);
}

#[test]
fn invalid_session_is_rejected() {
    let mut world = world(10, 3);
    let good = json!({ "filename": "a.mp4", "type": "video", "total_size": 10 });
    for (name, value, code) in [
        ("total_size", json!(0), "parameter_invalid"),
        ("total_size", json!((10_u64 << 30) + 1), "parameter_invalid"),
        ("total_size", json!("ten"), "parameter_invalid"),
        ("total_size", Value::Null, "parameter_not_provided"),
        ("filename", json!(""), "parameter_invalid"),
        ("filename", json!("x".repeat(256)), "parameter_invalid"),
        ("type", json!("film"), "parameter_invalid"),
        ("color", json!("red"), "parameter_unknown"),
    ] {
        let mut body = good.clone();
        match value.is_null() {
            true => _ = body.as_object_mut().unwrap().remove(name),
            false => body[name] = value,
        }
        let refused = create(&mut world, &body);
        assert_eq!(
            (refused.status, &refused.body["code"]),
            (400, &json!(code)),
            "{name}: {refused:?}"
        );
    }
    let image = json!({ "filename": "a.png", "type": "image", "total_size": (32 << 20) + 1 });
    assert_eq!(create(&mut world, &image).status, 400);
    let largest = json!({ "filename": "a.mp4", "type": "video", "total_size": 10_u64 << 30 });
    let created = create(&mut world, &largest).body;
    // More than 10,000 chunks are rejected, whatever their size.
    assert_eq!(
        (&created["total_chunks"], &created["chunk_size"]),
        (&json!(10_000), &json!(1_073_742))
    );
}

#[test]
fn last_reported_chunk_creates_the_asset() {
    let mut world = world(10, 0);
    let path = session(&mut world);
    let proofs: Vec<String> = (1..=120)
        .map(|index| store(&mut world, &path, index))
        .collect();
    let items: Vec<Value> = (1..=120_u32)
        .rev()
        .zip(proofs.iter().rev())
        .map(|(index, proof)| item(index, proof))
        .collect();
    assert_eq!(
        counts(&report(&mut world, &path, &items[..50])),
        (50, 0, 50)
    );
    assert_eq!(
        counts(&report(&mut world, &path, &items[40..60])),
        (10, 10, 60)
    );
    let twice = [items[60].clone(), items[60].clone()];
    assert_eq!(counts(&report(&mut world, &path, &twice)), (1, 1, 61));

    let state = world.get(&format!("{path}?page=2&page_limit=50")).body;
    assert_eq!(
        (
            &state["chunks_completed"],
            &state["chunks_pending"],
            &state["uploaded_size"],
            &state["status"]
        ),
        (&json!(61), &json!(59), &json!(605), &json!("active"))
    );
    let chunks = state["uploaded_chunks"].as_array().unwrap();
    assert_eq!(
        (
            chunks.len(),
            &chunks[0]["index"],
            &state["page_info"]["total_page"]
        ),
        (50, &json!(51), &json!(3))
    );
    assert_eq!(
        (&chunks[8]["status"], &chunks[8]["uploaded_at"]),
        (&json!("pending"), &Value::Null)
    );
    assert_eq!(
        (&chunks[9]["index"], &chunks[9]["status"]),
        (&json!(60), &json!("completed"))
    );

    let open = world.get("/assets/multipart-uploads").body;
    assert_eq!(open["data"][0]["status"], "active");
    let reserved = report(&mut world, &path, &items[..1]).body["asset_id"]
        .as_str()
        .unwrap()
        .to_owned();
    assert_eq!(world.get(&format!("/assets/{reserved}")).status, 404);
    assert!(world.effects.is_empty());

    assert_eq!(
        counts(&report(&mut world, &path, &items[61..111])),
        (50, 0, 111)
    );
    let last = report(&mut world, &path, &items[111..]);
    assert_eq!(counts(&last), (9, 0, 120));
    assert!(
        last.body["url"].as_str().unwrap().ends_with(&reserved),
        "{last:?}"
    );
    assert!(matches!(&world.effects[..], [Effect::Probe { asset, .. }] if *asset == reserved));
    assert_eq!(
        world.get(&format!("/assets/{reserved}")).body["status"],
        "processing"
    );
    assert_eq!(world.get(&path).body["status"], "completed");
    assert_eq!(
        world.get("/assets/multipart-uploads").body["data"],
        json!([])
    );

    // The response may have been lost: the same report again succeeds and creates no second asset.
    let again = report(&mut world, &path, &items[111..]);
    assert_eq!((again.status, counts(&again)), (200, (0, 9, 120)));
    assert_eq!(world.effects.len(), 1);
    let payload = json!({ "start": 1, "count": 1 });
    assert_eq!(
        world
            .json("POST", &format!("{path}/presigned-urls"), &payload)
            .status,
        400
    );
}

#[test]
fn report_with_one_wrong_chunk_is_rejected() {
    let mut world = world(10, 0);
    let path = session(&mut world);
    let (first, second) = (store(&mut world, &path, 1), store(&mut world, &path, 2));
    let good = item(1, &first);
    let with = |name: &str, value: Value| {
        let mut item = item(2, &second);
        item[name] = value;
        item
    };
    for (name, wrong, code) in [
        (
            "another ETag",
            with("proof", json!(first)),
            "parameter_invalid",
        ),
        (
            "another size",
            with("chunk_size", json!(9)),
            "parameter_invalid",
        ),
        (
            "chunk 0",
            with("chunk_index", json!(0)),
            "parameter_invalid",
        ),
        (
            "beyond the end",
            with("chunk_index", json!(121)),
            "parameter_invalid",
        ),
        ("not uploaded", item(3, &first), "parameter_invalid"),
        (
            "another kind of proof",
            with("proof_type", json!("oath")),
            "parameter_invalid",
        ),
        ("too much", with("color", json!("red")), "parameter_unknown"),
    ] {
        let refused = report(&mut world, &path, &[good.clone(), wrong]);
        assert_eq!(
            (refused.status, &refused.body["code"]),
            (400, &json!(code)),
            "{name}: {refused:?}"
        );
        assert_eq!(world.get(&path).body["chunks_completed"], 0, "{name}");
    }
    for count in [0, 51] {
        let items = vec![good.clone(); count];
        assert_eq!(report(&mut world, &path, &items).status, 400, "{count}");
    }
    let unknown = "/assets/multipart-uploads/0123456789abcdef01234567";
    let refused = report(&mut world, unknown, std::slice::from_ref(&good));
    assert_eq!(
        (refused.status, &refused.body["code"]),
        (404, &json!("not_found"))
    );
    assert_eq!(world.get(unknown).status, 404);
    // The storage quotes the ETag. A quoted proof is accepted.
    let quoted = item(1, &format!("\"{first}\""));
    assert_eq!(
        counts(&report(&mut world, &path, &[quoted, item(2, &second)])),
        (2, 0, 2)
    );
}

#[test]
fn urls_are_issued_for_existing_chunks() {
    let mut world = world(10, 0);
    let path = format!("{}/presigned-urls", session(&mut world));
    for (start, count, expect) in [
        (1, 50, Some(50)),
        (100, 50, Some(21)),
        (120, 1, Some(1)),
        (121, 1, None),
        (0, 1, None),
        (1, 0, None),
        (1, 51, None),
    ] {
        let response = world.json("POST", &path, &json!({ "start": start, "count": count }));
        let got = response.body["upload_urls"].as_array().map(Vec::len);
        assert_eq!(got, expect, "{start} {count}: {response:?}");
        assert_eq!(response.status, if expect.is_some() { 200 } else { 400 });
    }
}

#[test]
fn expired_session_discards_its_file() {
    for (quirk, status) in [("400", 400), ("404", 404), ("403", 403)] {
        let mut settings = Settings::default();
        settings.quirks.set("expired-upload", quirk).unwrap();
        settings.chunk_size = 10;
        let mut world = World::new(settings);
        let path = session(&mut world);
        let proof = store(&mut world, &path, 1);
        world.wait(24 * 3600 * 1000);
        assert_eq!(world.get(&path).body["status"], "expired");
        assert_eq!(report(&mut world, &path, &[item(1, &proof)]).status, status);
        assert_eq!(
            world.get("/assets/multipart-uploads").body["data"][0]["status"],
            "expired"
        );
        session(&mut world);
        assert!(
            matches!(&world.effects[..], [Effect::Discard(_)]),
            "{:?}",
            world.effects
        );
    }
}

#[test]
fn sessions_are_not_listed_as_assets() {
    let mut world = world(10, 0);
    session(&mut world);
    assert_eq!(world.get("/assets").body["data"], json!([]));
    let response = world.request("PATCH", "/assets/multipart-uploads", Payload::None);
    assert_eq!(response.status, 405);
}
