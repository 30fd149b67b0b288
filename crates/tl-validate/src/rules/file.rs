//! The TOML format of rule packs: parsing, applying a user's changes, writing. `pack` has the
//! in-memory form.

use std::collections::HashSet;

use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use super::bound::{Bound, Measure, Unit};
use super::pack::{EngineEntry, Rule, RulePack, RulePackError};
use crate::rules::Severity;
use crate::rules::{Engine, Route};

#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct PackFile {
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    date: Option<Date>,
    #[serde(skip_serializing_if = "Option::is_none")]
    title: Option<String>,
    /// Defaults for rules that omit these fields.
    #[serde(skip_serializing_if = "Option::is_none")]
    source: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    documentation: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    default_engines: Option<Vec<Engine>>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    remove: Vec<String>,
    #[serde(default, rename = "engine", skip_serializing_if = "Vec::is_empty")]
    engines: Vec<EngineEntry>,
    #[serde(default, rename = "rule", skip_serializing_if = "Vec::is_empty")]
    rules: Vec<RuleFile>,
}

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct RuleFile {
    id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    engine: Option<Engine>,
    #[serde(skip_serializing_if = "Option::is_none")]
    route: Option<Route>,
    #[serde(skip_serializing_if = "Option::is_none")]
    option: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    audio_only: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    measure: Option<Measure>,
    #[serde(skip_serializing_if = "Option::is_none")]
    min: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    equals: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    one_of: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    unit: Option<Unit>,
    #[serde(skip_serializing_if = "Option::is_none")]
    margin: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    severity: Option<Severity>,
    #[serde(skip_serializing_if = "Option::is_none")]
    why: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    source: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    documentation: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    since: Option<Date>,
    #[serde(skip_serializing_if = "Option::is_none")]
    assumption: Option<String>,
}

impl RulePack {
    /// Parses a complete pack from TOML.
    ///
    /// # Errors
    /// The text is not TOML, a field is unknown or missing, an id occurs twice, or a bound does not
    /// match its measure. The message contains the line or the rule.
    pub fn from_toml(text: &str) -> Result<Self, RulePackError> {
        parse(text)
    }

    /// This pack with a user's changes: rules with the same id are replaced, new ones are added,
    /// and those in `remove = [...]` are removed.
    ///
    /// # Errors
    /// The errors of [`RulePack::from_toml`], and if a rule to be removed does not exist.
    pub fn extended_with(&self, text: &str) -> Result<Self, RulePackError> {
        extend(self, text)
    }

    /// The pack as TOML, in the format of [`RulePack::from_toml`].
    ///
    /// # Errors
    /// A string of the pack cannot be written as TOML. This does not occur for packs that were
    /// parsed from TOML.
    pub fn to_toml(&self) -> Result<String, RulePackError> {
        write(self)
    }
}

/// Parses a complete pack from the JSON of the same members.
pub(super) fn from_json(text: &str) -> Result<RulePack, RulePackError> {
    let file = serde_json::from_str(text)
        .map_err(|error| RulePackError::new(format!("the rule pack cannot be read: {error}")))?;
    complete(file)
}

fn parse(text: &str) -> Result<RulePack, RulePackError> {
    complete(read(text)?)
}

/// The pack of a file that extends no other one.
fn complete(file: PackFile) -> Result<RulePack, RulePackError> {
    if !file.remove.is_empty() {
        return Err(RulePackError::new(
            "`remove` is allowed only in a file that extends a pack. Delete it, or extend a pack with this file.",
        ));
    }
    let name = required(file.name.clone(), "name")?;
    let pack = RulePack {
        title: file.title.clone().unwrap_or_else(|| name.clone()),
        name,
        date: required(file.date, "date")?,
        default_engines: Vec::new(),
        engines: Vec::new(),
        rules: Vec::new(),
    };
    overlay(pack, file)
}

