//! Embeddings, on the pure handler.

use std::sync::Arc;

use serde_json::{Value, json};
use tl_emulator::platform::{MediaKey, Payload, Settings, Upload};
use tl_protocol::{
    BytesSource,
    endpoint::{Field, FieldValue},
};
use tl_validate::{MediaFacts, ProbeError};

use crate::{
    assets,
    world::{Response, World, facts, text},
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
    every_legacy_operation(world);
    let index = world.index("embedded");
    let uploaded = world.upload(&index, "a.mp4", Ok(facts(640, 360, 12.5)), &[]);
    let video = uploaded.body["video_id"].as_str().unwrap().to_owned();
    let body = json!({ "asset_id": asset });
    let indexed = world.json("POST", &format!("/indexes/{index}/indexed-assets"), &body);
    let indexed = indexed.body["_id"].as_str().unwrap().to_owned();
    world.wait(600_000);
    for path in [
        format!("videos/{video}"),
        format!("indexed-assets/{indexed}"),
    ] {
        let options = "embedding_option=visual&embedding_option=audio";
        let found = world.get(&format!("/indexes/{index}/{path}?{options}"));
        assert_eq!(found.status, 200, "{path}");
    }
}

/// A form with a file of 9.5 seconds.
fn form(
    field: &str,
    filename: &str,
    probe: Result<MediaFacts, ProbeError>,
    texts: &[(&str, &str)],
) -> Payload {
    let mut uploads = Vec::new();
    let mut fields: Vec<_> = texts
        .iter()
        .map(|(name, value)| text(name, value))
        .collect();
    if !field.is_empty() {
        let bytes = b"file".as_slice();
        let file = FieldValue::File(Arc::new(BytesSource::new(filename, bytes)));
        fields.push(Field::new(field, file));
        let key = MediaKey::new(format!("{field}-{filename}"));
        let image = filename
            .ends_with(".png")
            .then(|| Err("it is cut off".to_owned()));
        uploads.push(Upload::new(field, filename, key, 4, probe).with_static_file(image));
    }
    Payload::Form { fields, uploads }
}

/// Requests every operation of the first version once.
fn every_legacy_operation(world: &mut World) {
    let model = ("model_name", "marengo3.0");
    let probe = || Ok(facts(640, 360, 9.5));
    let texts = [
        model,
        ("text", "goal"),
        ("image_url", "https://example.com/a.png"),
        ("audio_start_offset_sec", "1.5"),
    ];
    world.request(
        "POST",
        "/embed",
        form("audio_file", "a.mp3", probe(), &texts),
    );
    world.request(
        "POST",
        "/embed",
        form("image_file", "a.png", probe(), &[model]),
    );
    world.request(
        "POST",
        "/embed",
        form(
            "",
            "",
            probe(),
            &[model, ("audio_url", "https://example.com/a.mp3")],
        ),
    );
    world.request("POST", "/embed", form("", "", probe(), &[model]));
    let texts = [
        model,
        ("video_embedding_scope", "clip"),
        ("video_embedding_scope", "video"),
    ];
    let created = world.request(
        "POST",
        "/embed/tasks",
        form("video_file", "a.mp4", probe(), &texts),
    );
    let task = created.body["_id"].as_str().unwrap().to_owned();
    world.get(&format!("/embed/tasks/{task}/status"));
    world.wait(600_000);
    world.get("/embed/tasks");
    world.get(&format!("/embed/tasks/{task}"));
}

#[test]
fn legacy_inputs_are_embedded_or_fail_alone() {
    let (mut world, _) = world();
    let model = ("model_name", "marengo3.0");
    let probe = || Ok(facts(640, 360, 13.0));
    let texts = [
        model,
        ("text", "What a strike!"),
        ("audio_start_offset_sec", "1"),
    ];
    let both = world.request(
        "POST",
        "/embed",
        form("audio_file", "match.mp4", probe(), &texts),
    );
    assert_eq!(both.status, 200, "{both:?}");
    let float = |row: &Value| -> Vec<f64> {
        let numbers = row["float"].as_array().unwrap().iter();
        numbers.map(|number| number.as_f64().unwrap()).collect()
    };
    let clips = both.body["audio_embedding"]["segments"].as_array().unwrap();
    assert_eq!(clips.len(), 2);
    assert_eq!(
        (&clips[0]["start_offset_sec"], &clips[1]["end_offset_sec"]),
        (&json!(1), &json!(13))
    );
    let words = float(&both.body["text_embedding"]["segments"][0]);
    assert!(
        cosine(&float(&clips[0]), &words) > 0.5,
        "the first clip is spoken"
    );
    assert!(cosine(&float(&clips[1]), &words) < 0.3);

    let broken = world.request(
        "POST",
        "/embed",
        form("image_file", "a.png", probe(), &[model, ("text", "a")]),
    );
    assert_eq!(
        broken.body["image_embedding"]["error_message"],
        "it is cut off"
    );
    assert!(broken.body["text_embedding"]["segments"][0]["float"].is_array());
    for (texts, field) in [
        (vec![model], "text"),
        (
            vec![("model_name", "marengo3.5"), ("text", "a")],
            "model_name",
        ),
        (
            vec![model, ("text", "a"), ("audio_start_offset_sec", "-1")],
            "audio_start_offset_sec",
        ),
        (
            vec![model, ("text", "a"), ("image_file", "a.png")],
            "image_file",
        ),
    ] {
        let refused = world.request("POST", "/embed", form("", "", probe(), &texts));
        assert_eq!(refused.status, 400, "{texts:?}");
        assert!(
            refused.body["message"].as_str().unwrap().contains(field),
            "{refused:?}"
        );
    }
}

