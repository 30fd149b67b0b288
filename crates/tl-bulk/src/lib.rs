//! Bulk ingestion into the TwelveLabs video platform: thousands of videos, with the state of each
//! in a ledger, so that a run resumes after any interruption and nothing is sent or paid for twice.

#![cfg_attr(docsrs, feature(doc_cfg))]

mod assets;
mod content;
mod error;
pub mod estimate;
pub mod event;
mod format;
mod hash_lane;
mod known;
pub mod metrics;
pub mod report;
mod run;
pub mod scheduler;
mod settings;
pub mod source;
mod store;
pub mod totals;
mod uri;

pub use assets::{Assets, KnownFile};
pub use error::{Error, Result};
pub use event::{Event, Record};
pub use known::Known;
pub use run::{Bulk, Found, ItemResult, error_kind};
pub use settings::{Again, Capacity, CheckFile, Settings};
pub use store::{Clock, Store};
pub use totals::{Budget, Ending, RunSummary, Totals};

/// Compiles the examples of the front page.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
