//! `/entity-collections`: people and things that searches find by name, each shown by image assets.

use serde_json::{Map, Value};
use tl_model::{
    AssetId, CreatedEntities, Entity, EntityCollection, EntityCollectionId, EntityCollectionUpdate,
    EntityId, EntityStatus, EntityUpdate, NewEntity, NewEntityCollection, Page,
};

use super::{
    PageRequest, Rejection, Sort, endpoint,
    json::{self, JsonBody, JsonMember, first_unknown},
    resource,
};

resource! {
    /// Operations on collections of entities.
    EntityCollections, entity_collections
}

resource! {
    /// Operations on entities.
    Entities, entities
}

endpoint! {
    /// Creates a collection of entities.
    CreateEntityCollection: PartialEq {
        body {
            /// Name and description.
            collection: NewEntityCollection
        }
    }
    name: "entity_collections.create";
    does: "create an entity collection";
    POST "/entity-collections" => CREATED EntityCollection;
    repeat: IfNotProcessed;
    client: EntityCollections::create;
}

endpoint! {
    /// Lists the entity collections of the account, newest first unless `sort` says otherwise.
    ListEntityCollections: PartialEq, Eq, Default {
        query {
            /// The page to return.
            page: PageRequest,
            /// The order.
            sort: Sort,
            /// Return only collections of this name.
            name: Option<String>,
        }
    }
    name: "entity_collections.list";
    does: "list entity collections";
    GET "/entity-collections" => OK Page<EntityCollection>;
    repeat: Freely;
    client: EntityCollections::list;
    paged: EntityCollection;
}

endpoint! {
    /// Retrieves an entity collection.
    GetEntityCollection: PartialEq, Eq {
        path {
            /// The collection.
            entity_collection_id: EntityCollectionId,
        }
    }
    name: "entity_collections.retrieve";
    does: "retrieve the entity collection";
    GET "/entity-collections/{entity_collection_id}" => OK EntityCollection;
    repeat: Freely;
    client: EntityCollections::get;
}

endpoint! {
    /// Changes the name or the description of an entity collection.
    UpdateEntityCollection: PartialEq {
        path {
            /// The collection.
            entity_collection_id: EntityCollectionId,
        }
        body {
            /// The members to change.
            update: EntityCollectionUpdate
        }
    }
    name: "entity_collections.update";
    does: "update the entity collection";
    PATCH "/entity-collections/{entity_collection_id}" => OK EntityCollection;
    repeat: Freely;
    client: EntityCollections::update;
}

endpoint! {
    /// Deletes an entity collection and its entities. Their assets stay.
    DeleteEntityCollection: PartialEq, Eq {
        path {
            /// The collection.
            entity_collection_id: EntityCollectionId,
        }
    }
    name: "entity_collections.delete";
    does: "delete the entity collection";
    DELETE "/entity-collections/{entity_collection_id}" => NO_CONTENT;
    repeat: Freely;
    client: EntityCollections::delete;
    gone: ();
}

endpoint! {
    /// Creates an entity. Searches find it once its status is `ready`.
    CreateEntity: PartialEq {
        path {
            /// The collection.
            entity_collection_id: EntityCollectionId,
        }
        body {
            /// Name, assets, description and metadata.
            entity: NewEntity
        }
    }
    name: "entity_collections.entities.create";
    does: "create an entity";
    POST "/entity-collections/{entity_collection_id}/entities" => CREATED Entity;
    repeat: IfNotProcessed;
    client: Entities::create;
}

endpoint! {
    /// Creates several entities. The response is a success even if some of them failed: see
    /// [`CreatedEntities::errors`].
    CreateEntities: PartialEq {
        path {
            /// The collection.
            entity_collection_id: EntityCollectionId,
        }
        json {
            /// The entities, at least one.
            entities: Vec<NewEntity>,
        }
    }
    name: "entity_collections.entities.create_bulk";
    does: "create entities";
    POST "/entity-collections/{entity_collection_id}/entities/bulk" => CREATED CreatedEntities;
    repeat: IfNotProcessed;
    client: Entities::create_many;
}

endpoint! {
    /// Lists the entities of a collection, newest first unless `sort` says otherwise.
    ListEntities: PartialEq, Eq {
        path {
            /// The collection.
            entity_collection_id: EntityCollectionId,
        }
        query {
            /// The page to return.
            page: PageRequest,
            /// The order.
            sort: Sort,
            /// Return only entities of this name.
            name: Option<String>,
            /// Return only entities of this status.
            status: Option<EntityStatus>,
        }
    }
    name: "entity_collections.entities.list";
    does: "list the entities";
    GET "/entity-collections/{entity_collection_id}/entities" => OK Page<Entity>;
    repeat: Freely;
    client: Entities::list;
    paged: Entity;
}

endpoint! {
    /// Retrieves an entity.
    GetEntity: PartialEq, Eq {
        path {
            /// The collection.
            entity_collection_id: EntityCollectionId,
            /// The entity.
            entity_id: EntityId,
        }
    }
    name: "entity_collections.entities.retrieve";
    does: "retrieve the entity";
    GET "/entity-collections/{entity_collection_id}/entities/{entity_id}" => OK Entity;
    repeat: Freely;
    client: Entities::get;
}

