//! `tl-bench PROGRAM NAME=VALUE…`: one contender of the upload bench, or the sink that all of them send to.
//!
//! Each contender does one piece of work in a process of its own and prints what it took as one line of JSON. Which
//! contenders are run, how often, and what is demanded of them is the business of `cargo xtask bench`.
//!
//! | Room | What lives there |
//! |---|---|
//! | [`sink`] | the server: it counts, discards, and knows the upload session's protocol |
//! | [`program`] | the contenders |
//! | [`mod@line`] | one raw connection, plain or TLS, with as little HTTP as the raw contenders need |
//! | [`measure`] | time, processor time and memory of this process |
//! | [`arguments`] | `NAME=VALUE` |
#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a command-line program speaks to its terminal"
)]

mod arguments;
mod line;
mod measure;
mod program;
mod sink;

use std::process::ExitCode;

use arguments::Arguments;

/// What ends a program early.
type Failure = Box<dyn std::error::Error + Send + Sync>;

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("tl-bench: {failure}");
            let mut cause = failure.source();
            while let Some(error) = cause {
                eprintln!("  because: {error}");
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
        .ok_or("no program is named: `cargo xtask bench` knows them")?;
    let arguments = Arguments::read(words)?;
    if name == "sink" {
        return sink::serve(&arguments);
    }
    println!("{}", program::run(&name, &arguments)?);
    Ok(())
}
