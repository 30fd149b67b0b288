//! `tl rules list`.

use clap::Args;
use serde_json::json;
use tl_validate::RulePack;

use crate::context::Context;
use crate::failure::Failure;
use crate::failure::exit::Exit;
use crate::ui::table;

/// `tl rules list`.
#[derive(Debug, Args)]
pub(crate) struct List;

impl List {
    pub(crate) fn run(self, context: &Context) -> Result<Exit, Failure> {
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
        Ok(Exit::Ok)
    }
}
