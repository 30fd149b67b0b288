//! `tl emulator`: runs the emulator until a signal. Its options are in `options`, its subcommands
//! in the other submodules.

mod exec;
mod faults;
mod options;
mod signals;
mod state;
mod tables;

use std::path::PathBuf;

use clap::{Args, Subcommand};
use serde_json::json;
use tl_emulator::platform::families;

use crate::context::Context;
use crate::failure::Failure;
use crate::failure::exit::Exit;
use crate::runtime;
use crate::text::secret;

use options::Options;
use signals::Signals;

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
    /// Export the state of a running emulator (--base-url) as JSON, without files
    Export,
    /// Replace the state of a running emulator (--base-url)
    Import {
        /// Output of `export`; `-` reads standard input
        file: PathBuf,
    },
    /// Delete all data of a running emulator (--base-url)
    Reset,
}

impl EmulatorArgs {
    pub(crate) fn run(self, context: &Context) -> Result<Exit, Failure> {
        match self.command {
            None => runtime::block_on(serve(context, self.options)),
            Some(EmulatorCommand::Exec(command)) => runtime::block_on(command.run(context)),
            Some(EmulatorCommand::Quirks) => Ok(tables::quirks(context)),
            Some(EmulatorCommand::Plans) => Ok(tables::plans(context)),
            Some(EmulatorCommand::Faults(command)) => command.run(context),
            Some(EmulatorCommand::Export) => state::export(context),
            Some(EmulatorCommand::Import { file }) => state::import(context, &file),
            Some(EmulatorCommand::Reset) => state::reset(context),
        }
    }
}

async fn serve(context: &Context, options: Options) -> Result<Exit, Failure> {
    let mut signals = Signals::listen()?;
    let emulator = options.start(context).await?;
    let (base_url, api_key) = (emulator.base_url(), emulator.api_key());
    // The environment may contain the same key. It is meant to be read and is valid only for this
    // emulator.
    secret::allow(&api_key);
    context.output.json(&json!({"base_url": base_url.as_str(), "api_key": api_key, "pages": emulator.control_url().as_str()}));
    // A shell reads the last line as a comment.
    context.output.line(&format!(
        "export TWELVELABS_BASE_URL={base_url}\nexport TWELVE_LABS_API_KEY={api_key}\n# page: {}",
        emulator.control_url()
    ));
    if let Some(lack) = emulator.lacks_ffmpeg() {
        context
            .output
            .note(&format!("streams and thumbnails are disabled: {lack}"));
    }
    context.output.note("press Ctrl-C to stop the emulator");
    signals.next().await;
    emulator.shutdown().await;
    Ok(Exit::Ok)
}
