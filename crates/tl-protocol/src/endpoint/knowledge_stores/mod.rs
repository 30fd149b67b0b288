//! `/knowledge-stores`: sets of videos and images that searches and chats refer to.

mod bodies;
mod collections;
mod enrichment;
mod items;
mod limits;
mod search;

use tl_model::{
    KnowledgeStore, KnowledgeStoreId, KnowledgeStoreUpdate, NewKnowledgeStore, Page, StoreHits,
    StoreSearch,
};

pub use collections::*;
pub use enrichment::check_enrichment_schema;
pub use items::*;

use super::{PageRequest, Sort, endpoint, resource};

resource! {
    /// Operations on knowledge stores.
    KnowledgeStores, knowledge_stores
}

endpoint! {
    /// Creates a knowledge store.
    CreateKnowledgeStore: PartialEq {
        body {
            /// Name, configuration, description and metadata.
            store: NewKnowledgeStore
        }
    }
    name: "knowledge_stores.create";
    does: "create a knowledge store";
    POST "/knowledge-stores" => CREATED KnowledgeStore;
    repeat: IfNotProcessed;
    client: KnowledgeStores::create;
}

endpoint! {
    /// Lists the knowledge stores of the account, newest first unless `sort` says otherwise.
    ListKnowledgeStores: PartialEq, Eq, Default {
        query {
            /// The page to return.
            page: PageRequest,
            /// The order. Stores are not sorted by name.
            sort: Sort,
        }
    }
    name: "knowledge_stores.list";
    does: "list knowledge stores";
    GET "/knowledge-stores" => OK Page<KnowledgeStore>;
    repeat: Freely;
    client: KnowledgeStores::list;
    paged: KnowledgeStore;
}

endpoint! {
    /// Retrieves a knowledge store.
    GetKnowledgeStore: PartialEq, Eq {
        path {
            /// The store.
            knowledge_store_id: KnowledgeStoreId,
        }
    }
    name: "knowledge_stores.retrieve";
    does: "retrieve the knowledge store";
    GET "/knowledge-stores/{knowledge_store_id}" => OK KnowledgeStore;
    repeat: Freely;
    client: KnowledgeStores::get;
}

endpoint! {
    /// Changes the name, the description or the metadata of a knowledge store.
    UpdateKnowledgeStore: PartialEq {
        path {
            /// The store.
            knowledge_store_id: KnowledgeStoreId,
        }
        body {
            /// The members to change.
            update: KnowledgeStoreUpdate
        }
    }
    name: "knowledge_stores.update";
    does: "update the knowledge store";
    PATCH "/knowledge-stores/{knowledge_store_id}" => OK KnowledgeStore;
    repeat: Freely;
    client: KnowledgeStores::update;
}

endpoint! {
    /// Deletes a knowledge store with its items and collections. The assets stay.
    DeleteKnowledgeStore: PartialEq, Eq {
        path {
            /// The store.
            knowledge_store_id: KnowledgeStoreId,
        }
    }
    name: "knowledge_stores.delete";
    does: "delete the knowledge store";
    DELETE "/knowledge-stores/{knowledge_store_id}" => NO_CONTENT;
    repeat: Freely;
    client: KnowledgeStores::delete;
    gone: ();
}

endpoint! {
    /// Searches a knowledge store. The next page is requested with the token of the response, which
    /// expires: the platform then responds with 410.
    SearchKnowledgeStore: PartialEq {
        path {
            /// The store.
            knowledge_store_id: KnowledgeStoreId,
        }
        body {
            /// The query, or a page token.
            search: StoreSearch
        }
    }
    name: "knowledge_stores.search";
    does: "search the knowledge store";
    POST "/knowledge-stores/{knowledge_store_id}/search" => OK StoreHits;
    // A search changes nothing, but it may be charged.
    repeat: IfNotProcessed;
    client: KnowledgeStores::search;
}