fn extend(base: &RulePack, text: &str) -> Result<RulePack, RulePackError> {
    let file = read(text)?;
    let mut pack = base.clone();
    pack.name = file
        .name
        .clone()
        .unwrap_or_else(|| format!("{}+custom", base.name));
    pack.date = file.date.unwrap_or(base.date);
    pack.title = file
        .title
        .clone()
        .unwrap_or_else(|| format!("{} (with local changes)", base.title));
    for id in &file.remove {
        let before = pack.rules.len();
        pack.rules.retain(|rule| rule.id != *id);
        if pack.rules.len() == before {
            return Err(RulePackError::new(format!(
                "`remove` names the rule `{id}`, which `{}` does not have. Compare with `tl rules show {}`.",
                base.name, base.name
            )));
        }
    }
    overlay(pack, file)
}

fn write(pack: &RulePack) -> Result<String, RulePackError> {
    let file = PackFile {
        name: Some(pack.name.clone()),
        date: Some(pack.date),
        title: Some(pack.title.clone()),
        source: None,
        documentation: None,
        default_engines: Some(pack.default_engines.clone()),
        remove: Vec::new(),
        engines: pack.engines.clone(),
        rules: pack.rules.iter().map(to_file).collect(),
    };
    toml::to_string(&file)
        .map_err(|error| RulePackError::new(format!("the rule pack cannot be written ({error})")))
}

fn read(text: &str) -> Result<PackFile, RulePackError> {
    toml::from_str(text).map_err(|error| {
        RulePackError::new(format!(
            "the rules file cannot be read: {}. Compare with `tl rules show`.",
            error.to_string().trim_end()
        ))
    })
}

fn required<T>(value: Option<T>, field: &str) -> Result<T, RulePackError> {
    value.ok_or_else(|| {
        RulePackError::new(format!(
            "the rules file has no `{field}`. Add it at the top."
        ))
    })
}

fn overlay(mut pack: RulePack, file: PackFile) -> Result<RulePack, RulePackError> {
    if let Some(engines) = file.default_engines {
        pack.default_engines = engines;
    }
    for entry in file.engines {
        match pack
            .engines
            .iter_mut()
            .find(|known| known.name == entry.name)
        {
            Some(known) => *known = entry,
            None => pack.engines.push(entry),
        }
    }
    let mut seen = HashSet::new();
    for mut change in file.rules {
        if !seen.insert(change.id.clone()) {
            return Err(RulePackError::new(format!(
                "the rule id `{}` occurs twice. Give each rule its own.",
                change.id
            )));
        }
        match pack.rules.iter_mut().find(|rule| rule.id == change.id) {
            Some(rule) => *rule = to_rule(merged(to_file(rule), change), &pack.name, pack.date)?,
            None => {
                change.source = change.source.or_else(|| file.source.clone());
                change.documentation = change.documentation.or_else(|| file.documentation.clone());
                pack.rules.push(to_rule(change, &pack.name, pack.date)?);
            }
        }
    }
    Ok(pack)
}

/// The base rule with every field replaced that the change sets.
fn merged(base: RuleFile, change: RuleFile) -> RuleFile {
    let names_a_bound = change.min.is_some()
        || change.max.is_some()
        || change.equals.is_some()
        || change.one_of.is_some();
    let base = if names_a_bound {
        RuleFile {
            min: None,
            max: None,
            equals: None,
            one_of: None,
            ..base
        }
    } else {
        base
    };
    RuleFile {
        id: change.id,
        engine: change.engine.or(base.engine),
        route: change.route.or(base.route),
        option: change.option.or(base.option),
        audio_only: change.audio_only.or(base.audio_only),
        measure: change.measure.or(base.measure),
        min: change.min.or(base.min),
        max: change.max.or(base.max),
        equals: change.equals.or(base.equals),
        one_of: change.one_of.or(base.one_of),
        unit: change.unit.or(base.unit),
        margin: change.margin.or(base.margin),
        severity: change.severity.or(base.severity),
        why: change.why.or(base.why),
        code: change.code.or(base.code),
        source: change.source.or(base.source),
        documentation: change.documentation.or(base.documentation),
        since: change.since.or(base.since),
        assumption: change.assumption.or(base.assumption),
    }
}

