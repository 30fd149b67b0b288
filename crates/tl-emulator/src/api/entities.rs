//! `/entity-collections`: entities and their collections. No faces are recognized: an entity is its
//! name, its metadata and the images that it was given.

use tl_model::{
    CreatedEntities, Entity, EntityCollection, EntityError, EntityStatus, EntityUpdate, NewEntity,
    Page, UserMetadata,
};
use tl_protocol::endpoint::{
    AddEntityAssets, CreateEntities, CreateEntity, CreateEntityCollection, DeleteEntity,
    DeleteEntityCollection, GetEntity, GetEntityCollection, ListAssetEntities, ListEntities,
    ListEntityCollections, RemoveEntityAssets, Sort, UpdateEntity, UpdateEntityCollection,
};

use super::{
    handle::handle,
    listing::{self, SortKey},
};
use crate::core::{
    Env, Refusal, State, ids,
    lifecycle::after,
    records::{EntityCollectionRecord, EntityRecord},
    time::api_timestamp,
};

handle!(CreateEntityCollection, |state, env, request| {
    Ok(create_collection(state, env, request))
});
handle!(ListEntityCollections, |state, env, request| {
    list_collections(state, env, request)
});
handle!(GetEntityCollection, |state, _env, request| state
    .entity_collection(request.entity_collection_id.as_str())
    .map(view_collection));
handle!(UpdateEntityCollection, |state, env, request| {
    update_collection(state, env, request)
});
handle!(DeleteEntityCollection, |state, _env, request| {
    delete_collection(state, request.entity_collection_id.as_str())
});
handle!(CreateEntity, |state, env, request| {
    let collection = request.entity_collection_id.as_str();
    state.entity_collection(collection)?;
    let id = create(state, env, collection, request.entity)?;
    retrieve(state, env, collection, &id)
});
handle!(CreateEntities, |state, env, request| create_many(
    state, env, request
));
handle!(ListEntities, |state, env, request| list(
    state, env, request
));
handle!(GetEntity, |state, env, request| retrieve(
    state,
    env,
    request.entity_collection_id.as_str(),
    request.entity_id.as_str()
));
handle!(UpdateEntity, |state, env, request| update(
    state,
    env,
    request.entity_collection_id.as_str(),
    request.entity_id.as_str(),
    request.update
));
handle!(DeleteEntity, |state, _env, request| {
    let id = request.entity_id.as_str();
    state.entity(request.entity_collection_id.as_str(), id)?;
    state.entities.remove(id);
    Ok(())
});
handle!(AddEntityAssets, |state, env, request| add_assets(
    state, env, &request
));
handle!(RemoveEntityAssets, |state, env, request| remove_assets(
    state, env, &request
));
handle!(ListAssetEntities, |state, env, request| of_asset(
    state, env, &request
));

fn create_collection(
    state: &mut State,
    env: &Env<'_>,
    request: CreateEntityCollection,
) -> EntityCollection {
    let id = env.next_id(state);
    let record = EntityCollectionRecord {
        id: id.clone(),
        number: state.last_number(),
        name: request.collection.name,
        description: request.collection.description,
        created_at: env.now,
        updated_at: env.now,
    };
    let view = view_collection(&record);
    state.entity_collections.insert(id, record);
    view
}

fn list_collections(
    state: &State,
    env: &Env<'_>,
    request: ListEntityCollections,
) -> Result<Page<EntityCollection>, Refusal> {
    let collections = state.entity_collections.values();
    let passing = collections.filter(|collection| {
        let name = request.name.as_deref();
        name.is_none_or(|name| name == collection.name)
    });
    let items = passing.map(|collection| {
        let key = SortKey {
            created: collection.created_at,
            updated: collection.updated_at,
            number: collection.number,
        };
        (key, collection.name.as_str(), collection)
    });
    listing::page_by_name(
        items.collect(),
        request.sort,
        request.page,
        &env.settings.quirks,
        view_collection,
    )
}

fn update_collection(
    state: &mut State,
    env: &Env<'_>,
    request: UpdateEntityCollection,
) -> Result<EntityCollection, Refusal> {
    let id = request.entity_collection_id.as_str();
    state.entity_collection(id)?;
    if let Some(record) = state.entity_collections.get_mut(id) {
        if let Some(name) = request.update.name {
            record.name = name;
        }
        if request.update.description.is_some() {
            record.description = request.update.description;
        }
        record.updated_at = env.now;
    }
    state.entity_collection(id).map(view_collection)
}

/// Deletes a collection with its entities. The assets stay.
fn delete_collection(state: &mut State, id: &str) -> Result<(), Refusal> {
    state.entity_collection(id)?;
    let entities = state.entities.values();
    let entities = entities.filter(|entity| entity.collection_id == id);
    for entity in entities.map(|entity| entity.id.clone()).collect::<Vec<_>>() {
        state.entities.remove(&entity);
    }
    state.entity_collections.remove(id);
    Ok(())
}

