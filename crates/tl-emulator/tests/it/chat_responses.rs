//! Answers about a knowledge store, on the pure handler.

use serde_json::{Value, json};
use tl_emulator::platform::{Answers, Payload, Settings};
use tl_model::ChatResponse;

use crate::{
    knowledge_stores::{asset, item, store, text},
    world::{KEY, Response, World, read},
};

fn question(store: &str, content: &str) -> Value {
    let id = store.rsplit('/').next().unwrap();
    let message = json!({ "type": "message", "role": "user", "content": content });
    json!({ "knowledge_store_id": id, "input": [message], "stream": false })
}

fn ask(world: &mut World, body: &Value) -> Response {
    let answer = world.json("POST", "/responses", body);
    assert_eq!(answer.status, 200, "{answer:?}");
    answer
}

/// A store with a video and an image, both ready.
fn filled(world: &mut World) -> (String, String, String) {
    let video = asset(world, "cv", "match.mp4", 20.0);
    let image = asset(world, "ci", "logo.png", 0.0);
    world.wait(1000);
    let path = store(world, "matches");
    let video = item(world, &path, &video, &json!({ "team": "red" }));
    let image = item(world, &path, &image, &json!({ "team": "blue" }));
    world.wait(1000);
    (path, video, image)
}

/// Requests the operation with everything that it can return.
pub(crate) fn every_operation(world: &mut World) {
    let (path, ..) = filled(world);
    let mut body = question(&path, "the red match");
    body["include"] = json!(["intermediate_outputs"]);
    ask(world, &body);
}

#[test]
fn citations_refer_to_their_markers() {
    let mut world = World::new(Settings::default());
    let (path, video, image) = filled(&mut world);
    let answer = ask(&mut world, &question(&path, "the red match"));
    let response: ChatResponse = serde_json::from_value(answer.body.clone()).unwrap();
    let cited: Vec<(String, &str)> = response
        .citations()
        .map(|(text, citation)| {
            let marker = &text[citation.range_in(text).unwrap()];
            (
                marker.to_owned(),
                citation.item_id.as_ref().unwrap().as_str(),
            )
        })
        .collect();
    assert_eq!(
        cited,
        [
            ("[1]".to_owned(), video.as_str()),
            ("[2]".to_owned(), image.as_str())
        ]
    );
    assert_eq!(answer.body["incomplete_details"], Value::Null);
    assert_eq!(answer.body["output"].as_array().unwrap().len(), 1);
}

#[test]
fn sessions_continue_with_their_store_only() {
    let mut world = World::new(Settings::default());
    let (path, video, _) = filled(&mut world);
    let mut body = question(&path, "only {{sel:0}}");
    body["selections"] = json!([{ "kind": "item", "id": video }]);
    let first = ask(&mut world, &body);
    let session = text(&first, "session_id");
    assert_eq!(first.body["output"][0]["id"], format!("msg_{session}_0"));
    // Selections persist in the session.
    let mut next = question(&path, "the blue logo");
    next["session_id"] = json!(session);
    let second = ask(&mut world, &next);
    assert_eq!(second.body["output"][0]["id"], format!("msg_{session}_1"));
    let cited = &second.body["output"][0]["content"][0]["annotations"];
    assert_eq!(cited.as_array().unwrap().len(), 1);
    assert_eq!(cited[0]["item_id"], video);
    let other = store(&mut world, "others");
    let mut wrong = question(&other, "a");
    wrong["session_id"] = json!(session);
    assert_eq!(world.json("POST", "/responses", &wrong).status, 400);
}

#[test]
fn sidecars_supply_the_text() {
    let mut settings = Settings::default();
    let mut answers = Answers::new();
    let sidecar = json!({
        "segments": [
            { "start": 0, "end": 5, "labels": ["kickoff"], "text": "The game begins." },
            { "start": 5, "end": 9, "labels": ["goal"], "text": "A goal in the rain." },
        ],
        "transcript": [{ "start": 6, "end": 8, "text": "What a strike!" }],
        "answers": [{ "prompt": "*how many*", "text": "Two goals." }],
    });
    answers
        .add_sidecar("match.mp4", None, &sidecar.to_string())
        .unwrap();
    settings.answers = answers;
    let mut world = World::new(settings);
    let (path, ..) = filled(&mut world);
    let answer = ask(&mut world, &question(&path, "the goal in the rain"));
    let content = &answer.body["output"][0]["content"][0];
    let said = content["text"].as_str().unwrap();
    assert!(
        said.starts_with("goal A goal in the rain. What a strike! [1]."),
        "{said}"
    );
    let cited = &content["annotations"][0];
    assert_eq!(
        (&cited["start_sec"], &cited["end_sec"]),
        (&json!(5), &json!(9))
    );
    let counted = ask(&mut world, &question(&path, "How many goals?"));
    assert_eq!(
        counted.body["output"][0]["content"][0]["text"],
        "Two goals."
    );
    // The search uses the same segments.
    let search = json!({ "query": { "text": "the goal in the rain" } });
    let hits = world.json("POST", &format!("{path}/search"), &search);
    let clip = &hits.body["data"][0]["matches"][0];
    assert_eq!(clip["start_sec"], 5);
    assert_eq!(clip["transcription"], "What a strike!");
}

