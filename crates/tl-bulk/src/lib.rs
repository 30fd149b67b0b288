//! Bulk ingestion into the TwelveLabs video platform: thousands of videos, with the state of each
//! in a ledger, so that a run resumes after any interruption and nothing is sent or paid for twice.

#![cfg_attr(docsrs, feature(doc_cfg))]

pub mod source;

/// Compiles the examples of the front page.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
