//! Bulk ingestion into the TwelveLabs video platform: thousands of videos, with the state of each
//! in a ledger, so that a run resumes after any interruption and nothing is sent or paid for twice.

#![cfg_attr(docsrs, feature(doc_cfg))]

pub mod estimate;
pub mod event;
mod format;
pub mod metrics;
pub mod report;
pub mod source;
pub mod totals;

pub use event::{Event, Record};
pub use totals::{Budget, Ending, RunSummary, Totals};

/// Compiles the examples of the front page.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
