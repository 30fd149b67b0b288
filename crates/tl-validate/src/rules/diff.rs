//! Differences between two rule packs.

use serde::Serialize;

use super::{Rule, RulePack};

/// One difference between two packs, by rule id.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum RuleChange<'a> {
    /// Only the newer pack has the rule.
    Added(&'a Rule),
    /// Only the older pack has the rule.
    Removed(&'a Rule),
    /// Both packs have the rule, but its bound or the consequence of a violation differs.
    Changed {
        /// The rule in the first pack.
        from: &'a Rule,
        /// The rule in the second pack.
        to: &'a Rule,
    },
}

impl RulePack {
    /// The changes from this pack to `newer`: first removed and changed rules, then added ones, in
    /// file order.
    ///
    /// Sources, dates and texts are not compared. An engine's rules are compared only under the
    /// engine's name.
    pub fn changes_to<'a>(&'a self, newer: &'a Self) -> Vec<RuleChange<'a>> {
        let find = |pack: &'a Self, id: &str| pack.rules.iter().find(|rule| rule.id == id);
        let mut changes: Vec<RuleChange<'a>> = Vec::new();
        for from in &self.rules {
            match find(newer, &from.id) {
                None => changes.push(RuleChange::Removed(from)),
                Some(to) if !same_effect(from, to) => {
                    changes.push(RuleChange::Changed { from, to });
                }
                Some(_) => {}
            }
        }
        let added = newer
            .rules
            .iter()
            .filter(|rule| find(self, &rule.id).is_none());
        changes.extend(added.map(RuleChange::Added));
        changes
    }
}

fn same_effect(a: &Rule, b: &Rule) -> bool {
    let effect = |r: &Rule| {
        (
            r.bound.clone(),
            r.unit,
            r.margin,
            r.severity,
            r.measure,
            r.audio_only,
            (r.engine.clone(), r.route, r.option.clone(), r.code.clone()),
        )
    };
    effect(a) == effect(b)
}
