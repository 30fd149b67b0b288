//! `tl import get`.

use clap::Args;
use tl_model::{ConnectionId, ImportId};

use super::outcome::ImportedFile;
use super::view;
use crate::context::Context;
use crate::failure::Failure;
use crate::failure::exit::Exit;
use crate::ui::table;

/// `tl import get`.
#[derive(Debug, Args)]
pub(crate) struct Get {
    /// Connection id
    #[arg(value_name = "CONNECTION")]
    connection: ConnectionId,
    /// Import id
    #[arg(value_name = "IMPORT")]
    id: ImportId,
}

impl Get {
    pub(crate) fn run(self, context: &Context) -> Result<Exit, Failure> {
        let import = context
            .call(async |client| Ok(client.imports().get(self.connection, self.id).await?))?;
        context.output.json(&import);
        context.output.line(&table::pairs(&[
            ("import", Some(import.id.to_string())),
            ("files", import.item_count.map(|count| count.to_string())),
            (
                "created",
                import.created_at.as_ref().map(ToString::to_string),
            ),
        ]));
        let files: Vec<ImportedFile> = import.items.into_iter().map(ImportedFile::from).collect();
        context.output.line(&view::files(&files));
        Ok(Exit::Ok)
    }
}
