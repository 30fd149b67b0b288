//! Uploads a large file with the async and the blocking client over real sockets while the platform
//! injects faults and is restarted, and while the client is killed and resumed. Exits with an error
//! if a byte is wrong, memory grows, or a finished chunk is sent again. `cargo xtask ci endurance`
//! creates the clip and runs it.
//!
//! This program is also the `platform` and the `send` process, which can be killed.

#![allow(
    clippy::disallowed_methods,
    clippy::print_stdout,
    reason = "a program that reads its own arguments and prints its results"
)]

mod large_file;
mod platform;
mod scenarios;
mod sender;

use std::path::PathBuf;

/// Result of a step.
type StepResult<T> = Result<T, Box<dyn std::error::Error + Send + Sync>>;

/// Default file size: 3 GB, decimal as in the platform's documentation.
const BYTES: u64 = 3_000_000_000;

fn main() -> StepResult<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments.as_slice() {
        ["platform", state, port, faults @ ..] => {
            platform::serve(state.as_ref(), port.parse()?, faults)
        }
        ["send", mode, rest @ ..] => sender::send(mode, rest),
        ["--clip", clip] => scenarios::run(&PathBuf::from(clip), BYTES),
        ["--clip", clip, "--bytes", bytes] => scenarios::run(&PathBuf::from(clip), bytes.parse()?),
        _ => Err("usage: endurance --clip FILE [--bytes N]".into()),
    }
}
