//! `tl store delete`.

use clap::Args;

use crate::args::{ids, named};
use crate::batch::deletion::Deletion;
use crate::context::Context;
use crate::failure::Failure;
use crate::failure::exit::Exit;
use crate::ui::confirm::Confirm;

/// `tl store delete`.
#[derive(Debug, Args)]
pub(crate) struct Delete {
    /// Knowledge store ids or names; `-` reads them from standard input, one per line
    #[arg(value_name = "STORE", required = true)]
    stores: Vec<String>,
    #[command(flatten)]
    confirm: Confirm,
}

impl Delete {
    pub(crate) fn run(self, context: &Context) -> Result<Exit, Failure> {
        let deletion = Deletion {
            nouns: ("knowledge store", "knowledge stores"),
            suffix: " with all items".to_owned(),
            ids: ids::read(&self.stores)?,
        };
        deletion.run(context, &self.confirm, &async |client, word| {
            let id = named::store(client, word).await?;
            Ok(client.knowledge_stores().delete(id).await?)
        })
    }
}
