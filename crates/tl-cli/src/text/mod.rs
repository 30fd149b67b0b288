//! Text forms of paths, durations, sizes and keys.

pub(crate) mod path_name;
pub(crate) mod secret;
pub(crate) mod units;
