//! `tl entity collection delete`.

use clap::Args;

use crate::args::{ids, named};
use crate::batch::deletion::Deletion;
use crate::context::Context;
use crate::failure::Failure;
use crate::failure::exit::Exit;
use crate::ui::confirm::Confirm;

/// `tl entity collection delete`.
#[derive(Debug, Args)]
pub(crate) struct Delete {
    /// Collection ids or names; `-` reads them from standard input, one per line
    #[arg(value_name = "COLLECTION", required = true)]
    collections: Vec<String>,
    #[command(flatten)]
    confirm: Confirm,
}

impl Delete {
    pub(crate) fn run(self, context: &Context) -> Result<Exit, Failure> {
        let deletion = Deletion {
            nouns: ("entity collection", "entity collections"),
            suffix: " with all entities".to_owned(),
            ids: ids::read(&self.collections)?,
        };
        deletion.run(context, &self.confirm, &async |client, word| {
            let id = named::entity_collection(client, word).await?;
            Ok(client.entity_collections().delete(id).await?)
        })
    }
}
