//! `tl entity collection update`.

use clap::Args;
use tl_model::EntityCollectionUpdate;

use crate::args::named;
use crate::context::Context;
use crate::failure::Failure;
use crate::failure::exit::Exit;

/// `tl entity collection update`.
#[derive(Debug, Args)]
pub(crate) struct Update {
    /// Collection id or name
    #[arg(value_name = "COLLECTION")]
    collection: String,
    /// New name
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
    /// New description
    #[arg(long, value_name = "TEXT")]
    description: Option<String>,
}

impl Update {
    pub(crate) fn run(self, context: &Context) -> Result<Exit, Failure> {
        let mut update = EntityCollectionUpdate::default();
        update.name = self.name;
        update.description = self.description;
        if update == EntityCollectionUpdate::default() {
            return Err(Failure::usage("nothing to change").hint("pass --name or --description"));
        }
        let updated = context.call(async |client| {
            let id = named::entity_collection(client, &self.collection).await?;
            Ok(client.entity_collections().update(id, update).await?)
        })?;
        context.output.json(&updated);
        context.output.line(&if context.output.is_quiet() {
            updated.id.to_string()
        } else {
            format!("updated entity collection {}", updated.id)
        });
        Ok(Exit::Ok)
    }
}
