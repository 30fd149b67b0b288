//! `tl store collection get`.

use clap::Args;

use crate::args::named;
use crate::context::Context;
use crate::failure::Failure;
use crate::failure::exit::Exit;
use crate::ui::table;

/// `tl store collection get`.
#[derive(Debug, Args)]
pub(crate) struct Get {
    /// Knowledge store id or name
    #[arg(value_name = "STORE")]
    store: String,
    /// Collection id or name
    #[arg(value_name = "COLLECTION")]
    collection: String,
}

impl Get {
    pub(crate) fn run(self, context: &Context) -> Result<Exit, Failure> {
        let found = context.call(async |client| {
            let store = named::store(client, &self.store).await?;
            let id = named::item_collection(client, &store, &self.collection).await?;
            Ok(client.item_collections().get(store, id).await?)
        })?;
        context.output.json(&found);
        context.output.line(&table::pairs(&[
            ("collection", Some(found.id.to_string())),
            ("name", found.name.clone()),
            ("description", found.description.clone()),
            ("items", found.member_count.map(|count| count.to_string())),
            (
                "created",
                found.created_at.as_ref().map(ToString::to_string),
            ),
            (
                "updated",
                found.updated_at.as_ref().map(ToString::to_string),
            ),
        ]));
        Ok(Exit::Ok)
    }
}
