//! The verbs, one room each.

mod asset;
mod completions;
mod doctor;
mod emulator;
mod fix;
mod index;
mod ingest;
mod rules;
mod split;
mod task;
mod upload;
mod validate;
mod video;

use clap::Subcommand;

use crate::args::Context;
use crate::exit::Exit;
use crate::failure::Failure;

/// What `tl` can do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Check files on this machine against the platform's rules; nothing is sent
    Validate(validate::Validate),
    /// Make copies of files that pass the local check, by the program ffmpeg; the files themselves are not touched
    Fix(fix::FixArgs),
    /// Cut files that are too long or too large into parts that pass, by the program ffmpeg; the files are not touched
    Split(split::Split),
    /// Check videos, upload them, and bring them into an index
    Ingest(ingest::Ingest),
    /// Upload videos, which become assets; go on with interrupted uploads, list them, abandon them
    Upload(upload::Upload),
    /// The assets that the platform holds
    #[command(subcommand)]
    Asset(asset::AssetCommand),
    /// The tasks that index videos
    #[command(subcommand)]
    Task(task::TaskCommand),
    /// The indexes that videos live in
    #[command(subcommand)]
    Index(index::IndexCommand),
    /// The videos of an index
    #[command(subcommand)]
    Video(video::VideoCommand),
    /// The rules that files are checked by
    #[command(subcommand)]
    Rules(rules::RulesCommand),
    /// Run the platform's API on this machine, for tests; Ctrl-C ends it
    Emulator(Box<emulator::EmulatorArgs>),
    /// Look whether key, address and helper are in order
    Doctor(doctor::Doctor),
    /// Print the completions of a shell
    Completions(completions::Completions),
}

impl Command {
    pub(crate) fn run(self, context: &Context) -> Result<Exit, Failure> {
        match self {
            Self::Validate(command) => command.run(context),
            Self::Fix(command) => command.run(context),
            Self::Split(command) => command.run(context),
            Self::Ingest(command) => command.run(context),
            Self::Upload(command) => command.run(context),
            Self::Asset(command) => command.run(context),
            Self::Task(command) => command.run(context),
            Self::Index(command) => command.run(context),
            Self::Video(command) => command.run(context),
            Self::Rules(command) => command.run(context),
            Self::Emulator(command) => command.run(context),
            Self::Doctor(command) => command.run(context),
            Self::Completions(command) => command.run(context),
        }
    }
}
