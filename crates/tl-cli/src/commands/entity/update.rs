//! `tl entity update`.

use clap::Args;
use tl_model::{EntityId, EntityUpdate};

use crate::args::metadata::MetadataArgs;
use crate::args::named;
use crate::context::Context;
use crate::failure::Failure;
use crate::failure::exit::Exit;

/// `tl entity update`.
#[derive(Debug, Args)]
pub(crate) struct Update {
    /// Entity id
    #[arg(value_name = "ENTITY")]
    id: EntityId,
    /// Collection that contains the entity
    #[arg(long, short, value_name = "ID|NAME")]
    collection: String,
    /// New name
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
    /// New description
    #[arg(long, value_name = "TEXT")]
    description: Option<String>,
    /// Replaces all metadata of the entity
    #[command(flatten)]
    metadata: MetadataArgs,
}

impl Update {
    pub(crate) fn run(self, context: &Context) -> Result<Exit, Failure> {
        let mut update = EntityUpdate::default();
        update.name = self.name;
        update.description = self.description;
        update.metadata = self.metadata.read()?;
        if update == EntityUpdate::default() {
            return Err(Failure::usage("nothing to change")
                .hint("pass --name, --description or --metadata KEY=VALUE"));
        }
        let entity = context.call(async |client| {
            let collection = named::entity_collection(client, &self.collection).await?;
            Ok(client
                .entities()
                .update(collection, self.id, update)
                .await?)
        })?;
        context.output.json(&entity);
        context.output.line(&if context.output.is_quiet() {
            entity.id.to_string()
        } else {
            format!("updated entity {}", entity.id)
        });
        Ok(Exit::Ok)
    }
}
