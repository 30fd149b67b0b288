//! Integration tests of bulk ingestion. Those that send requests do so against the emulator, whose
//! state is the oracle: each content is indexed exactly once.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod in_doubt;
mod list_lag;
mod loopback;
mod plans;
mod sim;
mod simulated;
mod sources;
mod together;
mod two_indexes;
