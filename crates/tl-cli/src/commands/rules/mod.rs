//! `tl rules`: dated rule packs.

use clap::Subcommand;
use jiff::civil::Date;
use serde_json::json;
use tl_validate::RulePack;
use tl_validate::rules::{Rule, RuleChange};

use crate::check::rule_packs;
use crate::context::Context;
use crate::failure::Failure;
use crate::failure::exit::Exit;
use crate::ui::escape::plain_line;
use crate::ui::style::{BAD, GOOD, WARN};
use crate::ui::table;

/// `tl rules` and its subcommands.
#[derive(Debug, Subcommand)]
pub(crate) enum RulesCommand {
    /// List the built-in rule packs, oldest first
    List,
    /// Print a rule pack as TOML; edit a copy and pass it to --rules
    Show {
        /// Rule pack: a name, a date, or a file [default: the current pack]
        #[arg(value_name = "PACK|DATE|FILE")]
        pack: Option<String>,
        /// Print the pack that applied on this date
        #[arg(long, value_name = "YYYY-MM-DD", conflicts_with = "pack")]
        date: Option<Date>,
    },
    /// Compare two rule packs
    Diff {
        /// Earlier pack: a name, a date, or a file
        #[arg(value_name = "FROM")]
        from: String,
        /// Later pack [default: the current pack]
        #[arg(value_name = "TO")]
        to: Option<String>,
    },
}

impl RulesCommand {
    pub(crate) fn run(&self, context: &Context) -> Result<Exit, Failure> {
        match self {
            Self::List => list(context),
            Self::Show { pack, date } => {
                let date = date.map(|date| date.to_string());
                show(context, pack.as_deref().or(date.as_deref()))?;
            }
            Self::Diff { from, to } => diff(context, from, to.as_deref())?,
        }
        Ok(Exit::Ok)
    }
}

fn list(context: &Context) {
    let packs = RulePack::all();
    let current = RulePack::current().name();
    let rows: Vec<_> = packs
        .iter()
        .map(|pack| json!({"name": pack.name, "date": pack.date, "title": pack.title, "default": pack.name == current}))
        .collect();
    context.output.json(&rows);
    let rows: Vec<[String; 3]> = packs
        .iter()
        .map(|pack| {
            let mark = if pack.name == current {
                " (default)"
            } else {
                ""
            };
            [
                pack.name.clone(),
                pack.date.to_string(),
                format!("{}{mark}", pack.title),
            ]
        })
        .collect();
    context
        .output
        .line(&table::render(["NAME", "DATE", "DESCRIPTION"], &rows));
}

fn show(context: &Context, pack: Option<&str>) -> Result<(), Failure> {
    let pack = pack.map_or_else(|| Ok(RulePack::current().clone()), rule_packs::load_pack)?;
    let toml = pack
        .to_toml()
        .map_err(|error| Failure::usage(error.to_string()))?;
    context.output.json(
        &json!({"name": pack.name(), "date": pack.date(), "title": pack.title(), "toml": toml}),
    );
    context.output.line(toml.trim_end());
    Ok(())
}

fn diff(context: &Context, from: &str, to: Option<&str>) -> Result<(), Failure> {
    let earlier = rule_packs::load_pack(from)?;
    let later = to.map_or_else(|| Ok(RulePack::current().clone()), rule_packs::load_pack)?;
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
    Ok(())
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
