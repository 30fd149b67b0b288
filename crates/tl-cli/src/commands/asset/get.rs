//! `tl asset get`.

use clap::Args;
use tl_model::AssetId;

use super::view::details;
use crate::context::Context;
use crate::failure::Failure;
use crate::failure::exit::Exit;

/// `tl asset get`.
#[derive(Debug, Args)]
pub(crate) struct Get {
    /// Asset id
    #[arg(value_name = "ASSET")]
    id: AssetId,
}

impl Get {
    pub(crate) fn run(self, context: &Context) -> Result<Exit, Failure> {
        let asset = context.call(async |client| Ok(client.assets().get(self.id).await?))?;
        context.output.json(&asset);
        context.output.line(&details(&asset));
        Ok(Exit::Ok)
    }
}
