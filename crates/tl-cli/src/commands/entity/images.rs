//! `tl entity add-images` and `tl entity remove-images`.

use clap::Args;
use tl_model::{AssetId, Entity, EntityId};

use crate::args::named;
use crate::context::Context;
use crate::failure::Failure;
use crate::failure::exit::Exit;

/// An entity and image assets.
#[derive(Debug, Args)]
struct Images {
    /// Entity id
    #[arg(value_name = "ENTITY")]
    id: EntityId,
    /// Image assets
    #[arg(value_name = "ASSET", required = true)]
    assets: Vec<AssetId>,
    /// Collection that contains the entity
    #[arg(long, short, value_name = "ID|NAME")]
    collection: String,
}

/// `tl entity add-images`.
#[derive(Debug, Args)]
pub(crate) struct AddImages {
    #[command(flatten)]
    images: Images,
}

/// `tl entity remove-images`.
#[derive(Debug, Args)]
pub(crate) struct RemoveImages {
    #[command(flatten)]
    images: Images,
}

impl AddImages {
    pub(crate) fn run(self, context: &Context) -> Result<Exit, Failure> {
        let Images {
            id,
            assets,
            collection,
        } = self.images;
        let entity = context.call(async |client| {
            let collection = named::entity_collection(client, &collection).await?;
            Ok(client.entities().add_assets(collection, id, assets).await?)
        })?;
        Ok(done(context, &entity))
    }
}

impl RemoveImages {
    pub(crate) fn run(self, context: &Context) -> Result<Exit, Failure> {
        let Images {
            id,
            assets,
            collection,
        } = self.images;
        let entity = context.call(async |client| {
            let collection = named::entity_collection(client, &collection).await?;
            let entities = client.entities();
            Ok(entities.remove_assets(collection, id, assets).await?)
        })?;
        Ok(done(context, &entity))
    }
}

fn done(context: &Context, entity: &Entity) -> Exit {
    context.output.json(entity);
    let images = entity.asset_ids.as_ref().map_or(0, Vec::len);
    context.output.line(&if context.output.is_quiet() {
        entity.id.to_string()
    } else {
        format!("entity {} has {images} images", entity.id)
    });
    Exit::Ok
}
