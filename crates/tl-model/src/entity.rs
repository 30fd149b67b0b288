//! Entities: people and things that searches find by name, and the collections that hold them
//! (`/entity-collections`).

use serde_json::Value;

use crate::{AssetId, EntityId, Timestamp};

open_enum! {
    /// Status of an entity.
    pub enum EntityStatus {
        /// Not ready for searches.
        Processing = "processing",
        /// Ready for searches.
        Ready = "ready",
    }
}

object! {
    /// A searchable person or thing, shown by one or more assets. Its collection stays in `extra`.
    pub struct Entity {
        required {
            /// Identifies the entity.
            id: EntityId = "_id",
        }
        /// Its name.
        lenient name: Option<String>,
        /// Its description.
        lenient description: Option<String>,
        /// Custom metadata: any JSON object.
        lenient metadata: Option<Value>,
        /// The assets that show it.
        lenient asset_ids: Option<Vec<AssetId>>,
        /// Status of the entity.
        optional status: Option<EntityStatus>,
        /// When it was created.
        lenient created_at: Option<Timestamp>,
        /// When it last changed.
        lenient updated_at: Option<Timestamp>,
    }
}
