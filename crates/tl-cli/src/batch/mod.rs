//! Work on several inputs: discovery, states, results and summaries.

pub(crate) mod deletion;
pub(crate) mod parallel;
pub(crate) mod summary;
pub(crate) mod wait;
pub(crate) mod walk;
