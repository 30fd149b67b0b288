//! `tl store get`.

use clap::Args;

use super::view;
use crate::args::named;
use crate::context::Context;
use crate::failure::Failure;
use crate::failure::exit::Exit;

/// `tl store get`.
#[derive(Debug, Args)]
pub(crate) struct Get {
    /// Knowledge store id or name
    #[arg(value_name = "STORE")]
    store: String,
}

impl Get {
    pub(crate) fn run(self, context: &Context) -> Result<Exit, Failure> {
        let store = context.call(async |client| {
            let id = named::store(client, &self.store).await?;
            Ok(client.knowledge_stores().get(id).await?)
        })?;
        context.output.json(&store);
        context.output.line(&view::store(&store));
        Ok(Exit::Ok)
    }
}
