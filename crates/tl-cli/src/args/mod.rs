//! Groups of arguments that several commands share.

pub(crate) mod bulk;
pub(crate) mod cache;
pub(crate) mod check;
pub(crate) mod ids;
pub(crate) mod index_ref;
pub(crate) mod ledger;
pub(crate) mod metadata;
pub(crate) mod named;
pub(crate) mod number_filter;
pub(crate) mod outputs;
pub(crate) mod pages;
pub(crate) mod remote;
pub(crate) mod rules;
pub(crate) mod run;
pub(crate) mod source;
pub(crate) mod time;
pub(crate) mod upload;
pub(crate) mod wait;
pub(crate) mod walk;
