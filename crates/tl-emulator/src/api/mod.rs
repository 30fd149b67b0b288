//! The handlers of the API, one module per resource: functions over the state, the environment and
//! a request.

mod analyze;
pub(crate) mod annotations;
pub(crate) mod assets;
mod chat_responses;
pub(crate) mod connections;
pub(crate) mod description;
mod embeddings;
mod entities;
pub mod families;
pub(crate) mod handle;
mod indexed_assets;
pub(crate) mod indexes;
mod indexing;
mod knowledge_stores;
mod legacy_embeddings;
mod listing;
mod metadata;
pub(crate) mod request;
pub(crate) mod routes;
mod search;
pub(crate) mod seed;
pub(crate) mod source;
pub(crate) mod storage;
pub(crate) mod tasks;
pub(crate) mod uploads;
pub(crate) mod videos;
pub(crate) mod webhooks;

/// The path prefix of the API version.
pub(crate) const VERSION_PREFIX: &str = "/v1.3";
