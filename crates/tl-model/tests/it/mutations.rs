//! Mutations at every path of every sample: unknown members survive, and errors name the wrong
//! member.

use std::fmt::Debug;

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use tl_model::*;

use crate::fixtures::{ForFixture, each};

/// One step of a path in a JSON value: a key or an index.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum PathStep {
    Key(String),
    Index(usize),
}

pub(crate) type JsonPath = Vec<PathStep>;

pub(crate) fn paths(value: &Value) -> Vec<JsonPath> {
    let mut found = vec![vec![]];
    let children: Vec<(PathStep, &Value)> = match value {
        Value::Object(members) => members
            .iter()
            .map(|(key, value)| (PathStep::Key(key.clone()), value))
            .collect(),
        Value::Array(items) => items
            .iter()
            .enumerate()
            .map(|(at, item)| (PathStep::Index(at), item))
            .collect(),
        _ => vec![],
    };
    for (step, child) in children {
        found.extend(paths(child).into_iter().map(|mut path| {
            path.insert(0, step.clone());
            path
        }));
    }
    found
}

pub(crate) fn at<'a>(value: &'a mut Value, path: &[PathStep]) -> &'a mut Value {
    path.iter().fold(value, |value, step| match step {
        PathStep::Key(key) => &mut value[key],
        PathStep::Index(at) => &mut value[*at],
    })
}

/// Applies a change at every path of every sample and counts the changes.
struct Mutate<C, O> {
    change: C,
    outcome: O,
    changed: usize,
}

impl<C, O> ForFixture for Mutate<C, O>
where
    C: Fn(&JsonPath, &mut Value) -> bool,
    O: FnMut(&str, &JsonPath, &Value, Result<Value, String>),
{
    fn run<T: Serialize + DeserializeOwned + PartialEq + Debug>(
        &mut self,
        file: &str,
        json: &Value,
    ) {
        for path in paths(json) {
            let mut wire = json.clone();
            if !(self.change)(&path, at(&mut wire, &path)) {
                continue;
            }
            self.changed += 1;
            let decoded =
                serde_json::from_value::<T>(wire.clone()).map_err(|error| error.to_string());
            let encoded = decoded.map(|decoded| {
                let encoded = serde_json::to_value(&decoded).unwrap();
                let again: T = serde_json::from_value(encoded.clone()).unwrap();
                assert_eq!(again, decoded, "{file} {path:?}");
                encoded
            });
            (self.outcome)(file, &path, &wire, encoded);
        }
    }
}

fn check(
    change: impl Fn(&JsonPath, &mut Value) -> bool,
    outcome: impl FnMut(&str, &JsonPath, &Value, Result<Value, String>),
) -> usize {
    let mut mutate = Mutate {
        change,
        outcome,
        changed: 0,
    };
    each(&mut mutate);
    mutate.changed
}

/// The samples with strict types: a patch accepts no objects, and so no unknown members in them.
const STRICT: [&str; 2] = ["indexed_asset/update.json", "video/update.json"];

/// The member whose keys are header names and whose values must be strings.
const HEADERS: &str = "upload_headers";

fn in_headers(path: &[PathStep]) -> bool {
    path.contains(&PathStep::Key(HEADERS.to_owned()))
}

fn survives(file: &str, path: &JsonPath, wire: &Value, encoded: &Result<Value, String>) {
    assert_eq!(encoded.as_ref(), Ok(wire), "{file} {path:?}");
}

/// Whether an error names the member at this path.
fn names(error: &str, path: &JsonPath) -> bool {
    if in_headers(path) {
        return error.contains(&format!("`{HEADERS}`"));
    }
    let key = path.iter().rev().find_map(|step| match step {
        PathStep::Key(key) => Some(key),
        PathStep::Index(_) => None,
    });
    key.is_none_or(|key| error.contains(&format!("`{key}`")) || error.contains(&format!("{key:?}")))
}

/// A member, qualified by the group of its sample.
fn member(file: &str, key: &str) -> String {
    let group = file.split('/').next().unwrap_or_default();
    format!("{group}/{key}")
}

