//! One unexpected informational member does not make the list fail: it reads as absent, and its
//! value is kept.

use std::fmt::Debug;

use proptest::prelude::*;
use proptest::sample::Index as Choice;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use tl_model::*;

use crate::mutations::{JsonPath, PathStep, at, paths};
use crate::wire::{self, Wire, any_json};
use crate::wire_assets;
use crate::wire_entities;

/// The response members that stay strict: identifiers, statuses, and other members that decisions
/// depend on, and embeddings, which are there only if they were requested.
const STRICT: &[&str] = &[
    "_id",
    "asset_id",
    "chunk_index",
    "chunk_size",
    "embedding",
    "entity_collection_id",
    "id",
    "index",
    "index_id",
    "status",
    "total_chunks",
    "upload_headers",
    "upload_id",
    "upload_urls",
    "uploaded_chunks",
    "video_id",
];

/// Whether the member at this path of an item is informational.
fn is_informational(item: &Value, path: &[PathStep]) -> bool {
    let Some((PathStep::Key(first), _)) = path.split_first() else {
        return false;
    };
    item.get(first).is_some() && !STRICT.contains(&first.as_str())
}

/// Compares numbers by value, so that 5.0 equals 5: the platform writes whole floats without `.0`.
fn is_same(left: &Value, right: &Value) -> bool {
    match (left, right) {
        (Value::Number(left), Value::Number(right)) => left.as_f64() == right.as_f64(),
        (Value::Array(left), Value::Array(right)) => {
            left.len() == right.len()
                && left
                    .iter()
                    .zip(right)
                    .all(|(left, right)| is_same(left, right))
        }
        (Value::Object(left), Value::Object(right)) => {
            left.len() == right.len()
                && left
                    .iter()
                    .all(|(key, left)| right.get(key).is_some_and(|right| is_same(left, right)))
        }
        (left, right) => left == right,
    }
}

/// A list with one unexpected member decodes, its other items are unaffected, and it encodes into
/// the same JSON.
fn check<T: Serialize + DeserializeOwned + PartialEq + Debug>(
    items: &[Value],
    which: &Choice,
    member: &Choice,
    unexpected: &Value,
) -> Result<(), TestCaseError> {
    let which = which.index(items.len());
    let candidates: Vec<JsonPath> = paths(&items[which])
        .into_iter()
        .filter(|path| is_informational(&items[which], path))
        .collect();
    prop_assume!(!candidates.is_empty());
    let path = &candidates[member.index(candidates.len())];
    let mut changed = items.to_vec();
    *at(&mut changed[which], path) = unexpected.clone();

    let wire = json!({"data": changed, "page_info": {"page": 1}});
    let text = wire.to_string();
    let page = serde_json::from_str::<Page<T>>(&text)
        .map_err(|error| TestCaseError::fail(format!("{path:?} = {unexpected}: {error}")))?;
    prop_assert_eq!(page.data.len(), items.len());
    for (number, (item, before)) in page.data.iter().zip(items).enumerate() {
        if number != which {
            prop_assert_eq!(item, &serde_json::from_value::<T>(before.clone()).unwrap());
        }
    }
    let written = serde_json::to_value(&page).unwrap();
    prop_assert!(
        is_same(&written, &wire),
        "{path:?}: {written} is not {wire}"
    );
    Ok(())
}

fn items(item: Wire) -> impl Strategy<Value = Vec<Value>> {
    proptest::collection::vec(item, 1..4)
}

macro_rules! accepts_unexpected_values {
    ($($test:ident: $name:ty = $strategy:expr;)+) => {
        proptest! {
            #![proptest_config(ProptestConfig { max_global_rejects: 4096, ..ProptestConfig::with_cases(256) })]
            $(#[test]
            fn $test(
                items in items($strategy),
                which in any::<Choice>(),
                member in any::<Choice>(),
                unexpected in any_json(),
            ) {
                check::<$name>(&items, &which, &member, &unexpected)?;
            })+
        }
    };
}

