//! One pool of helpers per process and set of options.
//!
//! Helpers belong to the process that started them. A child of `fork` must not write to the sockets
//! of its parent's helpers, and must not stop them, so it starts its own.

use std::sync::{Arc, Mutex, PoisonError};

use pyo3::prelude::*;
use tl_validate::ProbeError;
use tl_validate::worker::{ProbePool, WorkerOptions};

struct Entry {
    process: u32,
    options: WorkerOptions,
    pool: Arc<ProbePool>,
}

/// Locked only by threads that are attached to the interpreter, so that no thread holds it while
/// another one forks.
static POOLS: Mutex<Vec<Entry>> = Mutex::new(Vec::new());

/// The pool of this process with `options`.
///
/// # Errors
/// If the helper program is not found.
pub(crate) fn pool(_: Python<'_>, options: &WorkerOptions) -> Result<Arc<ProbePool>, ProbeError> {
    let process = std::process::id();
    // The list is complete at every unlock, so a poisoned lock can be used.
    let mut pools = POOLS.lock().unwrap_or_else(PoisonError::into_inner);
    if pools.iter().any(|entry| entry.process != process) {
        let (own, of_parent) = std::mem::take(&mut *pools)
            .into_iter()
            .partition(|entry| entry.process == process);
        *pools = own;
        // Dropping these would stop the helpers of the parent.
        std::mem::forget::<Vec<Entry>>(of_parent);
    }
    if let Some(entry) = pools.iter().find(|entry| entry.options == *options) {
        return Ok(Arc::clone(&entry.pool));
    }
    let pool = Arc::new(ProbePool::new(options.clone())?);
    pools.push(Entry {
        process,
        options: options.clone(),
        pool: Arc::clone(&pool),
    });
    Ok(pool)
}