/// Creates an entity in an existing collection and returns its id.
fn create(
    state: &mut State,
    env: &Env<'_>,
    collection_id: &str,
    entity: NewEntity,
) -> Result<String, Refusal> {
    let asset_ids = images(state, env, entity.asset_ids)?;
    let metadata = entity.metadata.unwrap_or_default();
    check_metadata(&metadata)?;
    let id = env.next_id(state);
    let record = EntityRecord {
        id: id.clone(),
        number: state.last_number(),
        collection_id: collection_id.to_owned(),
        name: entity.name,
        description: entity.description,
        metadata,
        asset_ids,
        created_at: env.now,
        updated_at: env.now,
        ready_at: ready_at(env),
    };
    state.entities.insert(id.clone(), record);
    Ok(id)
}

/// Creates what can be created, and reports the rest, as documented.
fn create_many(
    state: &mut State,
    env: &Env<'_>,
    request: CreateEntities,
) -> Result<CreatedEntities, Refusal> {
    let collection = request.entity_collection_id.as_str();
    state.entity_collection(collection)?;
    // A malformed id is an error of the request, not of one entity.
    for asset in request.entities.iter().flat_map(|entity| &entity.asset_ids) {
        ids::check("asset_ids", asset.as_str())?;
    }
    let mut result = CreatedEntities::default();
    for (index, entity) in request.entities.into_iter().enumerate() {
        let name = entity.name.clone();
        match create(state, env, collection, entity) {
            Ok(id) => {
                let mut created = Entity::new(id.as_str());
                created.name = Some(name);
                created.status = Some(state.entity(collection, &id)?.status(env.now));
                result.entities.push(created);
            }
            Err(refusal) => {
                let mut error = EntityError::default();
                error.entity_index = Some(index as u64);
                error.entity_name = Some(name);
                error.error_reason = Some(refusal.message);
                result.errors.push(error);
            }
        }
    }
    result.success_count = Some(result.entities.len() as u64);
    result.failed_count = Some(result.errors.len() as u64);
    Ok(result)
}

fn retrieve(
    state: &State,
    env: &Env<'_>,
    collection_id: &str,
    id: &str,
) -> Result<Entity, Refusal> {
    state
        .entity(collection_id, id)
        .map(|entity| view(entity, env))
}

fn list(state: &State, env: &Env<'_>, request: ListEntities) -> Result<Page<Entity>, Refusal> {
    let collection = state.entity_collection(request.entity_collection_id.as_str())?;
    if let Some(status) = request.status.as_ref().filter(|status| !status.is_known()) {
        let allowed = "processing, ready";
        return Err(listing::not_one_of("status", status.as_str(), allowed));
    }
    let passes = |entity: &&EntityRecord| {
        let name = request.name.as_deref();
        let status: Option<&EntityStatus> = request.status.as_ref();
        entity.collection_id == collection.id
            && name.is_none_or(|name| name == entity.name)
            && status.is_none_or(|status| *status == entity.status(env.now))
    };
    let items = state.entities.values().filter(passes).map(item);
    let quirks = &env.settings.quirks;
    listing::page_by_name(
        items.collect(),
        request.sort,
        request.page,
        quirks,
        |entity| view(entity, env),
    )
}

fn of_asset(
    state: &State,
    env: &Env<'_>,
    request: &ListAssetEntities,
) -> Result<Page<Entity>, Refusal> {
    let asset = state.asset(request.asset_id.as_str())?;
    let entities = state.entities.values();
    let entities = entities.filter(|entity| entity.asset_ids.contains(&asset.id));
    let items = entities.map(item).collect();
    let quirks = &env.settings.quirks;
    listing::page_by_name(items, Sort::default(), request.page, quirks, |entity| {
        view(entity, env)
    })
}

fn update(
    state: &mut State,
    env: &Env<'_>,
    collection_id: &str,
    id: &str,
    update: EntityUpdate,
) -> Result<Entity, Refusal> {
    state.entity(collection_id, id)?;
    if let Some(metadata) = &update.metadata {
        check_metadata(metadata)?;
    }
    if let Some(record) = state.entities.get_mut(id) {
        if let Some(name) = update.name {
            record.name = name;
        }
        if update.description.is_some() {
            record.description = update.description;
        }
        if let Some(metadata) = update.metadata {
            record.metadata = metadata;
        }
        record.updated_at = env.now;
    }
    retrieve(state, env, collection_id, id)
}

