//! An emulator as a program of its own, for the load beside it: it looks at media in its own process, prints one line of JSON
//! (`base_url`) and runs until its standard input ends. Its only option is `--state DIR`; all others are those of `tl emulator`.
#![allow(
    clippy::disallowed_methods,
    clippy::print_stdout,
    reason = "the line is what the program is for"
)]

use std::{error::Error, io::Read, sync::Arc};

use tl_emulator::Emulator;
use tl_validate::ffmpeg::InProcess;

fn main() -> Result<(), Box<dyn Error>> {
    let mut builder = Emulator::builder().prober(Arc::new(InProcess::new()));
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
