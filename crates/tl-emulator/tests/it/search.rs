//! Search, on the pure handler.

use std::sync::Arc;

use serde_json::{Value, json};
use tl_emulator::platform::{MediaKey, Payload, Settings, StaticFile, Upload};
use tl_model::TechnicalMetadata;
use tl_protocol::{
    BytesSource,
    endpoint::{Field, FieldValue},
};
use tl_validate::{ProbeError, ProbeErrorKind};

use crate::world::{Response, World, facts, text};

/// Searches with these fields of the form.
fn search(world: &mut World, fields: &[(&str, &str)]) -> Response {
    send(world, fields, None)
}

/// Searches with an image of this media type and size.
fn send(world: &mut World, fields: &[(&str, &str)], image: Option<(&str, &str, u32)>) -> Response {
    let mut fields: Vec<Field> = fields
        .iter()
        .map(|(name, value)| text(name, value))
        .collect();
    let mut uploads = Vec::new();
    if let Some((filename, kind, size)) = image {
        let mut technical = TechnicalMetadata::default();
        technical.file_mime_type = Some(kind.to_owned());
        (technical.image_width, technical.image_height) = (Some(size), Some(size));
        let source = BytesSource::new(filename, Vec::new());
        fields.push(Field::new(
            "query_media_file",
            FieldValue::File(Arc::new(source)),
        ));
        let probe = Err(ProbeError::new(
            ProbeErrorKind::NotMedia,
            filename,
            "an image",
        ));
        let key = MediaKey::new("image");
        let upload = Upload::new("query_media_file", filename, key, 100, probe);
        uploads.push(upload.with_static_file(Some(Ok(StaticFile::new(technical)))));
    }
    world.request("POST", "/search", Payload::Form { fields, uploads })
}

/// Indexes videos of 13 seconds, which have three parts each.
fn videos(world: &mut World, index: &str, names: &[&str]) -> Vec<String> {
    let mut ids = Vec::new();
    for name in names {
        let metadata = json!({ "sport": name.split(' ').next(), "year": 2026, "live": true });
        let texts = [("user_metadata", &*metadata.to_string())];
        let created = world.upload(
            index,
            &format!("{name}.mp4"),
            Ok(facts(640, 360, 13.0)),
            &texts,
        );
        assert_eq!(created.status, 201, "{created:?}");
        ids.push(created.body["video_id"].as_str().unwrap().to_owned());
    }
    world.wait(600_000);
    ids
}

fn hits(response: &Response) -> Vec<(String, f64)> {
    assert_eq!(response.status, 200, "{response:?}");
    let items = response.body["data"].as_array().unwrap().iter();
    let hit = |item: &Value| {
        (
            item["video_id"].as_str().unwrap().to_owned(),
            item["start"].as_f64().unwrap(),
        )
    };
    items.map(hit).collect()
}

fn code(response: &Response) -> &str {
    assert_eq!(response.status, 400, "{response:?}");
    response.body["code"].as_str().unwrap()
}

/// Requests every operation of search once.
pub(crate) fn every_operation(world: &mut World) {
    let index = world.index("searched");
    videos(world, &index, &["soccer goal", "soccer match"]);
    for group in ["clip", "video"] {
        let fields = [
            ("index_id", &*index),
            ("search_options", "visual"),
            ("query_text", "soccer"),
            ("page_limit", "1"),
            ("group_by", group),
            ("include_user_metadata", "true"),
        ];
        let first = search(world, &fields);
        let mut token = first.body["page_info"]["next_page_token"].clone();
        while let Some(next) = token.as_str() {
            let page = world.get(&format!("/search/{next}?include_user_metadata=true"));
            token = page.body["page_info"]["next_page_token"].clone();
        }
    }
}

