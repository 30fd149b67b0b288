//! Work on several inputs: states, results and summaries.

pub(crate) mod deletion;
pub(crate) mod input;
pub(crate) mod item;
pub(crate) mod outcome;
pub(crate) mod parallel;
pub(crate) mod repeated;
pub(crate) mod summary;
pub(crate) mod wait;
pub(crate) mod wait_hint;
