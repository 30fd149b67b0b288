//! The benches of the project: `tl-bench suite NAME`, started by `cargo xtask bench`.
//!
//! A suite compares contenders. Each runs in its own process, `tl-bench CONTENDER`,
//! and prints what it took as one line of JSON.
//!
//! | Module | Content |
//! |---|---|
//! | [`suite`] | the suites: contenders, workloads, targets and tables |
//! | [`contender`] | the contenders |
//! | [`sink`] | the server: it counts, discards, and implements the upload session |
//! | [`connection`] | a raw connection, plain or TLS |
//! | [`measure`], [`arguments`] | resources of a process, arguments `NAME=VALUE` |
//! | [`format`](mod@format) | numbers as text |
#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a command-line program writes to its terminal"
)]

mod arguments;
mod connection;
mod contender;
mod format;
mod measure;
mod sink;
mod suite;

use std::process::ExitCode;

use arguments::Arguments;

/// Why a program failed.
type Failure = Box<dyn std::error::Error + Send + Sync>;

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("tl-bench: {failure}");
            let mut cause = failure.source();
            while let Some(error) = cause {
                eprintln!("  caused by: {error}");
                cause = error.source();
            }
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<(), Failure> {
    let mut words = std::env::args().skip(1);
    let name = words
        .next()
        .ok_or("no program given\n  hint: run `cargo xtask bench`")?;
    match name.as_str() {
        "suite" => {
            let suite = words.next().ok_or("no suite given")?;
            suite::run(&suite, &Arguments::read(words)?)
        }
        "sink" => sink::serve(&Arguments::read(words)?),
        _ => {
            println!("{}", contender::run(&name, &Arguments::read(words)?)?);
            Ok(())
        }
    }
}
