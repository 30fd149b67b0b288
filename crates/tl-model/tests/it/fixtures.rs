//! The sample objects of the platform's documentation decode, and encode into the same JSON.

use std::collections::BTreeSet;
use std::fmt::Debug;
use std::path::{Path, PathBuf};

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use tl_model::*;

/// A generic test that runs on a fixture and its type.
pub(crate) trait ForFixture {
    fn run<T: Serialize + DeserializeOwned + PartialEq + Debug>(
        &mut self,
        file: &str,
        json: &Value,
    );
}

pub(crate) fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures")
}

pub(crate) fn read(file: &str) -> Value {
    let text = std::fs::read_to_string(folder().join(file)).unwrap();
    serde_json::from_str(&text).unwrap()
}

macro_rules! fixtures {
    ($($name:ty: $($file:literal)+;)+) => {
        const FILES: &[&str] = &[$($($file),+),+];

        /// Runs the test on every fixture with its type.
        pub(crate) fn each(test: &mut impl ForFixture) {
            $($(test.run::<$name>($file, &read($file));)+)+
        }
    };
}

fixtures! {
    Task: "task/schema_example.json" "task/retrieved.json" "task/ready_v1_2.json" "task/ready_v1_2_as_printed.json"
        "task/indexing_v1_2.json" "task/failed.json" "task/uploading.json";
    CreatedTask: "task/created.json" "task/created_v1_2.json";
    Page<Task>: "task/page.json" "task/empty_page.json";
    Index: "index/schema_example.json" "index/retrieved.json" "index/paid_plan.json" "index/engines_v1_2.json"
        "index/models_v1_2_spelling.json";
    CreatedIndex: "index/created.json";
    NewIndex: "index/new.json";
    UpdateIndex: "index/update.json";
    Page<Index>: "index/page.json";
    Video: "video/schema_example.json" "video/retrieved.json" "video/list_item.json" "video/odd_metadata.json";
    UpdateVideo: "video/update.json";
    Page<Video>: "video/page.json";
    Asset: "asset/schema_example.json" "asset/retrieved.json" "asset/image.json" "asset/document.json"
        "asset/processing.json" "asset/failed.json" "asset/imported.json";
    Page<Asset>: "asset/page.json";
    Page<AssetReference>: "asset/references_page.json";
    Page<Entity>: "asset/entities_page.json";
    Entity: "entity/retrieved.json";
    NewEntity: "entity/new.json";
    EntityUpdate: "entity/update.json";
    CreatedEntities: "entity/created_entities.json";
    EntityCollection: "entity/collection.json";
    NewEntityCollection: "entity/new_collection.json";
    EntityCollectionUpdate: "entity/collection_update.json";
    Page<EntityCollection>: "entity/collections_page.json";
    AssetTranscription: "asset/transcription.json" "asset/transcription_failed.json";
    NewUpload: "upload/new.json" "upload/new_with_options.json";
    UploadSession: "upload/session.json";
    ChunkReport: "upload/report.json";
    ChunkReceipt: "upload/receipt.json" "upload/receipt_partial.json";
    UrlRequest: "upload/url_request.json";
    UploadUrls: "upload/urls.json";
    UploadState: "upload/state.json" "upload/state_with_nulls.json";
    Page<IncompleteUpload>: "upload/page.json";
    IndexedAsset: "indexed_asset/schema_example.json" "indexed_asset/retrieved.json" "indexed_asset/list_item.json"
        "indexed_asset/indexing.json";
    CreatedIndexedAsset: "indexed_asset/created.json" "indexed_asset/created_february_2026.json";
    KnowledgeStore: "knowledge_store/retrieved.json";
    NewKnowledgeStore: "knowledge_store/new.json";
    KnowledgeStoreUpdate: "knowledge_store/update.json";
    Page<KnowledgeStore>: "knowledge_store/page.json";
    StoreItem: "knowledge_store/item.json";
    NewStoreItem: "knowledge_store/new_item.json";
    Page<StoreItem>: "knowledge_store/items_page.json";
    ItemCollection: "knowledge_store/collection.json";
    NewItemCollection: "knowledge_store/new_collection.json";
    ItemCollectionUpdate: "knowledge_store/collection_update.json";
    Page<ItemCollection>: "knowledge_store/collections_page.json";
    StoreSearch: "knowledge_store/search.json";
    StoreHits: "knowledge_store/hits.json";
    NewChatResponse: "chat/new.json";
    ChatResponse: "chat/response.json" "chat/incomplete.json";
    ChatEvent: "chat/event_created.json" "chat/event_item.json" "chat/event_delta.json" "chat/event_text.json"
        "chat/event_part.json" "chat/event_arguments.json" "chat/event_keepalive.json";
    NewConnection: "connection/new.json";
    ConnectionAuthorization: "connection/authorization.json";
    Connection: "connection/retrieved.json";
    Page<Connection>: "connection/page.json";
    PickerToken: "connection/picker_token.json";
    RedirectUri: "connection/redirect_uri.json";
    Page<RedirectUri>: "connection/redirect_uris_page.json";
    ImportResult: "connection/import_result.json";
    Import: "connection/import.json";
    Page<Import>: "connection/imports_page.json";
    NewIndexedAsset: "indexed_asset/new.json" "indexed_asset/new_with_options.json";
    IndexedAssetUpdate: "indexed_asset/update.json";
    Page<IndexedAsset>: "indexed_asset/page.json";
    Hls: "hls/schema_example.json";
    PageInfo: "page_info/schema_example.json";
    UserMetadata: "user_metadata/schema_example.json";
    WebhookEvent: "webhook/index_task_ready.json" "webhook/index_task_failed.json" "webhook/index_task_ready_v1_2.json"
        "webhook/index_task_ready_v1_1.json" "webhook/analyze_task_ready.json" "webhook/analyze_task_ready_partial.json"
        "webhook/analyze_task_failed.json" "webhook/analyze_task_canceled.json" "webhook/unknown_type.json";
}

