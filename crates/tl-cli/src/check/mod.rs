//! The local check: rules, probing, cache, URLs.

pub(crate) mod cache;
pub(crate) mod cache_location;
pub(crate) mod ledger_probes;
pub(crate) mod local_check;
pub(crate) mod probers;
pub(crate) mod remote;
pub(crate) mod rule_packs;
