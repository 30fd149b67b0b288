//! `tl import create`.

use clap::Args;
use tl_model::{ConnectionId, ImportAction, ImportItem, ImportSource};

use super::view;
use crate::args::ids;
use crate::context::Context;
use crate::failure::Failure;
use crate::failure::exit::Exit;

/// Maximum number of files per request (API description of July 2026).
const MAX_FILES: usize = 100;

/// `tl import create`.
#[derive(Debug, Args)]
pub(crate) struct Create {
    /// Connection id
    #[arg(value_name = "CONNECTION")]
    connection: ConnectionId,
    /// Identifiers of files at the provider; `-` reads them from standard input
    #[arg(value_name = "FILE", required = true)]
    files: Vec<String>,
}

impl Create {
    pub(crate) fn run(self, context: &Context) -> Result<Exit, Failure> {
        let files = ids::read(&self.files)?;
        if files.is_empty() {
            return Err(Failure::usage("there are no files to import")
                .hint("pass the identifiers of files at the provider"));
        }
        let output = &context.output;
        let items: Vec<ImportItem> = context.call(async |client| {
            let mut items = Vec::new();
            // More files than one request may have are several imports.
            for part in files.chunks(MAX_FILES) {
                let part: Vec<_> = part
                    .iter()
                    .map(|id| ImportSource::new(id.as_str()))
                    .collect();
                let result = client
                    .imports()
                    .create(self.connection.clone(), part)
                    .await?;
                output.json(&result);
                output.note(&format!("import {}", result.id));
                items.extend(result.items);
            }
            Ok(items)
        })?;
        if output.is_quiet() {
            for asset in items.iter().filter_map(|item| item.asset_id.as_ref()) {
                output.line(asset.as_str());
            }
        } else {
            output.line(&view::files(&items));
        }
        let exits: Vec<Exit> = items
            .iter()
            .map(|item| match item.action {
                Some(ImportAction::Rejected) => Exit::Refused,
                _ if item.error.is_some() => Exit::Refused,
                _ => Exit::Ok,
            })
            .collect();
        Ok(Exit::of_items(&exits))
    }
}
