//! A rule pack in memory: choosing one, extending one, and the rules that hold for a target.
//! The TOML form lives in `file`.

use std::fmt;
use std::sync::OnceLock;

use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use super::bound::{Bound, Measure, Unit};
use super::file;
use crate::report::Severity;
use crate::{Engine, Route, Target};

/// One requirement, with everything a report needs to explain it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Rule {
    /// Stable name, such as `marengo3.0.duration.min`.
    pub id: String,
    /// Holds for this engine only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub engine: Option<Engine>,
    /// Holds for this route only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub route: Option<Route>,
    /// Holds only when this engine option is on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub option: Option<String>,
    /// Holds only for files that are (or are not) sound without video.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub audio_only: Option<bool>,
    /// What is measured.
    pub measure: Measure,
    /// What is allowed, in `unit`.
    pub bound: Bound,
    /// The unit of the bound.
    pub unit: Unit,
    /// A value that passes, but lies this close to the bound, is warned about. In `unit`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub margin: Option<f64>,
    /// What a breach means.
    pub severity: Severity,
    /// Why the rule exists, as a sentence.
    pub why: String,
    /// The error code that the platform is expected to answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// Where the number was read.
    pub source: String,
    /// The page that documents it.
    pub documentation: String,
    /// The day from which the rule is known to hold.
    pub since: Date,
    /// What the platform does not document, and what is assumed in its place.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub assumption: Option<String>,
}

impl Rule {
    /// Whether the rule has something to say about this target (`engines` being the effective ones).
    fn concerns(&self, route: Route, engines: &[Engine], options: &[String]) -> bool {
        self.route.is_none_or(|r| r == route)
            && self.engine.as_ref().is_none_or(|e| engines.contains(e))
            && self.option.as_ref().is_none_or(|o| options.contains(o))
    }

    /// Two rules compete when they bound the same thing from the same side with the same consequence.
    fn competes_with(&self, other: &Self) -> bool {
        self.measure == other.measure
            && self.severity == other.severity
            && self.audio_only == other.audio_only
            && matches!(
                (&self.bound, &other.bound),
                (Bound::Min(_), Bound::Min(_)) | (Bound::Max(_), Bound::Max(_))
            )
    }

    /// The stricter of two competing rules; on a tie the one whose id sorts first, so that order never matters.
    ///
    /// Gives `None` when the two do not compete (different measure, side, severity or kind of file): both hold then.
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

/// What a pack knows about an engine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EngineEntry {
    /// The engine's name on the wire.
    pub name: Engine,
    /// Whether it still takes videos.
    pub status: EngineStatus,
    /// From when, and what to use in its place.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

/// Whether an engine takes videos at the date of a pack.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum EngineStatus {
    /// It does.
    Current,
    /// It does, but its limits are not documented.
    Undocumented,
    /// It no longer does.
    Retired,
}

/// Name and date of a built-in pack.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PackInfo {
    /// Name to pass to [`RulePack::named`].
    pub name: String,
    /// First day on which the pack holds.
    pub date: Date,
    /// What it is, in one line.
    pub title: String,
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

/// The built-in packs, oldest first.
const BUILT_IN: [&str; 6] = [
    include_str!("../../rules/v1.1.1.toml"),
    include_str!("../../rules/v1.1.2.toml"),
    include_str!("../../rules/v1.2.toml"),
    include_str!("../../rules/v1.3-2025-06.toml"),
    include_str!("../../rules/v1.3-2026-02.toml"),
    include_str!("../../rules/v1.3-2026-10.toml"),
];

fn built_in() -> &'static [RulePack] {
    static PACKS: OnceLock<Vec<RulePack>> = OnceLock::new();
    PACKS.get_or_init(|| {
        BUILT_IN
            .iter()
            .map(|text| file::parse(text).expect("the built-in packs are parsed by a test"))
            .collect()
    })
}