endpoint! {
    /// Changes the name, the description or the metadata of an entity.
    UpdateEntity: PartialEq {
        path {
            /// The collection.
            entity_collection_id: EntityCollectionId,
            /// The entity.
            entity_id: EntityId,
        }
        body {
            /// The members to change.
            update: EntityUpdate
        }
    }
    name: "entity_collections.entities.update";
    does: "update the entity";
    PATCH "/entity-collections/{entity_collection_id}/entities/{entity_id}" => OK Entity;
    repeat: Freely;
    client: Entities::update;
}

endpoint! {
    /// Deletes an entity. Its assets stay.
    DeleteEntity: PartialEq, Eq {
        path {
            /// The collection.
            entity_collection_id: EntityCollectionId,
            /// The entity.
            entity_id: EntityId,
        }
    }
    name: "entity_collections.entities.delete";
    does: "delete the entity";
    DELETE "/entity-collections/{entity_collection_id}/entities/{entity_id}" => NO_CONTENT;
    repeat: Freely;
    client: Entities::delete;
    gone: ();
}

endpoint! {
    /// Adds image assets to an entity, which may make it `processing` again.
    AddEntityAssets: PartialEq, Eq {
        path {
            /// The collection.
            entity_collection_id: EntityCollectionId,
            /// The entity.
            entity_id: EntityId,
        }
        json {
            /// The assets to add, at least one.
            asset_ids: Vec<AssetId>,
        }
    }
    name: "entity_collections.entities.create_assets";
    does: "add assets to the entity";
    POST "/entity-collections/{entity_collection_id}/entities/{entity_id}/assets" => OK Entity;
    // Adding an asset twice has the same result.
    repeat: Freely;
    client: Entities::add_assets;
}

endpoint! {
    /// Removes assets from an entity. The last asset cannot be removed.
    RemoveEntityAssets: PartialEq, Eq {
        path {
            /// The collection.
            entity_collection_id: EntityCollectionId,
            /// The entity.
            entity_id: EntityId,
        }
        json {
            /// The assets to remove, at least one.
            asset_ids: Vec<AssetId>,
        }
    }
    name: "entity_collections.entities.delete_assets";
    does: "remove assets from the entity";
    DELETE "/entity-collections/{entity_collection_id}/entities/{entity_id}/assets" => OK Entity;
    repeat: Freely;
    client: Entities::remove_assets;
}

impl JsonBody for NewEntityCollection {
    const MEMBERS: &'static [&'static str] = &["name", "description"];

    fn read(object: &Map<String, Value>) -> Result<Self, Rejection> {
        let mut collection = Self::new(name(object)?);
        collection.description = json::optional(object, "description")?;
        Ok(collection)
    }
}

impl JsonBody for EntityCollectionUpdate {
    const MEMBERS: &'static [&'static str] = &["name", "description"];

    fn read(object: &Map<String, Value>) -> Result<Self, Rejection> {
        let mut update = Self::default();
        update.name = json::optional(object, "name")?;
        update.description = json::optional(object, "description")?;
        Ok(update)
    }
}

impl JsonBody for NewEntity {
    const MEMBERS: &'static [&'static str] = &["name", "description", "metadata", "asset_ids"];

    fn read(object: &Map<String, Value>) -> Result<Self, Rejection> {
        let assets = Vec::<AssetId>::read("asset_ids", object)?;
        let mut entity = Self::new(name(object)?, assets);
        entity.description = json::optional(object, "description")?;
        entity.metadata = json::optional(object, "metadata")?;
        Ok(entity)
    }
}

impl JsonBody for EntityUpdate {
    const MEMBERS: &'static [&'static str] = &["name", "description", "metadata"];

    fn read(object: &Map<String, Value>) -> Result<Self, Rejection> {
        let mut update = Self::default();
        update.name = json::optional(object, "name")?;
        update.description = json::optional(object, "description")?;
        update.metadata = json::optional(object, "metadata")?;
        Ok(update)
    }
}

impl JsonMember for Vec<AssetId> {
    fn read(name: &str, object: &Map<String, Value>) -> Result<Self, Rejection> {
        json::filled(object, name)?
            .iter()
            .map(|id| match id.as_str() {
                Some(id) => Ok(id.into()),
                None => Err(Rejection::invalid(
                    name,
                    format!("{}: an asset id is expected", json::kind_of(id)),
                )),
            })
            .collect()
    }
}

impl JsonMember for Vec<NewEntity> {
    fn read(name: &str, object: &Map<String, Value>) -> Result<Self, Rejection> {
        json::filled(object, name)?
            .iter()
            .map(|entity| match entity.as_object() {
                Some(entity) => match first_unknown(entity, NewEntity::MEMBERS) {
                    Some(key) => Err(Rejection::unknown(&format!("{name}.{key}"))),
                    None => NewEntity::read(entity),
                },
                None => Err(Rejection::invalid(
                    name,
                    format!("{}: an object is expected", json::kind_of(entity)),
                )),
            })
            .collect()
    }
}

/// Reads a name, which must not be empty.
fn name(object: &Map<String, Value>) -> Result<&str, Rejection> {
    let name = json::text(object, "name")?;
    if name.is_empty() {
        return Err(Rejection::invalid("name", "the name is empty"));
    }
    Ok(name)
}
