//! The OpenAPI description of the API, generated from the registry of endpoints: a new operation
//! is in it because it is declared.
//!
//! The JSON files beside it, one per resource, contain what the declarations do not say: the schemas
//! of bodies by the names of their types, and how the emulator is stricter than a declaration.

use std::sync::LazyLock;

use serde_json::{Map, Value, json};
use tl_protocol::endpoint::{BodyKind, Parameter, Place, ValueKind};

use super::routes::{ROUTES, Route};
use crate::core::{limits, refusal::ErrorForm};

/// The files with details, one per resource. Each may have every part that [`DETAILS`] lists.
const FILES: &[&str] = &[
    include_str!("general.json"),
    include_str!("indexes.json"),
    include_str!("tasks.json"),
    include_str!("videos.json"),
    include_str!("assets.json"),
    include_str!("entities.json"),
    include_str!("analyze.json"),
    include_str!("uploads.json"),
    include_str!("indexed_assets.json"),
    include_str!("knowledge_stores.json"),
    include_str!("search.json"),
    include_str!("chat_responses.json"),
    include_str!("connections.json"),
    include_str!("embed.json"),
    include_str!("legacy_embed.json"),
    include_str!("transcriptions.json"),
];

/// What the declarations do not say:
///
/// - `info` and `components` of the description;
/// - `parameters` and `members`: schemas by the name of a parameter or of a member of a JSON body,
///   wherever it occurs;
/// - `operations`: changes to single operations as merge patches (RFC 7396). Parameters are given by
///   name.
static DETAILS: LazyLock<Value> = LazyLock::new(|| {
    let mut details = json!({});
    for file in FILES {
        join(
            &mut details,
            serde_json::from_str(file).expect("the file is JSON"),
        );
    }
    details
});

/// The description of the API with all quirks at their defaults.
pub(crate) fn document() -> Value {
    let mut paths = Map::new();
    for route in ROUTES {
        let method = route.endpoint.method.as_str().to_ascii_lowercase();
        let path = paths
            .entry(route.endpoint.path)
            .or_insert_with(|| json!({}));
        path[method] = operation(route);
    }
    json!({
        "openapi": "3.1.0",
        "info": DETAILS["info"],
        "servers": [{ "url": super::VERSION_PREFIX }],
        "security": [{ "key": [] }],
        "paths": paths,
        "components": DETAILS["components"],
    })
}

fn operation(route: &Route) -> Value {
    let endpoint = &route.endpoint;
    let declared = (route.parameters)();
    let parameters = declared.iter().filter_map(parameter);
    let mut operation = json!({
        "operationId": endpoint.name,
        "summary": sentence(endpoint.summary),
        "parameters": Value::Object(parameters.collect()),
        "responses": responses(route),
    });
    if let Some(body) = request_body(route, &declared) {
        operation["requestBody"] = body;
    }
    merge(&mut operation, &DETAILS["operations"][endpoint.name]);
    // A description lists parameters; the patch needs their names.
    let parameters = operation["parameters"].as_object_mut();
    let parameters: Vec<Value> = parameters
        .map(|parameters| {
            std::mem::take(parameters)
                .into_iter()
                .map(|(_, value)| value)
        })
        .into_iter()
        .flatten()
        .collect();
    operation["parameters"] = parameters.into();
    operation
}

/// A parameter of the path or the query, with its name.
fn parameter(parameter: &Parameter) -> Option<(String, Value)> {
    let place = match parameter.place {
        Place::Path => "path",
        Place::Query => "query",
        _ => return None,
    };
    let mut described = json!({
        "name": parameter.name,
        "in": place,
        "required": parameter.required,
        "schema": match &DETAILS["parameters"][&parameter.name] {
            Value::Null => schema(&parameter.kind),
            known => known.clone(),
        },
    });
    let style = match parameter.kind {
        ValueKind::List(_) => Some("form"),
        ValueKind::Object => Some("deepObject"),
        _ => None,
    };
    if let Some(style) = style {
        described["style"] = style.into();
        described["explode"] = true.into();
    }
    Some((parameter.name.clone(), described))
}

fn schema(kind: &ValueKind) -> Value {
    match kind {
        ValueKind::Text => json!({ "type": "string" }),
        ValueKind::Flag => json!({ "type": "boolean" }),
        ValueKind::Whole => json!({ "type": "integer", "minimum": 0, "maximum": u32::MAX }),
        ValueKind::Number => json!({ "type": "number" }),
        ValueKind::Timestamp => json!({ "type": "string", "format": "date-time" }),
        ValueKind::Id => json!({ "type": "string", "pattern": "^[0-9a-fA-F]{24}$" }),
        ValueKind::Word(words) => json!({ "type": "string", "enum": words }),
        ValueKind::List(item) => json!({ "type": "array", "items": schema(item) }),
        ValueKind::Object => json!({ "type": "object" }),
        _ => json!({}),
    }
}