fn add_assets(
    state: &mut State,
    env: &Env<'_>,
    request: &AddEntityAssets,
) -> Result<Entity, Refusal> {
    let collection = request.entity_collection_id.as_str();
    let id = request.entity_id.as_str();
    state.entity(collection, id)?;
    let added = images(state, env, request.asset_ids.clone())?;
    if let Some(record) = state.entities.get_mut(id) {
        let before = record.asset_ids.len();
        for asset in added {
            if !record.asset_ids.contains(&asset) {
                record.asset_ids.push(asset);
            }
        }
        // The platform may process the entity again, as documented.
        if record.asset_ids.len() > before {
            record.updated_at = env.now;
            record.ready_at = ready_at(env);
        }
    }
    retrieve(state, env, collection, id)
}

fn remove_assets(
    state: &mut State,
    env: &Env<'_>,
    request: &RemoveEntityAssets,
) -> Result<Entity, Refusal> {
    let collection = request.entity_collection_id.as_str();
    let id = request.entity_id.as_str();
    let entity = state.entity(collection, id)?;
    for asset in &request.asset_ids {
        ids::check("asset_ids", asset.as_str())?;
    }
    let is_removed = |asset: &String| request.asset_ids.iter().any(|id| id == asset.as_str());
    // Documented: the last asset cannot be removed. The code is not documented.
    if entity.asset_ids.iter().all(is_removed) {
        return Err(Refusal::invalid(
            "asset_ids",
            "an entity keeps at least one asset",
        ));
    }
    if let Some(record) = state.entities.get_mut(id) {
        let before = record.asset_ids.len();
        record.asset_ids.retain(|asset| !is_removed(asset));
        if record.asset_ids.len() < before {
            record.updated_at = env.now;
            record.ready_at = ready_at(env);
        }
    }
    retrieve(state, env, collection, id)
}

/// Checks that the assets exist and are images that are ready. An id given twice counts once.
fn images(
    state: &State,
    env: &Env<'_>,
    asset_ids: Vec<tl_model::AssetId>,
) -> Result<Vec<String>, Refusal> {
    let mut images: Vec<String> = Vec::new();
    for asset_id in asset_ids {
        ids::check("asset_ids", asset_id.as_str())?;
        let Some(asset) = state.assets.get(asset_id.as_str()) else {
            // Only 400 is documented here.
            let detail = format!("the asset {asset_id} does not exist");
            return Err(Refusal::invalid("asset_ids", &detail));
        };
        if asset.kind() != tl_model::AssetType::Image {
            let detail = format!("the asset {asset_id} is not an image");
            return Err(Refusal::invalid("asset_ids", &detail));
        }
        let status = asset.status(env.now);
        if status != tl_model::AssetStatus::Ready {
            let detail = format!("the asset {asset_id} is {status}, only a ready one can be used");
            return Err(Refusal::invalid("asset_ids", &detail));
        }
        if !images.contains(&asset.id) {
            images.push(asset.id.clone());
        }
    }
    Ok(images)
}

/// Documented: values are strings, integers, floats or booleans.
fn check_metadata(metadata: &UserMetadata) -> Result<(), Refusal> {
    let list = metadata
        .iter()
        .find(|(_, value)| value.as_strings().is_some());
    match list {
        Some((key, _)) => Err(Refusal::invalid(
            "metadata",
            &format!("the value of `{key}` is an array"),
        )),
        None => Ok(()),
    }
}

/// How long the platform processes an entity is not documented; the emulator takes as long as it
/// validates a task.
fn ready_at(env: &Env<'_>) -> jiff::Timestamp {
    after(env.now, env.settings.schedule.validating)
}

fn item(entity: &EntityRecord) -> (SortKey, &str, &EntityRecord) {
    let key = SortKey {
        created: entity.created_at,
        updated: entity.updated_at,
        number: entity.number,
    };
    (key, entity.name.as_str(), entity)
}

fn view_collection(record: &EntityCollectionRecord) -> EntityCollection {
    let mut view = EntityCollection::new(record.id.as_str());
    view.name = Some(record.name.clone());
    view.description.clone_from(&record.description);
    view.created_at = Some(api_timestamp(record.created_at));
    view.updated_at = Some(api_timestamp(record.updated_at));
    view
}

fn view(record: &EntityRecord, env: &Env<'_>) -> Entity {
    let mut view = Entity::new(record.id.as_str());
    view.entity_collection_id = Some(record.collection_id.as_str().into());
    view.name = Some(record.name.clone());
    view.description.clone_from(&record.description);
    view.metadata = serde_json::to_value(&record.metadata).ok();
    view.asset_ids = Some(
        record
            .asset_ids
            .iter()
            .map(|id| id.as_str().into())
            .collect(),
    );
    view.status = Some(record.status(env.now));
    view.created_at = Some(api_timestamp(record.created_at));
    view.updated_at = Some(api_timestamp(record.updated_at));
    view
}
