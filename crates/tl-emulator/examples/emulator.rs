//! Runs an emulator for the `load` example: it probes media in its own process, prints one line of
//! JSON (`base_url`) and runs until stdin is closed.
//!
//! The only option is `--state DIR`; `tl emulator` has all others.
#![allow(
    clippy::disallowed_methods,
    clippy::print_stdout,
    reason = "the parent process reads the line"
)]

use std::{error::Error, io::Read, sync::Arc};

use tl_emulator::{Emulator, Schedule};
use tl_validate::ffmpeg::InProcess;

fn main() -> Result<(), Box<dyn Error>> {
    let mut builder = Emulator::builder()
        .prober(Arc::new(InProcess::new()))
        .schedule(Schedule::FAST);
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    builder = match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [] => builder,
        ["--state", folder] => builder.state_dir(folder),
        _ => return Err("the only option is --state DIR".into()),
    };
    let emulator = builder.start_blocking()?;
    println!(
        "{}",
        serde_json::json!({ "base_url": emulator.base_url().as_str() })
    );
    std::io::stdin().read_to_end(&mut Vec::new())?;
    Ok(())
}
