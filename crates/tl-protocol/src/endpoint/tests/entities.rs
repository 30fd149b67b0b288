//! Tests of the operations on entities and their collections.

use proptest::prelude::*;
use serde_json::json;
use tl_model::{
    AssetId, EntityCollectionUpdate, EntityUpdate, NewEntity, NewEntityCollection, UserMetadata,
};

use super::*;

fn entity(name: &str, asset: &str, sport: &str) -> NewEntity {
    let mut entity = NewEntity::new(name, vec![AssetId::from(asset)]);
    entity.description = Some(sport.to_owned());
    let mut metadata = UserMetadata::new();
    metadata.insert("sport", sport);
    entity.metadata = Some(metadata);
    entity
}

proptest! {
    #[test]
    fn requests_on_collections_round_trip(
        id in id(), name in text(), page in page(), filter in prop::option::of(text()),
    ) {
        let mut collection = NewEntityCollection::new(name.as_str());
        collection.description = Some(name.clone());
        round_trip(&CreateEntityCollection::new(collection));
        round_trip(&ListEntityCollections { page, name: filter, ..Default::default() });
        round_trip(&GetEntityCollection::new(id.as_str()));
        let mut update = EntityCollectionUpdate::default();
        update.name = Some(name);
        round_trip(&UpdateEntityCollection::new(id.as_str(), update));
        round_trip(&DeleteEntityCollection::new(id));
    }

    #[test]
    fn requests_on_entities_round_trip(
        collection in id(), id in id(), name in text(), page in page(), sort in sort(),
    ) {
        let new = entity(&name, &id, &name);
        round_trip(&CreateEntity::new(collection.as_str(), new.clone()));
        round_trip(&CreateEntities::new(collection.as_str(), vec![new.clone(), new]));
        let mut list = ListEntities::new(collection.as_str());
        list = ListEntities { page, sort, name: Some(name.clone()), status: Some("ready".into()), ..list };
        round_trip(&list);
        let mut update = EntityUpdate::default();
        update.description = Some(name);
        update.metadata = Some(UserMetadata::new());
        round_trip(&UpdateEntity::new(collection.as_str(), id.as_str(), update));
        round_trip(&DeleteEntity::new(collection.as_str(), id.as_str()));
        let assets = vec![AssetId::from(id.as_str())];
        round_trip(&AddEntityAssets::new(collection.as_str(), id.as_str(), assets.clone()));
        round_trip(&RemoveEntityAssets::new(collection, id, assets));
    }
}

#[test]
fn invalid_bodies_name_the_member() {
    let rejected = |body| {
        let request = Received {
            body: ReceivedBody::Json(body),
            ..received(&CreateEntity::new("c", entity("a", "b", "c")))
        };
        CreateEntity::decode(&request).unwrap_err().to_string()
    };
    insta::assert_snapshot!(
        [
            json!({"asset_ids": ["a"]}),
            json!({"name": "", "asset_ids": ["a"]}),
            json!({"name": "a"}),
            json!({"name": "a", "asset_ids": []}),
            json!({"name": "a", "asset_ids": "a"}),
            json!({"name": "a", "asset_ids": [1]}),
            json!({"name": "a", "asset_ids": ["a"], "metadata": {"team": {"id": 1}}}),
            json!({"name": "a", "asset_ids": ["a"], "color": "red"}),
        ]
        .map(rejected)
        .join("\n"),
        @r#"
    `name` is required
    `name` is invalid: the name is empty
    `asset_ids` is required
    `asset_ids` is invalid: the array is empty
    `asset_ids` is invalid: a string: an array is expected
    `asset_ids` is invalid: a number: an asset id is expected
    `metadata` is invalid: user metadata has an object under the key "team"; allowed is a string, an integer, a float, a boolean, or an array of strings: leave the key out, or turn the value into a string
    `color` is not a parameter of this endpoint
    "#
    );
}

#[test]
fn removing_assets_is_a_delete_with_a_body() {
    let remove = RemoveEntityAssets::new("c", "e", vec![AssetId::from("a")]);
    assert_eq!(
        line(&remove),
        r#"DELETE /entity-collections/c/entities/e/assets {"asset_ids":["a"]}"#
    );
}
