//! `tl store collection update`.

use clap::Args;
use tl_model::ItemCollectionUpdate;

use crate::args::metadata::MetadataArgs;
use crate::args::named;
use crate::context::Context;
use crate::failure::Failure;
use crate::failure::exit::Exit;

/// `tl store collection update`.
#[derive(Debug, Args)]
pub(crate) struct Update {
    /// Knowledge store id or name
    #[arg(value_name = "STORE")]
    store: String,
    /// Collection id or name
    #[arg(value_name = "COLLECTION")]
    collection: String,
    /// New name
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
    /// New description
    #[arg(long, value_name = "TEXT")]
    description: Option<String>,
    #[command(flatten)]
    metadata: MetadataArgs,
}

impl Update {
    pub(crate) fn run(self, context: &Context) -> Result<Exit, Failure> {
        let mut update = ItemCollectionUpdate::default();
        update.name = self.name;
        update.description = self.description;
        update.metadata = self.metadata.read()?;
        if update == ItemCollectionUpdate::default() {
            return Err(Failure::usage("nothing to change")
                .hint("pass --name, --description or --metadata KEY=VALUE"));
        }
        let updated = context.call(async |client| {
            let store = named::store(client, &self.store).await?;
            let id = named::item_collection(client, &store, &self.collection).await?;
            Ok(client.item_collections().update(store, id, update).await?)
        })?;
        context.output.json(&updated);
        context.output.line(&if context.output.is_quiet() {
            updated.id.to_string()
        } else {
            format!("updated item collection {}", updated.id)
        });
        Ok(Exit::Ok)
    }
}
