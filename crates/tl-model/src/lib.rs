//! JSON types of the TwelveLabs video platform (REST API v1.3), for requests and responses.
//!
//! This crate holds data only: no I/O, no clock, no HTTP. Paths, queries and form fields are in
//! `tl-protocol`; the checks of media files are in `tl-validate`.
//!
//! # Guarantees of every type
//!
//! - **Round trips are lossless.** A member without a field is kept in the `extra` map and written
//!   again. A known member that was `null` is `None` in its field and `null` in `extra`, so that
//!   decoding and encoding returns the same object. A field that is set takes precedence over an
//!   entry of the same name in `extra`; put `Value::Null` there to write an explicit `null`.
//! - **Enumerations are open.** An unknown string decodes without an error, returns `false` from
//!   `is_known()`, and is written back unchanged.
//! - **Members that the platform may omit are `Option`s.** Only identifiers are required.
//! - **An informational member of the wrong type stays in `extra`.** `"rotation": "90"` and
//!   `"video_count": true` read as absent and are written back unchanged, so that one unexpected
//!   value does not make a whole list fail. `640` and `640.0` are the same width.
//! - **An identifier, a status or a request member of the wrong type is an error that names the
//!   member**: `` `status`: invalid type: integer `5`, expected a string at line 1 column 24 ``. It
//!   is not treated as absent, because decisions depend on it.
//! - **Numbers are written as the platform writes them**: a whole `f64` has no `.0`. Numbers of
//!   embeddings are read as `f32` and written with the digits that an `f32` needs.
//!
//! Structs are `#[non_exhaustive]`, because the platform adds fields: build one with `new` (or
//! `Default`) and set the public fields.
//!
//! ```
//! use tl_model::{Task, TaskStatus};
//!
//! let task: Task = serde_json::from_str(
//!     r#"{"_id": "6391c89afb14854546891276", "status": "paused", "priority": 3}"#,
//! )?;
//! let status = task.status.as_ref().unwrap();
//! assert!(!status.is_known());
//! assert_eq!(status.as_str(), "paused");
//! assert_eq!(task.extra["priority"], 3);
//!
//! let mut task = Task::new("6391c89afb14854546891276");
//! task.status = Some(TaskStatus::Ready);
//! assert_eq!(serde_json::to_string(&task)?, r#"{"_id":"6391c89afb14854546891276","status":"ready"}"#);
//! # Ok::<(), serde_json::Error>(())
//! ```

#![cfg_attr(docsrs, feature(doc_cfg))]

#[macro_use]
mod object;
#[macro_use]
mod open_enum;

mod analyze;
mod asset;
mod chat_response;
mod connection;
mod embedding;
mod embeddings;
mod entity;
mod error_body;
mod error_code;
mod hls;
mod id;
mod index;
mod indexed_asset;
mod knowledge_store;
mod legacy_embedding;
mod metadata_error;
mod metadata_patch;
mod metadata_value;
mod model_name;
mod multipart_upload;
mod number;
mod page;
mod plain_text;
mod search;
mod sort;
mod store_search;
mod system_metadata;
mod task;
mod technical_metadata;
mod timestamp;
mod user_metadata;
mod video;
mod webhook;

