//! Computes where to cut a video that is too long or too large, so that every part passes. Pure
//! arithmetic over its key frames. This module does not cut; [`crate::timeline`] maps times back.
//!
//! ```
//! use tl_validate::split::{cuts, Limits, Outline};
//!
//! // Ten hours with a key frame every two seconds, and parts of at most four hours.
//! let mut outline = Outline::new();
//! for second in 0..36_000 {
//!     outline.packet(f64::from(second), 1.0, 500_000, second % 2 == 0);
//! }
//! let limits = Limits::default().with_max_seconds(Some(14_400.0));
//! assert_eq!(cuts(&outline, &limits)?, [0.0, 12_000.0, 24_000.0]);
//! # Ok::<(), tl_validate::split::CannotSplit>(())
//! ```

mod container;
mod cuts;
mod outline;
mod packets;

pub use container::container;
pub use cuts::{CannotSplit, Limits, cuts};
pub use outline::{Outline, PlannedPart};
pub use packets::{FrameReader, PacketReader, StreamPackets};

#[cfg(test)]
mod tests;
