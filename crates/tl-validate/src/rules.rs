//! Rules as dated data: rule packs, their sources, and the rules that apply to a target.
//! [`crate::check()`] compares facts with rules.

mod bound;
mod built_in;
mod diff;
mod display;
mod file;
mod limit;
mod pack;
mod severity;
mod target;

pub(crate) use bound::with_unit;
pub use bound::{Bound, Measure, Unit};
pub use built_in::PackInfo;
pub use diff::RuleChange;
pub use limit::RouteLimit;
pub use pack::{EngineEntry, EngineStatus, Rule, RulePack, RulePackError};
pub use severity::Severity;
pub use target::{Engine, Route, Target, UnknownRoute};
