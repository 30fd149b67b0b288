//! Rules as dated data: rule packs, their sources, and the rules that apply to a target.
//! [`crate::check()`] compares facts with rules.

mod bound;
mod diff;
mod display;
mod file;
mod limit;
mod pack;
mod target;

pub use bound::{Bound, Measure, Unit};
pub(crate) use bound::{bytes, plain, with_unit};
pub use diff::RuleChange;
pub use limit::RouteLimit;
pub use pack::{EngineEntry, EngineStatus, PackInfo, Rule, RulePack, RulePackError};
pub use target::{Engine, Route, Target, UnknownRoute};
