//! How long the items of a worker that was killed stay claimed by it.

use std::ops::ControlFlow;
use std::time::{Duration, Instant};

use rustix::process::Pid;
use tl_ledger::{Ledger, Selection};

use crate::round::Scene;

/// The lease of `tl worker`, and what a claim and this poll may add.
const LEASE: Duration = Duration::from_secs(30);
const TOLERANCE: Duration = Duration::from_secs(2);

fn open(scene: &Scene<'_>) -> Result<Ledger, String> {
    let url = scene.setting.variables.iter();
    let url = url.clone().find(|(name, _)| name == "TL_LEDGER");
    let url = url.map(|(_, url)| url.as_str()).unwrap_or_default();
    Ledger::connect(url).map_err(|error| error.to_string())
}

/// The numbers of the runs of a process.
pub(crate) fn runs_of(scene: &Scene<'_>, process: Pid) -> Result<Vec<i64>, String> {
    let mut ledger = open(scene)?;
    let runs = ledger.runs(100).map_err(|error| error.to_string())?;
    let process = i64::from(process.as_raw_nonzero().get());
    let own = runs.iter().filter(|run| run.pid == process);
    Ok(own.map(|run| run.id.get()).collect())
}

/// Waits until others have claimed or finished all items of these runs. Returns how long that took,
/// or `None` if they had none.
///
/// # Errors
/// It took longer than a lease.
pub(crate) fn until_freed(
    scene: &Scene<'_>,
    runs: &[i64],
    killed: Instant,
) -> Result<Option<Duration>, String> {
    let mut ledger = open(scene)?;
    let account = ledger.accounts().map_err(|error| error.to_string())?;
    let Some(account) = account.first() else {
        return Ok(None);
    };
    let ends: Vec<String> = runs.iter().map(|run| format!("-{run}")).collect();
    let mut had_any = false;
    loop {
        let is_own = |owner: &String| ends.iter().any(|end| owner.ends_with(end));
        let mut left = 0;
        ledger
            .for_each(&Selection::of(account.id), |item| {
                left += u32::from(item.owner.as_ref().is_some_and(is_own));
                ControlFlow::Continue(())
            })
            .map_err(|error| error.to_string())?;
        let took = killed.elapsed();
        if left == 0 {
            return Ok(had_any.then_some(took));
        }
        had_any = true;
        if took > LEASE + TOLERANCE {
            return Err(format!(
                "{left} items of a killed worker are still its own after {took:?}"
            ));
        }
        std::thread::sleep(Duration::from_millis(50));
    }
}
