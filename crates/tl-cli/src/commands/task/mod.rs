//! `tl task`: video indexing tasks.

mod delete;
mod get;
mod list;
mod view;
mod wait;

use clap::Subcommand;

use crate::context::Context;
use crate::failure::Failure;
use crate::failure::exit::Exit;

/// `tl task` and its subcommands.
#[derive(Debug, Subcommand)]
pub(crate) enum TaskCommand {
    /// List tasks, newest first
    List(Box<list::List>),
    /// Show one task
    Get(get::Get),
    /// Wait until tasks are ready
    Wait(wait::Wait),
    /// Delete tasks that are ready or failed; delete the video of a ready task first
    Delete(delete::Delete),
}

impl TaskCommand {
    pub(crate) fn run(self, context: &Context) -> Result<Exit, Failure> {
        match self {
            Self::List(command) => command.run(context),
            Self::Get(command) => command.run(context),
            Self::Wait(command) => command.run(context),
            Self::Delete(command) => command.run(context),
        }
    }
}
