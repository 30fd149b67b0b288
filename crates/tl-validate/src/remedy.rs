//! Remedies for a refused file: fixing it, or splitting it into parts. `program` runs `ffmpeg` for
//! both, and `timeline` maps times of the parts.

pub(crate) mod fix;
#[cfg(feature = "program")]
pub mod program;
pub mod split;
pub mod timeline;
