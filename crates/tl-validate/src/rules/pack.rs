//! Rule packs in memory, and the rules that apply to a target. The TOML format is in `file`, the
//! built-in packs are in `built_in`.

use std::fmt;

use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use super::bound::{Bound, Measure, Unit};
use crate::rules::Severity;
use crate::rules::{Engine, Route, Target};

/// One requirement, with everything that a report needs to explain it.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Rule {
    /// Stable name, such as `marengo3.0.duration.min`.
    pub id: String,
    /// Applies only to this engine.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub engine: Option<Engine>,
    /// Applies only to this route.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub route: Option<Route>,
    /// Applies only if this engine option is enabled.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub option: Option<String>,
    /// Applies only to files that are (or are not) audio without video.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub audio_only: Option<bool>,
    /// The measured property.
    pub measure: Measure,
    /// The allowed values, in `unit`.
    pub bound: Bound,
    /// The unit of the bound.
    pub unit: Unit,
    /// A value that passes but is within this distance of the bound causes a warning. In `unit`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub margin: Option<f64>,
    /// Severity of a violation.
    pub severity: Severity,
    /// Why the rule exists, as a sentence.
    pub why: String,
    /// The error code that the platform is expected to return.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// Source of the number.
    pub source: String,
    /// URL of the page that documents it.
    pub documentation: String,
    /// First day on which the rule is known to apply.
    pub since: Date,
    /// What the platform does not document, and what is assumed instead.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub assumption: Option<String>,
}

impl Rule {
    /// Whether the rule applies to this target. `engines` are the effective ones.
    fn applies_to(&self, route: Route, engines: &[Engine], options: &[String]) -> bool {
        self.route.is_none_or(|r| r == route)
            && self.engine.as_ref().is_none_or(|e| engines.contains(e))
            && self.option.as_ref().is_none_or(|o| options.contains(o))
    }

    /// Two rules compete if they limit the same measure in the same direction with the same
    /// severity.
    fn competes_with(&self, other: &Self) -> bool {
        self.measure == other.measure
            && self.severity == other.severity
            && self.audio_only == other.audio_only
            && matches!(
                (&self.bound, &other.bound),
                (Bound::Min(_), Bound::Min(_)) | (Bound::Max(_), Bound::Max(_))
            )
    }

    /// The stricter of two competing rules. On a tie, the one whose id sorts first, so that the
    /// order of the arguments does not matter.
    ///
    /// Returns `None` if the two do not compete (different measure, direction, severity or kind of
    /// file): both apply then.
    pub fn strictest<'a>(&'a self, other: &'a Self) -> Option<&'a Self> {
        if !self.competes_with(other) {
            return None;
        }
        let number = |rule: &Self| rule.bound.number().map(|n| n * rule.unit.factor());
        let (a, b) = (number(self)?, number(other)?);
        let a_is_stricter = match self.bound {
            Bound::Min(_) => a > b,
            _ => a < b,
        };
        #[expect(
            clippy::float_cmp,
            reason = "a tie is the same number from the same table"
        )]
        let tie = a == b;
        Some(if a_is_stricter || (tie && self.id <= other.id) {
            self
        } else {
            other
        })
    }
}

/// Information about an engine in a pack.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct EngineEntry {
    /// The engine's name in the API.
    pub name: Engine,
    /// Whether it still accepts videos.
    pub status: EngineStatus,
    /// Since when, and which engine to use instead.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

/// Whether an engine accepts videos on the date of a pack.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum EngineStatus {
    /// The engine accepts videos.
    Current,
    /// The engine accepts videos, but its limits are not documented.
    Undocumented,
    /// The engine no longer accepts videos.
    Retired,
}

/// The requirements of the platform on one date.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct RulePack {
    pub(super) name: String,
    pub(super) date: Date,
    pub(super) title: String,
    pub(super) default_engines: Vec<Engine>,
    pub(super) engines: Vec<EngineEntry>,
    pub(super) rules: Vec<Rule>,
}

impl RulePack {
    /// The pack's name, such as `v1.3-2026-10`.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// First day on which the pack applies.
    pub fn date(&self) -> Date {
        self.date
    }

    /// One-line description of the pack.
    pub fn title(&self) -> &str {
        &self.title
    }

    /// Every rule, in file order.
    pub fn rules(&self) -> &[Rule] {
        &self.rules
    }

    /// Every engine in the pack.
    pub fn engines(&self) -> &[EngineEntry] {
        &self.engines
    }

    /// Information about one engine.
    pub fn engine(&self, engine: &Engine) -> Option<&EngineEntry> {
        self.engines.iter().find(|entry| entry.name == *engine)
    }

    /// The engines that a target is checked for: its own, or the pack's default if it has none.
    pub fn engines_for<'a>(&'a self, target: &'a Target) -> &'a [Engine] {
        if target.engines.is_empty() {
            &self.default_engines
        } else {
            &target.engines
        }
    }

    /// The rules that apply to a target. Of competing rules only the strictest is kept.
    pub fn rules_for(&self, target: &Target) -> Vec<&Rule> {
        let engines = self.engines_for(target);
        let mut kept: Vec<&Rule> = Vec::new();
        for rule in self
            .rules
            .iter()
            .filter(|rule| rule.applies_to(target.route, engines, &target.options))
        {
            match kept.iter_mut().find(|other| other.competes_with(rule)) {
                Some(other) => {
                    if let Some(strictest) = other.strictest(rule) {
                        *other = strictest;
                    }
                }
                None => kept.push(rule),
            }
        }
        kept
    }
}

/// A rule pack could not be found or read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RulePackError {
    message: String,
}

impl RulePackError {
    pub(super) fn new(message: impl Into<String>) -> Self {
        Self {
            message: message.into(),
        }
    }
}

impl fmt::Display for RulePackError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for RulePackError {}

#[cfg(test)]
mod tests;
