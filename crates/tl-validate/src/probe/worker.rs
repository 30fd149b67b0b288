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
//! (reads on behalf of a helper). Modules of the helper: `serve` (needs the feature `ffmpeg`) and
//! `sandbox`. `exec` applies the sandbox to the `ffmpeg` program.

mod exec;
mod find;
mod helper;
mod pool;
mod protocol;
mod ranges;
mod sandbox;
#[cfg(feature = "ffmpeg")]
mod serve;

pub use exec::exec;
pub use find::find_helper;
pub use pool::{ProbePool, WorkerOptions};
pub use sandbox::Protections;
#[cfg(feature = "ffmpeg")]
pub use serve::{restrict, serve};

/// The argument that starts a helper.
pub const SERVE_ARGUMENT: &str = "serve";

/// The argument that starts the launcher of a confined program (see [`exec()`]).
pub const EXEC_ARGUMENT: &str = crate::confine::EXEC_ARGUMENT;
