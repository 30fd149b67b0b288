//! `tl store collection list`.

use clap::Args;
use tl_model::ItemCollection;
use tl_protocol::endpoint::ListItemCollections;

use crate::args::named;
use crate::args::pages::PageArgs;
use crate::context::Context;
use crate::failure::Failure;
use crate::failure::exit::Exit;
use crate::ui::table::cell;

/// `tl store collection list`.
#[derive(Debug, Args)]
pub(crate) struct List {
    /// Knowledge store id or name
    #[arg(value_name = "STORE")]
    store: String,
    #[command(flatten)]
    page: PageArgs,
}

impl List {
    pub(crate) fn run(self, context: &Context) -> Result<Exit, Failure> {
        let listed = context.call(async |client| {
            let store = named::store(client, &self.store).await?;
            let list = ListItemCollections::new(store)
                .page(self.page.page())
                .sort(self.page.sort());
            self.page.fetch(client, list).await
        })?;
        listed.show(
            &context.output,
            "item collections",
            ["COLLECTION", "ITEMS", "CREATED", "NAME"],
            |collection: &ItemCollection| {
                [
                    collection.id.to_string(),
                    cell(collection.member_count.as_ref()),
                    cell(collection.created_at.as_ref()),
                    cell(collection.name.as_ref()),
                ]
            },
        );
        Ok(Exit::Ok)
    }
}
