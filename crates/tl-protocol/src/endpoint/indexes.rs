//! `/indexes`: where videos live, and which models look at them.

use http::{Method, StatusCode};
use serde_json::{Value, json};
use tl_model::{CreatedIndex, Index, IndexId, ModelFamily, NewIndex, Page, Timestamp};

use super::{
    Endpoint, Outgoing, PageRequest, Received, Rejection, Sort, by_id, empty_response,
    json_response, paged,
};
use crate::Repeat;

/// Creates an index. Its models cannot be changed afterwards.
#[derive(Debug, Clone, PartialEq)]
pub struct CreateIndex {
    /// Name, models and add-ons.
    pub index: NewIndex,
}

impl Endpoint for CreateIndex {
    type Response = CreatedIndex;

    const OPERATION: &'static str = "create an index";
    const METHOD: Method = Method::POST;
    const PATH: &'static str = "/indexes";
    const REPEAT: Repeat = Repeat::IfNotProcessed;
    const SUCCESS: StatusCode = StatusCode::CREATED;

    fn encode(&self) -> Outgoing {
        Outgoing::new().json(&self.index)
    }

    fn decode(request: &Received) -> Result<Self, Rejection> {
        request.query().finish()?;
        let object = request.json_with(&["index_name", "models", "addons"])?;
        for name in ["index_name", "models"] {
            if object.get(name).is_none_or(Value::is_null) {
                return Err(Rejection::missing(name));
            }
        }
        let index = serde_json::from_value(Value::Object(object.clone()))
            .map_err(|error| Rejection::invalid("models", error.to_string()))?;
        Ok(Self { index })
    }

    json_response!();
}

/// Lists indexes, the newest first unless `sort` says otherwise.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ListIndexes {
    /// Which page.
    pub page: PageRequest,
    /// In which order.
    pub sort: Sort,
    /// Only the index of this name.
    pub index_name: Option<String>,
    /// Only indexes with these model options, for example `visual,audio`.
    pub model_options: Option<String>,
    /// Only indexes with a model of this family.
    pub model_family: Option<ModelFamily>,
    /// Only indexes created then or later.
    pub created_at: Option<Timestamp>,
    /// Only indexes updated then or later.
    pub updated_at: Option<Timestamp>,
}

impl Endpoint for ListIndexes {
    type Response = Page<Index>;

    const OPERATION: &'static str = "list indexes";
    const METHOD: Method = Method::GET;
    const PATH: &'static str = "/indexes";
    const REPEAT: Repeat = Repeat::Freely;
    const SUCCESS: StatusCode = StatusCode::OK;

    fn encode(&self) -> Outgoing {
        self.sort
            .encode(self.page.encode(Outgoing::new()))
            .query_if("index_name", self.index_name.as_ref())
            .query_if("model_options", self.model_options.as_ref())
            .query_if("model_family", self.model_family.as_ref())
            .query_if("created_at", self.created_at.as_ref())
            .query_if("updated_at", self.updated_at.as_ref())
    }

    fn decode(request: &Received) -> Result<Self, Rejection> {
        let mut params = request.query();
        let list = Self {
            page: PageRequest::decode(&mut params)?,
            sort: Sort::decode(&mut params)?,
            index_name: params.optional("index_name")?,
            model_options: params.optional("model_options")?,
            model_family: params.word("model_family")?,
            created_at: params.word("created_at")?,
            updated_at: params.word("updated_at")?,
        };
        params.finish()?;
        Ok(list)
    }

    json_response!();
}

paged!(ListIndexes, Index);

by_id! {
    /// Retrieves an index.
    GetIndex {
        /// The index.
        index_id: IndexId,
    }
    retrieves Index, "retrieve the index", "/indexes/{index_id}"
}

/// Gives an index another name, the only thing that can be changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RenameIndex {
    /// The index.
    pub index_id: IndexId,
    /// Its new name.
    pub index_name: String,
}

impl Endpoint for RenameIndex {
    type Response = ();

    const OPERATION: &'static str = "rename the index";
    const METHOD: Method = Method::PUT;
    const PATH: &'static str = "/indexes/{index_id}";
    const REPEAT: Repeat = Repeat::Freely;
    const SUCCESS: StatusCode = StatusCode::NO_CONTENT;

    fn encode(&self) -> Outgoing {
        Outgoing::new()
            .param(&self.index_id)
            .json(&json!({ "index_name": self.index_name }))
    }

    fn decode(request: &Received) -> Result<Self, Rejection> {
        request.query().finish()?;
        let name = request
            .json_with(&["index_name"])?
            .get("index_name")
            .ok_or_else(|| Rejection::missing("index_name"))?;
        let index_name = name
            .as_str()
            .ok_or_else(|| Rejection::invalid("index_name", "a string is expected"))?;
        Ok(Self {
            index_id: request.param(0).into(),
            index_name: index_name.to_owned(),
        })
    }

    empty_response!();
}

by_id! {
    /// Deletes an index with all that is in it.
    DeleteIndex {
        /// The index.
        index_id: IndexId,
    }
    deletes, "delete the index", "/indexes/{index_id}"
}
