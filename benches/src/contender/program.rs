//! Another program as a contender, measured by the system.

use std::{
    process::{Command, Stdio},
    time::Instant,
};

use nix::sys::resource::UsageWho;
use serde_json::{Value, json};

use crate::{
    Failure,
    arguments::Arguments,
    measure::{children_peak_kib, processor_seconds},
};

/// Runs `program=` with the words of `words=` (JSON). If it prints one number, that is the time of
/// its work, otherwise the time of the process counts. With `exit=any` it may fail.
pub(super) fn exec(arguments: &Arguments) -> Result<Value, Failure> {
    let words: Vec<String> = serde_json::from_str(arguments.text("words")?)?;
    let start = Instant::now();
    let output = Command::new(arguments.text("program")?)
        .args(words)
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        .output()?;
    let whole = start.elapsed().as_secs_f64();
    if !output.status.success() && arguments.optional("exit") != Some("any") {
        return Err(format!("the program ended with {}", output.status).into());
    }
    let said = String::from_utf8_lossy(&output.stdout);
    let wall = said.trim().parse().unwrap_or(whole);
    Ok(json!({
        "wall": wall,
        "cpu": processor_seconds(UsageWho::RUSAGE_CHILDREN)?,
        "peak_kib": children_peak_kib()?,
    }))
}
