//! `tl entity collection list`.

use clap::Args;
use tl_model::EntityCollection;
use tl_protocol::endpoint::ListEntityCollections;

use crate::args::pages::PageArgs;
use crate::context::Context;
use crate::failure::Failure;
use crate::failure::exit::Exit;
use crate::ui::table::cell;

/// `tl entity collection list`.
#[derive(Debug, Args)]
pub(crate) struct List {
    /// Filter by name
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
    #[command(flatten)]
    page: PageArgs,
}

impl List {
    pub(crate) fn run(self, context: &Context) -> Result<Exit, Failure> {
        let list = ListEntityCollections::default()
            .page(self.page.page())
            .sort(self.page.sort())
            .name(self.name);
        let listed = context.call(async |client| self.page.fetch(client, list).await)?;
        listed.show(
            &context.output,
            "entity collections",
            ["COLLECTION", "CREATED", "NAME"],
            |collection: &EntityCollection| {
                [
                    collection.id.to_string(),
                    cell(collection.created_at.as_ref()),
                    cell(collection.name.as_ref()),
                ]
            },
        );
        Ok(Exit::Ok)
    }
}
