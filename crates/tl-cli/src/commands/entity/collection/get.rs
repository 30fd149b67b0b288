//! `tl entity collection get`.

use clap::Args;

use crate::args::named;
use crate::context::Context;
use crate::failure::Failure;
use crate::failure::exit::Exit;
use crate::ui::table;

/// `tl entity collection get`.
#[derive(Debug, Args)]
pub(crate) struct Get {
    /// Collection id or name
    #[arg(value_name = "COLLECTION")]
    collection: String,
}

impl Get {
    pub(crate) fn run(self, context: &Context) -> Result<Exit, Failure> {
        let found = context.call(async |client| {
            let id = named::entity_collection(client, &self.collection).await?;
            Ok(client.entity_collections().get(id).await?)
        })?;
        context.output.json(&found);
        context.output.line(&table::pairs(&[
            ("collection", Some(found.id.to_string())),
            ("name", found.name.clone()),
            ("description", found.description.clone()),
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
