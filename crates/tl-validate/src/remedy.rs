//! What makes a refused file pass: the fix of one file, and splitting it into parts.

pub(crate) mod fix;
#[cfg(feature = "program")]
pub mod program;
pub mod split;
pub mod timeline;
