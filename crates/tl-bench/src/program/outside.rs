//! Another program as a contender: it is run, and what the system counted for it is told.

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

/// Runs `program=` with the words of `words=` (JSON). Where it prints one number, that is the time its work took;
/// else the time of the whole process counts. With `exit=any` a failure of the program is a result like another.
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
        return Err(format!("it ended with {}", output.status).into());
    }
    let said = String::from_utf8_lossy(&output.stdout);
    let wall = said.trim().parse().unwrap_or(whole);
    Ok(json!({
        "wall": wall,
        "cpu": processor_seconds(UsageWho::RUSAGE_CHILDREN)?,
        "peak_kib": children_peak_kib()?,
    }))
}
