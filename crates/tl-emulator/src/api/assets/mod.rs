//! `/assets`: assets of all kinds.

pub(crate) mod create;
mod metadata;
pub(crate) mod views;