pub use analyze::*;
pub use asset::{
    Asset, AssetError, AssetHls, AssetMethod, AssetReference, AssetReferenceIndex, AssetSource,
    AssetSourceDetails, AssetSourceProvider, AssetSourceType, AssetStatus, AssetThumbnail,
    AssetTranscription, AssetType, MediaStatus, TranscriptionStatus, TranscriptionUnit, Utterance,
};
pub use chat_response::{
    ChatCitation, ChatCitationType, ChatContent, ChatEvent, ChatEventType, ChatFormat,
    ChatFormatType, ChatInclude, ChatIncomplete, ChatInputType, ChatMessage, ChatOutput,
    ChatOutputType, ChatPhase, ChatResponse, ChatRole, ChatSelection, ChatSelectionKind,
    ChatStatus, ChatText, ChatUsage, NewChatResponse,
};
pub use connection::{
    Connection, ConnectionAccount, ConnectionAuthorization, ConnectionStatus, Import, ImportAction,
    ImportError, ImportItem, ImportResult, ImportSource, ImportStatus, NewConnection, PickerToken,
    ProviderSecret, RedirectUri,
};
pub use embedding::{
    CreatedEmbeddingTask, EmbeddingImage, EmbeddingInputType, EmbeddingMedia, EmbeddingResult,
    EmbeddingSource, EmbeddingTask, EmbeddingTaskError, EmbeddingTaskStatus, EmbeddingText,
    NewEmbedding,
};
pub use embeddings::{EmbeddingMismatch, EmbeddingOrigin, EmbeddingRow, Embeddings};
pub use entity::{
    CreatedEntities, Entity, EntityCollection, EntityCollectionUpdate, EntityError, EntityStatus,
    EntityUpdate, NewEntity, NewEntityCollection,
};
pub use error_body::{ErrorBody, ErrorShape};
pub use error_code::ErrorCode;
pub use hls::{Hls, HlsStatus};
pub use id::{
    AnalyzeBatchId, AnalyzeTaskId, AssetId, ChatResponseId, ChatSessionId, ConnectionId,
    EmbeddingTaskId, EntityCollectionId, EntityId, EventId, ImportId, IndexId, IndexedAssetId,
    ItemCollectionId, KnowledgeStoreId, RedirectUriId, StoreItemId, TaskId, UploadId, VideoId,
};
pub use index::{CreatedIndex, Index, IndexModel, NewIndex, UpdateIndex};
pub use indexed_asset::{
    CreatedIndexedAsset, IndexedAsset, IndexedAssetStatus, IndexedAssetUpdate, NewIndexedAsset,
};
pub use knowledge_store::{
    EnrichmentConfig, EnrichmentType, IngestionConfig, ItemCollection, ItemCollectionUpdate,
    KnowledgeStore, KnowledgeStoreUpdate, NewItemCollection, NewKnowledgeStore, NewStoreItem,
    StoreItem, StoreItemMetadata, StoreItemStatus, StoreItemType,
};
pub use legacy_embedding::{
    EmbeddingSegments, IndexedEmbedding, LegacyEmbedding, LegacyEmbeddingResult,
    LegacyEmbeddingTask, VideoEmbedding,
};
pub use metadata_error::{MetadataError, MetadataErrorKind};
pub use metadata_patch::MetadataPatch;
pub use metadata_value::{MetadataFloat, MetadataInteger, MetadataValue, UnsupportedValue};
pub use model_name::{Addon, ModelFamily, ModelName, ModelOption};
pub use multipart_upload::{
    ChunkReceipt, ChunkReport, ChunkState, ChunkStatus, CompletedChunk, IncompleteUpload,
    NewUpload, PresignedUrl, ProofType, UploadSession, UploadState, UploadStatus, UploadType,
    UploadUrl, UploadUrls, UrlRequest,
};
pub use object::Extra;
pub use page::{Page, PageInfo};
pub use search::{
    GroupBy, SearchFilter, SearchHit, SearchItem, SearchOperator, SearchOption, SearchPage,
    SearchPageInfo, SearchPool, SearchVideo, TranscriptionOption,
};
pub use sort::{SortBy, SortOption};
pub use store_search::{
    StoreFilter, StoreGroupBy, StoreHit, StoreHitMetadata, StoreHits, StoreIdFilter, StoreMatch,
    StoreModality, StoreQuery, StoreSearch, StoreSearchOptions, StoreTypeFilter, StoreVideoOptions,
};
pub use system_metadata::SystemMetadata;
pub use task::{CreatedTask, Task, TaskStatus};
pub use technical_metadata::{AudioStreamMetadata, TechnicalMetadata, VideoStreamMetadata};
pub use timestamp::Timestamp;
pub use user_metadata::UserMetadata;
pub use video::{TranscriptionSegment, UpdateVideo, Video};
pub use webhook::{
    AnalyzeError, AnalyzeSourceType, AnalyzeStatus, AnalyzeTaskData, AnalyzeVideoSource,
    IndexTaskData, WebhookData, WebhookEvent, WebhookEventType, WebhookModel,
};

/// A JSON value, as `serde_json` defines it.
pub use serde_json::Value;

/// Compiles the examples of the front page.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
