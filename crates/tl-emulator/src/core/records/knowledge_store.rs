//! The records of knowledge stores, their items and their collections of items.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use tl_model::{IngestionConfig, StoreItemMetadata, StoreItemStatus, StoreItemType, UserMetadata};

/// A knowledge store.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct KnowledgeStoreRecord {
    pub(crate) id: String,
    pub(crate) number: u64,
    pub(crate) name: String,
    pub(crate) description: Option<String>,
    pub(crate) ingestion_config: Option<IngestionConfig>,
    pub(crate) metadata: UserMetadata,
    pub(crate) created_at: Timestamp,
    pub(crate) updated_at: Timestamp,
}

/// An item of a knowledge store.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct StoreItemRecord {
    pub(crate) id: String,
    pub(crate) number: u64,
    pub(crate) store_id: String,
    pub(crate) asset_id: String,
    pub(crate) asset_type: StoreItemType,
    /// Technical metadata of the asset when it was added.
    pub(crate) system: StoreItemMetadata,
    /// Whether the video has sound.
    pub(crate) has_audio: bool,
    pub(crate) metadata: UserMetadata,
    pub(crate) created_at: Timestamp,
    pub(crate) pending_at: Timestamp,
    pub(crate) processing_at: Timestamp,
    /// When processing ends.
    pub(crate) ends_at: Timestamp,
    /// Whether processing fails, because of a fault.
    pub(crate) fails: bool,
}

impl StoreItemRecord {
    pub(crate) fn status(&self, now: Timestamp) -> StoreItemStatus {
        if self.ends_at <= now {
            if self.fails {
                StoreItemStatus::Failed
            } else {
                StoreItemStatus::Ready
            }
        } else if self.processing_at <= now {
            StoreItemStatus::Processing
        } else if self.pending_at <= now {
            StoreItemStatus::Pending
        } else {
            StoreItemStatus::Queued
        }
    }

    /// When the status last changed.
    pub(crate) fn updated_at(&self, now: Timestamp) -> Timestamp {
        let changes = [self.pending_at, self.processing_at, self.ends_at];
        let past = changes.into_iter().filter(|at| *at <= now);
        past.max().unwrap_or(self.created_at)
    }
}

/// A collection of items of a knowledge store.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct ItemCollectionRecord {
    pub(crate) id: String,
    pub(crate) number: u64,
    pub(crate) store_id: String,
    pub(crate) name: String,
    pub(crate) description: Option<String>,
    pub(crate) metadata: UserMetadata,
    /// The items, in the order in which they were added, each once.
    pub(crate) item_ids: Vec<String>,
    pub(crate) created_at: Timestamp,
    pub(crate) updated_at: Timestamp,
}