accepts_unexpected_values! {
    tasks_accept_unexpected_values: Task = wire::task();
    indexes_accept_unexpected_values: Index = wire::index();
    videos_accept_unexpected_values: Video = wire::video();
    assets_accept_unexpected_values: Asset = wire_assets::asset();
    indexed_assets_accept_unexpected_values: IndexedAsset = wire_assets::indexed_asset();
    uploads_accept_unexpected_values: IncompleteUpload = wire_assets::incomplete_upload();
    entities_accept_unexpected_values: Entity = wire_entities::entity();
    entity_collections_accept_unexpected_values: EntityCollection = wire_entities::collection();
    upload_state_accepts_unexpected_values: UploadState = wire_assets::upload_state();
    upload_session_accepts_unexpected_values: UploadSession = wire_assets::upload_session();
    upload_urls_accept_unexpected_values: UploadUrls = wire_assets::upload_urls();
    chunk_receipt_accepts_unexpected_values: ChunkReceipt = wire_assets::chunk_receipt();
    index_task_data_accepts_unexpected_values: IndexTaskData = wire::index_task_data();
    system_metadata_accepts_unexpected_values: SystemMetadata = wire::system_metadata();
    technical_metadata_accepts_unexpected_values: TechnicalMetadata = wire_assets::technical_metadata();
    transcription_segments_accept_unexpected_values: TranscriptionSegment = wire::transcription_segment();
}

proptest! {
    #[test]
    fn page_info_accepts_unexpected_values(unexpected in any_json()) {
        let wire = json!({"data": [{"_id": "t"}], "page_info": unexpected});
        let page: Page<Task> = serde_json::from_value(wire.clone()).unwrap();
        prop_assert_eq!(page.data, [Task::new("t")]);
    }
}

#[test]
fn reported_values_are_kept() {
    let index: Index = serde_json::from_value(
        json!({"_id": "i", "video_count": 3.5, "total_duration": "12 s", "index_name": "races"}),
    )
    .unwrap();
    assert_eq!(index.video_count, Some(3.5));
    assert_eq!(
        (index.total_duration, &index.extra["total_duration"]),
        (None, &json!("12 s"))
    );
    assert_eq!(index.index_name.as_deref(), Some("races"));

    let asset: Asset = serde_json::from_value(json!({
        "_id": "a",
        "error": "the file is empty",
        "technical_metadata": {
            "video_width": 640,
            "video_streams": [{"rotation": "90", "bitrate_bps": -1, "codec": "h264"}, {"codec": 5}],
        },
    }))
    .unwrap();
    assert_eq!(asset.failure_reason(), Some("the file is empty"));
    let metadata = asset.technical_metadata.unwrap();
    assert_eq!(metadata.video_width, Some(640));
    let stream = &metadata.video_streams[0];
    assert_eq!((stream.rotation, stream.bitrate_bps), (None, None));
    assert_eq!(stream.codec.as_deref(), Some("h264"));
    assert_eq!(
        (&stream.extra["rotation"], &stream.extra["bitrate_bps"]),
        (&json!("90"), &json!(-1))
    );
    assert_eq!(metadata.video_streams[1].extra["codec"], 5);
}

#[test]
fn identifiers_and_statuses_stay_strict() {
    fn refuses<T: DeserializeOwned + Debug>(member: &str, json: Value) {
        let error = serde_json::from_value::<T>(json).unwrap_err().to_string();
        assert!(error.contains(&format!("`{member}`")), "{error}");
    }
    refuses::<Task>("_id", json!({"_id": 5}));
    refuses::<Task>("status", json!({"_id": "t", "status": 5}));
    refuses::<Task>("video_id", json!({"_id": "t", "video_id": {}}));
    refuses::<Asset>("status", json!({"_id": "a", "status": ["ready"]}));
    refuses::<IndexedAsset>("asset_id", json!({"_id": "a", "asset_id": 7}));
    refuses::<AssetReference>("index", json!({"_id": "a", "index": "i"}));
    refuses::<UploadState>("status", json!({"upload_id": "u", "status": true}));
    refuses::<UploadState>(
        "index",
        json!({"upload_id": "u", "uploaded_chunks": [{"index": 1.5}]}),
    );
    refuses::<NewUpload>(
        "enable_hls",
        json!({"filename": "a", "type": "video", "total_size": 1, "enable_hls": "yes"}),
    );
}

#[test]
fn repeated_member_is_an_error() {
    for members in [
        r#""output_index": 0, "output_index": 1"#,
        // The first one stays in `extra`, because it is not a number.
        r#""output_index": "msg_1", "output_index": 0"#,
        r#""output_index": null, "output_index": 0"#,
    ] {
        let text = format!(r#"{{"type": "response.created", {members}}}"#);
        let error = serde_json::from_str::<ChatEvent>(&text).unwrap_err();
        assert!(
            error.to_string().contains("duplicate field `output_index`"),
            "{members}: {error}"
        );
    }
}
