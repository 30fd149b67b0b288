//! Tests of the operations on knowledge stores, their items and their collections.

use proptest::prelude::*;
use serde_json::json;
use tl_model::{
    EnrichmentConfig, EnrichmentType, IngestionConfig, ItemCollectionUpdate, KnowledgeStoreUpdate,
    NewItemCollection, NewKnowledgeStore, NewStoreItem, StoreFilter, StoreGroupBy, StoreIdFilter,
    StoreItemId, StoreItemStatus, StoreItemType, StoreModality, StoreQuery, StoreSearch,
    StoreSearchOptions, StoreTypeFilter, StoreVideoOptions, UserMetadata,
};

use super::*;

fn metadata(value: &str) -> UserMetadata {
    let mut metadata = UserMetadata::new();
    metadata.insert("sport", value);
    metadata
}

fn enriched(config: EnrichmentConfig) -> NewKnowledgeStore {
    let mut store = NewKnowledgeStore::new("a");
    store.ingestion_config = Some(IngestionConfig::new(config));
    store
}

fn with_schema(schema: Value) -> NewKnowledgeStore {
    let mut config = EnrichmentConfig::new(EnrichmentType::JsonSchema);
    config.json_schema = Some(schema);
    enriched(config)
}

fn search() -> StoreSearch {
    let mut filter = StoreFilter::default();
    let mut types = StoreTypeFilter::default();
    types.any_of = vec![StoreItemType::Video, StoreItemType::Image];
    let mut ids = StoreIdFilter::default();
    ids.eq = Some("ksi_a".into());
    (filter.asset_type, filter.item_id) = (Some(types), Some(ids));
    let mut video = StoreVideoOptions::default();
    video.modalities = vec![StoreModality::Audio];
    let mut options = StoreSearchOptions::default();
    options.video = Some(video);
    let mut search = StoreSearch::new(StoreQuery::new("goal"));
    (search.filter, search.search_options) = (Some(filter), Some(options));
    (search.page_size, search.include_metadata) = (Some(50), Some(true));
    search.group_by = Some(StoreGroupBy::Item);
    search
}

/// Why a request is refused before it is sent.
fn refused<E: Endpoint>(endpoint: &E) -> String {
    let request = endpoint.encode().into_http(&E::METHOD, E::PATH, &base(), 1);
    request.unwrap_err().to_string()
}

proptest! {
    #[test]
    fn requests_on_stores_round_trip(id in id(), name in text(), page in page(), sort in sort()) {
        let mut store = NewKnowledgeStore::new(name.as_str());
        store.description = Some(name.clone());
        store.metadata = Some(metadata(&name));
        round_trip(&CreateKnowledgeStore::new(store));
        round_trip(&ListKnowledgeStores { page, sort });
        round_trip(&GetKnowledgeStore::new(id.as_str()));
        let mut update = KnowledgeStoreUpdate::default();
        update.metadata = Some(UserMetadata::new());
        round_trip(&UpdateKnowledgeStore::new(id.as_str(), update));
        round_trip(&DeleteKnowledgeStore::new(id.as_str()));
        let mut next = StoreSearch::new(StoreQuery::new(name.as_str()));
        next.page_token = Some(name);
        round_trip(&SearchKnowledgeStore::new(id, next));
    }

    #[test]
    fn requests_on_items_and_collections_round_trip(
        store in id(), id in id(), name in text(), page in page(), sort in sort(),
    ) {
        let mut item = NewStoreItem::new(id.as_str());
        item.asset_type = Some(StoreItemType::Image);
        item.metadata = Some(metadata(&name));
        round_trip(&CreateStoreItem::new(store.as_str(), item));
        let status = vec![StoreItemStatus::Queued, StoreItemStatus::Failed];
        let list = ListStoreItems { page, sort: sort.clone(), status, ..ListStoreItems::new(store.as_str()) };
        round_trip(&list);
        round_trip(&GetStoreItem::new(store.as_str(), id.as_str()));
        round_trip(&DeleteStoreItem::new(store.as_str(), id.as_str()));
        let mut collection = NewItemCollection::new(name.as_str());
        collection.description = Some(name.clone());
        round_trip(&CreateItemCollection::new(store.as_str(), collection));
        round_trip(&ListItemCollections { page, sort, ..ListItemCollections::new(store.as_str()) });
        let mut update = ItemCollectionUpdate::default();
        update.name = Some(name);
        round_trip(&UpdateItemCollection::new(store.as_str(), id.as_str(), update));
        round_trip(&GetItemCollection::new(store.as_str(), id.as_str()));
        round_trip(&DeleteItemCollection::new(store.as_str(), id.as_str()));
        let listed = ListCollectionItems::new(store.as_str(), id.as_str());
        round_trip(&ListCollectionItems { page, ..listed });
        let items = vec![StoreItemId::from(id.as_str())];
        round_trip(&AddCollectionItems::new(store.as_str(), id.as_str(), items.clone()));
        round_trip(&RemoveCollectionItems::new(store, id, items));
    }
}

#[test]
fn configurations_and_searches_round_trip() {
    let mut config = EnrichmentConfig::new(EnrichmentType::Description);
    config.description = Some("who scores".to_owned());
    round_trip(&CreateKnowledgeStore::new(enriched(config)));
    let schema = json!({"type": "object", "properties": {
        "goals": {"type": "array", "description": "d", "items": {"type": "integer", "minimum": 0}},
    }});
    round_trip(&CreateKnowledgeStore::new(with_schema(schema)));
    round_trip(&SearchKnowledgeStore::new("ks", search()));
}

