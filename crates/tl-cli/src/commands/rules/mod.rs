//! `tl rules`: dated rule packs.

mod diff;
mod list;
mod show;

use clap::Subcommand;

use crate::context::Context;
use crate::failure::Failure;
use crate::failure::exit::Exit;

/// `tl rules` and its subcommands.
#[derive(Debug, Subcommand)]
pub(crate) enum RulesCommand {
    /// List the built-in rule packs, oldest first
    List,
    /// Print a rule pack as TOML; edit a copy and pass it to --rules
    Show(show::Show),
    /// Compare two rule packs
    Diff(diff::Diff),
}

impl RulesCommand {
    pub(crate) fn run(self, context: &Context) -> Result<Exit, Failure> {
        match self {
            Self::List => Ok(list::run(context)),
            Self::Show(command) => command.run(context),
            Self::Diff(command) => command.run(context),
        }
    }
}
