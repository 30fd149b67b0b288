//! Tests of the statuses of what is polled.

use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::*;

fn seen<E: Watched>(value: Value) -> (String, Progress)
where
    E::Response: DeserializeOwned,
{
    let response = serde_json::from_value(value).unwrap();
    (E::status(&response), E::progress(&response))
}

#[test]
fn assets_are_ready_failed_or_in_progress() {
    let of = |status: Value| seen::<GetAsset>(json!({"_id": "a", "status": status}));
    assert_eq!(of(json!("ready")), ("ready".into(), Progress::Ready));
    assert_eq!(
        of(json!("processing")),
        ("processing".into(), Progress::Working)
    );
    assert_eq!(of(Value::Null), ("unknown".into(), Progress::Working));
    let failed = json!({"_id": "a", "status": "failed", "error": {"message": "too short"}});
    let reason = Progress::Failed(Some("too short".into()));
    assert_eq!(seen::<GetAsset>(failed), ("failed".into(), reason));
}

#[test]
fn transcriptions_are_ready_failed_or_in_progress() {
    let of = |status: Value| seen::<GetAssetTranscription>(json!({"status": status}));
    assert_eq!(of(json!("ready")), ("ready".into(), Progress::Ready));
    assert_eq!(of(json!("pending")), ("pending".into(), Progress::Working));
    assert_eq!(of(Value::Null), ("unknown".into(), Progress::Working));
    assert_eq!(
        of(json!("failed")),
        ("failed".into(), Progress::Failed(None))
    );
    let failed = json!({"status": "failed", "error": {"message": "no audio"}});
    let reason = Progress::Failed(Some("no audio".into()));
    assert_eq!(
        seen::<GetAssetTranscription>(failed),
        ("failed".into(), reason)
    );
}

#[test]
fn indexed_assets_are_ready_failed_or_in_progress() {
    let of = |status: Value| seen::<GetIndexedAsset>(json!({"_id": "x", "status": status}));
    assert_eq!(of(json!("ready")), ("ready".into(), Progress::Ready));
    assert_eq!(
        of(json!("indexing")),
        ("indexing".into(), Progress::Working)
    );
    assert_eq!(of(Value::Null), ("unknown".into(), Progress::Working));
    assert_eq!(
        of(json!("failed")),
        ("failed".into(), Progress::Failed(None))
    );
}
