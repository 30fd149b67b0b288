//! Compares responses with the platform's API description: every returned field is documented with
//! its type, and every documented operation and field is returned by some response or listed here
//! with a reason.
//!
//! The table is `fields.txt`. `World` checks every response of every test of the pure handler.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};
use tl_emulator::platform::{Operation, Payload, PutDecision, Settings};

use crate::{
    analyze, assets, chat_responses, connections, embeddings, entities, knowledge_stores, search,
    world::{Response, World, facts, text},
};

/// Fields that the emulator never returns, and why: prefix of the operation, prefix of the field,
/// reason.
const NEVER_RETURNED: [(&str, &str, &str); 17] = [
    (
        "analyze_async.batches.",
        "expired_at",
        "a day must pass: a test of expired batches",
    ),
    (
        "analyze_async.batches.list",
        "data[].expired_at",
        "a day must pass: a test of expired batches",
    ),
    (
        "analyze_async.batches.cancel",
        "completed_at",
        "a completed batch cannot be canceled",
    ),
    ("assets.create", "source", "only an import has a source"),
    (
        "embed.create",
        "audio_embedding.metadata.input_url",
        "no audio is fetched",
    ),
    (
        "embed.create",
        "image_embedding.metadata.input_filename",
        "tests with the official client",
    ),
    (
        "embed.create",
        "text_embedding.error_message",
        "a text never fails alone",
    ),
    (
        "embed.tasks.",
        "video_embedding.metadata.input_url",
        "no video is fetched",
    ),
    (
        "embed.tasks.list",
        "data[].video_embedding.metadata.input_url",
        "no video is fetched",
    ),
    ("indexes.", "transcription", "nothing is transcribed"),
    ("search.", "data[].transcription", "nothing is transcribed"),
    (
        "search.",
        "data[].clips[].transcription",
        "nothing is transcribed",
    ),
    (
        "assets.retrieve_transcription",
        "",
        "nothing is transcribed",
    ),
    (
        "knowledge_stores.search",
        "data[].matches[].transcription",
        "nothing is transcribed",
    ),
    (
        "multipart_upload.get_status",
        "uploaded_chunks[].error",
        "no chunk fails after it was stored",
    ),
    (
        "",
        "technical_metadata",
        "what was measured: tests of real media",
    ),
    (
        "",
        "data[].technical_metadata",
        "what was measured: tests of real media",
    ),
];

/// Fields that depend on the server, which renders stored media. The pure handler alone does not
/// return them.
const BY_THE_SERVER: [&str; 4] = ["hls", "thumbnail", "data[].hls", "clips[].thumbnail"];

type Fields = BTreeMap<String, Vec<String>>;

/// The table: from operation and status to fields and their types.
struct Table(BTreeMap<(String, u16), Fields>);

impl Table {
    fn read() -> Self {
        let mut table = BTreeMap::<_, Fields>::new();
        for line in include_str!("fields.txt")
            .lines()
            .filter(|line| !line.starts_with('#'))
        {
            let line = line.split(" # ").next().unwrap();
            let words: Vec<&str> = line.split(' ').collect();
            let [operation, status, field, kinds] = words[..] else {
                panic!("{line}")
            };
            let fields = table
                .entry((operation.to_owned(), status.parse().unwrap()))
                .or_default();
            if kinds != "empty" {
                let kinds = kinds.split('|').map(str::to_owned).collect();
                let before = fields.insert(field.to_owned(), kinds);
                assert!(before.is_none(), "twice: {line}");
            }
        }
        Self(table)
    }

    /// The deviations of a response: an undocumented status, or undocumented fields.
    fn deviations(&self, operation: &str, status: u16, body: &Value) -> Vec<String> {
        let of = |operation: &str| self.0.get(&(operation.to_owned(), status));
        let known: Vec<&Fields> = [of(operation), of("*")].into_iter().flatten().collect();
        if known.is_empty() {
            return vec![format!("status {status}")];
        }
        let mut given = BTreeSet::new();
        fields("", body, &mut given);
        let fits = |(field, kind): &(String, &str)| {
            let free = free_key(field);
            let expected = known
                .iter()
                .find_map(|known| known.get(field).or_else(|| known.get(free.as_ref()?)));
            expected.is_some_and(|kinds| {
                kinds.iter().any(|expected| {
                    expected == kind
                        || expected == "any"
                        || (expected == "number" && *kind == "integer")
                })
            }) || in_free_value(field, &known)
        };
        let unexpected = given.iter().filter(|field| !fits(field));
        unexpected
            .map(|(field, kind)| format!("{field}: {kind}"))
            .collect()
    }
}

