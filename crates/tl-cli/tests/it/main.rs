//! Integration tests of the command: run as a process, with the real helper, against the emulator
//! or a scripted server.
//!
//! | Module | Contents |
//! |---|---|
//! | `tl` | runs `tl` with a deadline, and checks that no key is printed |
//! | `clips` | real clips, created once by FFmpeg |
//! | `platform` | the emulator, and scripted responses |
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod addresses;
mod analyze;
mod analyze_tasks;
mod asset;
mod bad_input;
mod clips;
mod config;
mod embed;
mod emulator;
mod faults;
mod fixing;
mod folders;
mod help;
mod ingest;
mod interrupt;
mod known_assets;
mod ledger;
#[cfg(target_os = "linux")]
mod linking;
mod lists;
mod lossless;
mod manifests;
mod many;
mod modules;
mod operations;
mod output;
mod outputs;
mod platform;
#[cfg(unix)]
mod postgres;
mod probes;
mod recipes;
mod refusals;
mod sandbox;
mod search;
mod sheet_in_browser;
mod static_files;
mod stores;
mod terminal;
mod tl;
mod transcription;
mod tutorials;
mod upload;
mod validate;
mod webhook;
mod whole_corpus;
#[cfg(unix)]
mod workers;
