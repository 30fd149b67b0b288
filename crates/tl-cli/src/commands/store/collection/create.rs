//! `tl store collection create`.

use clap::Args;
use tl_model::NewItemCollection;

use crate::args::metadata::MetadataArgs;
use crate::args::named;
use crate::context::Context;
use crate::failure::Failure;
use crate::failure::exit::Exit;
use crate::ui::escape::plain_line;

/// `tl store collection create`.
#[derive(Debug, Args)]
pub(crate) struct Create {
    /// Knowledge store id or name
    #[arg(value_name = "STORE")]
    store: String,
    /// Name of the collection, unique within the store
    #[arg(value_name = "NAME")]
    name: String,
    /// Describe the collection
    #[arg(long, value_name = "TEXT")]
    description: Option<String>,
    #[command(flatten)]
    metadata: MetadataArgs,
}

impl Create {
    pub(crate) fn run(self, context: &Context) -> Result<Exit, Failure> {
        let mut collection = NewItemCollection::new(self.name.as_str());
        collection.description = self.description;
        collection.metadata = self.metadata.read()?;
        let created = context.call(async |client| {
            let store = named::store(client, &self.store).await?;
            Ok(client.item_collections().create(store, collection).await?)
        })?;
        context.output.json(&created);
        context.output.line(&if context.output.is_quiet() {
            created.id.to_string()
        } else {
            format!(
                "created item collection {} ({})",
                created.id,
                plain_line(&self.name)
            )
        });
        Ok(Exit::Ok)
    }
}