/// Maps `a.b.c`, a member of an object with free keys, to `a.b.*`.
fn free_key(field: &str) -> Option<String> {
    let (object, _) = field.rsplit_once('.')?;
    Some(format!("{object}.*"))
}

/// Whether the field is an item of an array under a free key, such as `user_metadata.tags[]`.
fn in_free_value(field: &str, known: &[&Fields]) -> bool {
    let Some(key) = field.strip_suffix("[]").and_then(free_key) else {
        return false;
    };
    known
        .iter()
        .any(|known| known.get(&key).is_some_and(|kinds| kinds == &["any"]))
}

/// Collects every field of `value` with its type.
fn fields(path: &str, value: &Value, out: &mut BTreeSet<(String, &'static str)>) {
    let kind = match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(number) if number.is_f64() => "number",
        Value::Number(_) => "integer",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    };
    if !path.is_empty() {
        out.insert((path.to_owned(), kind));
    }
    match value {
        Value::Array(items) => {
            items
                .iter()
                .for_each(|item| fields(&format!("{path}[]"), item, out));
        }
        Value::Object(members) => {
            for (name, member) in members {
                let dot = if path.is_empty() { "" } else { "." };
                fields(&format!("{path}{dot}{name}"), member, out);
            }
        }
        _ => {}
    }
}

thread_local! {
    static TABLE: Table = Table::read();
}

/// Panics if a response is not documented.
pub(crate) fn check(operation: Option<Operation>, response: &Response) {
    let operation = operation.map_or("*", Operation::as_str);
    // 501 is the emulator's own status for unimplemented operations. The platform never returns it.
    if operation == Operation::STORAGE_PUT.as_str() || response.status == 501 {
        return;
    }
    let deviations = TABLE.with(|table| {
        let body = if response.body.is_null() {
            &json!({})
        } else {
            &response.body
        };
        table.deviations(operation, response.status, body)
    });
    assert_eq!(deviations, [""; 0], "{operation}: {response:?}");
}