fn request_body(route: &Route, declared: &[Parameter]) -> Option<Value> {
    let content_type = match route.endpoint.body {
        BodyKind::Json => "application/json",
        BodyKind::Form => "multipart/form-data",
        _ => return None,
    };
    let schema = route
        .body_type
        .and_then(reference)
        .unwrap_or_else(|| members(declared));
    Some(json!({ "required": true, "content": { content_type: { "schema": schema } } }))
}

/// The schema of a JSON body from its declared members.
fn members(declared: &[Parameter]) -> Value {
    let members = declared
        .iter()
        .filter(|parameter| parameter.place == Place::Json);
    let required = members.clone().filter(|member| member.required);
    let required: Vec<&str> = required.map(|member| member.name.as_str()).collect();
    let properties: Map<String, Value> = members
        .map(|member| {
            let schema = match &DETAILS["members"][&member.name] {
                Value::Null => schema(&member.kind),
                known => known.clone(),
            };
            (member.name.clone(), schema)
        })
        .collect();
    let mut object = json!({ "type": "object" });
    // A form whose fields are not declared one by one may have any.
    if !properties.is_empty() {
        object["properties"] = properties.into();
        object["required"] = required.into();
        object["additionalProperties"] = false.into();
    }
    object
}

/// The responses: the success, and the errors that follow from the request.
fn responses(route: &Route) -> Value {
    let endpoint = &route.endpoint;
    let mut responses = Map::new();
    let success = match route.response_type {
        None => shared("Done"),
        Some(name) => {
            let mut success = json!({
                "description": "Success.",
                "headers": { "X-Api-Version": { "$ref": "#/components/headers/Version" } },
                "content": { "application/json": { "schema": response_schema(name) } },
            });
            let links = links(route, name);
            if !links.is_empty() {
                success["links"] = links.into();
            }
            success
        }
    };
    responses.insert(endpoint.success.as_str().to_owned(), success);
    let has_body = endpoint.body != BodyKind::None;
    let form = limits::limit_form(route.operation);
    let errors = [
        ("400", "Invalid", true),
        ("401", "KeyRefused", true),
        ("404", "NotFound", endpoint.path.contains('{')),
        ("408", "Stalled", has_body),
        ("413", "TooLarge", has_body),
        ("429", "TooMany", form == Some(ErrorForm::Flat)),
        ("429", "TooManyEmpty", form == Some(ErrorForm::Empty)),
        ("429", "TooManyNested", form == Some(ErrorForm::Nested)),
    ];
    for (status, name, _) in errors.into_iter().filter(|(.., applies)| *applies) {
        responses.insert(status.to_owned(), shared(name));
    }
    responses.into()
}

/// The operations on a resource that this operation creates or lists: those whose path continues
/// the path of this one with its identifier.
fn links(route: &Route, response: &str) -> Map<String, Value> {
    let own = route.endpoint.path;
    let (item, pointer) = match item_of_page(response) {
        Some(item) => (item, "/data/0"),
        None => (response, ""),
    };
    let properties = item_properties(response, item);
    let mut links = Map::new();
    for target in ROUTES {
        let rest = target.endpoint.path.strip_prefix(own);
        let id = rest.and_then(|rest| rest.strip_prefix("/{")?.split_once('}'));
        let Some((id, _)) = id.filter(|(_, rest)| !rest.contains('{')) else {
            continue;
        };
        let Some(property) = [id, "_id"]
            .into_iter()
            .find(|name| properties.get(name).is_some())
        else {
            continue;
        };
        let mut parameters = Map::new();
        parameters.insert(
            id.to_owned(),
            format!("$response.body#{pointer}/{property}").into(),
        );
        for name in placeholders(own) {
            parameters.insert(name.to_owned(), format!("$request.path.{name}").into());
        }
        let name = target.endpoint.name;
        links.insert(
            name.replace('.', "-"),
            json!({ "operationId": name, "parameters": parameters }),
        );
    }
    links
}

/// The names of the placeholders of a path.
fn placeholders(path: &str) -> impl Iterator<Item = &str> {
    let parts = path.split('{').skip(1);
    parts.filter_map(|part| part.split_once('}').map(|(name, _)| name))
}

