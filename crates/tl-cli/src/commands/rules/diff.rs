//! `tl rules diff`.

use clap::Args;
use serde_json::json;
use tl_validate::RulePack;
use tl_validate::rules::{Rule, RuleChange};

use crate::check::rule_packs;
use crate::context::Context;
use crate::failure::Failure;
use crate::failure::exit::Exit;
use crate::ui::escape::plain_line;
use crate::ui::style::{BAD, GOOD, WARN};

/// `tl rules diff`.
#[derive(Debug, Args)]
pub(crate) struct Diff {
    /// Earlier pack: a name, a date, or a file
    #[arg(value_name = "FROM")]
    from: String,
    /// Later pack [default: the current pack]
    #[arg(value_name = "TO")]
    to: Option<String>,
}

impl Diff {
    pub(crate) fn run(self, context: &Context) -> Result<Exit, Failure> {
        let earlier = rule_packs::load_pack(&self.from)?;
        let later = self
            .to
            .as_deref()
            .map_or_else(|| Ok(RulePack::current().clone()), rule_packs::load_pack)?;
        let changes = earlier.changes_to(&later);
        let pack = |pack: &RulePack| json!({"name": pack.name(), "date": pack.date()});
        context
            .output
            .json(&json!({"from": pack(&earlier), "to": pack(&later), "changes": changes}));
        context.output.line(&format!(
            "{} of {} -> {} of {}: {}",
            earlier.name(),
            earlier.date(),
            later.name(),
            later.date(),
            match changes.len() {
                0 => "no differences".to_owned(),
                1 => "1 difference".to_owned(),
                n => format!("{n} differences"),
            }
        ));
        for change in &changes {
            context.output.line(&format_change(change));
        }
        Ok(Exit::Ok)
    }
}

fn format_change(change: &RuleChange<'_>) -> String {
    let describe = |rule: &Rule| format!("{} ({})", plain_line(&rule.to_string()), rule.severity);
    match change {
        RuleChange::Added(rule) => {
            format!("{BAD}+{BAD:#} {}: {}", plain_line(&rule.id), describe(rule))
        }
        RuleChange::Removed(rule) => {
            format!(
                "{GOOD}-{GOOD:#} {}: {}",
                plain_line(&rule.id),
                describe(rule)
            )
        }
        RuleChange::Changed { from, to } => format!(
            "{WARN}~{WARN:#} {}: {} -> {}",
            plain_line(&to.id),
            describe(from),
            describe(to)
        ),
        // Added by a later version.
        other => format!("? {other:?}"),
    }
}