/// The required members, by the groups of their samples.
const REQUIRED: &[&str] = &[
    "asset/_id",
    "asset/data",
    "chat/content",
    "chat/id",
    "chat/input",
    "chat/kind",
    "chat/knowledge_store_id",
    "chat/role",
    "chat/type",
    "connection/_id",
    "connection/access_token",
    "connection/authorize_url",
    "connection/data",
    "connection/provider",
    "connection/redirect_uri",
    "connection/source_id",
    "entity/_id",
    "entity/asset_ids",
    "entity/data",
    "entity/name",
    "index/_id",
    "index/data",
    "index/index_name",
    "index/models",
    "indexed_asset/_id",
    "indexed_asset/asset_id",
    "indexed_asset/data",
    "indexed_asset/float",
    "indexed_asset/user_metadata",
    "knowledge_store/_id",
    "knowledge_store/asset_id",
    "knowledge_store/data",
    "knowledge_store/enrichment_config",
    "knowledge_store/item_id",
    "knowledge_store/modalities",
    "knowledge_store/name",
    "knowledge_store/query",
    "knowledge_store/text",
    "knowledge_store/type",
    "task/_id",
    "task/data",
    "upload/chunk_index",
    "upload/chunk_size",
    "upload/completed_chunks",
    "upload/count",
    "upload/data",
    "upload/filename",
    "upload/index",
    "upload/proof",
    "upload/proof_type",
    "upload/start",
    "upload/total_chunks",
    "upload/total_size",
    "upload/type",
    "upload/upload_id",
    "upload/url",
    "video/_id",
    "video/data",
    "video/float",
    "video/user_metadata",
    "webhook/id",
    "webhook/type",
];

#[test]
fn unknown_members_survive_in_every_object() {
    let new = || json!({"since": "2027", "levels": [1, 2.5, null]});
    let changed = check(
        |_, value| match value {
            Value::Object(members) => members.insert("x_new".to_owned(), new()).is_none(),
            _ => false,
        },
        |file, path, wire, encoded| match encoded {
            Err(error) if STRICT.contains(&file) => {
                assert!(error.contains("x_new"), "{error}");
            }
            Err(error) if in_headers(path) => assert!(names(&error, path), "{error}"),
            encoded => survives(file, path, wire, &encoded),
        },
    );
    assert!(changed > 90, "{changed}");
}

#[test]
fn unknown_values_survive_in_every_string() {
    let changed = check(
        |path, value| {
            // The type of an event determines how its data is decoded.
            let is_text = value.is_string() && path != &[PathStep::Key("type".to_owned())];
            if is_text {
                *value = Value::from("never heard of");
            }
            is_text
        },
        |file, path, wire, encoded| survives(file, path, wire, &encoded),
    );
    assert!(changed > 150, "{changed}");
}

#[test]
fn null_survives_in_every_optional_member() {
    let mut refused = std::collections::BTreeSet::new();
    check(
        |path, value| {
            *value = Value::Null;
            matches!(path.last(), Some(PathStep::Key(_)))
        },
        |file, path, wire, encoded| match encoded {
            Err(error) => {
                assert!(names(&error, path), "{file} {path:?}: {error}");
                let Some(PathStep::Key(key)) = path.last() else {
                    return;
                };
                if !in_headers(path) {
                    refused.insert(member(file, key));
                }
            }
            encoded => survives(file, path, wire, &encoded),
        },
    );
    let mut required = REQUIRED.to_vec();
    // A page reads `null` as no items, and a search as no modalities.
    required.retain(|name| !name.ends_with("/data") && *name != "knowledge_store/modalities");
    assert_eq!(
        refused.iter().map(String::as_str).collect::<Vec<_>>(),
        required
    );
}

#[test]
fn only_required_members_must_be_present() {
    let mut refused = std::collections::BTreeSet::new();
    let mut changed = 0;
    struct Remove<'a> {
        refused: &'a mut std::collections::BTreeSet<String>,
        changed: &'a mut usize,
    }
    impl ForFixture for Remove<'_> {
        fn run<T: Serialize + DeserializeOwned + PartialEq + Debug>(
            &mut self,
            file: &str,
            json: &Value,
        ) {
            for path in paths(json) {
                let Some((PathStep::Key(key), parent)) = path.split_last() else {
                    continue;
                };
                let mut wire = json.clone();
                let removed = at(&mut wire, parent)
                    .as_object_mut()
                    .and_then(|members| members.remove(key));
                assert!(removed.is_some());
                *self.changed += 1;
                match serde_json::from_value::<T>(wire.clone()) {
                    Ok(decoded) => assert_eq!(
                        serde_json::to_value(&decoded).unwrap(),
                        wire,
                        "{file} {path:?}"
                    ),
                    Err(error) => {
                        assert!(
                            error
                                .to_string()
                                .contains(&format!("missing field `{key}`")),
                            "{file} {path:?}: {error}"
                        );
                        self.refused.insert(member(file, key));
                    }
                }
            }
        }
    }
    each(&mut Remove {
        refused: &mut refused,
        changed: &mut changed,
    });
    assert!(changed > 250, "{changed}");
    assert_eq!(
        refused.iter().map(String::as_str).collect::<Vec<_>>(),
        REQUIRED
    );
}

