//! Text form of a knowledge store and of its items.

use tl_model::{KnowledgeStore, StoreItem, UserMetadata};

use crate::text::units::{format_bytes, format_seconds};
use crate::ui::table;

/// Formats a knowledge store.
pub(super) fn store(store: &KnowledgeStore) -> String {
    let enrichment = store.ingestion_config.as_ref();
    table::pairs(&[
        ("store", Some(store.id.to_string())),
        ("name", store.name.clone()),
        ("items", store.item_count.map(|count| count.to_string())),
        ("description", store.description.clone()),
        (
            "extracts",
            enrichment.map(|config| config.enrichment_config.config_type.to_string()),
        ),
        ("metadata", metadata(store.metadata.as_ref())),
        (
            "created",
            store.created_at.as_ref().map(ToString::to_string),
        ),
        (
            "updated",
            store.updated_at.as_ref().map(ToString::to_string),
        ),
    ])
}

/// Formats an item of a knowledge store.
pub(super) fn item(item: &StoreItem) -> String {
    let system = item.system_metadata.as_ref();
    let duration = system.and_then(|system| system.duration);
    table::pairs(&[
        ("item", Some(item.id.to_string())),
        ("status", item.status.as_ref().map(ToString::to_string)),
        ("type", item.asset_type.as_ref().map(ToString::to_string)),
        ("asset", item.asset_id.as_ref().map(ToString::to_string)),
        ("file", system.and_then(|system| system.filename.clone())),
        (
            "size",
            system.and_then(|system| system.size).map(format_bytes),
        ),
        (
            "duration",
            duration.map(|value| format_seconds(Some(value))),
        ),
        ("metadata", metadata(item.metadata.as_ref())),
        ("created", item.created_at.as_ref().map(ToString::to_string)),
        ("updated", item.updated_at.as_ref().map(ToString::to_string)),
    ])
}

fn metadata(metadata: Option<&UserMetadata>) -> Option<String> {
    let metadata = metadata.filter(|metadata| !metadata.is_empty())?;
    Some(metadata.to_string())
}
