//! The `tl` command.
//!
//! | Module | Contents |
//! |---|---|
//! | `args` | global arguments and entry point |
//! | `commands` | one module per command: its arguments and implementation |
//! | `settings` | API key, base URL and limits, from options and environment |
//! | `check` | local check of single files, selection of rule packs |
//! | `checker`, `cache` | local check of many files, with cached probe results |
//! | `output_dir` | files written by FFmpeg, and their progress |
//! | `remote` | local check of URLs: redirects, range requests, budgets |
//! | `walk`, `parallel` | file discovery, bounded parallel map |
//! | `upload_args` | options and item states of `ingest` and `upload` |
//! | `run_summary` | summary of unfinished inputs, repeated failures |
//! | `wait` | shared parts of the `wait` commands |
//! | `deletion`, `confirm` | deletion and confirmation prompt |
//! | `ids`, `index_ref` | ids on the command line; index by id or name |
//! | `list`, `table` | pagination and output of lists |
//! | `failure`, `hints` | errors and hints |
//! | `exit` | exit codes |
//! | `output` | standard output and standard error, JSON, color; nothing else writes |
//! | `progress` | progress line |
//!
//! Media is read by the helper `tl-probe`; this program does not link libav.

// Doc comments of arguments are help texts, where URLs are not links.
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