#[test]
fn search_is_encoded_as_documented() {
    let request = SearchKnowledgeStore::new("ks", search());
    assert_eq!(
        line(&request),
        concat!(
            r#"POST /knowledge-stores/ks/search {"query":{"text":"goal"},"filter":{"asset_type":{"in":["video","image"]},"#,
            r#""item_id":{"eq":"ksi_a"}},"search_options":{"video":{"modalities":["audio"]}},"group_by":"item","#,
            r#""page_size":50,"include_metadata":true}"#
        )
    );
}

/// A client refuses what violates a documented limit, and sends nothing.
#[test]
fn limits_are_checked_before_sending() {
    let store = |change: &dyn Fn(&mut NewKnowledgeStore)| {
        let mut store = NewKnowledgeStore::new("a");
        change(&mut store);
        refused(&CreateKnowledgeStore::new(store))
    };
    let pairs = |count: usize| -> UserMetadata {
        (0..count).map(|number| (number.to_string(), "a")).collect()
    };
    let item = |metadata: UserMetadata| {
        let mut item = NewStoreItem::new("a");
        item.metadata = Some(metadata);
        refused(&CreateStoreItem::new("ks", item))
    };
    let found = |change: &dyn Fn(&mut StoreSearch)| {
        let mut search = search();
        change(&mut search);
        refused(&SearchKnowledgeStore::new("ks", search))
    };
    let ids = |count| vec![StoreItemId::from("ksi_a"); count];
    let reasons = [
        store(&|store| store.name.clear()),
        store(&|store| store.metadata = Some(pairs(11))),
        store(&|store| store.metadata = Some(metadata(&"é".repeat(2049)))),
        store(&|store| store.metadata = Some(std::iter::once(("k".repeat(129), 1)).collect())),
        store(&|store| store.metadata = Some(std::iter::once(("k", 1_u64 << 53)).collect())),
        item(pairs(51)),
        found(&|search| search.query.text.clear()),
        found(&|search| search.page_size = Some(51)),
        found(&|search| search.filter.as_mut().unwrap().item_id = Some(StoreIdFilter::default())),
        found(&|search| {
            let types = search.filter.as_mut().unwrap().asset_type.as_mut().unwrap();
            types.any_of = vec![StoreItemType::Image];
        }),
        found(&|search| {
            search.search_options.as_mut().unwrap().video = Some(StoreVideoOptions::default());
        }),
        refused(&AddCollectionItems::new("ks", "c", ids(501))),
        refused(&RemoveCollectionItems::new("ks", "c", ids(0))),
    ];
    insta::assert_snapshot!(reasons.join("\n"));
}

#[test]
fn enrichment_schemas_are_linted_before_sending() {
    let property = |property: Value| {
        let schema = json!({"type": "object", "properties": {"a": property}});
        refused(&CreateKnowledgeStore::new(with_schema(schema)))
    };
    let mut both = EnrichmentConfig::new(EnrichmentType::Description);
    both.description = Some("a".to_owned());
    both.json_schema = Some(json!({}));
    let reasons = [
        refused(&CreateKnowledgeStore::new(with_schema(
            json!({"type": "array"}),
        ))),
        refused(&CreateKnowledgeStore::new(with_schema(
            json!({"type": "object"}),
        ))),
        property(json!({"type": "string"})),
        property(json!({"type": "string", "description": "a", "minLength": 1})),
        property(json!({"type": ["string", "null"], "description": "a"})),
        property(json!({"type": "array", "description": "a", "items": {"$ref": "#/$defs/a"}})),
        property(json!({"type": "object", "description": "a", "additionalProperties": {}})),
        property(json!(true)),
        refused(&CreateKnowledgeStore::new(enriched(both))),
        refused(&CreateKnowledgeStore::new(enriched(EnrichmentConfig::new(
            EnrichmentType::JsonSchema,
        )))),
    ];
    insta::assert_snapshot!(reasons.join("\n"));
}

#[test]
fn schema_nested_without_end_is_refused() {
    let mut schema = json!({"type": "string", "description": "a"});
    for _ in 0..100 {
        schema = json!({"type": "array", "description": "a", "items": schema});
    }
    let schema = json!({"type": "object", "properties": {"a": schema}});
    let reason = refused(&CreateKnowledgeStore::new(with_schema(schema)));
    assert!(reason.contains("nested deeper than 32 levels"), "{reason}");
}

#[test]
fn unknown_members_are_named_with_their_place() {
    let rejected = |body| {
        let request = Received {
            body: ReceivedBody::Json(body),
            ..received(&SearchKnowledgeStore::new("ks", search()))
        };
        SearchKnowledgeStore::decode(&request)
            .unwrap_err()
            .to_string()
    };
    insta::assert_snapshot!(
        [
            json!({}),
            json!({"query": "goal"}),
            json!({"query": {"text": "a", "image": "b"}}),
            json!({"query": {"text": "a"}, "filter": {"name": {}}}),
            json!({"query": {"text": "a"}, "filter": {"asset_type": {"in": ["audio"]}}}),
            json!({"query": {"text": "a"}, "search_options": {"video": {"modalities": ["speech"]}}}),
            json!({"query": {"text": "a"}, "group_by": "clip"}),
            json!({"query": {"text": "a"}, "page_size": 10.5}),
            json!({"query": {"text": "a"}, "include_metadata": "yes"}),
        ]
        .map(rejected)
        .join("\n")
    );
}

#[test]
fn literal_path_segments_match_in_encoded_form() {
    let template = "/connections:authorize";
    assert_eq!(
        match_path(template, "/connections%3Aauthorize"),
        Some(vec![])
    );
    assert_eq!(
        match_path(template, "/connections%3aauthorize"),
        Some(vec![])
    );
    assert_eq!(match_path(template, "/connections"), None);
    assert_eq!(match_path("/assets/{id}", "/assets%2Fa"), None);
}
