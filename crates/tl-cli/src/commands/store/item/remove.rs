//! `tl store item remove`.

use clap::Args;

use crate::args::{ids, named};
use crate::batch::deletion::Deletion;
use crate::context::Context;
use crate::failure::Failure;
use crate::failure::exit::Exit;
use crate::ui::confirm::Confirm;

/// `tl store item remove`.
#[derive(Debug, Args)]
pub(crate) struct Remove {
    /// Knowledge store id or name
    #[arg(value_name = "STORE")]
    store: String,
    /// Item ids; `-` reads ids from standard input, one per line
    #[arg(value_name = "ITEM", required = true)]
    ids: Vec<String>,
    #[command(flatten)]
    confirm: Confirm,
}

impl Remove {
    pub(crate) fn run(self, context: &Context) -> Result<Exit, Failure> {
        let deletion = Deletion {
            nouns: ("item", "items"),
            suffix: format!(" of knowledge store {}", self.store),
            ids: ids::read(&self.ids)?,
        };
        deletion.run(context, &self.confirm, &async |client, id| {
            let store = named::store(client, &self.store).await?;
            Ok(client.store_items().delete(store, id).await?)
        })
    }
}
