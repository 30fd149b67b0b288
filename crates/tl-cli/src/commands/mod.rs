//! The commands, one module each.

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

use crate::context::Context;
use crate::failure::Failure;
use crate::failure::exit::Exit;

/// The commands of `tl`.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Check local files against the platform's rules, without sending anything
    Validate(validate::Validate),
    /// Convert files with FFmpeg so that they pass the local check
    Fix(fix::FixArgs),
    /// Split files that are too long or too large with FFmpeg
    Split(split::Split),
    /// Check, upload and index videos
    Ingest(ingest::Ingest),
    /// Upload videos as assets; list and abandon interrupted uploads
    Upload(upload::Upload),
    /// Manage assets
    #[command(subcommand)]
    Asset(asset::AssetCommand),
    /// Manage video indexing tasks
    #[command(subcommand)]
    Task(task::TaskCommand),
    /// Manage indexes
    #[command(subcommand)]
    Index(index::IndexCommand),
    /// Manage the videos in an index
    #[command(subcommand)]
    Video(video::VideoCommand),
    /// Show and compare rule packs
    #[command(subcommand)]
    Rules(rules::RulesCommand),
    /// Run a local emulator of the platform's API
    Emulator(Box<emulator::EmulatorArgs>),
    /// Check the API key, base URL, helper and FFmpeg
    Doctor(doctor::Doctor),
    /// Generate shell completions
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
