//! Polling of the items of a knowledge store, and of entities.

use tl_model::{Entity, EntityStatus, StoreItem, StoreItemStatus};

use crate::{
    Resource,
    endpoint::{GetEntity, GetStoreItem},
    flow::{Progress, Watched},
};

impl Watched for GetStoreItem {
    const WAITING: &'static str = "wait until the item is ready";

    fn resource(&self) -> Resource {
        self.item_id.clone().into()
    }

    fn status(item: &StoreItem) -> String {
        item.status
            .as_ref()
            .map_or_else(|| "unknown".to_owned(), ToString::to_string)
    }

    fn progress(item: &StoreItem) -> Progress {
        match item.status {
            Some(StoreItemStatus::Ready) => Progress::Ready,
            // The API has no member for the reason.
            Some(StoreItemStatus::Failed) => Progress::Failed(None),
            _ => Progress::Working,
        }
    }
}

/// An entity has no status for a failure: one that fails stays `processing` until the deadline.
impl Watched for GetEntity {
    const WAITING: &'static str = "wait until the entity is ready";

    fn resource(&self) -> Resource {
        self.entity_id.clone().into()
    }

    fn status(entity: &Entity) -> String {
        entity
            .status
            .as_ref()
            .map_or_else(|| "unknown".to_owned(), ToString::to_string)
    }

    fn progress(entity: &Entity) -> Progress {
        match entity.status {
            Some(EntityStatus::Ready) => Progress::Ready,
            _ => Progress::Working,
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn item(status: &Value) -> (String, Progress) {
        let item = serde_json::from_value(json!({"_id": "i", "status": status})).unwrap();
        (GetStoreItem::status(&item), GetStoreItem::progress(&item))
    }

    fn entity(status: &Value) -> (String, Progress) {
        let entity = json!({"_id": "e", "name": "Ada", "status": status});
        let entity = serde_json::from_value(entity).unwrap();
        (GetEntity::status(&entity), GetEntity::progress(&entity))
    }

    #[test]
    fn items_are_ready_failed_or_in_progress() {
        for (status, progress) in [
            ("queued", Progress::Working),
            ("pending", Progress::Working),
            ("processing", Progress::Working),
            ("new", Progress::Working),
            ("ready", Progress::Ready),
            ("failed", Progress::Failed(None)),
        ] {
            assert_eq!(item(&json!(status)), (status.to_owned(), progress));
        }
        assert_eq!(item(&Value::Null), ("unknown".into(), Progress::Working));
    }

    #[test]
    fn entities_are_ready_or_in_progress() {
        for (status, progress) in [
            ("processing", Progress::Working),
            ("failed", Progress::Working),
            ("ready", Progress::Ready),
        ] {
            assert_eq!(entity(&json!(status)), (status.to_owned(), progress));
        }
        assert_eq!(entity(&Value::Null), ("unknown".into(), Progress::Working));
    }
}
