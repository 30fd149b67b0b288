//! Selects the prober for received media: the best one that is available to this process.

use std::{fmt, path::PathBuf, sync::Arc};

use tl_validate::Prober;
#[cfg(all(unix, feature = "worker"))]
use tl_validate::{
    ProbeErrorKind,
    worker::{ProbePool, WorkerOptions},
};

use super::StartError;

/// How an emulator probes received media. See [`Emulator::prober`](crate::Emulator::prober).
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum MediaProber {
    /// The prober passed to [`EmulatorBuilder::prober`](crate::EmulatorBuilder::prober).
    Custom,
    /// Helper processes of this program, which use FFmpeg.
    Helper(PathBuf),
    /// The reader of headers in pure Rust. It reads mp4, mov, mkv and webm, and reports fewer
    /// facts.
    Header {
        /// Why there are no helper processes.
        reason: String,
    },
}

impl MediaProber {
    /// Why received media is checked by its headers only; `None` if it is not.
    #[cfg_attr(not(feature = "page"), expect(dead_code, reason = "the page shows it"))]
    pub(crate) fn limitation(&self) -> Option<&str> {
        match self {
            Self::Header { reason } => Some(reason),
            _ => None,
        }
    }
}

impl fmt::Display for MediaProber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Custom => f.write_str("custom prober"),
            Self::Helper(program) => write!(f, "helper {}", program.display()),
            Self::Header { reason } => write!(f, "headers only ({reason})"),
        }
    }
}

/// Returns the helper if it is found, or else the header reader.
///
/// There is no feature that probes with FFmpeg in this process: a program that embeds the emulator
/// would link FFmpeg whenever another crate enables the feature.
///
/// # Errors
/// If `TL_PROBE` names a helper that does not exist: a helper that was set explicitly is not
/// replaced by another prober.
#[cfg(all(unix, feature = "worker"))]
pub(crate) fn select() -> Result<(Arc<dyn Prober>, MediaProber), StartError> {
    match ProbePool::new(WorkerOptions::default()) {
        Ok(pool) => {
            let kind = MediaProber::Helper(pool.program().to_owned());
            Ok((Arc::new(pool), kind))
        }
        Err(error)
            if error.kind() == ProbeErrorKind::HelperMissing
                && std::env::var_os("TL_PROBE").is_none_or(|value| value.is_empty()) =>
        {
            Ok(in_process(error.seen()))
        }
        Err(error) => Err(StartError(format!(
            "no prober for received media: {error}; correct or unset TL_PROBE"
        ))),
    }
}

/// Returns the best prober in this process.
#[cfg(not(all(unix, feature = "worker")))]
#[expect(
    clippy::unnecessary_wraps,
    reason = "same signature with and without helpers"
)]
pub(crate) fn select() -> Result<(Arc<dyn Prober>, MediaProber), StartError> {
    let reason = match cfg!(unix) {
        true => "the emulator was built without the feature `worker`",
        false => "helper processes are not supported on this operating system",
    };
    Ok(in_process(reason))
}

fn in_process(reason: &str) -> (Arc<dyn Prober>, MediaProber) {
    let prober = tl_validate::header::HeaderReader::new();
    let reason = reason.to_owned();
    (Arc::new(prober), MediaProber::Header { reason })
}
