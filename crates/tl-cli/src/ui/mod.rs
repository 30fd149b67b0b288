//! Standard output and standard error; no other module writes to them.

pub(crate) mod confirm;
pub(crate) mod output;
pub(crate) mod progress;
pub(crate) mod report;
pub(crate) mod table;
