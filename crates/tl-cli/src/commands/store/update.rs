//! `tl store update`.

use clap::Args;
use tl_model::KnowledgeStoreUpdate;

use crate::args::metadata::MetadataArgs;
use crate::args::named;
use crate::context::Context;
use crate::failure::Failure;
use crate::failure::exit::Exit;

/// `tl store update`.
#[derive(Debug, Args)]
pub(crate) struct Update {
    /// Knowledge store id or name
    #[arg(value_name = "STORE")]
    store: String,
    /// New name
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
    /// New description
    #[arg(long, value_name = "TEXT")]
    description: Option<String>,
    #[command(flatten)]
    metadata: MetadataArgs,
}

impl Update {
    pub(crate) fn run(self, context: &Context) -> Result<Exit, Failure> {
        let mut update = KnowledgeStoreUpdate::default();
        update.name = self.name;
        update.description = self.description;
        update.metadata = self.metadata.read()?;
        if update == KnowledgeStoreUpdate::default() {
            return Err(Failure::usage("nothing to change")
                .hint("pass --name, --description or --metadata KEY=VALUE"));
        }
        let updated = context.call(async |client| {
            let id = named::store(client, &self.store).await?;
            Ok(client.knowledge_stores().update(id, update).await?)
        })?;
        context.output.json(&updated);
        context.output.line(&if context.output.is_quiet() {
            updated.id.to_string()
        } else {
            format!("updated knowledge store {}", updated.id)
        });
        Ok(Exit::Ok)
    }
}
