//! `tl rules`: the dated rules that files are checked by.

use clap::Subcommand;
use serde_json::json;
use tl_validate::RulePack;

use crate::args::Context;
use crate::checking;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::table;

/// The rules that files are checked by.
#[derive(Debug, Subcommand)]
pub(crate) enum RulesVerb {
    /// List the built-in packs, oldest first
    List,
    /// Print a pack as TOML; a copy of it can be changed and given to --rules
    Show {
        /// A name, a day on which it held, or a file [default: the pack of today]
        #[arg(value_name = "PACK|DATE|FILE")]
        pack: Option<String>,
    },
}

impl RulesVerb {
    pub(crate) fn run(&self, context: &Context) -> Result<Exit, Failure> {
        match self {
            Self::List => list(context),
            Self::Show { pack } => show(context, pack.as_deref())?,
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
        .line(&table::render(["NAME", "SINCE", "WHAT"], &rows));
}

fn show(context: &Context, pack: Option<&str>) -> Result<(), Failure> {
    let pack = pack.map_or_else(|| Ok(RulePack::current().clone()), checking::pack)?;
    let toml = pack
        .to_toml()
        .map_err(|error| Failure::usage(error.to_string()))?;
    context.output.json(
        &json!({"name": pack.name(), "date": pack.date(), "title": pack.title(), "toml": toml}),
    );
    context.output.line(toml.trim_end());
    Ok(())
}