/// The properties of a resource in a response.
fn item_properties(response: &str, item: &str) -> Value {
    let schemas = &DETAILS["components"]["schemas"];
    let page = &schemas[format!("{item}Page")]["properties"]["data"]["items"];
    let schema = match (response == item, page) {
        (true, _) | (false, Value::Null) => &schemas[item],
        (false, items) => items,
    };
    let schema = match schema["$ref"]
        .as_str()
        .and_then(|path| path.rsplit('/').next())
    {
        Some(name) => &schemas[name],
        None => schema,
    };
    schema["properties"].clone()
}

fn item_of_page(response: &str) -> Option<&str> {
    response.strip_prefix("Page<")?.strip_suffix('>')
}

/// A response that several operations have.
fn shared(name: &str) -> Value {
    json!({ "$ref": format!("#/components/responses/{name}") })
}

/// The schema of a response type: `Task`, or `Page<Task>`.
fn response_schema(name: &str) -> Value {
    let Some(item) = name
        .strip_prefix("Page<")
        .and_then(|rest| rest.strip_suffix('>'))
    else {
        return reference(name).unwrap_or_else(|| json!({ "type": "object" }));
    };
    reference(&format!("{item}Page")).unwrap_or_else(|| {
        json!({
            "type": "object",
            "properties": {
                "data": { "type": "array", "items": reference(item).unwrap_or_else(|| json!({})) },
                "page_info": { "$ref": "#/components/schemas/PageInfo" },
            },
            "required": ["data", "page_info"],
        })
    })
}

/// A reference to the schema with this name, if there is one.
fn reference(name: &str) -> Option<Value> {
    DETAILS["components"]["schemas"]
        .get(name)
        .map(|_| json!({ "$ref": format!("#/components/schemas/{name}") }))
}

/// `create a task` as a sentence.
fn sentence(phrase: &str) -> String {
    let mut letters = phrase.chars();
    let first = letters.next().into_iter().flat_map(char::to_uppercase);
    first.chain(letters).collect()
}

/// Adds the members of `more` to `target`. Unlike a merge patch it keeps `null`, which removes a
/// member where the patch is applied.
fn join(target: &mut Value, more: Value) {
    match (target, more) {
        (Value::Object(target), Value::Object(more)) => {
            for (key, value) in more {
                join(target.entry(key).or_insert_with(|| json!({})), value);
            }
        }
        (target, more) => *target = more,
    }
}

