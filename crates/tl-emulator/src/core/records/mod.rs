//! The records of the state: one type per kind of record, with what follows from it alone. The code
//! that changes a record is in the module of its endpoints.

mod analysis;
mod asset;
mod chat;
mod connection;
mod embedding_task;
mod entity;
mod idempotency;
mod index;
mod knowledge_store;
mod media_key;
mod rendition;
mod search;
mod task;
mod upload;
mod video;
mod webhook;

pub(crate) use analysis::{AnalyzeBatchRecord, AnalyzeTaskRecord, TaskAnswer, TaskFailure};
pub(crate) use asset::{AssetRecord, ProbeOutcome};
pub(crate) use chat::ChatSessionRecord;
pub(crate) use connection::{
    AuthorizationRecord, ConnectionRecord, ImportRecord, ImportedFile, RedirectUriRecord,
};
pub(crate) use embedding_task::{EmbeddingTaskRecord, LegacyEmbeddingTaskRecord};
pub(crate) use entity::{EntityCollectionRecord, EntityRecord};
pub(crate) use idempotency::IdempotencyRecord;
pub(crate) use index::IndexRecord;
pub(crate) use knowledge_store::{ItemCollectionRecord, KnowledgeStoreRecord, StoreItemRecord};
pub use media_key::MediaKey;
pub use rendition::Rendered;
pub(crate) use rendition::{RenditionRecord, RenditionState};
pub(crate) use search::{ClipRecord, SearchRecord};
pub(crate) use task::TaskRecord;
pub(crate) use upload::{ChunkRecord, UploadRecord, chunk_key};
pub use video::Measured;
pub(crate) use video::VideoRecord;
pub(crate) use webhook::WebhookRecord;
