//! The command as people and programs meet it: run as a process, with the real helper, against the emulator, a scripted
//! server, and nothing at all.
//!
//! | Room | What lives there |
//! |---|---|
//! | `tl` | running `tl`: bounded in time, and never with the key in its output |
//! | `clips` | real clips, made once by ffmpeg |
//! | `platform` | the emulator, and scripted answers of the platform |
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod addresses;
mod asset;
mod bad_input;
mod clips;
mod emulator;
mod faults;
mod fixing;
mod folders;
mod help;
mod ingest;
mod interrupt;
#[cfg(target_os = "linux")]
mod linking;
mod lists;
mod lossless;
mod many;
mod output;
mod platform;
mod sandbox;
mod terminal;
mod tl;
mod upload;
mod validate;
mod whole_corpus;
