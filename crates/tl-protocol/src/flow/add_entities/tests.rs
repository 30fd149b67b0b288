//! Tests of the flow that adds entities.

use std::{
    sync::Arc,
    time::{Duration, SystemTime},
};

use bytes::Bytes;
use serde_json::{Value, json};

use super::*;
use crate::BytesSource;

mod requests;

fn entity(name: &str) -> EntityImages {
    let image = Media::File(Arc::new(BytesSource::new("face.jpg", b"face".to_vec())));
    EntityImages::new(name, vec![image])
}

/// Adds entities to a platform that answers with `respond`. Returns the result, and the
/// requests without those that look something up.
fn add(
    names: &[&str],
    mut respond: impl FnMut(&str, &str, &Value) -> (u16, Value),
) -> (AddedEntities, Vec<String>) {
    let base = "https://api.twelvelabs.io/v1.3".parse().unwrap();
    let entities = names.iter().map(|name| entity(name)).collect();
    let wait = Some(WaitPolicy::default());
    let flow = AddEntities::new("c".into(), entities, &base, Policy::default(), wait, 1);
    let mut sent = Vec::new();
    let result = drive(flow, |request, body| {
        let (method, rest) = request.split_once(' ').unwrap();
        let path = rest.split('?').next().unwrap();
        if method != "GET" {
            sent.push(format!("{method} {path}"));
        }
        respond(method, path, body)
    });
    (result.unwrap(), sent)
}

/// Runs a flow against a platform that answers requests, as `GET /path?query`, with `respond`.
fn drive(
    mut flow: AddEntities,
    mut respond: impl FnMut(&str, &Value) -> (u16, Value),
) -> Result<AddedEntities, Error> {
    let mut mono = Duration::ZERO;
    loop {
        let now = Now::new(mono, SystemTime::UNIX_EPOCH + mono);
        match flow.step(now) {
            Step::Done(result) => return result,
            Step::Wait { until } => mono = until.expect("nothing is in flight"),
            Step::Start(token, exchange) => {
                let (request, body) = written(&exchange);
                let (status, value) = respond(&request, &body);
                let response = http::Response::builder().status(status);
                let response = response.body(Bytes::from(value.to_string())).unwrap();
                flow.on_outcome(now, token, Ok(response));
            }
        }
    }
}

/// The method, path and query of a request, and its body if that is JSON.
fn written(exchange: &tl_http::Exchange) -> (String, Value) {
    let uri = exchange.http.uri().path_and_query().unwrap().as_str();
    let mut body = Vec::new();
    let mut reader = exchange.http.body().reader();
    std::io::Read::read_to_end(&mut reader, &mut body).unwrap();
    let request = format!("{} {}", exchange.http.method(), uri.replace("/v1.3", ""));
    (request, serde_json::from_slice(&body).unwrap_or_default())
}

/// A platform on which everything works; `known` are the names of the collection.
fn platform(known: &[&str], method: &str, path: &str, body: &Value) -> (u16, Value) {
    match (method, path) {
        ("GET", "/entity-collections/c/entities") => {
            let known = known.iter().map(|name| json!({"_id": name, "name": name}));
            (
                200,
                json!({"data": known.collect::<Vec<_>>(), "page_info": {"total_page": 1}}),
            )
        }
        ("POST", "/assets") => (201, json!({"_id": "a", "status": "processing"})),
        ("GET", "/assets/a") => (200, json!({"_id": "a", "status": "ready"})),
        ("POST", _) => {
            let names = body["entities"].as_array().unwrap().iter();
            let created = names.map(|of| json!({"_id": of["name"], "name": of["name"]}));
            (201, json!({"entities": created.collect::<Vec<_>>()}))
        }
        _ => {
            let id = path.rsplit('/').next().unwrap();
            (200, json!({"_id": id, "name": id, "status": "ready"}))
        }
    }
}

fn names(added: &AddedEntities) -> Vec<&str> {
    let created = added.created.iter();
    created
        .map(|entity| entity.name.as_deref().unwrap())
        .collect()
}

#[test]
fn known_and_repeated_names_are_skipped() {
    let (added, sent) = add(&["Ada", "Bob", "Bob"], |method, path, body| {
        platform(&["Ada"], method, path, body)
    });
    assert_eq!(
        (names(&added), &added.skipped[..]),
        (vec!["Bob"], &["Ada".to_owned(), "Bob".to_owned()][..])
    );
    assert_eq!(
        sent,
        ["POST /assets", "POST /entity-collections/c/entities/bulk"]
    );
    assert!(added.failed.is_empty() && added.stopped.is_none());
}

#[test]
fn only_failed_entities_are_tried_again_once() {
    let mut bulks = Vec::new();
    let (added, sent) = add(&["Ada", "Bob", "Eve"], |method, path, body| {
        if method != "POST" || !path.ends_with("/bulk") {
            return platform(&[], method, path, body);
        }
        let entities = body["entities"].as_array().unwrap();
        let asked: Vec<String> = entities.iter().map(|of| of["name"].to_string()).collect();
        bulks.push(asked.join(" "));
        let is_first = bulks.len() == 1;
        let (mut created, mut errors) = (Vec::new(), Vec::new());
        for (index, of) in entities.iter().enumerate() {
            // Bob works the second time, Eve never.
            if of["name"] == "Eve" || (of["name"] == "Bob" && is_first) {
                errors.push(json!({"entity_index": index, "error_reason": "no face"}));
            } else {
                created.push(json!({"_id": of["name"], "name": of["name"]}));
            }
        }
        (201, json!({"entities": created, "errors": errors}))
    });
    assert_eq!(bulks, [r#""Ada" "Bob" "Eve""#, r#""Bob" "Eve""#]);
    assert_eq!(names(&added), ["Ada", "Bob"]);
    let failed = &added.failed[0];
    assert_eq!(
        (failed.name.as_str(), failed.reason.as_str()),
        ("Eve", "no face")
    );
    assert_eq!(failed.asset_ids, [AssetId::from("a")]);
    // No image was uploaded twice.
    assert_eq!(
        sent.iter().filter(|sent| *sent == "POST /assets").count(),
        3
    );
}

#[test]
fn refused_image_fails_its_entity_only() {
    let mut uploads = 0;
    let (added, _) = add(&["Ada", "Bob"], |method, path, body| {
        if (method, path) == ("POST", "/assets") {
            uploads += 1;
            if uploads == 1 {
                return (
                    400,
                    json!({"code": "parameter_invalid", "message": "too small"}),
                );
            }
        }
        platform(&[], method, path, body)
    });
    assert_eq!(
        (names(&added), added.failed[0].name.as_str()),
        (vec!["Bob"], "Ada")
    );
    assert!(
        added.failed[0].reason.contains("too small"),
        "{:?}",
        added.failed
    );
}

#[test]
fn refused_key_ends_the_run_and_names_what_was_uploaded() {
    let mut uploads = 0;
    let (added, sent) = add(&["Ada", "Bob"], |method, path, body| {
        if (method, path) == ("POST", "/assets") {
            uploads += 1;
            if uploads == 2 {
                return (401, json!({"code": "api_key_invalid", "message": "no"}));
            }
        }
        platform(&[], method, path, body)
    });
    let stopped = added.stopped.as_ref().map(Error::kind);
    assert_eq!(stopped, Some(ErrorKind::Unauthorized));
    assert_eq!(
        (added.failed.len(), added.failed[0].name.as_str()),
        (1, "Ada")
    );
    assert_eq!(sent, ["POST /assets", "POST /assets"]);
}
