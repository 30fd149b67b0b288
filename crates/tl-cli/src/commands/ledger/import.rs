//! `tl ledger import`.

use std::fs::File;
use std::io::{self, BufReader, Read};
use std::path::PathBuf;

use clap::Args;
use jiff::Timestamp;
use tl_ledger::{Imported, NewRun};

use super::record::{self, Format};
use crate::args::ledger::LedgerArgs;
use crate::context::Context;
use crate::failure::Failure;
use crate::failure::exit::Exit;
use crate::text::path_name::path_name;
use crate::ui::table;

/// Records per call of the ledger.
const GROUP: usize = 500;

/// `tl ledger import`.
#[derive(Debug, Args)]
#[command(
    after_help = "Imports all records or none. An item that the ledger has is kept, unless nothing was sent for it and something for the imported one. Stop the runs on the exported ledger first: an imported item is not claimed by anyone."
)]
pub(crate) struct Import {
    /// File that `tl ledger export` wrote; `-` reads standard input
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Set the format [default: by the name of the file, or jsonl]
    #[arg(long, value_name = "FORMAT", value_enum)]
    format: Option<Format>,
    #[command(flatten)]
    ledger: LedgerArgs,
}

impl Import {
    pub(crate) fn run(self, context: &Context) -> Result<Exit, Failure> {
        let name = path_name(&self.file);
        let source: Box<dyn Read> = if name == "-" {
            Box::new(io::stdin().lock())
        } else {
            let file = File::open(&self.file).map_err(|error| {
                Failure::usage(format!("failed to read `{name}`"))
                    .with_source(&error)
                    .hint("name a file that `tl ledger export` wrote")
            })?;
            Box::new(BufReader::new(file))
        };
        let named = Format::of_path(&self.file);
        let format = self.format.or(named).unwrap_or(Format::Jsonl);
        let mut ledger = self.ledger.address()?.open()?;
        let now = Timestamp::now();
        let run = NewRun::new("import", std::process::id())
            .with_arguments("tl ledger import")
            .with_version(env!("CARGO_PKG_VERSION"));
        let mut refused = None;
        let result = ledger.batch(|ledger| {
            let run = ledger.begin_run(now, &run)?;
            let mut imported = Imported::default();
            let mut group = Vec::new();
            let mut records = record::Reader::new(format, source);
            loop {
                let next = records.next();
                let is_end = next.is_none();
                match next.transpose() {
                    Ok(record) => group.extend(record),
                    Err(failure) => {
                        refused = Some(failure);
                        return Err(tl_ledger::Error::with_kind(
                            tl_ledger::ErrorKind::Invalid,
                            "a record is not valid",
                        ));
                    }
                }
                if is_end || group.len() == GROUP {
                    let part = ledger.import(now, run, &group)?;
                    imported.added += part.added;
                    imported.replaced += part.replaced;
                    imported.kept += part.kept;
                    group.clear();
                }
                if is_end {
                    ledger.end_run(now, run, &serde_json::json!({ "imported": imported }))?;
                    return Ok(imported);
                }
            }
        });
        let imported = match (result, refused) {
            (_, Some(failure)) => {
                return Err(failure.hint(format!("nothing was imported; correct `{name}`")));
            }
            (result, None) => result?,
        };
        context.output.json(&imported);
        let count = |count: u64| Some(count.to_string());
        context.output.line(&table::pairs(&[
            ("added", count(imported.added)),
            ("replaced", count(imported.replaced)),
            ("kept", count(imported.kept)),
        ]));
        Ok(Exit::Ok)
    }
}
