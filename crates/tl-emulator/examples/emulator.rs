//! An emulator as a program, for test suites in other languages: it looks at media in its own process, prints one line of
//! JSON (`base_url`, `control_url`, `api_key`) and runs until its standard input ends.
//!
//! Options: `--state DIR`, `--clock MODE`, `--plan NAME`, `--quirk NAME=VALUE`, `--fault FAULT`, `--chunk-size BYTES`,
//! `--allow-private-urls`.
#![allow(
    clippy::disallowed_methods,
    clippy::print_stdout,
    reason = "the line is what the program is for"
)]

use std::{error::Error, io::Read, sync::Arc};

use tl_emulator::{Emulator, FaultPlan, Plan};
use tl_validate::ffmpeg::InProcess;

fn main() -> Result<(), Box<dyn Error>> {
    let mut builder = Emulator::builder().prober(Arc::new(InProcess::new()));
    let mut faults = FaultPlan::default();
    let mut arguments = std::env::args().skip(1);
    while let Some(option) = arguments.next() {
        let mut value = || arguments.next().ok_or(format!("{option} needs a value"));
        builder = match option.as_str() {
            "--allow-private-urls" => builder.allow_private_urls(true),
            "--state" => builder.state_dir(value()?),
            "--clock" => builder.clock(value()?.parse()?),
            "--chunk-size" => builder.chunk_size(value()?.parse()?),
            "--plan" => builder.plan(Plan::named(&value()?)?),
            "--quirk" => {
                let text = value()?;
                let (name, value) = text.split_once('=').ok_or("a quirk is NAME=VALUE")?;
                builder.quirk(name, value)?
            }
            "--fault" => {
                faults.faults.push(value()?.parse()?);
                builder
            }
            other => return Err(format!("there is no option {other}").into()),
        };
    }
    let emulator = builder.faults(faults)?.start_blocking()?;
    println!(
        "{}",
        serde_json::json!({
            "base_url": emulator.base_url().as_str(),
            "control_url": emulator.control_url().as_str(),
            "api_key": emulator.api_key(),
        })
    );
    std::io::stdin().read_to_end(&mut Vec::new())?;
    Ok(())
}
