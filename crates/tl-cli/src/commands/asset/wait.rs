//! `tl asset wait`.

use clap::Args;
use tl_model::AssetId;
use tl_protocol::endpoint::GetAsset;

use super::view::details;
use crate::args::ids;
use crate::args::wait::WaitArgs;
use crate::batch::wait::{WaitTarget, wait_for_all};
use crate::batch::wait_hint;
use crate::context::Context;
use crate::failure::Failure;
use crate::failure::exit::Exit;

/// `tl asset wait`.
#[derive(Debug, Args)]
pub(crate) struct Wait {
    /// Asset ids; `-` reads ids from standard input, one per line
    #[arg(value_name = "ASSET", required = true)]
    ids: Vec<String>,
    #[command(flatten)]
    wait: WaitArgs,
}

impl Wait {
    pub(crate) fn run(self, context: &Context) -> Result<Exit, Failure> {
        let ids = ids::read(&self.ids)?;
        let all: Vec<_> = ids.into_iter().map(|id| target(id.into())).collect();
        wait_for_all(&all, context, &self.wait.policy())
    }
}

fn target(asset_id: AssetId) -> WaitTarget<GetAsset> {
    WaitTarget {
        noun: "asset",
        command: wait_hint::asset_command(&asset_id),
        endpoint: GetAsset::new(asset_id),
        quiet: |asset| asset.id.to_string(),
        details,
    }
}
