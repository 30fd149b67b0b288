//! `/knowledge-stores/{knowledge_store_id}/items`: the assets of a knowledge store.

use tl_model::{KnowledgeStoreId, NewStoreItem, Page, StoreItem, StoreItemId, StoreItemStatus};

use crate::endpoint::{PageRequest, Sort, endpoint, resource};

resource! {
    /// Operations on the items of a knowledge store.
    StoreItems, store_items
}

endpoint! {
    /// Adds an asset to a knowledge store. Searches and chats find it once its status is `ready`.
    CreateStoreItem: PartialEq {
        path {
            /// The store.
            knowledge_store_id: KnowledgeStoreId,
        }
        body {
            /// The asset and custom metadata.
            item: NewStoreItem
        }
    }
    name: "knowledge_store_items.create";
    does: "add the asset to the knowledge store";
    POST "/knowledge-stores/{knowledge_store_id}/items" => ACCEPTED StoreItem;
    repeat: IfNotProcessed;
    client: StoreItems::create;
}

endpoint! {
    /// Lists the items of a knowledge store, newest first unless `sort` says otherwise.
    ListStoreItems: PartialEq, Eq {
        path {
            /// The store.
            knowledge_store_id: KnowledgeStoreId,
        }
        query {
            /// The page to return.
            page: PageRequest,
            /// The order. Items are not sorted by name.
            sort: Sort,
            /// Return only items with one of these statuses.
            status: Vec<StoreItemStatus>,
        }
    }
    name: "knowledge_store_items.list";
    does: "list the items of the knowledge store";
    GET "/knowledge-stores/{knowledge_store_id}/items" => OK Page<StoreItem>;
    repeat: Freely;
    client: StoreItems::list;
    paged: StoreItem;
}

endpoint! {
    /// Retrieves an item of a knowledge store.
    GetStoreItem: PartialEq, Eq {
        path {
            /// The store.
            knowledge_store_id: KnowledgeStoreId,
            /// The item.
            item_id: StoreItemId,
        }
    }
    name: "knowledge_store_items.retrieve";
    does: "retrieve the item of the knowledge store";
    GET "/knowledge-stores/{knowledge_store_id}/items/{item_id}" => OK StoreItem;
    repeat: Freely;
    client: StoreItems::get;
}

endpoint! {
    /// Removes an item from a knowledge store. Its asset stays.
    DeleteStoreItem: PartialEq, Eq {
        path {
            /// The store.
            knowledge_store_id: KnowledgeStoreId,
            /// The item.
            item_id: StoreItemId,
        }
    }
    name: "knowledge_store_items.delete";
    does: "remove the item from the knowledge store";
    DELETE "/knowledge-stores/{knowledge_store_id}/items/{item_id}" => NO_CONTENT;
    repeat: Freely;
    client: StoreItems::delete;
    gone: ();
}
