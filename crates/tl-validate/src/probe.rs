//! Reads facts from media files: the [`Prober`] trait, and its implementations in `ffmpeg` (this
//! process), `worker` (helper processes) and `header` (headers only, in pure Rust). `container`
//! reads the structure of a file for all of them.

#[cfg(any(feature = "ffmpeg", feature = "header"))]
mod container;
#[cfg(feature = "file")]
pub mod descriptors;
mod error;
#[cfg(feature = "ffmpeg")]
pub mod ffmpeg;
#[cfg(feature = "file")]
mod file_ranges;
#[cfg(feature = "header")]
pub mod header;
#[cfg(any(feature = "ffmpeg", feature = "header"))]
mod media_type;
#[cfg(feature = "file")]
mod open;
mod prober;
#[cfg(any(feature = "ffmpeg", feature = "header"))]
mod read_ahead;
pub(crate) mod unopened;
#[cfg(all(feature = "worker", unix))]
pub mod worker;

pub use error::{ProbeError, ProbeErrorKind};
#[cfg(feature = "file")]
pub use file_ranges::FileRanges;
#[cfg(feature = "file")]
pub use open::open_media;
pub use prober::{ProbeOptions, Prober};
