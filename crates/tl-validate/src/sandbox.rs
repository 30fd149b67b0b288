//! Restrictions for processes that decode untrusted media: the helper, and the `ffmpeg` program.

pub(crate) mod confinement;
#[cfg(all(feature = "worker", unix))]
pub(crate) mod exec;
#[cfg(all(feature = "worker", target_os = "linux"))]
mod filter;
#[cfg(all(feature = "worker", unix))]
pub(crate) mod restrict;
