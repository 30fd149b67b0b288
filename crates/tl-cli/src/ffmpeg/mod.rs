//! Files written by FFmpeg, in its sandbox.

pub(crate) mod error;
pub(crate) mod output_dir;
pub(crate) mod packets;
pub(crate) mod sandbox;