struct Snapshot;

impl ForFixture for Snapshot {
    fn run<T: Serialize + DeserializeOwned + PartialEq + Debug>(
        &mut self,
        file: &str,
        json: &Value,
    ) {
        let decoded: T =
            serde_json::from_value(json.clone()).unwrap_or_else(|error| panic!("{file}: {error}"));
        assert_eq!(&serde_json::to_value(&decoded).unwrap(), json, "{file}");
        // Omit absent members to keep the snapshots readable.
        let text: Vec<_> = format!("{decoded:#?}")
            .lines()
            .filter(|line| !line.ends_with(": None,") && !line.ends_with("extra: {},"))
            .map(str::to_owned)
            .collect();
        let name = file.trim_end_matches(".json").replace('/', "__");
        insta::assert_snapshot!(name, text.join("\n"));
    }
}

#[test]
fn every_sample_round_trips() {
    each(&mut Snapshot);
}

#[test]
fn every_sample_is_listed() {
    let mut found = BTreeSet::new();
    for group in std::fs::read_dir(folder())
        .unwrap()
        .map(Result::unwrap)
        .filter(|entry| entry.path().is_dir())
    {
        for file in std::fs::read_dir(group.path()).unwrap().map(Result::unwrap) {
            found.insert(format!(
                "{}/{}",
                group.file_name().display(),
                file.file_name().display()
            ));
        }
    }
    let named: BTreeSet<String> = FILES
        .iter()
        .chain(crate::error_body::FILES)
        .map(|file| (*file).to_owned())
        .collect();
    assert_eq!(found, named);
}

#[test]
fn legacy_metadata_is_returned_as_system_metadata() {
    let task: Task = serde_json::from_value(read("task/ready_v1_2_as_printed.json")).unwrap();
    assert_eq!(task.system_metadata, None);
    let metadata = task.system_metadata().unwrap();
    assert_eq!(metadata.duration, Some(810.84));
    assert_eq!((metadata.width, metadata.height), (Some(854), Some(480)));

    let both: Task = serde_json::from_str(
        r#"{"_id": "a", "metadata": {"fps": 1}, "system_metadata": {"fps": 2}}"#,
    )
    .unwrap();
    assert_eq!(both.system_metadata().unwrap().fps, Some(2.0));

    let video: Video = serde_json::from_value(read("video/schema_example.json")).unwrap();
    assert_eq!(video.system_metadata().unwrap().size, Some(65_749_715.0));
}

