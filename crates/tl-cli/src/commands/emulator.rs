//! `tl emulator`: the platform's API on this machine, until Ctrl-C. Its options live in `options`, the verbs below it in rooms of
//! their own.

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

use crate::args::Context;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::{runtime, secret};

use options::Options;
use signals::Signals;

/// The families come from the emulator itself, so that the list stays true.
fn help() -> String {
    let missing: Vec<&str> = families::NOT_IMPLEMENTED
        .iter()
        .map(|family| family.name)
        .collect();
    format!(
        "It prints the two lines that point a client at it, and the address of its page. --verbose logs every request to standard error. Its keys work nowhere else; without --state it forgets everything when it ends.\n\nImplemented: {}.\nNot implemented, answered with 501: {}.",
        families::IMPLEMENTED.join(", "),
        missing.join(", ")
    )
}

/// Run the platform's API on this machine, for tests; Ctrl-C ends it.
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

/// What else can be done with it.
#[derive(Debug, Subcommand)]
enum EmulatorCommand {
    /// Run a command against an emulator of its own, and pass its exit code on
    Exec(Box<exec::Exec>),
    /// List the switches for what the platform's documents leave open
    Quirks,
    /// List the plans and what they allow
    Plans,
    /// Read faults as --fault does, and print them as the plan in JSON
    Faults(faults::FaultsArgs),
    /// Print the whole state of a running emulator (--base-url) as JSON; files are not in it
    Export,
    /// Put an exported state in the place of that of a running emulator (--base-url)
    Import {
        /// What `export` printed; `-` is standard input
        file: PathBuf,
    },
    /// Let a running emulator (--base-url) forget everything
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
    // The variable may hold it already; it is to be read and opens nothing but this emulator.
    secret::is_public(&api_key);
    context.output.json(&json!({"base_url": base_url.as_str(), "api_key": api_key, "pages": emulator.control_url().as_str()}));
    // A shell reads the last line as a comment.
    context.output.line(&format!(
        "export TWELVELABS_BASE_URL={base_url}\nexport TWELVE_LABS_API_KEY={api_key}\n# page: {}",
        emulator.control_url()
    ));
    if let Some(lack) = emulator.lacks_ffmpeg() {
        context
            .output
            .note(&format!("no streams and thumbnails are made: {lack}"));
    }
    context.output.note("the emulator runs until Ctrl-C");
    signals.next().await;
    emulator.shutdown().await;
    Ok(Exit::Ok)
}
