//! Answers against the platform's own description: every field that is given is one of its fields, with its type.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};
use tl_emulator::platform::Settings;

use crate::world::{Answer, World, facts};

/// Fields that the description does not have, and why they are given.
const BESIDES: [(&str, &str); 5] = [
    // A listed video has it, and so had a retrieved one in the description of February 2026.
    ("indexes.videos.retrieve", "system_metadata.size"),
    // Seen in raw answers of failed tasks.
    ("tasks.retrieve", "error_reason"),
    ("tasks.list", "data[].error_reason"),
    // The page of an error's explanation, on 404 bodies of the newest official client.
    ("*", "docs_url"),
    // Documented as null on a paid plan, typed as a text only.
    ("*", "expires_at"),
];

/// The table: operation and status to field and type.
fn table() -> BTreeMap<(String, u16), BTreeMap<String, String>> {
    let mut table = BTreeMap::<_, BTreeMap<_, _>>::new();
    for line in include_str!("fields.txt")
        .lines()
        .filter(|line| !line.starts_with('#'))
    {
        let words: Vec<&str> = line.split(' ').collect();
        let [operation, status, field, kind] = words[..] else {
            panic!("{line}")
        };
        let key = (operation.to_owned(), status.parse().unwrap());
        table
            .entry(key)
            .or_default()
            .insert(field.to_owned(), kind.to_owned());
    }
    table
}

/// Every field of `value` with its type.
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
        Value::Array(items) => items
            .iter()
            .for_each(|item| fields(&format!("{path}[]"), item, out)),
        Value::Object(members) => {
            for (name, member) in members {
                let path = if path.is_empty() {
                    name.clone()
                } else {
                    format!("{path}.{name}")
                };
                fields(&path, member, out);
            }
        }
        _ => {}
    }
}

/// The fields of an answer that the description does not have, or has with another type.
fn strangers(operation: &str, answer: &Answer) -> Vec<String> {
    let table = table();
    // The description has no 401 and 404 for most operations; their bodies have the shape of its 400.
    let status = if answer.status >= 400 {
        400
    } else {
        answer.status
    };
    let known = &table[&(operation.to_owned(), status)];
    let mut given = BTreeSet::new();
    fields("", &answer.body, &mut given);
    let is_known = |(field, kind): &(String, &str)| {
        let free = field
            .split_once('.')
            .map(|(object, _)| format!("{object}.*"));
        let wanted = known.get(field).or_else(|| known.get(&free?));
        let fits = wanted.is_some_and(|wanted| {
            wanted == kind || wanted == "any" || (wanted == "number" && *kind == "integer")
        });
        let besides = BESIDES
            .iter()
            .any(|(on, name)| (*on == "*" || *on == operation) && field.ends_with(name));
        fits || besides
    };
    given
        .iter()
        .filter(|field| !is_known(field))
        .map(|(field, kind)| format!("{field}: {kind}"))
        .collect()
}

#[test]
fn every_answer_has_the_fields_and_types_of_the_description() {
    let mut world = World::new(Settings::default());
    let index = world.index("clips");
    let metadata = [(
        "user_metadata",
        r#"{"a":1,"b":1.5,"c":"x","d":true,"e":["x"]}"#,
    )];
    let created = world.upload(&index, "a.mp4", Ok(facts(640, 360, 12.0)), &metadata);
    let failing = world.form(&[
        ("index_id", &index),
        ("video_url", "http://example.com/b.mp4"),
    ]);
    let id = |answer: &Answer, name: &str| answer.body[name].as_str().unwrap().to_owned();
    world
        .platform
        .fetched(world.now(), &id(&failing, "_id"), Err("gone".to_owned()));
    world.wait(1000);
    let (task, video) = (id(&created, "_id"), id(&created, "video_id"));
    let new_index = json!({ "index_name": "x", "models": [{ "model_name": "marengo3.0", "model_options": ["audio"] }] });
    for (operation, answer) in [
        ("tasks.create", created.clone()),
        ("tasks.create", world.form(&[("index_id", &index)])),
        ("tasks.list", world.get("/tasks")),
        ("tasks.list", world.get("/tasks?page=0")),
        ("tasks.retrieve", world.get(&format!("/tasks/{task}"))),
        (
            "tasks.retrieve",
            world.get(&format!("/tasks/{}", id(&failing, "_id"))),
        ),
        (
            "tasks.retrieve",
            world.get("/tasks/aaaaaaaaaaaaaaaaaaaaaaaa"),
        ),
        ("indexes.create", world.json("POST", "/indexes", &new_index)),
        ("indexes.create", world.json("POST", "/indexes", &new_index)),
        ("indexes.list", world.get("/indexes")),
        ("indexes.retrieve", world.get(&format!("/indexes/{index}"))),
        ("indexes.retrieve", world.get("/indexes/x")),
        (
            "indexes.videos.list",
            world.get(&format!("/indexes/{index}/videos")),
        ),
        (
            "indexes.videos.list",
            world.get(&format!("/indexes/{index}/videos?fps=x")),
        ),
        (
            "indexes.videos.retrieve",
            world.get(&format!("/indexes/{index}/videos/{video}")),
        ),
    ] {
        assert_eq!(
            strangers(operation, &answer),
            [""; 0],
            "{operation}: {answer:?}"
        );
    }
}

#[test]
fn a_field_that_is_none_of_the_description_is_found() {
    let body = json!({ "_id": 5, "video_id": "x", "colour": "blue" });
    let answer = Answer { status: 201, body };
    assert_eq!(
        strangers("tasks.create", &answer),
        ["_id: integer", "colour: string"]
    );
}
