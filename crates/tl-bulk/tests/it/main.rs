//! Integration tests of bulk ingestion.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod sources;
