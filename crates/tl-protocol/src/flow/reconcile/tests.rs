//! Tests of the lists in which a created resource is looked up, and of what identifies it there.

use std::sync::Arc;

use serde_json::{Value, json};
use tl_model::{Asset, AssetId, IndexedAsset};

use super::*;
use crate::{
    BytesSource,
    endpoint::{CreateAsset, CreateIndexedAsset, ListIndexedAssets},
};

const BYTES: &[u8] = b"a video";

fn file() -> Media {
    Media::File(Arc::new(BytesSource::new("my file.mp4", BYTES.to_vec())))
}

fn since() -> (Timestamp, SystemTime) {
    let text = Timestamp::from("2026-11-29T12:00:00Z");
    let time = text.instant().unwrap().into();
    (text, time)
}

fn task(system_metadata: &Value, created_at: &str) -> Task {
    serde_json::from_value(json!({
        "_id": "t", "video_id": "v", "created_at": created_at, "system_metadata": system_metadata,
    }))
    .unwrap()
}

fn asset(value: &Value) -> Asset {
    serde_json::from_value(value.clone()).unwrap()
}

#[test]
fn lookups_list_the_newest_resources_first() {
    let (created_at, _) = since();
    let page = PageRequest {
        page: Some(1),
        page_limit: Some(50),
    };
    let sort = Sort {
        by: Some(SortBy::CreatedAt),
        option: Some(SortOption::Desc),
    };
    let tasks = CreateTask::new("i", file()).list_request(Some(created_at.clone()));
    assert_eq!((tasks.page, tasks.sort), (page, sort.clone()));
    assert_eq!(tasks.index_id, Some("i".into()));
    assert_eq!(tasks.created_at.as_ref(), Some(&created_at));

    let assets = CreateAsset::new(file()).list_request(Some(created_at.clone()));
    assert_eq!(assets.page, page);
    assert_eq!(assets.filename.as_deref(), Some("my file.mp4"));

    let indexed =
        CreateIndexedAsset::new("i", AssetId::from("a")).list_request(Some(created_at.clone()));
    let mut expected = ListIndexedAssets::new("i");
    (expected.page, expected.sort) = (page, sort);
    expected.created_at = Some(created_at);
    assert_eq!(indexed, expected);
}

#[test]
fn a_task_is_identified_by_time_name_and_size() {
    let create = CreateTask::new("i", file());
    let (_, since) = since();
    let matches = |name: Value, size: Value, created_at: &str| {
        let task = task(&json!({"filename": name, "size": size}), created_at);
        create.may_match(&task, Some(since))
    };
    let (name, size, now) = (json!("my file.mp4"), json!(7), "2026-11-29T12:00:00Z");
    assert!(matches(name.clone(), size.clone(), now));
    // The platform may not know them yet. The name may be as in the form.
    assert!(matches(Value::Null, Value::Null, now));
    assert!(matches(name.clone(), json!(0), now));
    assert!(!matches(json!("other.mp4"), size.clone(), now));
    assert!(!matches(name.clone(), json!(8), now));
    assert!(!matches(name, size, "2026-11-29T11:59:54Z"));
}

#[test]
fn resources_may_be_five_seconds_older_than_the_request() {
    let (_, since) = since();
    for (created_at, is_recent) in [
        ("2026-11-29T12:00:01Z", true),
        ("2026-11-29T11:59:55Z", true),
        ("2026-11-29T11:59:54Z", false),
    ] {
        let task = task(&Value::Null, created_at);
        let asset = asset(&json!({"_id": "a", "created_at": created_at}));
        let indexed = json!({"_id": "x", "created_at": created_at});
        let indexed: IndexedAsset = serde_json::from_value(indexed).unwrap();
        let recent = [
            CreateTask::is_recent(&task, Some(since)),
            CreateAsset::is_recent(&asset, Some(since)),
            CreateIndexedAsset::is_recent(&indexed, Some(since)),
        ];
        assert_eq!(recent, [is_recent; 3], "{created_at}");
        assert!(CreateTask::is_recent(&task, None), "{created_at}");
    }
}