#[test]
fn legacy_task_drops_a_short_end_and_is_kept_for_a_week() {
    let (mut world, _) = world();
    let model = ("model_name", "marengo3.0");
    let probe = || Ok(facts(640, 360, 13.0));
    let texts = [
        model,
        ("video_embedding_scope", "clip"),
        ("video_embedding_scope", "video"),
    ];
    let created = world.request(
        "POST",
        "/embed/tasks",
        form("video_file", "match.mp4", probe(), &texts),
    );
    let path = format!("/embed/tasks/{}", created.body["_id"].as_str().unwrap());
    assert_eq!(
        world.get(&format!("{path}/status")).body["status"],
        "processing"
    );
    assert!(world.get(&path).body["video_embedding"]["segments"].is_null());
    world.wait(600_000);
    assert_eq!(world.get(&format!("{path}/status")).body["status"], "ready");
    let ready = world.get(&path).body;
    let segments = ready["video_embedding"]["segments"].as_array().unwrap();
    let rows: Vec<String> = segments
        .iter()
        .map(|row| {
            let text = |name: &str| row[name].as_str().unwrap().to_owned();
            let [start, end] = [&row["start_offset_sec"], &row["end_offset_sec"]];
            format!(
                "{} {} {start}-{end}",
                text("embedding_option"),
                text("embedding_scope")
            )
        })
        .collect();
    assert_eq!(
        rows,
        [
            "visual clip 0-6",
            "visual clip 6-12",
            "visual video 0-13",
            "audio clip 0-6",
            "audio clip 6-12",
            "audio video 0-13",
            "transcription clip 0-6",
            "transcription video 0-13",
        ]
    );
    let audio = world.get(&format!("{path}?embedding_option=audio")).body;
    assert_eq!(
        audio["video_embedding"]["segments"]
            .as_array()
            .unwrap()
            .len(),
        3
    );
    assert_eq!(
        world.get(&format!("{path}?embedding_option=smell")).status,
        400
    );
    for (texts, field) in [
        (
            vec![model, ("video_start_offset_sec", "1")],
            "video_end_offset_sec",
        ),
        (
            vec![
                model,
                ("video_start_offset_sec", "1"),
                ("video_end_offset_sec", "99"),
            ],
            "video_end_offset_sec",
        ),
        (
            vec![model, ("video_clip_length", "11")],
            "video_clip_length",
        ),
        (
            vec![model, ("video_embedding_scope", "video")],
            "video_embedding_scope",
        ),
        (
            vec![model, ("video_url", "https://example.com/a.mp4")],
            "video_url",
        ),
    ] {
        let refused = world.request(
            "POST",
            "/embed/tasks",
            form("video_file", "match.mp4", probe(), &texts),
        );
        assert_eq!(refused.status, 400, "{texts:?}");
        assert!(
            refused.body["message"].as_str().unwrap().contains(field),
            "{refused:?}"
        );
    }
    world.wait(7 * 24 * 3600 * 1000);
    assert_eq!(world.get(&path).status, 400);
    assert_eq!(world.get("/embed/tasks").body["data"], json!([]));
}

#[test]
fn videos_of_an_index_have_the_embeddings_that_were_requested() {
    let (mut world, _) = world();
    let index = world.index("matches");
    let uploaded = world.upload(&index, "match.mp4", Ok(facts(640, 360, 13.0)), &[]);
    let video = uploaded.body["video_id"].as_str().unwrap().to_owned();
    world.wait(600_000);
    let path = format!("/indexes/{index}/videos/{video}");
    assert!(world.get(&path).body.get("embedding").is_none());
    let found = world
        .get(&format!("{path}?embedding_option=transcription"))
        .body;
    assert_eq!(found["embedding"]["model_name"], "marengo3.0");
    let segments = &found["embedding"]["video_embedding"]["segments"];
    assert_eq!(
        segments.as_array().unwrap().len(),
        1,
        "only one part has speech"
    );
    assert_eq!(
        (
            &segments[0]["embedding_option"],
            &segments[0]["end_offset_sec"]
        ),
        (&json!("transcription"), &json!(6))
    );
    assert_eq!(
        world.get(&format!("{path}?embedding_option=smell")).status,
        400
    );
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
