//! Strategies for the JSON of entities and their collections.

use crate::wire::{Wire, all, any_json, count, list, object, strict_user_metadata, text, word};

pub(crate) fn entity() -> Wire {
    let mut optional = all(
        &[
            "entity_collection_id",
            "name",
            "description",
            "created_at",
            "updated_at",
        ],
        text,
    );
    optional.extend([
        ("metadata", any_json()),
        ("asset_ids", list(text())),
        ("status", word(&["processing", "ready"])),
    ]);
    object(vec![("_id", text())], optional)
}

pub(crate) fn collection() -> Wire {
    let optional = all(&["name", "description", "created_at", "updated_at"], text);
    object(vec![("_id", text())], optional)
}

pub(crate) fn new_collection() -> Wire {
    object(vec![("name", text())], all(&["description"], text))
}

pub(crate) fn collection_update() -> Wire {
    object(vec![], all(&["name", "description"], text))
}

pub(crate) fn new_entity() -> Wire {
    let mut optional = all(&["description"], text);
    optional.push(("metadata", strict_user_metadata()));
    let required = vec![("name", text()), ("asset_ids", list(text()))];
    object(required, optional)
}

pub(crate) fn entity_update() -> Wire {
    let mut optional = all(&["name", "description"], text);
    optional.push(("metadata", strict_user_metadata()));
    object(vec![], optional)
}

pub(crate) fn created_entities() -> Wire {
    let error = object(
        vec![],
        vec![
            ("entity_index", count()),
            ("entity_name", text()),
            ("error_reason", text()),
        ],
    );
    object(
        vec![],
        vec![
            ("success_count", count()),
            ("failed_count", count()),
            ("entities", list(entity())),
            ("errors", list(error)),
        ],
    )
}
