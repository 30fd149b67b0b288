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
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
pub(crate) struct Upload {
    #[command(subcommand)]
    command: Option<UploadCommand>,
    #[command(flatten)]
    files: files::Files,
}

/// Subcommands of `tl upload`.
#[derive(Debug, Subcommand)]
enum UploadCommand {
    /// List interrupted uploads: local checkpoints and open upload sessions of the account
    List(list::List),
    /// Delete checkpoints of interrupted uploads; the platform closes sessions after 24 hours
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
