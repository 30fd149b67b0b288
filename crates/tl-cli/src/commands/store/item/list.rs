//! `tl store item list`.

use clap::Args;
use tl_model::{StoreItem, StoreItemStatus};
use tl_protocol::endpoint::ListStoreItems;

use crate::args::named;
use crate::args::pages::PageArgs;
use crate::context::Context;
use crate::failure::Failure;
use crate::failure::exit::Exit;
use crate::text::units::format_seconds;
use crate::ui::table::cell;

/// `tl store item list`.
#[derive(Debug, Args)]
pub(crate) struct List {
    /// Knowledge store id or name
    #[arg(value_name = "STORE")]
    store: String,
    /// Filter by status, e.g. ready or failed. Repeatable
    #[arg(long, value_name = "STATUS", value_delimiter = ',')]
    status: Vec<StoreItemStatus>,
    #[command(flatten)]
    page: PageArgs,
}

impl List {
    pub(crate) fn run(self, context: &Context) -> Result<Exit, Failure> {
        let listed = context.call(async |client| {
            let store = named::store(client, &self.store).await?;
            let list = ListStoreItems::new(store)
                .page(self.page.page())
                .sort(self.page.sort())
                .status(self.status);
            self.page.fetch(client, list).await
        })?;
        listed.show(
            &context.output,
            "items",
            ["ITEM", "STATUS", "TYPE", "DURATION", "ASSET", "FILE"],
            |item: &StoreItem| {
                let system = item.system_metadata.as_ref();
                [
                    item.id.to_string(),
                    cell(item.status.as_ref()),
                    cell(item.asset_type.as_ref()),
                    format_seconds(system.and_then(|system| system.duration)),
                    cell(item.asset_id.as_ref()),
                    cell(system.and_then(|system| system.filename.as_ref())),
                ]
            },
        );
        Ok(Exit::Ok)
    }
}
