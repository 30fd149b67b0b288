//! `tl entity collection create`.

use clap::Args;
use tl_model::NewEntityCollection;

use crate::context::Context;
use crate::failure::Failure;
use crate::failure::exit::Exit;
use crate::ui::escape::plain_line;

/// `tl entity collection create`.
#[derive(Debug, Args)]
pub(crate) struct Create {
    /// Name of the collection
    #[arg(value_name = "NAME")]
    name: String,
    /// Describe the collection
    #[arg(long, value_name = "TEXT")]
    description: Option<String>,
}

impl Create {
    pub(crate) fn run(self, context: &Context) -> Result<Exit, Failure> {
        let mut collection = NewEntityCollection::new(self.name.as_str());
        collection.description = self.description;
        let created = context
            .call(async |client| Ok(client.entity_collections().create(collection).await?))?;
        context.output.json(&created);
        context.output.line(&if context.output.is_quiet() {
            created.id.to_string()
        } else {
            format!(
                "created entity collection {} ({})",
                created.id,
                plain_line(&self.name)
            )
        });
        Ok(Exit::Ok)
    }
}
