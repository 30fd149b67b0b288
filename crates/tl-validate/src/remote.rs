//! Videos that are not local files: sources that are read by range, and what URLs refer to.

pub mod playlist;
pub(crate) mod range;
#[cfg(feature = "web")]
pub mod web;
