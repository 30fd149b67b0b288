//! Decoding and encoding are lossless for generated objects of every type.

use std::fmt::Debug;

use proptest::prelude::*;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use tl_model::*;

use crate::{wire, wire_assets};

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

macro_rules! loses_nothing {
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

loses_nothing! {
    task_loses_nothing: Task = wire::task();
    created_task_loses_nothing: CreatedTask = wire::created_task();
    system_metadata_loses_nothing: SystemMetadata = wire::system_metadata();
    hls_loses_nothing: Hls = wire::hls();
    index_loses_nothing: Index = wire::index();
    index_model_loses_nothing: IndexModel = wire::index_model();
    created_index_loses_nothing: CreatedIndex = wire::created_index();
    new_index_loses_nothing: NewIndex = wire::new_index();
    update_index_loses_nothing: UpdateIndex = wire::update_index();
    video_loses_nothing: Video = wire::video();
    update_video_loses_nothing: UpdateVideo = wire::update_video();
    transcription_segment_loses_nothing: TranscriptionSegment = wire::transcription_segment();
    page_loses_nothing: Page<Task> = wire::page_of_tasks();
    page_info_loses_nothing: PageInfo = wire::page_info();
    user_metadata_loses_nothing: UserMetadata = wire::user_metadata();
    metadata_value_loses_nothing: MetadataValue = wire::any_json();
    metadata_patch_loses_nothing: MetadataPatch = wire::metadata_patch();
    webhook_event_loses_nothing: WebhookEvent = wire::webhook_event();
    index_task_data_loses_nothing: IndexTaskData = wire::index_task_data();
    analyze_task_data_loses_nothing: AnalyzeTaskData = wire::analyze_task_data();
    analyze_video_source_loses_nothing: AnalyzeVideoSource = wire::analyze_video_source();
    analyze_error_loses_nothing: AnalyzeError = wire::analyze_error();
    webhook_model_loses_nothing: WebhookModel = wire::webhook_model();
    asset_loses_nothing: Asset = wire_assets::asset();
    asset_error_loses_nothing: AssetError = wire_assets::asset_error();
    asset_hls_loses_nothing: AssetHls = wire_assets::asset_hls();
    asset_thumbnail_loses_nothing: AssetThumbnail = wire_assets::asset_thumbnail();
    asset_source_loses_nothing: AssetSource = wire_assets::asset_source();
    asset_reference_loses_nothing: AssetReference = wire_assets::asset_reference();
    entity_loses_nothing: Entity = wire_assets::entity();
    asset_transcription_loses_nothing: AssetTranscription = wire_assets::asset_transcription();
    technical_metadata_loses_nothing: TechnicalMetadata = wire_assets::technical_metadata();
    video_stream_metadata_loses_nothing: VideoStreamMetadata = wire_assets::video_stream();
    audio_stream_metadata_loses_nothing: AudioStreamMetadata = wire_assets::audio_stream();
    new_upload_loses_nothing: NewUpload = wire_assets::new_upload();
    upload_session_loses_nothing: UploadSession = wire_assets::upload_session();
    upload_url_loses_nothing: UploadUrl = wire_assets::upload_url();
    chunk_report_loses_nothing: ChunkReport = wire_assets::chunk_report();
    chunk_receipt_loses_nothing: ChunkReceipt = wire_assets::chunk_receipt();
    url_request_loses_nothing: UrlRequest = wire_assets::url_request();
    upload_urls_loses_nothing: UploadUrls = wire_assets::upload_urls();
    upload_state_loses_nothing: UploadState = wire_assets::upload_state();
    incomplete_upload_loses_nothing: IncompleteUpload = wire_assets::incomplete_upload();
    indexed_asset_loses_nothing: IndexedAsset = wire_assets::indexed_asset();
    created_indexed_asset_loses_nothing: CreatedIndexedAsset = wire_assets::created_indexed_asset();
    new_indexed_asset_loses_nothing: NewIndexedAsset = wire_assets::new_indexed_asset();
    indexed_asset_update_loses_nothing: IndexedAssetUpdate = wire_assets::indexed_asset_update();
    upload_status_loses_nothing: UploadStatus = wire::text();
    entity_id_loses_nothing: EntityId = wire::text();
    timestamp_loses_nothing: Timestamp = wire::text();
    task_id_loses_nothing: TaskId = wire::text();
    event_id_loses_nothing: EventId = wire::text();
    task_status_loses_nothing: TaskStatus = wire::text();
    error_code_loses_nothing: ErrorCode = wire::text();
}

proptest! {
    #[test]
    fn strict_metadata_takes_what_the_platform_takes_and_prints_it_again(wire in wire::strict_user_metadata()) {
        let metadata: UserMetadata = wire.to_string().parse()?;
        prop_assert_eq!(metadata.check(), Ok(()));
        let printed: Value = serde_json::from_str(&metadata.to_string())?;
        prop_assert_eq!(&printed, &wire);
        prop_assert_eq!(UserMetadata::try_from(wire)?, metadata);
    }

    #[test]
    fn a_patch_prints_what_it_read(wire in wire::metadata_patch()) {
        let patch: MetadataPatch = wire.to_string().parse()?;
        prop_assert_eq!(serde_json::from_str::<Value>(&patch.to_string())?, wire);
    }

    #[test]
    fn strict_metadata_refuses_exactly_what_lenient_metadata_marks(wire in wire::user_metadata()) {
        let lenient: UserMetadata = serde_json::from_value(wire.clone())?;
        let odd: Vec<&str> =
            lenient.iter().filter(|(_, value)| !value.is_supported()).map(|(key, _)| key.as_str()).collect();
        match UserMetadata::try_from(wire) {
            Ok(strict) => {
                prop_assert!(odd.is_empty());
                prop_assert_eq!(&strict, &lenient);
            }
            Err(error) => {
                let keys: Vec<&str> = error.keys().collect();
                prop_assert_eq!(keys, odd);
                prop_assert!(lenient.check().is_err());
            }
        }
    }
}
