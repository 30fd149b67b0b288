//! `tl manpages`: manual pages, generated from the arguments. Hidden: for packages.

use std::path::PathBuf;

use clap::Args;

use crate::context::Context;
use crate::failure::Failure;
use crate::failure::exit::Exit;

/// Write a manual page per command.
#[derive(Debug, Args)]
pub(crate) struct Manpages {
    /// Existing directory for the pages
    #[arg(value_name = "DIR")]
    directory: PathBuf,
}

impl Manpages {
    pub(crate) fn run(&self, context: &Context) -> Result<Exit, Failure> {
        let command = (context.command_line)().disable_help_subcommand(true);
        clap_mangen::generate_to(command, &self.directory).map_err(|error| {
            Failure::usage(format!(
                "failed to write manual pages to `{}`: {error}",
                self.directory.display()
            ))
            .hint("pass an existing directory that can be written")
        })?;
        Ok(Exit::Ok)
    }
}