fn to_file(rule: &Rule) -> RuleFile {
    let number = |wanted: fn(&Bound) -> bool| rule.bound.number().filter(|_| wanted(&rule.bound));
    RuleFile {
        id: rule.id.clone(),
        engine: rule.engine.clone(),
        route: rule.route,
        option: rule.option.clone(),
        audio_only: rule.audio_only,
        measure: Some(rule.measure),
        min: number(|b| matches!(b, Bound::Min(_))),
        max: number(|b| matches!(b, Bound::Max(_))),
        equals: number(|b| matches!(b, Bound::Equals(_))),
        one_of: match &rule.bound {
            Bound::OneOf(words) => Some(words.clone()),
            _ => None,
        },
        unit: Some(rule.unit),
        margin: rule.margin,
        severity: Some(rule.severity),
        why: Some(rule.why.clone()),
        code: rule.code.clone(),
        source: Some(rule.source.clone()),
        documentation: Some(rule.documentation.clone()),
        since: Some(rule.since),
        assumption: rule.assumption.clone(),
    }
}

fn to_rule(file: RuleFile, pack: &str, date: Date) -> Result<Rule, RulePackError> {
    let wrong = |what: &str| RulePackError::new(format!("rule `{}` {what}", file.id));
    let measure = file
        .measure
        .ok_or_else(|| wrong("has no measure. Add `measure = \"duration\"` or another."))?;
    let mut bounds: Vec<Bound> = [
        file.min.map(Bound::Min),
        file.max.map(Bound::Max),
        file.equals.map(Bound::Equals),
        file.one_of.clone().map(Bound::OneOf),
    ]
    .into_iter()
    .flatten()
    .collect();
    let (Some(bound), true) = (bounds.pop(), bounds.is_empty()) else {
        return Err(wrong(
            "must have exactly one of `min`, `max`, `equals` and `one_of`.",
        ));
    };
    if measure.is_word() != matches!(bound, Bound::OneOf(_)) {
        return Err(wrong(if measure.is_word() {
            "measures a word: its bound is `one_of = [\"…\"]`."
        } else {
            "measures a number: its bound is `min`, `max` or `equals`."
        }));
    }
    if bound.number().is_some_and(|n| !n.is_finite())
        || file.margin.is_some_and(|m| !m.is_finite() || m < 0.0)
    {
        return Err(wrong("has a bound or margin that is not a finite number."));
    }
    let unit = file.unit.unwrap_or_default();
    let fits = match measure {
        Measure::ShortSide | Measure::LongSide | Measure::Width | Measure::Height => {
            unit == Unit::Pixels
        }
        Measure::Duration => unit == Unit::Seconds,
        Measure::FileSize => matches!(unit, Unit::Bytes | Unit::Megabytes | Unit::Gigabytes),
        Measure::ExcessBytes => unit == Unit::Bytes,
        Measure::FrameRate => unit == Unit::FramesPerSecond,
        Measure::BitRate | Measure::MeasuredBitRate => unit == Unit::BitsPerSecond,
        _ => unit == Unit::None,
    };
    if !fits {
        return Err(wrong(
            "has a unit that does not fit what it measures (sides: px; duration: s; file size: bytes, MB or GB; \
             excess bytes: bytes; frame rate: fps; bit rates: bit/s; everything else: none).",
        ));
    }
    Ok(Rule {
        engine: file.engine,
        route: file.route,
        option: file.option,
        audio_only: file.audio_only,
        measure,
        bound,
        unit,
        margin: file.margin,
        severity: file.severity.unwrap_or(Severity::Error),
        why: file
            .why
            .unwrap_or_else(|| format!("Required by the rule pack {pack}.")),
        code: file.code,
        source: file.source.unwrap_or_else(|| format!("rule pack {pack}")),
        documentation: file.documentation.unwrap_or_default(),
        since: file.since.unwrap_or(date),
        assumption: file.assumption,
        id: file.id,
    })
}

#[cfg(test)]
mod tests;
