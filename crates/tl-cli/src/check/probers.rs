//! Probers: helper processes, or headers read in this process.

use std::fs::File;
use std::num::NonZeroUsize;
use std::sync::Arc;

use tl_validate::header::HeaderReader;
use tl_validate::{MediaFacts, ProbeError, ProbeOptions, Prober, RangeRead};

use crate::check::cache::program_fingerprint;
use crate::failure::Failure;
use crate::ffmpeg::sandbox;
use crate::ui::output::Output;

/// Whether this program was built without the helper that reads media.
const HAS_NO_HELPER: bool = cfg!(not(all(feature = "helper", unix)));

/// Creates a prober with the default options.
pub(crate) fn prober(require_sandbox: bool) -> Result<Arc<dyn Prober>, Failure> {
    let count = parallelism().get();
    probers(count, ProbeOptions::default(), require_sandbox).map(|(prober, _)| prober)
}

/// Creates a pool of `count` helpers, and a string that identifies their build.
///
/// A build without the feature `helper` has no helper. It reads media headers in this process, and
/// each report says so.
pub(crate) fn probers(
    count: usize,
    probe: ProbeOptions,
    require_sandbox: bool,
) -> Result<(Arc<dyn Prober>, String), Failure> {
    match pool(count, probe, require_sandbox) {
        // A helper that was set explicitly must exist. Headers are read in this process, in safe
        // Rust and without a sandbox.
        Err(_) if HAS_NO_HELPER && !require_sandbox && std::env::var_os("TL_PROBE").is_none() => {
            let reader = HeaderReader::with_options(probe);
            Ok((Arc::new(reader), "header".to_owned()))
        }
        pool => pool,
    }
}

#[cfg(unix)]
fn pool(
    count: usize,
    probe: ProbeOptions,
    require_sandbox: bool,
) -> Result<(Arc<dyn Prober>, String), Failure> {
    use tl_validate::worker::{ProbePool, WorkerOptions};
    let pool = ProbePool::new(
        WorkerOptions::default()
            .with_helpers(count)
            .with_probe(probe),
    )?;
    if require_sandbox {
        // All helpers are the same program on the same kernel, so checking one is enough.
        let protections = pool.protections()?;
        if !protections.are_complete() {
            return Err(sandbox::incomplete(&protections.to_string()));
        }
    }
    let build = program_fingerprint(pool.program());
    Ok((Arc::new(pool), build))
}

#[cfg(not(unix))]
fn pool(_: usize, _: ProbeOptions, _: bool) -> Result<(Arc<dyn Prober>, String), Failure> {
    Err(Failure::usage(
        "the helper that reads media is not supported on this operating system",
    ))
}

/// Number of files to read in parallel by default: the number of processors, at most 8.
pub(crate) fn parallelism() -> NonZeroUsize {
    let processors = std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN);
    processors.min(NonZeroUsize::MIN.saturating_add(7))
}

/// Logs each probe.
pub(crate) struct Logged {
    pub(crate) prober: Arc<dyn Prober>,
    pub(crate) output: Arc<Output>,
}

impl Prober for Logged {
    fn probe_file(&self, file: File, name: &str) -> Result<MediaFacts, ProbeError> {
        self.output.detail(&format!("probing {name}"));
        self.prober.probe_file(file, name)
    }

    fn probe_ranges(
        &self,
        source: &mut dyn RangeRead,
        name: &str,
    ) -> Result<MediaFacts, ProbeError> {
        self.output.detail(&format!("probing {name}"));
        self.prober.probe_ranges(source, name)
    }
}
