//! `tl entity create`.

use clap::Args;
use tl_model::{AssetId, NewEntity};

use crate::args::metadata::MetadataArgs;
use crate::args::named;
use crate::context::Context;
use crate::failure::Failure;
use crate::failure::exit::Exit;
use crate::ui::escape::plain_line;

/// `tl entity create`.
#[derive(Debug, Args)]
pub(crate) struct Create {
    /// Name of the entity
    #[arg(value_name = "NAME")]
    name: String,
    /// Image assets that show the entity
    #[arg(value_name = "ASSET", required = true)]
    assets: Vec<AssetId>,
    /// Collection that gets the entity
    #[arg(long, short, value_name = "ID|NAME")]
    collection: String,
    /// Describe the entity
    #[arg(long, value_name = "TEXT")]
    description: Option<String>,
    #[command(flatten)]
    metadata: MetadataArgs,
}

impl Create {
    pub(crate) fn run(self, context: &Context) -> Result<Exit, Failure> {
        if self.name.is_empty() {
            return Err(Failure::usage("the name is empty").hint("pass the name of the entity"));
        }
        let mut entity = NewEntity::new(self.name.as_str(), self.assets);
        entity.description = self.description;
        entity.metadata = self.metadata.read()?;
        let created = context.call(async |client| {
            let collection = named::entity_collection(client, &self.collection).await?;
            Ok(client.entities().create(collection, entity).await?)
        })?;
        context.output.json(&created);
        context.output.line(&if context.output.is_quiet() {
            created.id.to_string()
        } else {
            format!("created entity {} ({})", created.id, plain_line(&self.name))
        });
        Ok(Exit::Ok)
    }
}