/// Applies a merge patch (RFC 7396): `null` removes a member.
fn merge(target: &mut Value, patch: &Value) {
    let Value::Object(changes) = patch else {
        return;
    };
    if !target.is_object() {
        *target = json!({});
    }
    for (key, change) in changes {
        match change {
            Value::Null => {
                if let Some(target) = target.as_object_mut() {
                    target.remove(key);
                }
            }
            Value::Object(_) => merge(&mut target[key], change),
            other => target[key] = other.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use tl_protocol::endpoint::OPERATIONS;

    use super::*;

    /// Every operation of a description: name, method and path.
    fn described(document: &Value) -> BTreeSet<(String, String, String)> {
        let mut found = BTreeSet::new();
        for (path, operations) in document["paths"].as_object().unwrap() {
            for (method, operation) in operations.as_object().unwrap() {
                let name = operation["operationId"].as_str().unwrap();
                found.insert((name.to_owned(), method.to_uppercase(), path.clone()));
            }
        }
        found
    }

    #[test]
    fn every_registered_operation_is_described() {
        let registered = OPERATIONS.iter().map(|operation| {
            let method = operation.method.to_string();
            (operation.name.to_owned(), method, operation.path.to_owned())
        });
        assert_eq!(described(&document()), registered.collect());
    }

    #[test]
    fn parameters_are_those_of_the_declaration() {
        let document = document();
        for route in ROUTES {
            let method = route.endpoint.method.as_str().to_lowercase();
            let operation = &document["paths"][route.endpoint.path][&method];
            let patch = &DETAILS["operations"][route.endpoint.name]["parameters"];
            let is_removed = |name: &str| patch.get(name).is_some_and(Value::is_null);
            let declared = (route.parameters)().into_iter();
            let declared: BTreeSet<_> = declared
                .filter(|parameter| parameter.place != Place::Json && !is_removed(&parameter.name))
                .map(|parameter| {
                    let place = if parameter.place == Place::Path {
                        "path"
                    } else {
                        "query"
                    };
                    (parameter.name, place.to_owned(), parameter.required)
                })
                .collect();
            let listed = operation["parameters"].as_array().unwrap().iter();
            let listed: BTreeSet<_> = listed
                .map(|parameter| {
                    let text = |name: &str| parameter[name].as_str().unwrap().to_owned();
                    (text("name"), text("in"), parameter["required"] == true)
                })
                .collect();
            assert_eq!(listed, declared, "{}", route.endpoint.name);
            let in_path: BTreeSet<&str> = placeholders(route.endpoint.path).collect();
            let required = listed.iter().filter(|(_, place, _)| place == "path");
            let required: BTreeSet<&str> = required.map(|(name, ..)| name.as_str()).collect();
            assert_eq!(required, in_path, "{}", route.endpoint.name);
        }
    }

    /// A detail about something that is not declared any more would be lost silently.
    #[test]
    fn every_detail_refers_to_a_declaration() {
        let parameters: Vec<Parameter> = ROUTES
            .iter()
            .flat_map(|route| (route.parameters)())
            .collect();
        let names = |key: &str| DETAILS[key].as_object().unwrap().keys();
        for name in names("parameters") {
            let is_declared =
                |parameter: &Parameter| parameter.name == *name && parameter.place != Place::Json;
            assert!(parameters.iter().any(is_declared), "{name}");
        }
        for name in names("members") {
            let is_declared =
                |parameter: &Parameter| parameter.name == *name && parameter.place == Place::Json;
            assert!(parameters.iter().any(is_declared), "{name}");
        }
        for (name, patch) in DETAILS["operations"].as_object().unwrap() {
            let route = ROUTES.iter().find(|route| route.endpoint.name == name);
            let declared = (route.unwrap_or_else(|| panic!("{name}")).parameters)();
            for parameter in patch["parameters"].as_object().into_iter().flatten() {
                let is_it = |declared: &Parameter| declared.name == *parameter.0;
                assert!(declared.iter().any(is_it), "{name}: {}", parameter.0);
            }
        }
    }

    /// Every schema is used, and every reference has a target.
    #[test]
    fn references_resolve_and_schemas_are_used() {
        fn references(value: &Value, found: &mut BTreeSet<String>) {
            match value {
                Value::Object(members) => {
                    found.extend(
                        members
                            .get("$ref")
                            .and_then(Value::as_str)
                            .map(str::to_owned),
                    );
                    members
                        .values()
                        .for_each(|member| references(member, found));
                }
                Value::Array(items) => items.iter().for_each(|item| references(item, found)),
                _ => {}
            }
        }
        let document = document();
        let mut found = BTreeSet::new();
        references(&document, &mut found);
        for reference in &found {
            let pointer = reference.strip_prefix('#').unwrap();
            assert!(document.pointer(pointer).is_some(), "{reference}");
        }
        for kind in ["schemas", "responses", "headers"] {
            for name in document["components"][kind].as_object().unwrap().keys() {
                let reference = format!("#/components/{kind}/{name}");
                assert!(found.contains(&reference), "{reference} is never used");
            }
        }
    }

    #[test]
    fn undeclared_schemas_become_general_ones() {
        let page = response_schema("Page<Nothing>");
        assert_eq!(page["properties"]["data"]["items"], json!({}));
        assert_eq!(response_schema("Nothing"), json!({ "type": "object" }));
    }

    #[test]
    fn merge_patch_changes_adds_and_removes() {
        let mut target = json!({ "a": { "b": 1, "c": 2 }, "d": 3 });
        let patch = json!({ "a": { "b": null, "e": 4 }, "d": [5], "f": { "g": 6 } });
        merge(&mut target, &patch);
        assert_eq!(
            target,
            json!({ "a": { "c": 2, "e": 4 }, "d": [5], "f": { "g": 6 } })
        );
    }

    #[test]
    fn parts_keep_what_patches_remove() {
        let mut details = json!({ "a": { "b": 1 } });
        join(&mut details, json!({ "a": { "c": null }, "d": { "e": 2 } }));
        assert_eq!(
            details,
            json!({ "a": { "b": 1, "c": null }, "d": { "e": 2 } })
        );
        let video = &document()["paths"]["/indexes/{index_id}/videos/{video_id}"]["get"];
        let parameters = video["parameters"].as_array().unwrap().iter();
        let names: Vec<&str> = parameters
            .filter_map(|parameter| parameter["name"].as_str())
            .collect();
        assert!(!names.contains(&"transcription"), "{names:?}");
    }

    #[test]
    fn no_detail_is_in_two_files() {
        let mut seen = BTreeSet::new();
        for file in FILES {
            let file: Value = serde_json::from_str(file).unwrap();
            let parts = [
                "/components/schemas",
                "/parameters",
                "/members",
                "/operations",
            ];
            for part in parts {
                for name in file
                    .pointer(part)
                    .and_then(Value::as_object)
                    .into_iter()
                    .flatten()
                {
                    assert!(seen.insert((part, name.0.clone())), "{part}: {}", name.0);
                }
            }
        }
    }
}
