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
pub(crate) enum Verb {
    /// Check files on this machine against the platform's rules; nothing is sent
    Validate(validate::Validate),
    /// Make copies of files that pass the local check, by the program ffmpeg; the files themselves are not touched
    Fix(fix::FixVerb),
    /// Cut files that are too long or too large into parts that pass, by the program ffmpeg; the files are not touched
    Split(split::Split),
    /// Check videos, upload them, and bring them into an index
    Ingest(ingest::Ingest),
    /// Upload videos, which become assets; go on with interrupted uploads, list them, abandon them
    Upload(upload::Upload),
    /// The assets that the platform holds
    #[command(subcommand)]
    Asset(asset::AssetVerb),
    /// The tasks that index videos
    #[command(subcommand)]
    Task(task::TaskVerb),
    /// The indexes that videos live in
    #[command(subcommand)]
    Index(index::IndexVerb),
    /// The videos of an index
    #[command(subcommand)]
    Video(video::VideoVerb),
    /// The rules that files are checked by
    #[command(subcommand)]
    Rules(rules::RulesVerb),
    /// Run the platform's API on this machine, for tests; Ctrl-C ends it
    Emulator(Box<emulator::EmulatorArgs>),
    /// Look whether key, address and helper are in order
    Doctor(doctor::Doctor),
    /// Print the completions of a shell
    Completions(completions::Completions),
}

impl Verb {
    pub(crate) fn run(self, context: &Context) -> Result<Exit, Failure> {
        match self {
            Self::Validate(verb) => verb.run(context),
            Self::Fix(verb) => verb.run(context),
            Self::Split(verb) => verb.run(context),
            Self::Ingest(verb) => verb.run(context),
            Self::Upload(verb) => verb.run(context),
            Self::Asset(verb) => verb.run(context),
            Self::Task(verb) => verb.run(context),
            Self::Index(verb) => verb.run(context),
            Self::Video(verb) => verb.run(context),
            Self::Rules(verb) => verb.run(context),
            Self::Emulator(verb) => verb.run(context),
            Self::Doctor(verb) => verb.run(context),
            Self::Completions(verb) => verb.run(context),
        }
    }
}
