//! Tests of the emulator: as a pure handler with a manual clock, and over real sockets with real
//! media.
#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "tests do I/O, and may panic on unexpected results"
)]

mod abuse;
mod access_control;
mod analyze;
mod assets;
mod browser;
mod chat_responses;
mod clips;
mod conformance;
mod connections;
mod control;
mod crash_recovery;
mod embeddings;
mod end_to_end;
mod entities;
mod errors;
mod families;
mod faults;
mod full_disk;
mod fuzz;
mod hostile;
mod indexed_assets;
mod knowledge_stores;
mod lifecycle;
mod limits;
mod lists;
mod page;
mod page_in_browser;
mod persistence;
mod presigned;
mod process;
mod raw;
mod renderer;
mod renditions;
mod report_in_browser;
mod search;
mod sessions;
mod start;
mod state_machine;
mod static_assets;
mod uploads;
mod urls;
mod world;
