//! The handlers of the API, one module per resource.

pub(crate) mod assets;
pub mod families;
pub(crate) mod handle;
pub(crate) mod indexed_assets;
pub(crate) mod indexes;
pub(crate) mod listing;
pub(crate) mod request;
pub(crate) mod routes;
pub(crate) mod storage;
pub(crate) mod tasks;
pub(crate) mod uploads;
pub(crate) mod videos;
pub(crate) mod webhooks;
