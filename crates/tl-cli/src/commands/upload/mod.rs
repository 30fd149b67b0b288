//! `tl upload`: uploads videos as assets and resumes interrupted uploads.

mod abandon;
mod files;
mod list;
mod time;

use clap::{Args, Subcommand};

use crate::context::Context;
use crate::failure::Failure;
use crate::failure::exit::Exit;

/// Upload videos as assets; list and abandon interrupted uploads.
#[derive(Debug, Args)]
#[command(
    args_conflicts_with_subcommands = true,
    subcommand_negates_reqs = true,
    after_help = "Pass a file named `list` or `abandon` by its path: tl upload ./list"
)]
pub(crate) struct Upload {
    #[command(subcommand)]
    command: Option<UploadCommand>,
    #[command(flatten)]
    files: files::Files,
}

/// Subcommands of `tl upload`.
#[derive(Debug, Subcommand)]
enum UploadCommand {
    /// List interrupted uploads: checkpoints and open sessions
    List(list::List),
    /// Delete checkpoints of interrupted uploads
    Abandon(abandon::Abandon),
}

impl Upload {
    pub(crate) fn run(self, context: &Context) -> Result<Exit, Failure> {
        match self.command {
            Some(UploadCommand::List(command)) => command.run(context),
            Some(UploadCommand::Abandon(command)) => command.run(context),
            None => self.files.run(context),
        }
    }
}
