//! `/knowledge-stores/{knowledge_store_id}/item-collections`: named groups of items.

use tl_model::{ItemCollection, Page, StoreItem, StoreItemId};
use tl_protocol::endpoint::{
    AddCollectionItems, CreateItemCollection, DeleteItemCollection, GetItemCollection,
    ListCollectionItems, ListItemCollections, RemoveCollectionItems, Sort, UpdateItemCollection,
};

use super::items;
use crate::{
    api::{
        handle::handle,
        listing::{self, SortKey},
    },
    core::{Env, Refusal, State, ids, records::ItemCollectionRecord, time::api_timestamp},
};

handle!(CreateItemCollection, |state, env, request| create(
    state, env, request
));
handle!(ListItemCollections, |state, env, request| list(
    state, env, &request
));
handle!(GetItemCollection, |state, _env, request| state
    .item_collection(
        request.knowledge_store_id.as_str(),
        request.collection_id.as_str()
    )
    .map(view));
handle!(UpdateItemCollection, |state, env, request| update(
    state, env, request
));
handle!(DeleteItemCollection, |state, _env, request| {
    let id = request.collection_id.as_str();
    state.item_collection(request.knowledge_store_id.as_str(), id)?;
    state.item_collections.remove(id);
    Ok(())
});
handle!(ListCollectionItems, |state, env, request| list_items(
    state, env, &request
));
handle!(AddCollectionItems, |state, env, request| add_items(
    state, env, &request
));
handle!(RemoveCollectionItems, |state, env, request| remove_items(
    state, env, &request
));

fn create(
    state: &mut State,
    env: &Env<'_>,
    request: CreateItemCollection,
) -> Result<ItemCollection, Refusal> {
    let store = request.knowledge_store_id.as_str();
    state.knowledge_store(store)?;
    let new = request.collection;
    check_unique(state, store, &new.name, None)?;
    let id = format!("ksic_{}", env.next_uuid(state));
    let record = ItemCollectionRecord {
        id: id.clone(),
        number: state.last_number(),
        store_id: store.to_owned(),
        name: new.name,
        description: new.description,
        metadata: new.metadata.unwrap_or_default(),
        item_ids: Vec::new(),
        created_at: env.now,
        updated_at: env.now,
    };
    let view = view(&record);
    state.item_collections.insert(id, record);
    Ok(view)
}

/// Documented: the name is unique in the store. The code is not documented.
fn check_unique(
    state: &State,
    store: &str,
    name: &str,
    except: Option<&str>,
) -> Result<(), Refusal> {
    let mut collections = state.item_collections.values();
    let is_taken = collections.any(|other| {
        other.store_id == store && other.name == name && Some(other.id.as_str()) != except
    });
    if is_taken {
        return Err(Refusal::invalid(
            "name",
            "the knowledge store has a collection of this name",
        ));
    }
    Ok(())
}

fn list(
    state: &State,
    env: &Env<'_>,
    request: &ListItemCollections,
) -> Result<Page<ItemCollection>, Refusal> {
    let store = state.knowledge_store(request.knowledge_store_id.as_str())?;
    let collections = state.item_collections.values();
    let collections = collections.filter(|collection| collection.store_id == store.id);
    let items = collections.map(|collection| {
        let key = SortKey {
            created: collection.created_at,
            updated: collection.updated_at,
            number: collection.number,
        };
        (key, collection.name.as_str(), collection)
    });
    listing::page_by_name(
        items.collect(),
        request.sort.clone(),
        request.page,
        &env.settings.quirks,
        view,
    )
}

fn update(
    state: &mut State,
    env: &Env<'_>,
    request: UpdateItemCollection,
) -> Result<ItemCollection, Refusal> {
    let (store, id) = (
        request.knowledge_store_id.as_str(),
        request.collection_id.as_str(),
    );
    state.item_collection(store, id)?;
    if let Some(name) = &request.update.name {
        check_unique(state, store, name, Some(id))?;
    }
    if let Some(record) = state.item_collections.get_mut(id) {
        if let Some(name) = request.update.name {
            record.name = name;
        }
        if request.update.description.is_some() {
            record.description = request.update.description;
        }
        if let Some(metadata) = request.update.metadata {
            record.metadata = metadata;
        }
        record.updated_at = env.now;
    }
    state.item_collection(store, id).map(view)
}

fn list_items(
    state: &State,
    env: &Env<'_>,
    request: &ListCollectionItems,
) -> Result<Page<StoreItem>, Refusal> {
    let collection = state.item_collection(
        request.knowledge_store_id.as_str(),
        request.collection_id.as_str(),
    )?;
    let items = collection
        .item_ids
        .iter()
        .filter_map(|id| state.store_items.get(id));
    let items = items.map(|item| (items::sort_key(item, env), item));
    listing::page(
        items.collect(),
        &Sort::default(),
        request.page,
        &env.settings.quirks,
        |item| items::view(item, env),
    )
}

fn add_items(
    state: &mut State,
    env: &Env<'_>,
    request: &AddCollectionItems,
) -> Result<ItemCollection, Refusal> {
    let (store, id) = (
        request.knowledge_store_id.as_str(),
        request.collection_id.as_str(),
    );
    state.item_collection(store, id)?;
    for item in &request.item_ids {
        check_id(item)?;
        if state.store_item(store, item.as_str()).is_err() {
            // Only 400 is documented here.
            let detail = format!("the knowledge store has no item {item}");
            return Err(Refusal::invalid("item_ids", &detail));
        }
    }
    if let Some(record) = state.item_collections.get_mut(id) {
        let before = record.item_ids.len();
        for item in &request.item_ids {
            if !record.item_ids.iter().any(|id| id == item.as_str()) {
                record.item_ids.push(item.to_string());
            }
        }
        if record.item_ids.len() > before {
            record.updated_at = env.now;
        }
    }
    state.item_collection(store, id).map(view)
}

fn remove_items(
    state: &mut State,
    env: &Env<'_>,
    request: &RemoveCollectionItems,
) -> Result<(), Refusal> {
    let id = request.collection_id.as_str();
    state.item_collection(request.knowledge_store_id.as_str(), id)?;
    request.item_ids.iter().try_for_each(check_id)?;
    if let Some(record) = state.item_collections.get_mut(id) {
        let before = record.item_ids.len();
        record
            .item_ids
            .retain(|held| !request.item_ids.iter().any(|item| item == held.as_str()));
        if record.item_ids.len() < before {
            record.updated_at = env.now;
        }
    }
    Ok(())
}

fn check_id(id: &StoreItemId) -> Result<(), Refusal> {
    ids::check_prefixed("item_ids", "ksi_", id.as_str())
}

fn view(record: &ItemCollectionRecord) -> ItemCollection {
    let mut view = ItemCollection::new(record.id.as_str());
    view.knowledge_store_id = Some(record.store_id.as_str().into());
    view.name = Some(record.name.clone());
    view.description.clone_from(&record.description);
    view.metadata = Some(record.metadata.clone());
    view.member_count = Some(record.item_ids.len() as u64);
    view.created_at = Some(api_timestamp(record.created_at));
    view.updated_at = Some(api_timestamp(record.updated_at));
    view
}