#[test]
fn v1_2_engines_are_returned_as_models() {
    let index: Index = serde_json::from_value(read("index/models_v1_2_spelling.json")).unwrap();
    let model = &index.models[0];
    assert_eq!(model.model_name, None);
    assert_eq!(model.name(), Some(ModelName::Marengo2_6));
    assert_eq!(
        model.options(),
        [ModelOption::Visual, ModelOption::Conversation]
    );

    let today = IndexModel::new(ModelName::Marengo3_0, [ModelOption::Visual]);
    assert_eq!(today.name(), Some(ModelName::Marengo3_0));
    assert_eq!(today.options(), [ModelOption::Visual]);
    assert!(IndexModel::default().options().is_empty());
}

#[test]
fn page_without_data_is_an_error() {
    let check = |json: &str| serde_json::from_str::<Page<Task>>(json).map(|page| page.data.len());
    assert_eq!(check(r#"{"data": null}"#).unwrap(), 0);
    assert_eq!(check(r#"{"data": []}"#).unwrap(), 0);
    assert_eq!(
        check(r#"{"message": "hello"}"#).unwrap_err().to_string(),
        "missing field `data` at line 1 column 20"
    );
}

#[test]
fn built_objects_encode_set_fields() {
    let mut task = Task::new("62a1ec6d9ea24f052b971a0f");
    task.status = Some(TaskStatus::Ready);
    task.system_metadata = Some(SystemMetadata::default());
    task.extra.insert("hls".to_owned(), Value::Null);
    // A field that is set takes precedence over `extra`.
    task.extra.insert("status".to_owned(), Value::from("stale"));
    let page = Page::new(vec![task], PageInfo::default());
    insta::assert_snapshot!(
        serde_json::to_string(&page).unwrap(),
        @r#"{"data":[{"_id":"62a1ec6d9ea24f052b971a0f","status":"ready","system_metadata":{},"hls":null}]}"#
    );

    let models = vec![IndexModel::new(
        ModelName::Marengo3_0,
        [ModelOption::Visual, ModelOption::Audio],
    )];
    let mut new = NewIndex::new("races", models);
    new.addons = Some(vec![Addon::Thumbnail]);
    insta::assert_snapshot!(
        serde_json::to_string(&new).unwrap(),
        @r#"{"index_name":"races","models":[{"model_name":"marengo3.0","model_options":["visual","audio"]}],"addons":["thumbnail"]}"#
    );
}

#[test]
fn webhook_type_may_follow_data() {
    let event: WebhookEvent = serde_json::from_str(
        r#"{"data": {"id": "t"}, "id": "whe_1", "type": "analyze.task.canceled"}"#,
    )
    .unwrap();
    assert_eq!(
        event.data,
        Some(WebhookData::Analyze(AnalyzeTaskData::new("t")))
    );
    let event: WebhookEvent =
        serde_json::from_str(r#"{"data": {"id": "t"}, "id": "whe_1", "type": "index.task.ready"}"#)
            .unwrap();
    assert_eq!(
        event.data,
        Some(WebhookData::Index(IndexTaskData::new("t")))
    );
    let event: WebhookEvent =
        serde_json::from_str(r#"{"data": {"id": 5}, "id": "whe_1", "type": "index.task.paused"}"#)
            .unwrap();
    assert_eq!(
        event.data,
        Some(WebhookData::Other(serde_json::json!({"id": 5})))
    );
}

#[test]
fn task_failure_reason_in_any_form() {
    let check = |reason: &str, field: Option<&str>, said: Option<&str>| {
        let json = format!(r#"{{"_id": "a", "status": "failed", "error_reason": {reason}}}"#);
        let task: Task = serde_json::from_str(&json).unwrap();
        assert_eq!(
            (
                task.error_reason.as_deref(),
                task.failure_reason().as_deref()
            ),
            (field, said),
            "{reason}"
        );
        assert_eq!(
            serde_json::to_value(&task).unwrap(),
            serde_json::from_str::<Value>(&json).unwrap()
        );
    };
    check(
        r#""video_file_broken""#,
        Some("video_file_broken"),
        Some("video_file_broken"),
    );
    check(
        r#"{"code": "x", "message": "broken"}"#,
        None,
        Some("broken"),
    );
    check(r#"["a", 1]"#, None, Some(r#"["a",1]"#));
    check("null", None, None);
    assert_eq!(Task::new("a").failure_reason(), None);
}
