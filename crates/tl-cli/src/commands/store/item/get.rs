//! `tl store item get`.

use clap::Args;
use tl_model::StoreItemId;

use crate::args::named;
use crate::commands::store::view;
use crate::context::Context;
use crate::failure::Failure;
use crate::failure::exit::Exit;

/// `tl store item get`.
#[derive(Debug, Args)]
pub(crate) struct Get {
    /// Knowledge store id or name
    #[arg(value_name = "STORE")]
    store: String,
    /// Item id
    #[arg(value_name = "ITEM")]
    id: StoreItemId,
}

impl Get {
    pub(crate) fn run(self, context: &Context) -> Result<Exit, Failure> {
        named::check_item(&self.id)?;
        let item = context.call(async |client| {
            let store = named::store(client, &self.store).await?;
            Ok(client.store_items().get(store, self.id).await?)
        })?;
        context.output.json(&item);
        context.output.line(&view::item(&item));
        Ok(Exit::Ok)
    }
}
