//! The records of entities and their collections.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use tl_model::{EntityStatus, UserMetadata};

/// A collection of entities.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct EntityCollectionRecord {
    pub(crate) id: String,
    pub(crate) number: u64,
    pub(crate) name: String,
    pub(crate) description: Option<String>,
    pub(crate) created_at: Timestamp,
    pub(crate) updated_at: Timestamp,
}

/// An entity.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct EntityRecord {
    pub(crate) id: String,
    pub(crate) number: u64,
    pub(crate) collection_id: String,
    pub(crate) name: String,
    pub(crate) description: Option<String>,
    pub(crate) metadata: UserMetadata,
    /// The images, in the order in which they were added. Never empty.
    pub(crate) asset_ids: Vec<String>,
    pub(crate) created_at: Timestamp,
    pub(crate) updated_at: Timestamp,
    /// When the entity becomes `ready`.
    pub(crate) ready_at: Timestamp,
}

impl EntityRecord {
    pub(crate) fn status(&self, now: Timestamp) -> EntityStatus {
        if self.ready_at <= now {
            EntityStatus::Ready
        } else {
            EntityStatus::Processing
        }
    }
}