#[test]
fn best_match_is_first_and_unrelated_videos_are_not_found() {
    let mut world = World::new(Settings::default());
    let index = world.index("clips");
    let ids = videos(
        &mut world,
        &index,
        &["soccer goal", "soccer match in the rain", "cooking"],
    );
    let base = [("index_id", &*index), ("search_options", "visual")];
    let query = |text: &'static str| [base[0], base[1], ("query_text", text)];
    let found = search(&mut world, &query("soccer goal"));
    let found_hits = hits(&found);
    assert_eq!(
        found_hits[..3],
        [0.0, 6.0, 12.0].map(|start| (ids[0].clone(), start))
    );
    assert!(found_hits[3..].iter().all(|(video, _)| *video == ids[1]));
    assert_eq!(found.body["data"][0]["rank"], 1);
    assert_eq!(found.body["data"][0].get("user_metadata"), None);
    assert_eq!(found.body["search_pool"]["total_count"], 3);
    assert_eq!(found.body["search_pool"]["total_duration"], 39);
    assert!(hits(&search(&mut world, &query("quarterly results"))).is_empty());
    assert_eq!(
        hits(&search(&mut world, &query("soccer goal"))),
        found_hits,
        "deterministic"
    );

    // An image is compared by the words of its name.
    let with_type = [base[0], base[1], ("query_media_type", "image")];
    let found = send(
        &mut world,
        &with_type,
        Some(("cooking.png", "image/png", 128)),
    );
    assert_eq!(hits(&found)[0].0, ids[2]);
}

#[test]
fn filters_are_exact() {
    let mut world = World::new(Settings::default());
    let index = world.index("clips");
    let ids = videos(&mut world, &index, &["soccer one", "tennis two"]);
    let found = |world: &mut World, filter: Value| {
        let filter = filter.to_string();
        let fields = [
            ("index_id", &*index),
            ("search_options", "visual"),
            ("query_text", "soccer tennis one two"),
            ("filter", &*filter),
            ("group_by", "video"),
        ];
        let response = search(world, &fields);
        assert_eq!(response.status, 200, "{response:?}");
        let items = response.body["data"].as_array().unwrap().iter();
        let numbers = items.map(|item| ids.iter().position(|id| item["id"] == **id).unwrap());
        numbers
            .collect::<std::collections::BTreeSet<_>>()
            .into_iter()
            .collect::<Vec<_>>()
    };
    for (filter, expected) in [
        (json!({}), vec![0, 1]),
        (json!({ "sport": "soccer" }), vec![0]),
        (json!({ "sport": "Soccer" }), vec![]),
        (json!({ "id": [ids[1]] }), vec![1]),
        (json!({ "id": ids[0] }), vec![0]),
        (json!({ "filename": "tennis two.mp4" }), vec![1]),
        (json!({ "duration": { "gte": 13 } }), vec![0, 1]),
        (json!({ "duration": { "gte": 13.5 } }), vec![]),
        (
            json!({ "width": 640, "height": { "lte": 360 } }),
            vec![0, 1],
        ),
        (
            json!({ "year": { "gte": 2025, "lte": 2026 }, "live": true }),
            vec![0, 1],
        ),
        (json!({ "year": 2025 }), vec![]),
        (json!({ "live": false }), vec![]),
        (json!({ "unknown": "x" }), vec![]),
    ] {
        assert_eq!(found(&mut world, filter.clone()), expected, "{filter}");
    }
}

#[test]
fn tokens_expire_by_the_clock_and_cannot_be_forged() {
    let mut world = World::new(Settings::default());
    let index = world.index("clips");
    let ids = videos(&mut world, &index, &["soccer"]);
    let fields = [
        ("index_id", &*index),
        ("search_options", "visual"),
        ("query_text", "soccer"),
        ("page_limit", "2"),
    ];
    let first = search(&mut world, &fields);
    let token = first.body["page_info"]["next_page_token"]
        .as_str()
        .unwrap()
        .to_owned();
    let path = format!("/search/{token}");
    world.wait(14 * 60_000);
    let second = world.get(&path);
    assert_eq!(hits(&second), [(ids[0].clone(), 12.0)]);
    assert_eq!(second.body["data"][0]["rank"], 3);
    assert!(second.body["page_info"].get("next_page_token").is_none());
    let back = second.body["page_info"]["prev_page_token"]
        .as_str()
        .unwrap();
    assert_eq!(hits(&world.get(&format!("/search/{back}"))), hits(&first));
    world.wait(60_000);
    assert_eq!(code(&world.get(&path)), "search_page_token_expired");

    for forged in [
        format!("{token}A"),
        token.replace('A', "B"),
        "x".to_owned(),
        "é".to_owned(),
    ] {
        let forged =
            percent_encoding::utf8_percent_encode(&forged, percent_encoding::NON_ALPHANUMERIC);
        assert_eq!(
            code(&world.get(&format!("/search/{forged}"))),
            "parameter_invalid"
        );
    }
}

