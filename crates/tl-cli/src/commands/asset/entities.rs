//! `tl asset entities`.

use clap::Args;
use tl_model::{AssetId, Entity};
use tl_protocol::endpoint::ListAssetEntities;

use crate::args::pages::PartArgs;
use crate::context::Context;
use crate::failure::Failure;
use crate::failure::exit::Exit;
use crate::ui::table::cell;

/// `tl asset entities`.
#[derive(Debug, Args)]
pub(crate) struct Entities {
    /// Asset id
    #[arg(value_name = "ASSET")]
    id: AssetId,
    #[command(flatten)]
    part: PartArgs,
}

impl Entities {
    pub(crate) fn run(self, context: &Context) -> Result<Exit, Failure> {
        let list = ListAssetEntities::new(self.id).page(self.part.page());
        let listed = context.call(async |client| self.part.fetch(client, list).await)?;
        listed.show(
            &context.output,
            "entities",
            ["ENTITY", "STATUS", "COLLECTION", "NAME"],
            |entity: &Entity| {
                [
                    entity.id.to_string(),
                    cell(entity.status.as_ref()),
                    cell(entity.entity_collection_id.as_ref()),
                    cell(entity.name.as_ref()),
                ]
            },
        );
        Ok(Exit::Ok)
    }
}
