//! `tl ledger export`.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::ops::ControlFlow;
use std::path::PathBuf;

use clap::Args;
use jiff::Timestamp;

use super::record::{self, Format};
use super::selection::SelectionArgs;
use crate::args::ledger::LedgerArgs;
use crate::context::Context;
use crate::failure::Failure;
use crate::failure::exit::Exit;
use crate::text::path_name::path_name;
use crate::text::units::pluralize;

/// `tl ledger export`.
#[derive(Debug, Args)]
#[command(
    after_help = "Each record contains everything about one item: its account without the key, its state, content, sources, requests and chunks. `tl ledger import` reads it. What accounts have used of their limits is not exported."
)]
pub(crate) struct Export {
    #[command(flatten)]
    selection: SelectionArgs,
    /// Set the format [default: by the name of the output, or jsonl]
    #[arg(long, value_name = "FORMAT", value_enum)]
    format: Option<Format>,
    /// Write to this file [default: standard output]
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,
    #[command(flatten)]
    ledger: LedgerArgs,
}

impl Export {
    pub(crate) fn run(self, context: &Context) -> Result<Exit, Failure> {
        let mut ledger = self.ledger.address()?.open_read_only()?;
        let selection = self.selection.resolve(&mut ledger, Timestamp::now())?;
        let named = self.output.as_deref().and_then(Format::of_path);
        let format = self.format.or(named).unwrap_or(Format::Jsonl);
        let mut count = 0;
        let mut write = |sink: &mut dyn Write| -> Result<(), Failure> {
            let mut writer = record::Writer::new(format, sink);
            let mut failed = None;
            ledger.export(&selection, |record| match writer.write(&record) {
                Ok(()) => {
                    count += 1;
                    ControlFlow::Continue(())
                }
                Err(error) => {
                    failed = Some(error);
                    ControlFlow::Break(())
                }
            })?;
            match failed.map_or_else(|| writer.finish(), Err) {
                Ok(()) => Ok(()),
                // The reader has seen enough.
                Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
                Err(error) => Err(Failure::usage("failed to write the export")
                    .with_source(&error)
                    .hint("check the folder and the free space of the disk")),
            }
        };
        let Some(path) = &self.output else {
            write(&mut BufWriter::new(io::stdout().lock()))?;
            return Ok(Exit::Ok);
        };
        // An export that failed does not replace an earlier one.
        let folder = path
            .parent()
            .filter(|folder| !folder.as_os_str().is_empty());
        let failed = |error: &io::Error| {
            Failure::usage(format!("failed to write `{}`", path_name(path)))
                .with_source(error)
                .hint("name a file in a folder that exists and can be written")
        };
        let temporary = tempfile::NamedTempFile::new_in(folder.unwrap_or(".".as_ref()));
        let mut temporary = temporary.map_err(|error| failed(&error))?;
        write(&mut BufWriter::new(temporary.as_file_mut()))?;
        let persisted = temporary
            .as_file()
            .sync_all()
            .map_err(|error| failed(&error));
        persisted?;
        let _: File = temporary
            .persist(path)
            .map_err(|error| failed(&error.error))?;
        context.output.json(&serde_json::json!({
            "exported": count,
            "file": path_name(path),
        }));
        context.output.line(&format!(
            "{} written to {}",
            pluralize(count, "item", "items"),
            path_name(path)
        ));
        Ok(Exit::Ok)
    }
}