#[test]
fn groups_hold_every_clip_of_a_video() {
    let mut world = World::new(Settings::default());
    let index = world.index("clips");
    let ids = videos(&mut world, &index, &["soccer", "soccer again"]);
    let fields = [
        ("index_id", &*index),
        ("search_options", "visual"),
        ("query_text", "soccer"),
        ("group_by", "video"),
        ("page_limit", "1"),
        ("include_user_metadata", "true"),
    ];
    let first = search(&mut world, &fields);
    assert_eq!(first.body["data"][0]["id"], *ids[0]);
    let clips = first.body["data"][0]["clips"].as_array().unwrap();
    assert_eq!(
        (clips.len(), &clips[0]["user_metadata"]["sport"]),
        (3, &json!("soccer"))
    );
    let info = &first.body["page_info"];
    assert_eq!(
        (&info["total_results"], &info["total_inner_matches"]),
        (&json!(2), &json!(6))
    );
    let token = info["next_page_token"].as_str().unwrap();
    let second = world.get(&format!("/search/{token}"));
    assert_eq!(second.body["data"][0]["id"], *ids[1]);
    assert!(
        second.body["data"][0]["clips"][0]
            .get("user_metadata")
            .is_none()
    );
}

#[test]
fn entities_stand_for_their_name() {
    let mut world = World::new(Settings::default());
    let index = world.index("clips");
    let ids = videos(&mut world, &index, &["Ada speaks", "Bob speaks"]);
    let asset = crate::assets::send(
        &mut world,
        "face",
        "face.png",
        Ok(facts(640, 480, 0.0)),
        &[],
    );
    world.wait(60_000);
    let people = world.json("POST", "/entity-collections", &json!({ "name": "people" }));
    let people = people.body["_id"].as_str().unwrap().to_owned();
    let body = json!({ "name": "Ada", "asset_ids": [asset.body["_id"]] });
    let ada = world.json(
        "POST",
        &format!("/entity-collections/{people}/entities"),
        &body,
    );
    let query = format!("<@{}>", ada.body["_id"].as_str().unwrap());
    let fields = [
        ("index_id", &*index),
        ("search_options", "visual"),
        ("query_text", &*query),
    ];
    let found = hits(&search(&mut world, &fields));
    assert!(
        !found.is_empty() && found.iter().all(|(video, _)| *video == ids[0]),
        "{found:?}"
    );

    let foreign = format!("<@{people}> speaks");
    let fields = [
        ("index_id", &*index),
        ("search_options", "visual"),
        ("query_text", &*foreign),
    ];
    let refused = search(&mut world, &fields);
    assert_eq!(code(&refused), "parameter_invalid");
    assert!(refused.body["message"].as_str().unwrap().contains(&people));
}

