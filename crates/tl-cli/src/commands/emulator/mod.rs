//! `tl emulator`: a local emulator of the platform.

mod control;
mod exec;
mod export;
mod fault_plan;
mod faults;
mod import;
mod options;
mod plans;
mod quirks;
mod reset;
mod serve;
mod signals;

use clap::{Args, Subcommand};
use tl_emulator::platform::families;

use self::options::Options;
use crate::context::Context;
use crate::failure::Failure;
use crate::failure::exit::Exit;
use crate::runtime;

/// The families are listed by the emulator itself.
fn help() -> String {
    let missing: Vec<&str> = families::NOT_IMPLEMENTED
        .iter()
        .map(|family| family.name)
        .collect();
    format!(
        "Prints the environment variables for a client and the URL of the web page. --verbose logs every request to standard error. The API key works only with the emulator. Without --state, all data is lost on exit.\n\nImplemented: {}.\nNot implemented (501 Not Implemented): {}.",
        families::IMPLEMENTED.join(", "),
        missing.join(", ")
    )
}

/// Run a local emulator of the platform's API.
#[derive(Debug, Args)]
#[command(
    args_conflicts_with_subcommands = true,
    after_help = help()
)]
pub(crate) struct EmulatorArgs {
    #[command(subcommand)]
    command: Option<EmulatorCommand>,
    #[command(flatten)]
    options: Options,
}

/// Subcommands of `tl emulator`.
#[derive(Debug, Subcommand)]
enum EmulatorCommand {
    /// Run a command with its own emulator and return its exit code
    Exec(Box<exec::Exec>),
    /// List quirks: behavior that the platform's docs leave open
    Quirks,
    /// List account plans and their limits
    Plans,
    /// Parse faults like --fault and print the fault plan as JSON
    Faults(faults::FaultsArgs),
    /// Export the state of a running emulator as JSON, without files
    Export,
    /// Replace the state of a running emulator
    Import(import::Import),
    /// Delete all data of a running emulator
    Reset,
}

impl EmulatorArgs {
    pub(crate) fn run(self, context: &Context) -> Result<Exit, Failure> {
        match self.command {
            None => runtime::block_on(serve::run(context, self.options)),
            Some(EmulatorCommand::Exec(command)) => runtime::block_on(command.run(context)),
            Some(EmulatorCommand::Quirks) => Ok(quirks::run(context)),
            Some(EmulatorCommand::Plans) => Ok(plans::run(context)),
            Some(EmulatorCommand::Faults(command)) => command.run(context),
            Some(EmulatorCommand::Export) => export::run(context),
            Some(EmulatorCommand::Import(command)) => command.run(context),
            Some(EmulatorCommand::Reset) => reset::run(context),
        }
    }
}
