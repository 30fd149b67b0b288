//! `tl entity delete`.

use clap::Args;

use crate::args::{ids, named};
use crate::batch::deletion::Deletion;
use crate::context::Context;
use crate::failure::Failure;
use crate::failure::exit::Exit;
use crate::ui::confirm::Confirm;

/// `tl entity delete`.
#[derive(Debug, Args)]
pub(crate) struct Delete {
    /// Entity ids; `-` reads ids from standard input, one per line
    #[arg(value_name = "ENTITY", required = true)]
    ids: Vec<String>,
    /// Collection that contains the entities
    #[arg(long, short, value_name = "ID|NAME")]
    collection: String,
    #[command(flatten)]
    confirm: Confirm,
}

impl Delete {
    pub(crate) fn run(self, context: &Context) -> Result<Exit, Failure> {
        let deletion = Deletion {
            nouns: ("entity", "entities"),
            suffix: String::new(),
            ids: ids::read(&self.ids)?,
        };
        deletion.run(context, &self.confirm, &async |client, id| {
            let collection = named::entity_collection(client, &self.collection).await?;
            Ok(client.entities().delete(collection, id).await?)
        })
    }
}
