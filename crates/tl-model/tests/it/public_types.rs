//! Compile-time properties of every public type.

use tl_model::*;

fn sendable_printable<T: Send + Sync + std::fmt::Debug + Clone + Unpin + 'static>() {}

fn schema<T>()
where
    T: serde::Serialize + serde::de::DeserializeOwned + PartialEq,
    T: Send + Sync + std::fmt::Debug + Clone + Unpin + 'static,
{
}

macro_rules! each {
    ($check:ident: $($name:ty),+ $(,)?) => { $($check::<$name>();)+ };
}

#[test]
fn public_types_are_send_sync_debug_and_clone() {
    each!(sendable_printable: ErrorBody, ErrorShape, MetadataError, MetadataErrorKind, MetadataFloat, MetadataInteger,
        UnsupportedValue, WebhookData);
}

#[test]
fn schemas_are_serialize_and_deserialize() {
    each!(schema:
        TaskId, VideoId, IndexId, AssetId, IndexedAssetId, UploadId, EntityCollectionId, EntityId, EventId, AnalyzeTaskId, AnalyzeBatchId,
        TaskStatus, ModelName, ModelOption, Addon, ModelFamily, HlsStatus, SortOption, SortBy, ErrorCode, WebhookEventType,
        AnalyzeStatus, AnalyzeSourceType,
        Task, CreatedTask, SystemMetadata, Hls, Timestamp,
        Index, IndexModel, CreatedIndex, NewIndex, UpdateIndex,
        AssetMethod, AssetStatus, AssetType, MediaStatus, AssetSourceType, AssetSourceProvider, EntityStatus,
        TranscriptionUnit, TranscriptionStatus, UploadType, ProofType, UploadStatus, ChunkStatus, IndexedAssetStatus,
        Asset, AssetError, AssetHls, AssetThumbnail, AssetSource, AssetSourceDetails, AssetReference, AssetReferenceIndex,
        Entity, EntityCollection, NewEntityCollection, EntityCollectionUpdate, NewEntity, EntityUpdate, CreatedEntities, EntityError,
        KnowledgeStoreId, StoreItemId, ItemCollectionId, ChatResponseId, ChatSessionId, ConnectionId, RedirectUriId, ImportId,
        EnrichmentType, EnrichmentConfig, IngestionConfig, KnowledgeStore, NewKnowledgeStore, KnowledgeStoreUpdate,
        StoreItemType, StoreItemStatus, StoreItemMetadata, StoreItem, NewStoreItem,
        ItemCollection, NewItemCollection, ItemCollectionUpdate,
        StoreModality, StoreGroupBy, StoreQuery, StoreTypeFilter, StoreIdFilter, StoreFilter, StoreVideoOptions,
        StoreSearchOptions, StoreSearch, StoreMatch, StoreHitMetadata, StoreHit, StoreHits,
        ChatInputType, ChatRole, ChatMessage, ChatSelectionKind, ChatSelection, ChatFormatType, ChatFormat, ChatText, ChatInclude,
        NewChatResponse, ChatStatus, ChatCitationType, ChatCitation, ChatContent, ChatOutputType, ChatPhase, ChatOutput,
        ChatIncomplete, ChatUsage, ChatResponse, ChatEventType, ChatEvent,
        NewConnection, ConnectionAuthorization, ConnectionStatus, ConnectionAccount, Connection, ProviderSecret, PickerToken,
        RedirectUri, ImportSource, ImportAction, ImportStatus, ImportError, ImportItem, ImportResult, Import,
        AssetTranscription, Utterance, TechnicalMetadata, VideoStreamMetadata, AudioStreamMetadata,
        NewUpload, UploadSession, UploadUrl, CompletedChunk, ChunkReport, ChunkReceipt, UrlRequest, UploadUrls, ChunkState,
        UploadState, IncompleteUpload, IndexedAsset, CreatedIndexedAsset, NewIndexedAsset, IndexedAssetUpdate,
        Video, UpdateVideo, TranscriptionSegment,
        Page<Task>, PageInfo,
        UserMetadata, MetadataValue, MetadataPatch,
        AnalyzeModel, AnalyzeMode, ResponseFormatType, TimeFormat, SegmentFieldType, FinishReason, AnalyzeEventType,
        AnalyzeBatchStatus, AnalyzeBatchItemStatus, MaxTokens, JsonSchema, AnalyzeVideo,
        AnalyzeRequest, AnalyzeImage, StructuredPrompt, ReferenceImage, ResponseFormat, SegmentDefinition, SegmentField,
        SegmentFieldItems, TimeRange, TokenUsage, AnalyzeNotice, Analysis, AnalyzeEvent, AnalyzeEventMetadata,
        CreatedAnalyzeTask, AnalyzeTask, AnalyzeResult, AnalyzeTaskVideo, AnalyzeVideoMetadata, AnalyzeTaskParams,
        AnalyzeTaskDelivery, NewAnalyzeBatch, AnalyzeBatchSettings, AnalyzeBatchItem, CreatedAnalyzeBatch,
        CreatedAnalyzeBatchItem, AnalyzeBatch, AnalyzeBatchResult,
        WebhookEvent, IndexTaskData, AnalyzeTaskData, AnalyzeVideoSource, AnalyzeError, WebhookModel,
    );
}
