//! `tl store collection delete`.

use clap::Args;

use crate::args::{ids, named};
use crate::batch::deletion::Deletion;
use crate::context::Context;
use crate::failure::Failure;
use crate::failure::exit::Exit;
use crate::ui::confirm::Confirm;

/// `tl store collection delete`.
#[derive(Debug, Args)]
pub(crate) struct Delete {
    /// Knowledge store id or name
    #[arg(value_name = "STORE")]
    store: String,
    /// Collection ids or names; `-` reads them from standard input, one per line
    #[arg(value_name = "COLLECTION", required = true)]
    collections: Vec<String>,
    #[command(flatten)]
    confirm: Confirm,
}

impl Delete {
    pub(crate) fn run(self, context: &Context) -> Result<Exit, Failure> {
        let deletion = Deletion {
            nouns: ("item collection", "item collections"),
            suffix: format!(" of knowledge store {}", self.store),
            ids: ids::read(&self.collections)?,
        };
        deletion.run(context, &self.confirm, &async |client, word| {
            let store = named::store(client, &self.store).await?;
            let id = named::item_collection(client, &store, word).await?;
            Ok(client.item_collections().delete(store, id).await?)
        })
    }
}
