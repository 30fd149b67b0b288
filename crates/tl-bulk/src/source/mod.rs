//! Where the items of a run come from.

mod entry;

pub use entry::{Entry, Location};
