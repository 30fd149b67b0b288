//! `/knowledge-stores`: create, list, update and delete knowledge stores.

use tl_model::{KnowledgeStore, Page};
use tl_protocol::endpoint::{
    CreateKnowledgeStore, DeleteKnowledgeStore, GetKnowledgeStore, ListKnowledgeStores,
    UpdateKnowledgeStore,
};

use crate::{
    api::{
        handle::handle,
        listing::{self, SortKey},
    },
    core::{Env, Refusal, State, records::KnowledgeStoreRecord, time::api_timestamp},
};

handle!(CreateKnowledgeStore, |state, env, request| {
    let id = format!("ks_{}", env.next_uuid(state));
    let record = KnowledgeStoreRecord {
        id: id.clone(),
        number: state.last_number(),
        name: request.store.name,
        description: request.store.description,
        ingestion_config: request.store.ingestion_config,
        metadata: request.store.metadata.unwrap_or_default(),
        created_at: env.now,
        updated_at: env.now,
    };
    let view = view(state, &record);
    state.knowledge_stores.insert(id, record);
    Ok(view)
});
handle!(ListKnowledgeStores, |state, env, request| list(
    state, env, &request
));
handle!(GetKnowledgeStore, |state, _env, request| state
    .knowledge_store(request.knowledge_store_id.as_str())
    .map(|store| view(state, store)));
handle!(UpdateKnowledgeStore, |state, env, request| update(
    state, env, request
));
handle!(DeleteKnowledgeStore, |state, _env, request| delete(
    state,
    request.knowledge_store_id.as_str()
));

fn list(
    state: &State,
    env: &Env<'_>,
    request: &ListKnowledgeStores,
) -> Result<Page<KnowledgeStore>, Refusal> {
    let items = state.knowledge_stores.values().map(|store| {
        let key = SortKey {
            created: store.created_at,
            updated: store.updated_at,
            number: store.number,
        };
        (key, store)
    });
    let quirks = &env.settings.quirks;
    listing::page(
        items.collect(),
        &request.sort,
        request.page,
        quirks,
        |store| view(state, store),
    )
}

fn update(
    state: &mut State,
    env: &Env<'_>,
    request: UpdateKnowledgeStore,
) -> Result<KnowledgeStore, Refusal> {
    let id = request.knowledge_store_id.as_str();
    state.knowledge_store(id)?;
    if let Some(record) = state.knowledge_stores.get_mut(id) {
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
    state.knowledge_store(id).map(|store| view(state, store))
}

/// Deletes a store with its items and collections. The assets stay.
fn delete(state: &mut State, id: &str) -> Result<(), Refusal> {
    state.knowledge_store(id)?;
    let items = state.store_items.values();
    let items = items.filter(|item| item.store_id == id);
    for item in items.map(|item| item.id.clone()).collect::<Vec<_>>() {
        state.store_items.remove(&item);
    }
    let collections = state.item_collections.values();
    let collections = collections.filter(|collection| collection.store_id == id);
    for collection in collections
        .map(|found| found.id.clone())
        .collect::<Vec<_>>()
    {
        state.item_collections.remove(&collection);
    }
    state.knowledge_stores.remove(id);
    Ok(())
}

fn view(state: &State, record: &KnowledgeStoreRecord) -> KnowledgeStore {
    let items = state.store_items.values();
    let count = items.filter(|item| item.store_id == record.id).count();
    let mut view = KnowledgeStore::new(record.id.as_str());
    view.name = Some(record.name.clone());
    view.description.clone_from(&record.description);
    view.ingestion_config.clone_from(&record.ingestion_config);
    view.item_count = Some(count as u64);
    view.metadata = Some(record.metadata.clone());
    view.created_at = Some(api_timestamp(record.created_at));
    view.updated_at = Some(api_timestamp(record.updated_at));
    view
}
