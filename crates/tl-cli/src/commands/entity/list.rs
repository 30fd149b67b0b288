//! `tl entity list`.

use clap::Args;
use tl_model::{Entity, EntityStatus};
use tl_protocol::endpoint::ListEntities;

use crate::args::named;
use crate::args::pages::PageArgs;
use crate::context::Context;
use crate::failure::Failure;
use crate::failure::exit::Exit;
use crate::ui::table::cell;

/// `tl entity list`.
#[derive(Debug, Args)]
pub(crate) struct List {
    /// Collection that contains the entities
    #[arg(long, short, value_name = "ID|NAME")]
    collection: String,
    /// Filter by name
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
    /// Filter by status: processing or ready
    #[arg(long, value_name = "STATUS")]
    status: Option<EntityStatus>,
    #[command(flatten)]
    page: PageArgs,
}

impl List {
    pub(crate) fn run(self, context: &Context) -> Result<Exit, Failure> {
        let listed = context.call(async |client| {
            let collection = named::entity_collection(client, &self.collection).await?;
            let list = ListEntities::new(collection)
                .page(self.page.page())
                .sort(self.page.sort())
                .name(self.name)
                .status(self.status);
            self.page.fetch(client, list).await
        })?;
        listed.show(
            &context.output,
            "entities",
            ["ENTITY", "STATUS", "IMAGES", "CREATED", "NAME"],
            |entity: &Entity| {
                [
                    entity.id.to_string(),
                    cell(entity.status.as_ref()),
                    cell(entity.asset_ids.as_ref().map(Vec::len).as_ref()),
                    cell(entity.created_at.as_ref()),
                    cell(entity.name.as_ref()),
                ]
            },
        );
        Ok(Exit::Ok)
    }
}