/// The members that reject a value of another type, in addition to the required ones: identifiers,
/// statuses, the units of a transcription, and requests.
const STRICT_MEMBERS: &[&str] = &[
    "asset/index",
    "asset/sentences",
    "asset/status",
    "asset/utterances",
    "asset/words",
    "chat/delta",
    "chat/description",
    "chat/format",
    "chat/include",
    "chat/instructions",
    "chat/name",
    "chat/output",
    "chat/response",
    "chat/selections",
    "chat/session_id",
    "chat/status",
    "chat/stream",
    "chat/strict",
    "chat/text",
    "connection/action",
    "connection/asset_id",
    "connection/connection_id",
    "connection/custom_id",
    "connection/developer_key",
    "connection/has_failures",
    "connection/items",
    "connection/status",
    "entity/description",
    "entity/entities",
    "entity/entity_collection_id",
    "entity/errors",
    "entity/metadata",
    "entity/status",
    "index/addons",
    "index/model_name",
    "index/model_options",
    "indexed_asset/embedding",
    "indexed_asset/enable_video_stream",
    "indexed_asset/model_name",
    "indexed_asset/segments",
    "indexed_asset/status",
    "indexed_asset/video_embedding",
    "knowledge_store/asset_type",
    "knowledge_store/description",
    "knowledge_store/eq",
    "knowledge_store/filter",
    "knowledge_store/group_by",
    "knowledge_store/in",
    "knowledge_store/include_metadata",
    "knowledge_store/ingestion_config",
    "knowledge_store/knowledge_store_id",
    "knowledge_store/matches",
    "knowledge_store/metadata",
    "knowledge_store/next_page_token",
    "knowledge_store/page_size",
    "knowledge_store/page_token",
    "knowledge_store/search_options",
    "knowledge_store/status",
    "knowledge_store/video",
    "task/index_id",
    "task/status",
    "task/video_id",
    "upload/asset_id",
    "upload/enable_hls",
    "upload/enable_thumbnail",
    "upload/status",
    "upload/upload_headers",
    "upload/upload_urls",
    "upload/uploaded_chunks",
    "upload/user_metadata",
    "video/asset_id",
    "video/embedding",
    "video/model_name",
    "video/segments",
    "video/video_embedding",
    "webhook/custom_id",
    "webhook/data",
    "webhook/status",
];

#[test]
fn wrong_types_are_kept_or_rejected_by_name() {
    let mut refused = std::collections::BTreeSet::new();
    for wrong in [
        json!(true),
        json!(["x"]),
        json!({"x": 1}),
        json!(-5),
        json!("12"),
        json!(1.5),
    ] {
        check(
            |path, value| {
                *value = wrong.clone();
                !path.is_empty()
            },
            |file, path, wire, encoded| match encoded {
                Err(error) => {
                    assert!(names(&error, path), "{file} {path:?}: {error}");
                    let keys: Vec<&str> = path
                        .iter()
                        .filter_map(|step| match step {
                            PathStep::Key(key) => Some(key.as_str()),
                            PathStep::Index(_) => None,
                        })
                        .collect();
                    // Inside an object with user-defined keys, the object itself rejects the value.
                    let free = keys
                        .iter()
                        .find(|key| [HEADERS, "user_metadata"].contains(*key));
                    refused.insert(member(file, free.or(keys.last()).unwrap()));
                }
                encoded => survives(file, path, wire, &encoded),
            },
        );
    }
    let allowed: std::collections::BTreeSet<String> = REQUIRED
        .iter()
        .chain(STRICT_MEMBERS)
        .map(|name| (*name).to_owned())
        .collect();
    assert_eq!(refused, allowed);
}

#[test]
fn errors_name_member_value_and_allowed_types() {
    let error = |json: &str| {
        serde_json::from_str::<Page<Video>>(json)
            .unwrap_err()
            .to_string()
    };
    let item = |members: &str| error(&format!(r#"{{"data": [{{"_id": "v", {members}}}]}}"#));
    let lines = [
        error("[]"),
        error(r#"{"data": [{}]}"#),
        error(r#"{"data": [{"_id": "v"}, {"_id": null}]}"#),
        error(r#"{"data": [{"_id": "v", "_id": "w"}]}"#),
        item(r#""asset_id": 5"#),
        item(r#""asset_id": []"#),
    ];
    insta::assert_snapshot!(lines.join("\n"));
}

#[test]
fn whole_numbers_accept_a_zero_fraction() {
    let metadata: SystemMetadata = serde_json::from_str(
        r#"{"width": 640.0, "height": 3.6e2, "duration": 10, "size": 1.5e3, "fps": 25.0}"#,
    )
    .unwrap();
    assert_eq!((metadata.width, metadata.height), (Some(640), Some(360)));
    assert_eq!(
        (metadata.duration, metadata.size),
        (Some(10.0), Some(1500.0))
    );
    insta::assert_snapshot!(
        serde_json::to_string(&metadata).unwrap(),
        @r#"{"duration":10,"fps":25,"height":360,"width":640,"size":1500}"#
    );
    let info: PageInfo =
        serde_json::from_str(r#"{"total_results": 18446744073709551615}"#).unwrap();
    assert_eq!(info.total_results, Some(u64::MAX));
}
