//! Embeddings, on the pure handler.

use serde_json::{Value, json};
use tl_emulator::platform::Settings;

use crate::{
    assets,
    world::{Response, World},
};

/// An asset of 13 seconds with a sidecar, which speaks from 4 to 5 seconds.
fn world() -> (World, String) {
    let mut settings = Settings::default();
    let sidecar = json!({
        "segments": [{ "start": 0, "end": 6, "labels": ["goal"], "text": "A goal in the rain." }],
        "transcript": [{ "start": 4, "end": 5, "text": "What a strike!" }],
    });
    let added = settings
        .answers
        .add_sidecar("match.mp4", None, &sidecar.to_string());
    added.unwrap();
    let mut world = World::new(settings);
    let asset = assets::asset(&mut world, "match.mp4", 13.0);
    world.wait(60_000);
    (world, asset)
}

fn video(asset: &str, more: &Value) -> Value {
    let mut media = json!({ "media_source": { "asset_id": asset } });
    for (key, value) in more.as_object().unwrap() {
        media[key] = value.clone();
    }
    json!({ "input_type": "video", "model_name": "marengo3.0", "video": media })
}

fn rows(response: &Response) -> Vec<(String, String, f64, f64)> {
    assert!(response.status < 300, "{response:?}");
    let text = |row: &Value, name: &str| row[name].as_str().unwrap_or("none").to_owned();
    let number = |row: &Value, name: &str| row[name].as_f64().unwrap_or(-1.0);
    let rows = response.body["data"].as_array().unwrap().iter();
    rows.map(|row| {
        (
            text(row, "embedding_option"),
            text(row, "embedding_scope"),
            number(row, "start_sec"),
            number(row, "end_sec"),
        )
    })
    .collect()
}

fn vector(row: &Value) -> Vec<f64> {
    let numbers = row["embedding"].as_array().unwrap().iter();
    numbers.map(|number| number.as_f64().unwrap()).collect()
}

fn cosine(one: &[f64], two: &[f64]) -> f64 {
    let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
    dot(one, two) / (dot(one, one) * dot(two, two)).sqrt()
}

/// Requests every operation on embeddings once.
pub(crate) fn every_operation(world: &mut World) {
    let asset = assets::asset(world, "embedded.mp4", 9.0);
    world.wait(60_000);
    world.json("POST", "/embed-v2", &video(&asset, &json!({})));
    let created = world.json("POST", "/embed-v2/tasks", &video(&asset, &json!({})));
    world.wait(600_000);
    world.get("/embed-v2/tasks");
    world.get(&format!(
        "/embed-v2/tasks/{}",
        created.body["_id"].as_str().unwrap()
    ));
}

#[test]
fn annotated_segments_are_near_their_words() {
    let (mut world, asset) = world();
    let found = world.json(
        "POST",
        "/embed-v2",
        &video(&asset, &json!({ "embedding_scope": ["clip"] })),
    );
    let clip = |option: &str, start, end| (option.to_owned(), "clip".to_owned(), start, end);
    assert_eq!(
        rows(&found),
        [
            clip("visual", 0.0, 6.0),
            clip("audio", 0.0, 6.0),
            clip("transcription", 0.0, 6.0),
            clip("visual", 6.0, 12.0),
            clip("audio", 6.0, 12.0),
            clip("visual", 12.0, 13.0),
            clip("audio", 12.0, 13.0),
        ],
        "silence has no transcription"
    );
    let text = json!({ "input_type": "text", "model_name": "marengo3.0", "text": { "input_text": "goal in the rain" } });
    let query = world.json("POST", "/embed-v2", &text);
    let query = vector(&query.body["data"][0]);
    let near = |row: usize| cosine(&query, &vector(&found.body["data"][row]));
    assert!(
        near(0) > 0.7 && near(3).abs() < 0.2,
        "{} {}",
        near(0),
        near(3)
    );

    let window = json!({
        "start_sec": 1, "end_sec": 5, "segmentation": { "strategy": "fixed", "fixed": { "duration_sec": 2 } },
        "embedding_option": ["visual", "audio"], "embedding_type": ["fused_embedding"],
    });
    let fused = world.json("POST", "/embed-v2", &video(&asset, &window));
    let starts: Vec<_> = rows(&fused)
        .into_iter()
        .map(|(option, _, start, end)| (option, start, end))
        .collect();
    let row = |start, end| ("fused".to_owned(), start, end);
    assert_eq!(starts, [row(1.0, 3.0), row(3.0, 5.0), row(1.0, 5.0)]);
}

#[test]
fn tasks_are_kept_for_seven_days() {
    let (mut world, asset) = world();
    let body = video(&asset, &json!({ "embedding_option": ["visual"] }));
    let created = world.json("POST", "/embed-v2/tasks", &body);
    assert_eq!(
        (created.status, &created.body["status"]),
        (202, &json!("processing"))
    );
    let path = format!("/embed-v2/tasks/{}", created.body["_id"].as_str().unwrap());
    assert!(world.get(&path).body.get("data").is_none());
    world.wait(600_000);
    let ready = world.get(&path);
    assert_eq!(
        (&ready.body["status"], rows(&ready).len()),
        (&json!("ready"), 4)
    );
    assert_eq!(rows(&world.json("POST", "/embed-v2", &body)), rows(&ready));
    world.wait(7 * 24 * 3_600_000);
    assert_eq!(world.get(&path).status, 404);
    assert_eq!(world.get("/embed-v2/tasks").body["data"], json!([]));
}

#[test]
fn invalid_requests_are_refused() {
    let (mut world, asset) = world();
    let mut long = video(&asset, &json!({}));
    long["video"]["start_sec"] = json!(13);
    let unknown = video("aaaaaaaaaaaaaaaaaaaaaaaa", &json!({}));
    let by_url = json!({ "input_type": "video", "model_name": "marengo3.0", "video": { "media_source": { "url": "https://example.com/a.mp4" } } });
    for (body, code) in [
        (long, "parameter_invalid"),
        (unknown, "resource_not_exist"),
        (by_url, "parameter_invalid"),
        (
            json!({ "input_type": "text", "model_name": "marengo3.0" }),
            "parameter_not_provided",
        ),
        (
            json!({ "input_type": "text", "model_name": "marengo3.0", "color": 1 }),
            "parameter_unknown",
        ),
        (
            video(&asset, &json!({ "embedding_option": ["logo"] })),
            "parameter_invalid",
        ),
    ] {
        let refused = world.json("POST", "/embed-v2", &body);
        assert_eq!(
            (refused.status, refused.body["code"].as_str()),
            (400, Some(code)),
            "{body}"
        );
    }
    let text =
        json!({ "input_type": "text", "model_name": "marengo3.0", "text": { "input_text": "a" } });
    assert_eq!(world.json("POST", "/embed-v2/tasks", &text).status, 400);
    assert_eq!(world.get("/embed-v2/tasks?status=lost").status, 400);
}
