//! Probing in helper processes: [`ProbePool`] keeps `tl-probe` helpers alive and hands them open file descriptors, never
//! paths. A helper that crashes or overruns its time is killed and replaced; the pool's own process links no libav.
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
//! The messages live in `protocol`, what is read for a helper in `ranges`, one helper in `helper`, the set of them in
//! `pool`; the helper's own side, which
//! needs the feature `ffmpeg`, in `serve`, and its restrictions in `sandbox`. `exec` applies them to the program `ffmpeg`.

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

/// The argument with which a helper is started.
pub const SERVE_ARGUMENT: &str = "serve";

/// The argument with which a helper becomes the launcher of a confined program, see [`exec()`].
pub const EXEC_ARGUMENT: &str = crate::confine::EXEC_ARGUMENT;