#[test]
fn schema_is_answered_with_conforming_json() {
    let mut world = World::new(Settings::default());
    let (path, ..) = filled(&mut world);
    let schema = json!({ "type": "object", "properties": {
        "goals": { "type": "integer" }, "teams": { "type": "array", "items": { "type": "string" } },
    } });
    let mut body = question(&path, "count the goals");
    body["text"] =
        json!({ "format": { "type": "json_schema", "name": "goals", "schema": schema } });
    let answer = ask(&mut world, &body);
    let json = answer.body["output"][0]["content"][0]["text"]
        .as_str()
        .unwrap();
    let value: Value = serde_json::from_str(json).unwrap();
    assert!(
        value["goals"].is_i64() && value["teams"].is_array(),
        "{value}"
    );
    // The platform would ignore these without an error.
    body["text"]["format"]["schema"] = json!({ "oneOf": [schema] });
    assert_eq!(world.json("POST", "/responses", &body).status, 400);
}

#[test]
fn stream_has_the_events_of_the_answer() {
    let mut world = World::new(Settings::default());
    let (path, ..) = filled(&mut world);
    let mut body = question(&path, "the red match");
    body["stream"] = json!(true);
    body["include"] = json!(["intermediate_outputs"]);
    let request = http::Request::post("/v1.3/responses")
        .header("x-api-key", KEY)
        .header("content-type", "application/json")
        .body(Payload::Json(body.to_string().into()))
        .unwrap();
    let reply = world.handle(request);
    assert_eq!(reply.response.headers()["x-emulator-answer"], "generated");
    let sent = read(&reply).body;
    let sent = sent.as_str().unwrap();
    let mut events: Vec<Value> = Vec::new();
    for event in sent.trim_end().split("\n\n") {
        let Some((name, data)) = event.split_once("\ndata: ") else {
            assert_eq!(event, "data: [DONE]");
            continue;
        };
        let value: Value = serde_json::from_str(data).unwrap();
        assert_eq!(name, format!("event: {}", value["type"].as_str().unwrap()));
        assert_eq!(value["sequence_number"], events.len());
        events.push(value);
    }
    let of = |kind: &'static str| events.iter().filter(move |event| event["type"] == kind);
    assert_eq!(events[0]["response"]["status"], "in_progress");
    assert_eq!(of("keepalive").count(), 1);
    assert_eq!(of("response.output_item.done").count(), 3);
    let last = events.last().unwrap();
    assert_eq!(last["type"], "response.completed");
    let deltas = of("response.output_text.delta").map(|event| event["delta"].as_str().unwrap());
    let text = &last["response"]["output"][2]["content"][0]["text"];
    assert_eq!(&deltas.collect::<String>(), text.as_str().unwrap());
    assert!(sent.ends_with("\n\ndata: [DONE]\n\n"));
}

#[test]
fn empty_store_is_answered_with_a_labeled_echo() {
    let mut world = World::new(Settings::default());
    let path = store(&mut world, "matches");
    let answer = ask(&mut world, &question(&path, "who scores?"));
    let said = answer.body["output"][0]["content"][0]["text"]
        .as_str()
        .unwrap();
    assert!(said.starts_with("[emulator: "), "{said}");
}

#[test]
fn invalid_questions_are_refused() {
    let mut world = World::new(Settings::default());
    let (path, video, _) = filled(&mut world);
    let change = |member: &str, value: Value| {
        let mut body = question(&path, "a");
        body[member] = value;
        body
    };
    let message =
        |content: &str| json!([{ "type": "message", "role": "user", "content": content }]);
    let other = "ksi_018bcfe5-6800-7000-8000-000000000001";
    for body in [
        change("input", json!([])),
        change("input", message("")),
        change("input", message(&"a".repeat(10_001))),
        change("input", message("{{sel:0}}")),
        change(
            "input",
            json!([{ "type": "message", "role": "assistant", "content": "a" }]),
        ),
        change("selections", json!([{ "kind": "collection", "id": video }])),
        change("selections", json!([{ "kind": "item", "id": other }])),
        change(
            "session_id",
            json!("sess_018bcfe5-6800-7000-8000-000000000001"),
        ),
        change("include", json!(["everything"])),
        change("color", json!("red")),
    ] {
        let refused = world.json("POST", "/responses", &body);
        assert_eq!(refused.status, 400, "{body} {refused:?}");
    }
    let unknown = question("ks_018bcfe5-6800-7000-8000-000000000001", "a");
    assert_eq!(world.json("POST", "/responses", &unknown).status, 404);
}
