//! `/indexes`: groups of videos that are searched together, and the models that index them.

use serde_json::{Map, Value};
use tl_model::{CreatedIndex, Index, IndexId, ModelFamily, NewIndex, Page, Timestamp};

use super::{PageRequest, Rejection, Sort, endpoint, json::JsonBody, resource};

resource! {
    /// Operations on indexes.
    Indexes, indexes
}

endpoint! {
    /// Creates an index. Its models cannot be changed afterwards.
    CreateIndex: PartialEq {
        body {
            /// Name, models and add-ons.
            index: NewIndex
        }
    }
    name: "indexes.create";
    does: "create an index";
    POST "/indexes" => CREATED CreatedIndex;
    repeat: IfNotProcessed;
    client: Indexes::create;
}

impl JsonBody for NewIndex {
    const MEMBERS: &'static [&'static str] = &["index_name", "models", "addons"];

    fn read(object: &Map<String, Value>) -> Result<Self, Rejection> {
        for name in ["index_name", "models"] {
            if object.get(name).is_none_or(Value::is_null) {
                return Err(Rejection::missing(name));
            }
        }
        serde_json::from_value(Value::Object(object.clone()))
            .map_err(|error| Rejection::invalid("models", error.to_string()))
    }
}

endpoint! {
    /// Lists indexes, newest first unless `sort` says otherwise.
    ListIndexes: PartialEq, Default {
        query {
            /// The page to return.
            page: PageRequest,
            /// The order.
            sort: Sort,
            /// Return only the index of this name.
            index_name: Option<String>,
            /// Return only indexes with these model options, for example `visual,audio`.
            model_options: Option<String>,
            /// Return only indexes with a model of this family.
            model_family: Option<ModelFamily>,
            /// Return only indexes created at this time or later.
            created_at: Option<Timestamp>,
            /// Return only indexes updated at this time or later.
            updated_at: Option<Timestamp>,
        }
    }
    name: "indexes.list";
    does: "list indexes";
    GET "/indexes" => OK Page<Index>;
    repeat: Freely;
    client: Indexes::list;
    paged: Index;
}

endpoint! {
    /// Retrieves an index.
    GetIndex: PartialEq, Eq {
        path {
            /// The index.
            index_id: IndexId,
        }
    }
    name: "indexes.retrieve";
    does: "retrieve the index";
    GET "/indexes/{index_id}" => OK Index;
    repeat: Freely;
    client: Indexes::get;
}

endpoint! {
    /// Renames an index. Nothing else about an index can be changed.
    RenameIndex: PartialEq, Eq {
        path {
            /// The index.
            index_id: IndexId,
        }
        json {
            /// The new name.
            index_name: String,
        }
    }
    name: "indexes.update";
    does: "rename the index";
    PUT "/indexes/{index_id}" => NO_CONTENT;
    repeat: Freely;
    client: Indexes::rename;
}

endpoint! {
    /// Deletes an index and everything in it.
    DeleteIndex: PartialEq, Eq {
        path {
            /// The index.
            index_id: IndexId,
        }
    }
    name: "indexes.delete";
    does: "delete the index";
    DELETE "/indexes/{index_id}" => NO_CONTENT;
    repeat: Freely;
    client: Indexes::delete;
    gone: ();
}