#[test]
fn an_asset_is_identified_by_method_time_name_and_final_size() {
    let create = CreateAsset::new(file());
    let (_, since) = since();
    let found = json!({
        "_id": "a", "method": "direct", "filename": "my file.mp4", "size": 7, "status": "ready",
        "created_at": "2026-11-29T12:00:00Z",
    });
    let matches = |member: &str, value: Value| {
        let mut found = found.clone();
        found[member] = value;
        create.may_match(&asset(&found), Some(since))
    };
    assert!(matches("_id", json!("a")));
    assert!(matches("method", Value::Null));
    assert!(!matches("method", json!("url")));
    assert!(!matches("filename", json!("other.mp4")));
    assert!(!matches("size", json!(6)));
    assert!(!matches("created_at", json!("2026-11-29T11:00:00Z")));
    // It is still being received.
    let mut partial = found.clone();
    partial["size"] = json!(6);
    partial["status"] = json!("processing");
    assert!(create.may_match(&asset(&partial), Some(since)));
}

#[test]
fn an_indexed_asset_is_identified_by_its_asset_and_time() {
    let create = CreateIndexedAsset::new("i", AssetId::from("a"));
    let (_, since) = since();
    let matches = |asset: &str, created_at: &str| {
        let found = json!({"_id": "x", "asset_id": asset, "created_at": created_at});
        let found: IndexedAsset = serde_json::from_value(found).unwrap();
        create.may_match(&found, Some(since))
    };
    assert!(matches("a", "2026-11-29T12:00:00Z"));
    assert!(!matches("b", "2026-11-29T12:00:00Z"));
    assert!(!matches("a", "2026-11-29T11:00:00Z"));
}

#[test]
fn the_response_is_restored_from_the_list() {
    let found = task(&Value::Null, "2026-11-29T12:00:00Z");
    assert_eq!(
        CreateTask::item_resource(&found),
        Resource::Task("t".into())
    );
    let created = CreateTask::response_from(found);
    assert_eq!(CreateTask::resource(&created), Resource::Task("t".into()));
    assert_eq!(created.video_id, Some("v".into()));

    let found = asset(&json!({"_id": "a", "user_metadata": {"key": "mark"}}));
    let metadata = <CreateAsset as Reconciled>::user_metadata(&found).unwrap();
    assert!(metadata.get("key").is_some());
    assert_eq!(
        CreateAsset::item_resource(&found),
        Resource::Asset("a".into())
    );

    let found = json!({"_id": "x", "asset_id": "a"});
    let found: IndexedAsset = serde_json::from_value(found).unwrap();
    let resource = Resource::IndexedAsset("x".into());
    assert_eq!(CreateIndexedAsset::item_resource(&found), resource);
    let created = CreateIndexedAsset::response_from(found);
    assert_eq!(created.asset_id, Some("a".into()));
    assert_eq!(CreateIndexedAsset::resource(&created), resource);
}

#[test]
fn a_marker_replaces_no_metadata_of_the_caller() {
    let mut create = CreateAsset::new(file());
    assert!(create.set_marker("key", "mark"));
    assert!(!create.set_marker("key", "other"));
    let value = serde_json::to_value(create.user_metadata.unwrap()).unwrap();
    assert_eq!(value, json!({"key": "mark"}));
    assert!(!CreateTask::new("i", file()).set_marker("key", "mark"));
    // The list of tasks does not include it.
    let found = task(&Value::Null, "2026-11-29T12:00:00Z");
    assert_eq!(<CreateTask as Reconciled>::user_metadata(&found), None);
}

#[test]
fn names_match_as_they_are_or_as_they_are_escaped_in_forms() {
    let name = "a \"b\".mp4";
    let sent = escaped(name);
    assert_ne!(sent, name);
    assert!(same_name(Some(name), Some(name)));
    assert!(same_name(Some(&sent), Some(name)));
    assert!(!same_name(Some("a b.mp4"), Some(name)));
    assert!(same_name(None, Some(name)) && same_name(Some(name), None));
}
