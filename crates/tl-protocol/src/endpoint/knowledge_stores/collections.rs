//! `/knowledge-stores/{knowledge_store_id}/item-collections`: named groups of items.

use tl_model::{
    ItemCollection, ItemCollectionId, ItemCollectionUpdate, KnowledgeStoreId, NewItemCollection,
    Page, StoreItem, StoreItemId,
};

use crate::endpoint::{PageRequest, Sort, endpoint, resource};

resource! {
    /// Operations on the item collections of a knowledge store.
    ItemCollections, item_collections
}

endpoint! {
    /// Creates a collection of items.
    CreateItemCollection: PartialEq {
        path {
            /// The store.
            knowledge_store_id: KnowledgeStoreId,
        }
        body {
            /// Name, description and metadata.
            collection: NewItemCollection
        }
    }
    name: "knowledge_store_item_collections.create";
    does: "create an item collection";
    POST "/knowledge-stores/{knowledge_store_id}/item-collections" => CREATED ItemCollection;
    repeat: IfNotProcessed;
    client: ItemCollections::create;
}

endpoint! {
    /// Lists the item collections of a knowledge store, newest first unless `sort` says otherwise.
    ListItemCollections: PartialEq, Eq {
        path {
            /// The store.
            knowledge_store_id: KnowledgeStoreId,
        }
        query {
            /// The page to return.
            page: PageRequest,
            /// The order.
            sort: Sort,
        }
    }
    name: "knowledge_store_item_collections.list";
    does: "list the item collections";
    GET "/knowledge-stores/{knowledge_store_id}/item-collections" => OK Page<ItemCollection>;
    repeat: Freely;
    client: ItemCollections::list;
    paged: ItemCollection;
}

endpoint! {
    /// Retrieves an item collection.
    GetItemCollection: PartialEq, Eq {
        path {
            /// The store.
            knowledge_store_id: KnowledgeStoreId,
            /// The collection.
            collection_id: ItemCollectionId,
        }
    }
    name: "knowledge_store_item_collections.retrieve";
    does: "retrieve the item collection";
    GET "/knowledge-stores/{knowledge_store_id}/item-collections/{collection_id}" => OK ItemCollection;
    repeat: Freely;
    client: ItemCollections::get;
}

endpoint! {
    /// Changes the name, the description or the metadata of an item collection.
    UpdateItemCollection: PartialEq {
        path {
            /// The store.
            knowledge_store_id: KnowledgeStoreId,
            /// The collection.
            collection_id: ItemCollectionId,
        }
        body {
            /// The members to change.
            update: ItemCollectionUpdate
        }
    }
    name: "knowledge_store_item_collections.update";
    does: "update the item collection";
    PATCH "/knowledge-stores/{knowledge_store_id}/item-collections/{collection_id}" => OK ItemCollection;
    repeat: Freely;
    client: ItemCollections::update;
}

endpoint! {
    /// Deletes an item collection. Its items stay.
    DeleteItemCollection: PartialEq, Eq {
        path {
            /// The store.
            knowledge_store_id: KnowledgeStoreId,
            /// The collection.
            collection_id: ItemCollectionId,
        }
    }
    name: "knowledge_store_item_collections.delete";
    does: "delete the item collection";
    DELETE "/knowledge-stores/{knowledge_store_id}/item-collections/{collection_id}" => NO_CONTENT;
    repeat: Freely;
    client: ItemCollections::delete;
    gone: ();
}

endpoint! {
    /// Lists the items of a collection.
    ListCollectionItems: PartialEq, Eq {
        path {
            /// The store.
            knowledge_store_id: KnowledgeStoreId,
            /// The collection.
            collection_id: ItemCollectionId,
        }
        query {
            /// The page to return.
            page: PageRequest,
        }
    }
    name: "knowledge_store_item_collections.list_items";
    does: "list the items of the collection";
    GET "/knowledge-stores/{knowledge_store_id}/item-collections/{collection_id}/items" => OK Page<StoreItem>;
    repeat: Freely;
    client: ItemCollections::list_items;
    paged: StoreItem;
}

endpoint! {
    /// Adds items to a collection. An item that is already in it is added once.
    AddCollectionItems: PartialEq, Eq {
        path {
            /// The store.
            knowledge_store_id: KnowledgeStoreId,
            /// The collection.
            collection_id: ItemCollectionId,
        }
        json {
            /// The items, 1 to 500.
            item_ids: Vec<StoreItemId>,
        }
    }
    name: "knowledge_store_item_collections.add_items";
    does: "add items to the collection";
    POST "/knowledge-stores/{knowledge_store_id}/item-collections/{collection_id}/items/add" => OK ItemCollection;
    // Adding an item twice has the same result.
    repeat: Freely;
    client: ItemCollections::add_items;
}

endpoint! {
    /// Removes items from a collection. They stay in the store.
    RemoveCollectionItems: PartialEq, Eq {
        path {
            /// The store.
            knowledge_store_id: KnowledgeStoreId,
            /// The collection.
            collection_id: ItemCollectionId,
        }
        json {
            /// The items, 1 to 500.
            item_ids: Vec<StoreItemId>,
        }
    }
    name: "knowledge_store_item_collections.remove_items";
    does: "remove items from the collection";
    POST "/knowledge-stores/{knowledge_store_id}/item-collections/{collection_id}/items/remove" => NO_CONTENT;
    // Removing an item twice has the same result.
    repeat: Freely;
    client: ItemCollections::remove_items;
}
