//! `tl import create`.

use std::collections::BTreeMap;

use clap::Args;
use serde_json::json;
use tl_client::Client;
use tl_model::{ConnectionId, ImportResult, ImportSource};
use tl_protocol::flow::WaitPolicy;

use super::outcome::{self, ImportedFile};
use crate::args::ids;
use crate::args::wait::WaitArgs;
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
    /// Wait until the files are imported
    #[arg(long)]
    wait: bool,
    #[command(flatten)]
    wait_args: WaitArgs,
}

impl Create {
    pub(crate) fn run(self, context: &Context) -> Result<Exit, Failure> {
        self.wait_args.require_wait(self.wait)?;
        let files = ids::read(&self.files)?;
        if files.is_empty() {
            return Err(Failure::usage("there are no files to import")
                .hint("pass the identifiers of files at the provider"));
        }
        let output = &context.output;
        let policy = self.wait_args.policy();
        let files: Vec<ImportedFile> = context.call(async |client| {
            let mut created = Vec::new();
            // More files than one request may have are several imports. All are started before the
            // first is waited for.
            for part in files.chunks(MAX_FILES) {
                let part: Vec<_> = part
                    .iter()
                    .map(|id| ImportSource::new(id.as_str()))
                    .collect();
                let result = client
                    .imports()
                    .create(self.connection.clone(), part)
                    .await?;
                output.note(&format!("import {}", result.id));
                if !self.wait {
                    output.json(&result);
                }
                created.push(result);
            }
            let mut files = Vec::new();
            for result in created {
                if self.wait {
                    files.extend(self.finish(context, client, result, &policy).await?);
                } else {
                    files.extend(result.items.into_iter().map(ImportedFile::from));
                }
            }
            Ok(files)
        })?;
        Ok(outcome::report(context, &files))
    }

    /// Waits for an import. Returns its files in the order of the request: the platform omits those
    /// whose asset was deleted.
    async fn finish(
        &self,
        context: &Context,
        client: &Client,
        result: ImportResult,
        policy: &WaitPolicy,
    ) -> Result<Vec<ImportedFile>, Failure> {
        let (_, waited) = outcome::wait(client, &self.connection, &result.id, policy).await?;
        let mut files: BTreeMap<String, ImportedFile> = waited
            .into_iter()
            .map(|file| (file.item.source_id.clone(), file))
            .collect();
        let in_order = result.items.into_iter().map(|item| {
            let found = files.remove(&item.source_id);
            found.unwrap_or_else(|| ImportedFile::deleted(item))
        });
        let files: Vec<ImportedFile> = in_order.collect();
        context
            .output
            .json(&json!({"_id": result.id, "items": files}));
        Ok(files)
    }
}
