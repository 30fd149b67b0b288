//! Entities: people and things that searches find by name, and the collections that hold them
//! (`/entity-collections`).

use serde_json::Value;

use crate::{AssetId, EntityCollectionId, EntityId, Timestamp, UserMetadata};

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
    /// A group of entities.
    pub struct EntityCollection {
        required {
            /// Identifies the collection.
            id: EntityCollectionId = "_id",
        }
        /// Its name.
        lenient name: Option<String>,
        /// Its description.
        lenient description: Option<String>,
        /// When it was created.
        lenient created_at: Option<Timestamp>,
        /// When it last changed.
        lenient updated_at: Option<Timestamp>,
    }
}

object! {
    /// The request body that creates a collection.
    pub struct NewEntityCollection {
        required {
            /// Its name.
            name: String,
        }
        /// Its description.
        optional description: Option<String>,
    }
}

object! {
    /// The request body that changes a collection. An absent member does not change.
    pub struct EntityCollectionUpdate {
        /// The new name.
        optional name: Option<String>,
        /// The new description.
        optional description: Option<String>,
    }
}

object! {
    /// A searchable person or thing, shown by one or more image assets.
    pub struct Entity {
        required {
            /// Identifies the entity.
            id: EntityId = "_id",
        }
        /// The collection that holds it.
        optional entity_collection_id: Option<EntityCollectionId>,
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

object! {
    /// The request body that creates an entity.
    pub struct NewEntity {
        required {
            /// Its name.
            name: String,
            /// The images that show it, at least one.
            asset_ids: Vec<AssetId>,
        }
        /// Its description.
        optional description: Option<String>,
        /// Custom metadata: strings, numbers and booleans.
        optional metadata: Option<UserMetadata>,
    }
}

object! {
    /// The request body that changes an entity. An absent member does not change. The assets are
    /// changed by operations of their own.
    pub struct EntityUpdate {
        /// The new name.
        optional name: Option<String>,
        /// The new description.
        optional description: Option<String>,
        /// The new metadata. It replaces all existing metadata.
        optional metadata: Option<UserMetadata>,
    }
}

object! {
    /// The result of creating several entities: some may have failed.
    pub struct CreatedEntities {
        /// The number of created entities.
        whole success_count: Option<u64>,
        /// The number of entities that were not created.
        whole failed_count: Option<u64>,
        /// The created entities: id, name and status.
        list entities: Vec<Entity>,
        /// The entities that were not created, and why.
        list errors: Vec<EntityError>,
    }
}

object! {
    /// Why one of several entities was not created.
    pub struct EntityError {
        /// The position of the entity in the request, from 0.
        whole entity_index: Option<u64>,
        /// The name of the entity.
        lenient entity_name: Option<String>,
        /// A text for humans; do not parse it.
        lenient error_reason: Option<String>,
    }
}
