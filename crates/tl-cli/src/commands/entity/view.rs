//! Text form of an entity.

use tl_model::Entity;

use crate::ui::table;

/// Formats an entity.
pub(super) fn details(entity: &Entity) -> String {
    let assets = entity.asset_ids.as_ref().map(|assets| {
        let assets: Vec<&str> = assets.iter().map(AsRef::as_ref).collect();
        assets.join(" ")
    });
    let metadata = entity.metadata.as_ref();
    let metadata = metadata.filter(|metadata| metadata.as_object().is_none_or(|of| !of.is_empty()));
    table::pairs(&[
        ("entity", Some(entity.id.to_string())),
        ("name", entity.name.clone()),
        ("status", entity.status.as_ref().map(ToString::to_string)),
        (
            "collection",
            entity
                .entity_collection_id
                .as_ref()
                .map(ToString::to_string),
        ),
        ("description", entity.description.clone()),
        ("metadata", metadata.map(ToString::to_string)),
        ("images", assets),
        (
            "created",
            entity.created_at.as_ref().map(ToString::to_string),
        ),
        (
            "updated",
            entity.updated_at.as_ref().map(ToString::to_string),
        ),
    ])
}
