//! What all handlers share: the state with its records, the environment of a request, limits,
//! quirks, faults and effects. Nothing here knows an endpoint.

pub(crate) mod answers;
pub(crate) mod effect;
pub(crate) mod env;
pub(crate) mod faults;
pub(crate) mod ids;
pub(crate) mod lifecycle;
pub(crate) mod limits;
pub(crate) mod meaning;
pub(crate) mod meter;
pub(crate) mod operation;
pub(crate) mod plan;
pub mod quirks;
pub(crate) mod records;
pub(crate) mod refusal;
pub(crate) mod settings;
pub(crate) mod state;
pub(crate) mod static_file;
pub(crate) mod stream;
pub(crate) mod table;
pub(crate) mod time;

pub(crate) use env::Env;
pub(crate) use refusal::Refusal;
pub(crate) use state::State;