#[test]
fn invalid_searches_are_refused() {
    let mut world = World::new(Settings::default());
    let index = world.index("clips");
    let models = json!([{ "model_name": "marengo3.0", "model_options": ["visual"] }]);
    let body = json!({ "index_name": "silent", "models": models });
    let silent = world.json("POST", "/indexes", &body).body["_id"]
        .as_str()
        .unwrap()
        .to_owned();
    let refused = |world: &mut World, fields: &[(&str, &str)]| {
        let mut all = vec![
            ("index_id", &*index),
            ("search_options", "visual"),
            ("query_text", "a"),
        ];
        for field in fields {
            all.retain(|(name, _)| *name != field.0);
            all.push(*field);
        }
        code(&search(world, &all)).to_owned()
    };
    for (fields, expected) in [
        (vec![("index_id", "x")], "parameter_invalid"),
        (
            vec![("index_id", "aaaaaaaaaaaaaaaaaaaaaaaa")],
            "resource_not_exist",
        ),
        (vec![("search_options", "logo")], "parameter_invalid"),
        (vec![("query_text", " ")], "parameter_not_provided"),
        (vec![("page_limit", "51")], "parameter_invalid"),
        (vec![("operator", "not")], "parameter_invalid"),
        (vec![("group_by", "index")], "parameter_invalid"),
        (
            vec![("transcription_options", "lexical")],
            "parameter_invalid",
        ),
        (vec![("filter", "[")], "search_filter_invalid"),
        (
            vec![("filter", r#"{"tags":["a"]}"#)],
            "search_filter_invalid",
        ),
        (
            vec![("filter", r#"{"duration":{"gt":1}}"#)],
            "search_filter_invalid",
        ),
        (
            vec![("index_id", &*silent), ("search_options", "audio")],
            "search_option_not_supported",
        ),
        (
            vec![("index_id", &*silent), ("search_options", "transcription")],
            "search_option_not_supported",
        ),
        (vec![("query_media_type", "video")], "parameter_invalid"),
        (vec![("color", "red")], "parameter_unknown"),
    ] {
        assert_eq!(refused(&mut world, &fields), expected, "{fields:?}");
    }
    let with_type = [
        ("index_id", &*index),
        ("search_options", "visual"),
        ("query_media_type", "image"),
    ];
    for (kind, size) in [
        ("image/gif", 128),
        ("image/png", 127),
        ("application/pdf", 128),
    ] {
        let refused = send(&mut world, &with_type, Some(("a", kind, size)));
        assert_eq!(code(&refused), "parameter_invalid", "{kind} {size}");
    }
    assert!(
        world
            .effects
            .iter()
            .all(|effect| !format!("{effect:?}").contains("Keep(MediaKey(\"image\"))"))
    );
}

#[test]
fn sidecars_say_what_is_seen_and_spoken() {
    let mut settings = Settings::default();
    let sidecar = json!({
        "segments": [
            { "start": 2.0, "end": 5.5, "labels": ["goal"], "text": "A goal in the rain." },
            { "start": 9.0, "end": 11.0, "labels": ["goal"], "text": "Another goal." },
        ],
        "transcript": [{ "start": 4.0, "end": 5.0, "text": "What a wonderful strike!" }],
    });
    let added = settings
        .answers
        .add_sidecar("match.mp4", None, &sidecar.to_string());
    added.unwrap();
    let mut world = World::new(settings);
    let index = world.index("clips");
    let ids = videos(&mut world, &index, &["match", "other goal"]);
    let found = |world: &mut World, text: &str, options: &[&str], operator: &str| {
        let mut fields = vec![
            ("index_id", &*index),
            ("query_text", text),
            ("operator", operator),
        ];
        fields.extend(options.iter().map(|option| ("search_options", *option)));
        let response = search(world, &fields);
        let hits = hits(&response)
            .into_iter()
            .filter(|(video, _)| *video == ids[0]);
        (hits.map(|(_, start)| start).collect::<Vec<_>>(), response)
    };
    let (starts, _) = found(&mut world, "goal in the rain", &["visual"], "or");
    assert_eq!(starts, [2.0, 9.0]);
    let (starts, response) = found(&mut world, "wonderful strike", &["transcription"], "or");
    assert_eq!(starts, [2.0]);
    assert_eq!(response.body["data"][0]["end"], 5.5);
    assert_eq!(
        response.body["data"][0]["transcription"],
        "What a wonderful strike!"
    );
    let (starts, _) = found(
        &mut world,
        "wonderful goal",
        &["visual", "transcription"],
        "and",
    );
    assert_eq!(starts, [2.0]);
}