/// Returns every kind of response that the emulator gives without a fault.
fn all_responses() -> Vec<(String, Response)> {
    let mut settings = Settings::default();
    settings.chunk_size = 600;
    let mut world = World::new(settings);
    let index = world.index("clips");
    let metadata = [(
        "user_metadata",
        r#"{"a":1,"b":1.5,"c":"x","d":true,"e":["x"]}"#,
    )];
    let created = world.upload(&index, "a.mp4", Ok(facts(640, 360, 12.0)), &metadata);
    let url = "http://example.com/b.mp4";
    let failing = world.form(&[("index_id", &index), ("video_url", url)]);
    let id = |response: &Response, name: &str| response.body[name].as_str().unwrap().to_owned();
    let failed = id(&failing, "_id");
    world
        .platform
        .fetched(world.now(), &failed, Err("gone".to_owned()));
    let asset = assets::send(
        &mut world,
        "k",
        "a.mp4",
        Ok(facts(640, 360, 12.0)),
        &[("user_metadata", r#"{"a":["x"]}"#)],
    );
    let bad = world.request(
        "POST",
        "/assets",
        Payload::Form {
            fields: vec![text("method", "url"), text("url", url)],
            uploads: Vec::new(),
        },
    );
    world
        .platform
        .fetched(world.now(), &id(&bad, "_id"), Err("gone".to_owned()));
    world.wait(1000);
    let (task, video, asset) = (
        id(&created, "_id"),
        id(&created, "video_id"),
        id(&asset, "_id"),
    );
    let body =
        json!({ "asset_id": asset, "user_metadata": { "k": 1 }, "enable_video_stream": true });
    let indexed = world.json("POST", &format!("/indexes/{index}/indexed-assets"), &body);
    let indexed = id(&indexed, "_id");
    world.wait(1000);
    let upload = json!({ "filename": "a.mp4", "type": "video", "total_size": 1000 });
    let upload = world.json("POST", "/assets/multipart-uploads", &upload);
    let upload_id = id(&upload, "upload_id");
    let new_index = json!({ "index_name": "x", "models": [{ "model_name": "marengo3.0", "model_options": ["audio"] }], "addons": ["thumbnail"] });
    let made = world.json("POST", "/indexes", &new_index);
    world.get(&format!("/indexes/{}", id(&made, "_id")));
    let patch = json!({ "user_metadata": { "n": 5, "s": ["x"] } });
    let etag = put_chunk(
        &mut world,
        upload.body["upload_urls"][0]["url"].as_str().unwrap(),
        600,
    );
    let report = json!({ "completed_chunks": [{ "chunk_index": 1, "proof": etag, "proof_type": "etag", "chunk_size": 600 }] });
    let (uploads, asset) = ("/assets/multipart-uploads", format!("/assets/{asset}"));
    let (videos, in_index) = (
        format!("/indexes/{index}/videos"),
        format!("/indexes/{index}/indexed-assets"),
    );
    let nobody = "aaaaaaaaaaaaaaaaaaaaaaaa";
    let steps: Vec<(&str, String, Option<Value>)> = vec![
        ("GET", "/tasks".into(), None),
        ("GET", "/tasks?page=0".into(), None),
        ("GET", format!("/tasks/{task}"), None),
        ("GET", format!("/tasks/{failed}"), None),
        ("GET", format!("/tasks/{nobody}"), None),
        ("DELETE", format!("/tasks/{failed}"), None),
        ("POST", "/indexes".into(), Some(new_index)),
        ("GET", "/indexes".into(), None),
        ("GET", format!("/indexes/{index}"), None),
        (
            "PUT",
            format!("/indexes/{index}"),
            Some(json!({ "index_name": "y" })),
        ),
        ("GET", videos.clone(), None),
        ("GET", format!("{videos}?fps=x"), None),
        ("GET", format!("{videos}/{video}"), None),
        ("GET", format!("{videos}/{indexed}"), None),
        ("PATCH", format!("{videos}/{video}"), Some(patch.clone())),
        ("GET", "/assets".into(), None),
        (
            "PATCH",
            format!("{asset}/user-metadata"),
            Some(patch.clone()),
        ),
        ("GET", asset.clone(), None),
        ("GET", "/assets".into(), None),
        ("GET", format!("/assets/{}", id(&bad, "_id")), None),
        ("PUT", format!("{asset}/user-metadata"), Some(patch.clone())),
        ("DELETE", format!("{asset}/user-metadata"), None),
        ("GET", format!("{asset}/indexed-assets"), None),
        ("GET", format!("{asset}/entities"), None),
        ("GET", format!("{asset}/transcription"), None),
        ("GET", in_index.clone(), None),
        ("PATCH", format!("{in_index}/{indexed}"), Some(patch)),
        ("GET", format!("{in_index}/{indexed}"), None),
        ("DELETE", asset.clone(), None),
        ("DELETE", format!("{in_index}/{indexed}"), None),
        ("DELETE", asset, None),
        ("GET", uploads.into(), None),
        ("POST", format!("{uploads}/{upload_id}"), Some(report)),
        ("GET", format!("{uploads}/{upload_id}"), None),
        (
            "POST",
            format!("{uploads}/{upload_id}/presigned-urls"),
            Some(json!({ "start": 2, "count": 1 })),
        ),
        ("DELETE", format!("{videos}/{video}"), None),
        ("DELETE", format!("/indexes/{index}"), None),
    ];
    for (method, path, body) in steps {
        match body {
            Some(body) => world.json(method, &path, &body),
            None => world.request(method, &path, Payload::None),
        };
    }
    entities::every_operation(&mut world);
    knowledge_stores::every_operation(&mut world);
    chat_responses::every_operation(&mut world);
    connections::every_operation(&mut world);
    search::every_operation(&mut world);
    analyze::every_operation(&mut world);
    embeddings::every_operation(&mut world);
    // The last chunk creates the asset, and the response contains its URL.
    let urls = upload.body["upload_urls"].as_array().unwrap();
    let etag = put_chunk(&mut world, urls[1]["url"].as_str().unwrap(), 400);
    let report = json!({ "completed_chunks": [{ "chunk_index": 2, "proof": etag, "proof_type": "etag", "chunk_size": 400 }] });
    world.json("POST", &format!("{uploads}/{upload_id}"), &report);
    std::mem::take(&mut world.responses)
}

/// Uploads a chunk to its URL, as the server would, and returns its ETag.
fn put_chunk(world: &mut World, url: &str, bytes: u64) -> String {
    let head = http::Request::put(url)
        .header("content-type", "application/octet-stream")
        .header("content-length", bytes)
        .body(())
        .unwrap();
    let now = world.now();
    let PutDecision::Take(put) = world.platform.begin_put(now, &head.into_parts().0) else {
        panic!("{url} takes nothing")
    };
    assert!(world.platform.finish_put(*put, Ok([7; 16])).is_stored);
    "07".repeat(16)
}

#[test]
fn every_documented_field_is_returned() {
    let responses = all_responses();
    let mut given = BTreeSet::new();
    for (operation, response) in &responses {
        let mut found = BTreeSet::new();
        fields("", &response.body, &mut found);
        let key = |field: String| (operation.clone(), response.status, field);
        given.insert(key("-".to_owned()));
        for (field, _) in found {
            given.extend(free_key(&field).map(key));
            given.insert(key(field));
        }
    }
    let mut missing = Vec::new();
    for ((operation, status), known) in &Table::read().0 {
        // Errors are tested in `errors.rs`. This test covers successful responses.
        if *status >= 400 {
            continue;
        }
        let is_exempt = |field: &str| {
            let listed = NEVER_RETURNED
                .iter()
                .any(|(of, begin, _)| operation.starts_with(of) && field.starts_with(begin));
            listed
                || BY_THE_SERVER
                    .iter()
                    .any(|begin| field.trim_start_matches("data[].").starts_with(begin))
        };
        let names = known.keys().map(String::as_str).chain(["-"]);
        missing.extend(
            names
                .filter(|field| !is_exempt(field))
                .filter(|field| !given.contains(&(operation.clone(), *status, (*field).to_owned())))
                .map(|field| format!("{operation} {status} {field}")),
        );
    }
    assert_eq!(missing, [""; 0]);
}

#[test]
fn table_lists_every_operation() {
    let table = Table::read();
    for operation in Operation::ALL {
        let of = |status: u16| table.0.contains_key(&(operation.to_string(), status));
        assert_eq!(
            [200, 201, 202, 204]
                .into_iter()
                .filter(|status| of(*status))
                .count(),
            usize::from(*operation != Operation::STORAGE_PUT),
            "{operation}"
        );
    }
}

#[test]
fn undocumented_fields_are_detected() {
    let table = Table::read();
    for (operation, status, body, unexpected) in [
        (
            "tasks.create",
            201,
            json!({ "_id": 5, "video_id": "x", "color": "blue" }),
            vec!["_id: integer", "color: string"],
        ),
        (
            "tasks.delete",
            204,
            json!({ "_id": "x" }),
            vec!["_id: string"],
        ),
        ("tasks.delete", 202, json!({}), vec!["status 202"]),
        (
            "indexes.retrieve",
            200,
            json!({ "expires_at": null, "index_name": null }),
            vec!["index_name: null"],
        ),
        (
            "assets.retrieve",
            200,
            json!({ "user_metadata": { "a": 1, "b": ["x"] } }),
            vec![],
        ),
        (
            "assets.list",
            400,
            json!({ "code": "x", "message": "y", "docs_url": "z" }),
            vec!["docs_url: string"],
        ),
        (
            "assets.list",
            418,
            json!({ "code": "x", "message": "y" }),
            vec!["status 418"],
        ),
    ] {
        assert_eq!(
            table.deviations(operation, status, &body),
            unexpected,
            "{operation} {status}"
        );
    }
}
