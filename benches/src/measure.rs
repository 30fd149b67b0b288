//! Wall time, processor time and peak memory of this process.

use std::time::Instant;

use nix::sys::{
    resource::{UsageWho, getrusage},
    time::TimeValLike,
};
use serde_json::{Value, json};

use crate::Failure;

/// Runs `work` and returns what it took, in seconds and KiB.
pub(crate) fn measured(work: impl FnOnce() -> Result<(), Failure>) -> Result<Value, Failure> {
    let before = processor_seconds(UsageWho::RUSAGE_SELF)?;
    let start = Instant::now();
    work()?;
    let wall = start.elapsed().as_secs_f64();
    let cpu = processor_seconds(UsageWho::RUSAGE_SELF)? - before;
    Ok(json!({ "wall": wall, "cpu": cpu, "peak_kib": peak_kib()? }))
}

/// The processor time, user and system, in seconds.
pub(crate) fn processor_seconds(who: UsageWho) -> Result<f64, Failure> {
    let usage = getrusage(who)?;
    let micros = usage.user_time().num_microseconds() + usage.system_time().num_microseconds();
    #[expect(clippy::cast_precision_loss, reason = "microseconds of a short run")]
    Ok(micros as f64 / 1e6)
}

/// The peak memory of the child processes that have ended, in KiB.
pub(crate) fn children_peak_kib() -> Result<i64, Failure> {
    Ok(getrusage(UsageWho::RUSAGE_CHILDREN)?.max_rss())
}

/// The peak resident memory of this program, in KiB. `ru_maxrss` would include what the parent had
/// at the fork.
fn peak_kib() -> Result<u64, Failure> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let peak = status.lines().find_map(|line| {
        line.strip_prefix("VmHWM:")?
            .split_whitespace()
            .next()?
            .parse()
            .ok()
    });
    peak.ok_or_else(|| "/proc/self/status has no VmHWM".into())
}
