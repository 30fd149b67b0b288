//! The bodies of knowledge stores, their items and their collections: how a server reads them, and
//! the limits that a client checks before it sends them.

use serde_json::{Map, Value};
use tl_model::{
    ItemCollectionUpdate, KnowledgeStoreUpdate, NewItemCollection, NewKnowledgeStore, NewStoreItem,
    StoreItemId, StoreItemType,
};

use super::{
    enrichment,
    limits::{
        MAX_ITEM_IDS, OF_ITEM, OF_STORE, check_metadata, check_name, read_metadata, read_name,
    },
};
use crate::endpoint::{
    Rejection,
    json::{self, JsonBody, JsonMember},
};

impl JsonBody for NewKnowledgeStore {
    const MEMBERS: &'static [&'static str] =
        &["name", "ingestion_config", "description", "metadata"];

    fn read(object: &Map<String, Value>) -> Result<Self, Rejection> {
        let mut store = Self::new(read_name(object)?);
        store.ingestion_config = enrichment::read_config(object)?;
        store.description = json::optional(object, "description")?;
        store.metadata = read_metadata(object)?;
        Ok(store)
    }

    fn check(&self) -> Result<(), Rejection> {
        check_name(&self.name)?;
        enrichment::check_config(self.ingestion_config.as_ref())?;
        check_metadata(self.metadata.as_ref(), &OF_STORE)
    }
}

impl JsonBody for NewItemCollection {
    const MEMBERS: &'static [&'static str] = &["name", "description", "metadata"];

    fn read(object: &Map<String, Value>) -> Result<Self, Rejection> {
        let mut collection = Self::new(read_name(object)?);
        collection.description = json::optional(object, "description")?;
        collection.metadata = read_metadata(object)?;
        Ok(collection)
    }

    fn check(&self) -> Result<(), Rejection> {
        check_name(&self.name)?;
        check_metadata(self.metadata.as_ref(), &OF_STORE)
    }
}

/// Updates of stores and of collections have the same members.
macro_rules! updates {
    ($($Update:ident),+) => {
        $(impl JsonBody for $Update {
            const MEMBERS: &'static [&'static str] = &["name", "description", "metadata"];

            fn read(object: &Map<String, Value>) -> Result<Self, Rejection> {
                let mut update = Self::default();
                update.name = json::optional(object, "name")?;
                update.description = json::optional(object, "description")?;
                update.metadata = read_metadata(object)?;
                Ok(update)
            }

            fn check(&self) -> Result<(), Rejection> {
                self.name.as_deref().map_or(Ok(()), check_name)?;
                check_metadata(self.metadata.as_ref(), &OF_STORE)
            }
        })+
    };
}

updates!(KnowledgeStoreUpdate, ItemCollectionUpdate);

impl JsonBody for NewStoreItem {
    const MEMBERS: &'static [&'static str] = &["asset_id", "asset_type", "metadata"];

    fn read(object: &Map<String, Value>) -> Result<Self, Rejection> {
        let mut item = Self::new(json::text(object, "asset_id")?);
        item.asset_type = json::optional_word(object, "asset_type", StoreItemType::KNOWN)?;
        item.metadata = read_metadata(object)?;
        Ok(item)
    }

    fn check(&self) -> Result<(), Rejection> {
        check_metadata(self.metadata.as_ref(), &OF_ITEM)
    }
}

impl JsonMember for Vec<StoreItemId> {
    fn read(name: &str, object: &Map<String, Value>) -> Result<Self, Rejection> {
        json::filled(object, name)?
            .iter()
            .map(|id| match id.as_str() {
                Some(id) => Ok(id.into()),
                None => Err(Rejection::invalid(
                    name,
                    format!("{}: an item id is expected", json::kind_of(id)),
                )),
            })
            .collect()
    }

    fn check(&self, name: &str) -> Result<(), Rejection> {
        if (1..=MAX_ITEM_IDS).contains(&self.len()) {
            return Ok(());
        }
        let detail = format!("{} items: 1 to {MAX_ITEM_IDS} are allowed", self.len());
        Err(Rejection::invalid(name, detail))
    }
}
