//! `tl asset list`.

use clap::Args;
use tl_model::{Asset, AssetType};
use tl_protocol::endpoint::ListAssets;

use crate::args::pages::PartArgs;
use crate::context::Context;
use crate::failure::Failure;
use crate::failure::exit::Exit;
use crate::text::units::{format_bytes, format_seconds};
use crate::ui::table::cell;

/// `tl asset list`.
#[derive(Debug, Args)]
pub(crate) struct List {
    /// Filter by type: video, audio, image or document. Repeatable
    #[arg(long = "type", value_name = "TYPE", value_delimiter = ',')]
    types: Vec<AssetType>,
    /// Filter by a part of the file name, ignoring case
    #[arg(long, value_name = "TEXT")]
    filename: Option<String>,
    #[command(flatten)]
    part: PartArgs,
}

impl List {
    pub(crate) fn run(self, context: &Context) -> Result<Exit, Failure> {
        let list = ListAssets::default()
            .page(self.part.page())
            .asset_types(self.types)
            .filename(self.filename);
        let listed = context.call(async |client| self.part.fetch(client, list).await)?;
        listed.show(
            &context.output,
            "assets",
            ["ASSET", "STATUS", "SIZE", "DURATION", "CREATED", "FILE"],
            |asset: &Asset| {
                [
                    asset.id.to_string(),
                    cell(asset.status.as_ref()),
                    asset.size.map_or_else(String::new, format_bytes),
                    format_seconds(asset.duration),
                    cell(asset.created_at.as_ref()),
                    asset.filename.clone().unwrap_or_default(),
                ]
            },
        );
        Ok(Exit::Ok)
    }
}
