//! `tl store list`.

use clap::Args;
use tl_model::KnowledgeStore;
use tl_protocol::endpoint::ListKnowledgeStores;

use crate::args::pages::PageArgs;
use crate::context::Context;
use crate::failure::Failure;
use crate::failure::exit::Exit;
use crate::ui::table::cell;

/// `tl store list`.
#[derive(Debug, Args)]
pub(crate) struct List {
    #[command(flatten)]
    page: PageArgs,
}

impl List {
    pub(crate) fn run(self, context: &Context) -> Result<Exit, Failure> {
        let list = ListKnowledgeStores::default()
            .page(self.page.page())
            .sort(self.page.sort());
        let listed = context.call(async |client| self.page.fetch(client, list).await)?;
        listed.show(
            &context.output,
            "knowledge stores",
            ["STORE", "ITEMS", "CREATED", "NAME"],
            |store: &KnowledgeStore| {
                [
                    store.id.to_string(),
                    cell(store.item_count.as_ref()),
                    cell(store.created_at.as_ref()),
                    cell(store.name.as_ref()),
                ]
            },
        );
        Ok(Exit::Ok)
    }
}
