//! The built-in rule packs, and selecting one by name or date.

use std::sync::OnceLock;

use jiff::civil::Date;
use serde::Serialize;

use super::file;
use super::pack::{RulePack, RulePackError};

/// Name and date of a built-in pack.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct PackInfo {
    /// Name to pass to [`RulePack::named`].
    pub name: String,
    /// First day on which the pack applies.
    pub date: Date,
    /// One-line description.
    pub title: String,
}

/// The built-in packs of the folder `rules`, oldest first, as the build script writes them.
const BUILT_IN: [&str; 6] = [
    include_str!(concat!(env!("OUT_DIR"), "/v1.1.1.json")),
    include_str!(concat!(env!("OUT_DIR"), "/v1.1.2.json")),
    include_str!(concat!(env!("OUT_DIR"), "/v1.2.json")),
    include_str!(concat!(env!("OUT_DIR"), "/v1.3-2025-06.json")),
    include_str!(concat!(env!("OUT_DIR"), "/v1.3-2026-02.json")),
    include_str!(concat!(env!("OUT_DIR"), "/v1.3-2026-10.json")),
];

/// The built-in packs, oldest first. Each is parsed when it is first reached: a command that needs
/// the current one does not pay for the history.
fn built_in() -> impl DoubleEndedIterator<Item = &'static RulePack> {
    static PACKS: [OnceLock<RulePack>; BUILT_IN.len()] =
        [const { OnceLock::new() }; BUILT_IN.len()];
    BUILT_IN.iter().zip(&PACKS).map(|(text, pack)| {
        pack.get_or_init(|| file::from_json(text).expect("the built-in packs are parsed by a test"))
    })
}

impl RulePack {
    /// The pack for the newest official documentation. This is the default everywhere.
    pub fn current() -> &'static Self {
        built_in()
            .next_back()
            .expect("there is at least one built-in pack")
    }

    /// The built-in pack with this name.
    ///
    /// # Errors
    /// The name is unknown; the message lists the available names.
    pub fn named(name: &str) -> Result<&'static Self, RulePackError> {
        built_in().find(|pack| pack.name == name).ok_or_else(|| {
            let names: Vec<&str> = built_in().map(|p| p.name.as_str()).collect();
            RulePackError::new(format!(
                "unknown rule pack `{name}` (built in: {})",
                names.join(", ")
            ))
        })
    }

    /// The pack that applied on `date`.
    ///
    /// # Errors
    /// `date` is before the oldest pack.
    pub fn on(date: Date) -> Result<&'static Self, RulePackError> {
        built_in()
            .rev()
            .find(|pack| pack.date <= date)
            .ok_or_else(|| {
                let oldest = built_in()
                    .next()
                    .expect("there is at least one built-in pack");
                RulePackError::new(format!(
                    "no rule pack for {date}: the oldest, `{}`, starts on {}",
                    oldest.name, oldest.date
                ))
            })
    }

    /// Name, date and title of every built-in pack, oldest first.
    pub fn all() -> Vec<PackInfo> {
        built_in()
            .map(|pack| PackInfo {
                name: pack.name.clone(),
                date: pack.date,
                title: pack.title.clone(),
            })
            .collect()
    }
}
