//! `tl video`: the videos in an index.

mod delete;
mod get;
mod list;
mod update;
mod wait;

use clap::Subcommand;

use crate::context::Context;
use crate::failure::Failure;
use crate::failure::exit::Exit;

/// `tl video` and its subcommands.
#[derive(Debug, Subcommand)]
pub(crate) enum VideoCommand {
    /// List the videos in an index, newest first
    List(Box<list::List>),
    /// Show one video
    Get(get::Get),
    /// Wait until videos are indexed
    Wait(wait::Wait),
    /// Update the user metadata of a video
    Update(update::Update),
    /// Delete videos from their index
    Delete(delete::Delete),
}

impl VideoCommand {
    pub(crate) fn run(self, context: &Context) -> Result<Exit, Failure> {
        match self {
            Self::List(command) => command.run(context),
            Self::Get(command) => command.run(context),
            Self::Wait(command) => command.run(context),
            Self::Update(command) => command.run(context),
            Self::Delete(command) => command.run(context),
        }
    }
}