impl RulePack {
    /// The pack that follows the newest official source. This is the default everywhere.
    pub fn current() -> &'static Self {
        built_in()
            .last()
            .expect("there is at least one built-in pack")
    }

    /// The built-in pack of that name.
    ///
    /// # Errors
    /// When there is none; the message lists the names there are.
    pub fn named(name: &str) -> Result<&'static Self, RulePackError> {
        built_in().iter().find(|pack| pack.name == name).ok_or_else(|| {
            let names: Vec<&str> = built_in().iter().map(|p| p.name.as_str()).collect();
            RulePackError::new(format!(
                "there is no built-in rule pack `{name}` (there are: {}). Name one of these, or pass a rules file.",
                names.join(", ")
            ))
        })
    }

    /// The pack that held on `date`.
    ///
    /// # Errors
    /// When `date` lies before the oldest pack.
    pub fn on(date: Date) -> Result<&'static Self, RulePackError> {
        let oldest = built_in()
            .first()
            .expect("there is at least one built-in pack");
        built_in().iter().rev().find(|pack| pack.date <= date).ok_or_else(|| {
            RulePackError::new(format!(
                "no rule pack is old enough for {date} (the oldest, `{}`, begins on {}). Name a later date.",
                oldest.name, oldest.date
            ))
        })
    }

    /// Name, date and title of every built-in pack, oldest first.
    pub fn all() -> Vec<PackInfo> {
        built_in()
            .iter()
            .map(|pack| PackInfo {
                name: pack.name.clone(),
                date: pack.date,
                title: pack.title.clone(),
            })
            .collect()
    }

    /// Reads a whole pack from TOML.
    ///
    /// # Errors
    /// When the text is not TOML, a field is unknown or missing, an id occurs twice, or a bound does not fit its
    /// measure; the message names the line or the rule.
    pub fn from_toml(text: &str) -> Result<Self, RulePackError> {
        file::parse(text)
    }

    /// This pack with a user's changes: rules of the same id are replaced, new ones added, `remove = [...]` taken out.
    ///
    /// # Errors
    /// As [`RulePack::from_toml`]; also when a rule to be removed does not exist.
    pub fn extended_with(&self, text: &str) -> Result<Self, RulePackError> {
        file::extend(self, text)
    }

    /// The pack as TOML, in the form that [`RulePack::from_toml`] reads.
    ///
    /// # Errors
    /// When a string of the pack cannot be written in TOML, which no pack that was read from TOML has.
    pub fn to_toml(&self) -> Result<String, RulePackError> {
        file::write(self)
    }

    /// The pack's name, such as `v1.3-2026-10`.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The first day on which the pack holds.
    pub fn date(&self) -> Date {
        self.date
    }

    /// What the pack is, in one line.
    pub fn title(&self) -> &str {
        &self.title
    }

    /// Every rule, in file order.
    pub fn rules(&self) -> &[Rule] {
        &self.rules
    }

    /// Every engine the pack knows.
    pub fn engines(&self) -> &[EngineEntry] {
        &self.engines
    }

    /// What the pack knows about one engine.
    pub fn engine(&self, engine: &Engine) -> Option<&EngineEntry> {
        self.engines.iter().find(|entry| entry.name == *engine)
    }

    /// The engines a target is checked for: its own, or the pack's default when it names none.
    pub fn engines_for<'a>(&'a self, target: &'a Target) -> &'a [Engine] {
        if target.engines.is_empty() {
            &self.default_engines
        } else {
            &target.engines
        }
    }

    /// The rules that hold for a target: of several bounds on the same thing only the strictest is left.
    pub fn rules_for(&self, target: &Target) -> Vec<&Rule> {
        let engines = self.engines_for(target);
        let mut kept: Vec<&Rule> = Vec::new();
        for rule in self
            .rules
            .iter()
            .filter(|rule| rule.concerns(target.route, engines, &target.options))
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
