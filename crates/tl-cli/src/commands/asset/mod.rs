//! `tl asset`: assets.

mod delete;
mod get;
mod list;
mod view;
mod wait;

use clap::Subcommand;

use crate::context::Context;
use crate::failure::Failure;
use crate::failure::exit::Exit;

/// `tl asset` and its subcommands.
#[derive(Debug, Subcommand)]
pub(crate) enum AssetCommand {
    /// List assets, newest first
    List(list::List),
    /// Show one asset
    Get(get::Get),
    /// Wait until assets are ready for indexing
    Wait(wait::Wait),
    /// Delete assets
    Delete(delete::Delete),
}

impl AssetCommand {
    pub(crate) fn run(self, context: &Context) -> Result<Exit, Failure> {
        match self {
            Self::List(command) => command.run(context),
            Self::Get(command) => command.run(context),
            Self::Wait(command) => command.run(context),
            Self::Delete(command) => command.run(context),
        }
    }
}
