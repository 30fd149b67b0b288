//! Rules as dated data: what a rule pack is, where it comes from, and which of its rules hold for a target.
//! Holding facts against rules is the work of [`crate::check`].

mod bound;
mod diff;
mod file;
mod limit;
mod pack;
mod words;

pub use bound::{Bound, Measure, Unit};
pub(crate) use bound::{bytes, plain, with_unit};
pub use diff::RuleChange;
pub use limit::RouteLimit;
pub use pack::{EngineEntry, EngineStatus, PackInfo, Rule, RulePack, RulePackError};
