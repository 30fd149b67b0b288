//! `tl rules show`.

use clap::Args;
use jiff::civil::Date;
use serde_json::json;
use tl_validate::RulePack;

use crate::check::rule_packs;
use crate::context::Context;
use crate::failure::Failure;
use crate::failure::exit::Exit;

/// `tl rules show`.
#[derive(Debug, Args)]
pub(crate) struct Show {
    /// Rule pack: a name, a date, or a file [default: the current pack]
    #[arg(value_name = "PACK|DATE|FILE")]
    pack: Option<String>,
    /// Print the pack that applied on this date
    #[arg(long, value_name = "YYYY-MM-DD", conflicts_with = "pack")]
    date: Option<Date>,
}

impl Show {
    pub(crate) fn run(self, context: &Context) -> Result<Exit, Failure> {
        let date = self.date.map(|date| date.to_string());
        let pack = self.pack.as_deref().or(date.as_deref());
        let pack = pack.map_or_else(|| Ok(RulePack::current().clone()), rule_packs::load_pack)?;
        let toml = pack
            .to_toml()
            .map_err(|error| Failure::usage(error.to_string()))?;
        context.output.json(
            &json!({"name": pack.name(), "date": pack.date(), "title": pack.title(), "toml": toml}),
        );
        context.output.line(toml.trim_end());
        Ok(Exit::Ok)
    }
}
