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
