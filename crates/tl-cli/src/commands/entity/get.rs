//! `tl entity get`.

use clap::Args;
use tl_model::EntityId;

use super::view::details;
use crate::args::named;
use crate::context::Context;
use crate::failure::Failure;
use crate::failure::exit::Exit;

/// `tl entity get`.
#[derive(Debug, Args)]
pub(crate) struct Get {
    /// Entity id
    #[arg(value_name = "ENTITY")]
    id: EntityId,
    /// Collection that contains the entity
    #[arg(long, short, value_name = "ID|NAME")]
    collection: String,
}

impl Get {
    pub(crate) fn run(self, context: &Context) -> Result<Exit, Failure> {
        let entity = context.call(async |client| {
            let collection = named::entity_collection(client, &self.collection).await?;
            Ok(client.entities().get(collection, self.id).await?)
        })?;
        context.output.json(&entity);
        context.output.line(&details(&entity));
        Ok(Exit::Ok)
    }
}
