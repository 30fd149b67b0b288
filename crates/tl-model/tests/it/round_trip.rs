//! Decoding and encoding are lossless for generated objects of every type.

use std::fmt::Debug;

use proptest::prelude::*;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use tl_model::*;

use crate::{wire, wire_assets, wire_entities};

/// Decode → encode returns the same JSON, and decode → encode → decode the same value; with values
/// and with text.
fn check<T: Serialize + DeserializeOwned + PartialEq + Debug>(
    wire: &Value,
) -> Result<(), TestCaseError> {
    let decoded: T = serde_json::from_value(wire.clone())
        .map_err(|error| TestCaseError::fail(error.to_string()))?;
    let encoded =
        serde_json::to_value(&decoded).map_err(|error| TestCaseError::fail(error.to_string()))?;
    prop_assert_eq!(&encoded, wire);

    let from_text: T = serde_json::from_str(&wire.to_string())
        .map_err(|error| TestCaseError::fail(error.to_string()))?;
    prop_assert_eq!(&from_text, &decoded);
    let text =
        serde_json::to_string(&decoded).map_err(|error| TestCaseError::fail(error.to_string()))?;
    let again: T =
        serde_json::from_str(&text).map_err(|error| TestCaseError::fail(error.to_string()))?;
    prop_assert_eq!(&again, &decoded);
    Ok(())
}

macro_rules! round_trips {
    ($($test:ident: $name:ty = $strategy:expr;)+) => {
        proptest! {
            #![proptest_config(ProptestConfig::with_cases(128))]
            $(#[test]
            fn $test(wire in $strategy) {
                check::<$name>(&wire)?;
            })+
        }
    };
}

round_trips! {
    task_round_trips: Task = wire::task();
    created_task_round_trips: CreatedTask = wire::created_task();
    system_metadata_round_trips: SystemMetadata = wire::system_metadata();
    hls_round_trip: Hls = wire::hls();
    index_round_trips: Index = wire::index();
    index_model_round_trips: IndexModel = wire::index_model();
    created_index_round_trips: CreatedIndex = wire::created_index();
    new_index_round_trips: NewIndex = wire::new_index();
    update_index_round_trips: UpdateIndex = wire::update_index();
    video_round_trips: Video = wire::video();
    update_video_round_trips: UpdateVideo = wire::update_video();
    transcription_segment_round_trips: TranscriptionSegment = wire::transcription_segment();
    page_round_trips: Page<Task> = wire::page_of_tasks();
    page_info_round_trips: PageInfo = wire::page_info();
    user_metadata_round_trips: UserMetadata = wire::user_metadata();
    metadata_value_round_trips: MetadataValue = wire::any_json();
    metadata_patch_round_trips: MetadataPatch = wire::metadata_patch();
    webhook_event_round_trips: WebhookEvent = wire::webhook_event();
    index_task_data_round_trips: IndexTaskData = wire::index_task_data();
    analyze_task_data_round_trips: AnalyzeTaskData = wire::analyze_task_data();
    analyze_video_source_round_trips: AnalyzeVideoSource = wire::analyze_video_source();
    analyze_error_round_trips: AnalyzeError = wire::analyze_error();
    webhook_model_round_trips: WebhookModel = wire::webhook_model();
    asset_round_trips: Asset = wire_assets::asset();
    asset_error_round_trips: AssetError = wire_assets::asset_error();
    asset_hls_round_trip: AssetHls = wire_assets::asset_hls();
    asset_thumbnail_round_trips: AssetThumbnail = wire_assets::asset_thumbnail();
    asset_source_round_trips: AssetSource = wire_assets::asset_source();
    asset_reference_round_trips: AssetReference = wire_assets::asset_reference();
    entity_round_trips: Entity = wire_entities::entity();
    entity_collection_round_trips: EntityCollection = wire_entities::collection();
    new_entity_collection_round_trips: NewEntityCollection = wire_entities::new_collection();
    entity_collection_update_round_trips: EntityCollectionUpdate = wire_entities::collection_update();
    new_entity_round_trips: NewEntity = wire_entities::new_entity();
    entity_update_round_trips: EntityUpdate = wire_entities::entity_update();
    created_entities_round_trip: CreatedEntities = wire_entities::created_entities();
    asset_transcription_round_trips: AssetTranscription = wire_assets::asset_transcription();
    technical_metadata_round_trips: TechnicalMetadata = wire_assets::technical_metadata();
    video_stream_metadata_round_trips: VideoStreamMetadata = wire_assets::video_stream();
    audio_stream_metadata_round_trips: AudioStreamMetadata = wire_assets::audio_stream();
    new_upload_round_trips: NewUpload = wire_assets::new_upload();
    upload_session_round_trips: UploadSession = wire_assets::upload_session();
    upload_url_round_trips: UploadUrl = wire_assets::upload_url();
    chunk_report_round_trips: ChunkReport = wire_assets::chunk_report();
    chunk_receipt_round_trips: ChunkReceipt = wire_assets::chunk_receipt();
    url_request_round_trips: UrlRequest = wire_assets::url_request();
    upload_urls_round_trip: UploadUrls = wire_assets::upload_urls();
    upload_state_round_trips: UploadState = wire_assets::upload_state();
    incomplete_upload_round_trips: IncompleteUpload = wire_assets::incomplete_upload();
    indexed_asset_round_trips: IndexedAsset = wire_assets::indexed_asset();
    created_indexed_asset_round_trips: CreatedIndexedAsset = wire_assets::created_indexed_asset();
    new_indexed_asset_round_trips: NewIndexedAsset = wire_assets::new_indexed_asset();
    indexed_asset_update_round_trips: IndexedAssetUpdate = wire_assets::indexed_asset_update();
    upload_status_round_trip: UploadStatus = wire::text();
    entity_id_round_trips: EntityId = wire::text();
    timestamp_round_trips: Timestamp = wire::text();
    task_id_round_trips: TaskId = wire::text();
    event_id_round_trips: EventId = wire::text();
    task_status_round_trip: TaskStatus = wire::text();
    error_code_round_trips: ErrorCode = wire::text();
}

proptest! {
    #[test]
    fn strict_metadata_round_trips(wire in wire::strict_user_metadata()) {
        let metadata: UserMetadata = wire.to_string().parse()?;
        prop_assert_eq!(metadata.check(), Ok(()));
        let printed: Value = serde_json::from_str(&metadata.to_string())?;
        prop_assert_eq!(&printed, &wire);
        prop_assert_eq!(UserMetadata::try_from(wire)?, metadata);
    }

    #[test]
    fn patch_round_trips(wire in wire::metadata_patch()) {
        let patch: MetadataPatch = wire.to_string().parse()?;
        prop_assert_eq!(serde_json::from_str::<Value>(&patch.to_string())?, wire);
    }

    #[test]
    fn strict_and_lenient_metadata_agree(wire in wire::user_metadata()) {
        let lenient: UserMetadata = serde_json::from_value(wire.clone())?;
        let unsupported: Vec<&str> =
            lenient.iter().filter(|(_, value)| !value.is_supported()).map(|(key, _)| key.as_str()).collect();
        match UserMetadata::try_from(wire) {
            Ok(strict) => {
                prop_assert!(unsupported.is_empty());
                prop_assert_eq!(&strict, &lenient);
            }
            Err(error) => {
                let keys: Vec<&str> = error.keys().collect();
                prop_assert_eq!(keys, unsupported);
                prop_assert!(lenient.check().is_err());
            }
        }
    }
}
