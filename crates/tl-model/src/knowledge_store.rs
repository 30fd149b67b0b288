//! Knowledge stores, their items, and collections of items (`/knowledge-stores`).

use serde_json::Value;

use crate::{AssetId, ItemCollectionId, KnowledgeStoreId, StoreItemId, Timestamp, UserMetadata};

open_enum! {
    /// How the platform learns what to extract from the content of a knowledge store.
    pub enum EnrichmentType {
        /// Instructions in natural language.
        Description = "description",
        /// A JSON Schema.
        JsonSchema = "json_schema",
    }
}

object! {
    /// What the platform extracts from the content of a knowledge store.
    pub struct EnrichmentConfig {
        required {
            /// Which of the other members applies.
            config_type: EnrichmentType = "type",
        }
        /// Instructions in natural language. Only for the type `description`.
        optional description: Option<String>,
        /// A JSON Schema of the subset that the platform accepts. Only for the type `json_schema`.
        optional json_schema: Option<Value>,
    }
}

object! {
    /// How the content of a knowledge store is processed. It cannot be changed later.
    pub struct IngestionConfig {
        required {
            /// What is extracted.
            enrichment_config: EnrichmentConfig,
        }
    }
}

object! {
    /// A set of videos and images, and what the platform derived from them. A chat refers to one.
    pub struct KnowledgeStore {
        required {
            /// Identifies the store.
            id: KnowledgeStoreId = "_id",
        }
        /// Its name.
        lenient name: Option<String>,
        /// Its description.
        lenient description: Option<String>,
        /// How its content is processed.
        lenient ingestion_config: Option<IngestionConfig>,
        /// The number of its items.
        whole item_count: Option<u64>,
        /// When it was created.
        lenient created_at: Option<Timestamp>,
        /// When it last changed.
        lenient updated_at: Option<Timestamp>,
        /// Custom metadata.
        lenient metadata: Option<UserMetadata>,
    }
}

object! {
    /// The request body that creates a knowledge store.
    pub struct NewKnowledgeStore {
        required {
            /// Its name.
            name: String,
        }
        /// How its content is processed.
        optional ingestion_config: Option<IngestionConfig>,
        /// Its description.
        optional description: Option<String>,
        /// Custom metadata: at most 10 pairs.
        optional metadata: Option<UserMetadata>,
    }
}

object! {
    /// The request body that changes a knowledge store. An absent member does not change.
    pub struct KnowledgeStoreUpdate {
        /// The new name.
        optional name: Option<String>,
        /// The new description.
        optional description: Option<String>,
        /// The new metadata. It replaces all existing metadata; an empty object removes it.
        optional metadata: Option<UserMetadata>,
    }
}

open_enum! {
    /// The type of an item of a knowledge store.
    pub enum StoreItemType {
        /// A video.
        Video = "video",
        /// An image.
        Image = "image",
    }
}

open_enum! {
    /// Status of an item of a knowledge store.
    pub enum StoreItemStatus {
        /// Waiting to be accepted.
        Queued = "queued",
        /// Accepted, waiting to be processed.
        Pending = "pending",
        /// Being processed.
        Processing = "processing",
        /// Searches and chats find it.
        Ready = "ready",
        /// Processing failed. The platform gives no reason.
        Failed = "failed",
    }
}

impl StoreItemStatus {
    /// Whether the status is final: `ready` or `failed`. An unknown status is not terminal.
    pub fn is_terminal(&self) -> bool {
        matches!(self, Self::Ready | Self::Failed)
    }
}

object! {
    /// Technical metadata of the asset of an item. An image has no duration and no frame rate.
    pub struct StoreItemMetadata {
        /// The type of the item.
        lenient asset_type: Option<StoreItemType>,
        /// The name of the file.
        lenient filename: Option<String>,
        /// Duration, in seconds.
        number duration: Option<f64>,
        /// Frames per second.
        number fps: Option<f64>,
        /// Width, in pixels.
        whole width: Option<u64>,
        /// Height, in pixels.
        whole height: Option<u64>,
        /// The codec.
        lenient codec_name: Option<String>,
        /// Size of the file, in bytes.
        whole size: Option<u64>,
    }
}

object! {
    /// An asset in a knowledge store.
    pub struct StoreItem {
        required {
            /// Identifies the item.
            id: StoreItemId = "_id",
        }
        /// The type of the item.
        optional asset_type: Option<StoreItemType>,
        /// The asset.
        optional asset_id: Option<AssetId>,
        /// Status of the item.
        optional status: Option<StoreItemStatus>,
        /// Technical metadata of the asset.
        lenient system_metadata: Option<StoreItemMetadata>,
        /// Custom metadata.
        lenient metadata: Option<UserMetadata>,
        /// When it was added.
        lenient created_at: Option<Timestamp>,
        /// When it last changed.
        lenient updated_at: Option<Timestamp>,
    }
}

object! {
    /// The request body that adds an asset to a knowledge store.
    pub struct NewStoreItem {
        required {
            /// The asset: a video of at most 10 GB, or an image of at most 32 MB (official Python
            /// client 1.3.6).
            asset_id: AssetId,
        }
        /// The type of the item.
        optional asset_type: Option<StoreItemType>,
        /// Custom metadata: at most 50 pairs.
        optional metadata: Option<UserMetadata>,
    }
}

object! {
    /// A named group of items of a knowledge store. An item may be in several.
    pub struct ItemCollection {
        required {
            /// Identifies the collection.
            id: ItemCollectionId = "_id",
        }
        /// The store that holds it.
        optional knowledge_store_id: Option<KnowledgeStoreId>,
        /// Its name, which is unique in the store.
        lenient name: Option<String>,
        /// Its description.
        lenient description: Option<String>,
        /// Custom metadata.
        lenient metadata: Option<UserMetadata>,
        /// The number of its items.
        whole member_count: Option<u64>,
        /// When it was created.
        lenient created_at: Option<Timestamp>,
        /// When it last changed.
        lenient updated_at: Option<Timestamp>,
    }
}

object! {
    /// The request body that creates a collection of items.
    pub struct NewItemCollection {
        required {
            /// Its name, which is unique in the store.
            name: String,
        }
        /// Its description.
        optional description: Option<String>,
        /// Custom metadata: at most 10 pairs.
        optional metadata: Option<UserMetadata>,
    }
}

object! {
    /// The request body that changes a collection of items. An absent member does not change.
    pub struct ItemCollectionUpdate {
        /// The new name.
        optional name: Option<String>,
        /// The new description.
        optional description: Option<String>,
        /// The new metadata. It replaces all existing metadata; an empty object removes it.
        optional metadata: Option<UserMetadata>,
    }
}
