//! The local check: rules, probing, cache, URLs.

pub(crate) mod cache;
pub(crate) mod checker;
pub(crate) mod remote;
