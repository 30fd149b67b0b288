//! The `tl` command: check videos, bring them into an index, look after tasks, indexes and videos, run the emulator.
//!
//! | Room | What lives there |
//! |---|---|
//! | `args` | the arguments as a whole; each verb has its own in its room |
//! | `verb` | one room for each verb: its arguments and what it does |
//! | `settings` | key, address and limits, from options and environment |
//! | `checking` | the local check: which rules, which helper, one path |
//! | `judging`, `cache` | the local check of many files: prober, verdict, and what earlier runs found |
//! | `making` | files made by ffmpeg: where they go, and how far it is |
//! | `remote` | videos behind an address: redirects, ranges, budgets |
//! | `walk`, `lanes` | which files there are, and work on them side by side |
//! | `sending` | how a video is sent, and how far it is: what `ingest` and `upload` share |
//! | `unfinished` | the inputs that a run did not finish: one summary |
//! | `waiting` | until things are ready: what the `wait` verbs share |
//! | `deletion`, `confirm` | deleting things, and the question before it |
//! | `ids`, `index_ref` | ids on the command line; an index by its id or its name |
//! | `failure`, `advice` | what went wrong, for people and for programs, and what to do next |
//! | `exit` | the exit codes, and which error has which |
//! | `output` | the two streams, JSON, colour; nothing else writes |
//! | `progress` | the one line that tells how far it is |
//!
//! Media is read by the helper `tl-probe`; this program links no libav.

// The text of an argument is its help, where a link is written as people read it.
#![allow(rustdoc::bare_urls)]

mod args;
mod cache;
mod check;
mod checker;
mod commands;
mod confirm;
mod deletion;
mod exit;
mod failure;
mod hints;
mod ids;
mod index_ref;
mod interrupt;
mod list;
mod metadata;
mod number_filter;
mod output;
mod output_dir;
mod parallel;
mod path_name;
mod progress;
mod remote;
mod report;
mod run_summary;
mod runtime;
mod sandbox;
mod secret;
mod settings;
mod table;
mod units;
mod upload_args;
mod wait;
mod walk;

use std::process::ExitCode;

fn main() -> ExitCode {
    args::run(std::env::args_os().collect()).into()
}
