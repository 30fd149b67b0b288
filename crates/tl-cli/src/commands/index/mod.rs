//! `tl index`: indexes.

mod create;
mod delete;
mod get;
mod list;
mod rename;
mod view;

use clap::Subcommand;

use crate::context::Context;
use crate::failure::Failure;
use crate::failure::exit::Exit;

/// `tl index` and its subcommands.
#[derive(Debug, Subcommand)]
pub(crate) enum IndexCommand {
    /// Create an index; its models cannot be changed later
    Create(create::Create),
    /// List indexes
    List(list::List),
    /// Show one index
    Get(get::Get),
    /// Rename an index
    Rename(rename::Rename),
    /// Delete indexes and all their videos
    Delete(delete::Delete),
}

impl IndexCommand {
    pub(crate) fn run(self, context: &Context) -> Result<Exit, Failure> {
        match self {
            Self::Create(command) => command.run(context),
            Self::List(command) => command.run(context),
            Self::Get(command) => command.run(context),
            Self::Rename(command) => command.run(context),
            Self::Delete(command) => command.run(context),
        }
    }
}
