//! Standard output and standard error; nothing outside of this folder writes to them.

pub(crate) mod board;
pub(crate) mod confirm;
pub(crate) mod escape;
pub(crate) mod listing;
pub(crate) mod live;
pub(crate) mod metrics_server;
pub(crate) mod output;
pub(crate) mod progress;
pub(crate) mod report;
pub(crate) mod run_outputs;
pub(crate) mod style;
pub(crate) mod table;
pub(crate) mod terminal;
