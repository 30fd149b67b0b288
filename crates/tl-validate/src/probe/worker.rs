//! Probes media in helper processes: [`ProbePool`] keeps `tl-probe` helpers alive and passes them
//! open file descriptors, never paths. A helper that crashes or times out is killed and replaced.
//! The pool's process does not link libav.
//!
//! ```no_run
//! use tl_validate::Prober;
//! use tl_validate::worker::{ProbePool, WorkerOptions};
//!
//! let pool = ProbePool::new(WorkerOptions::default())?;
//! let facts = pool.probe("clip.mp4".as_ref())?;
//! # Ok::<(), tl_validate::ProbeError>(())
//! ```
//!
//! Modules of the pool: `pool`, `helper` (one process), `protocol` (the messages) and `ranges`
//! (reads on behalf of a helper). Module of the helper: `serve` (needs the feature `ffmpeg`).

mod find;
mod helper;
mod pool;
mod protocol;
mod ranges;
#[cfg(feature = "ffmpeg")]
mod serve;

pub use find::find_helper;
pub use pool::{ProbePool, WorkerOptions};
pub use protocol::SERVE_ARGUMENT;
#[cfg(feature = "ffmpeg")]
pub use serve::{restrict, serve};

pub use crate::sandbox::exec::exec;
pub use crate::sandbox::restrict::Protections;

/// The argument that starts the launcher of a confined program (see [`exec()`]).
pub const EXEC_ARGUMENT: &str = crate::sandbox::confinement::EXEC_ARGUMENT;
