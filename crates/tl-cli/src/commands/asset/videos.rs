//! `tl asset videos`.

use clap::Args;
use tl_model::{AssetId, AssetReference};
use tl_protocol::endpoint::ListAssetIndexedAssets;

use crate::args::pages::PartArgs;
use crate::context::Context;
use crate::failure::Failure;
use crate::failure::exit::Exit;
use crate::ui::table::cell;

/// `tl asset videos`.
#[derive(Debug, Args)]
pub(crate) struct Videos {
    /// Asset id
    #[arg(value_name = "ASSET")]
    id: AssetId,
    #[command(flatten)]
    part: PartArgs,
}

impl Videos {
    pub(crate) fn run(self, context: &Context) -> Result<Exit, Failure> {
        let list = ListAssetIndexedAssets::new(self.id).page(self.part.page());
        let listed = context.call(async |client| self.part.fetch(client, list).await)?;
        listed.show(
            &context.output,
            "videos",
            ["VIDEO", "INDEX", "NAME"],
            |reference: &AssetReference| {
                let index = reference.index.as_ref();
                [
                    reference.id.to_string(),
                    cell(index.map(|index| &index.id)),
                    cell(index.and_then(|index| index.name.as_ref())),
                ]
            },
        );
        Ok(Exit::Ok)
    }
}
