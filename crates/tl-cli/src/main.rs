//! The `tl` command.
//!
//! | Module | Contents |
//! |---|---|
//! | `cli` | the command line as a whole, and the entry point |
//! | `commands` | the commands: a folder per noun, a file per verb |
//! | `args` | groups of arguments that several commands share |
//! | `bulk` | bulk ingestion: settings, results, signals |
//! | `batch` | work on several inputs: states, results, summaries |
//! | `check` | the local check: rules, probing, cache, URLs |
//! | `export` | subtitles, chapters and cut lists of ranges of videos |
//! | `ffmpeg` | files written by FFmpeg, in its sandbox |
//! | `context` | what a command receives: output, connection, client |
//! | `config` | settings from files and the environment |
//! | `ui` | standard output and standard error; nothing else writes |
//! | `runtime` | async runtime and signals |
//! | `failure` | errors, exit codes and hints |
//! | `text` | text forms of paths, durations, sizes and keys |
//!
//! A module depends only on modules below it in this table, which a test checks.
//!
//! Media is read by the helper `tl-probe`; this program does not link libav.

// Doc comments of arguments are help texts, where URLs are not links.
#![allow(rustdoc::bare_urls)]

mod args;
mod batch;
mod bulk;
mod check;
mod cli;
mod commands;
mod config;
mod context;
mod export;
mod failure;
mod ffmpeg;
mod runtime;
mod text;
mod ui;

use std::process::ExitCode;

fn main() -> ExitCode {
    cli::run(std::env::args_os().collect()).into()
}
