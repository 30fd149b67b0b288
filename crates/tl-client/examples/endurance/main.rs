//! A large file through both colours over real sockets while the platform fails and is restarted, and while the client is
//! killed and resumed. It ends with an error where a byte is wrong, memory grows, or a finished chunk goes up again.
//! `cargo xtask ci endurance` makes the clip and calls it; this file reads the command line and tells the stories.
//!
//! The program plays every part: `platform` and `send` are processes of their own, so that they can be killed.

#![allow(
    clippy::disallowed_methods,
    clippy::print_stdout,
    reason = "a program that reads its own arguments and tells its story"
)]

mod large_file;
mod platform;
mod sender;
mod story;

use std::path::PathBuf;

/// What a part of the story comes to.
type Story<T> = Result<T, Box<dyn std::error::Error + Send + Sync>>;

/// The size of the file where none is asked for: 3 GB, as the decimal gigabytes of the platform's documents.
const BYTES: u64 = 3_000_000_000;

fn main() -> Story<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments.as_slice() {
        ["platform", state, port, faults @ ..] => {
            platform::serve(state.as_ref(), port.parse()?, faults)
        }
        ["send", colour, rest @ ..] => sender::send(colour, rest),
        ["--clip", clip] => story::tell(&PathBuf::from(clip), BYTES),
        ["--clip", clip, "--bytes", bytes] => story::tell(&PathBuf::from(clip), bytes.parse()?),
        _ => Err("usage: endurance --clip FILE [--bytes N]".into()),
    }
}
