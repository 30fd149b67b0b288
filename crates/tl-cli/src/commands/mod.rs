//! The commands: a folder per noun with a file per verb, and a module per other command.
//!
//! A new command is a new file, declared here or in its noun, and an entry in `subcommands!`.

/// Declares a set of subcommands. Each variant has a type with a method `run`.
macro_rules! subcommands {
    (
        $(#[$doc:meta])*
        pub(crate) enum $set:ident {
            $($(#[$attribute:meta])* $name:ident($command:ty),)+
        }
    ) => {
        $(#[$doc])*
        #[derive(Debug, ::clap::Subcommand)]
        pub(crate) enum $set {
            $($(#[$attribute])* $name($crate::commands::deferred::Deferred<$command>),)+
        }

        impl $set {
            pub(crate) fn run(
                self,
                context: &$crate::context::Context,
            ) -> Result<$crate::failure::exit::Exit, $crate::failure::Failure> {
                match self {
                    $(Self::$name(command) => command.0.run(context),)+
                }
            }
        }
    };
}

mod analyze;
mod ask;
mod asset;
mod completions;
mod config;
mod connection;
mod deferred;
mod doctor;
mod embed;
mod emulator;
mod entity;
mod fix;
mod import;
mod index;
mod ingest;
mod ingest_one;
mod ledger;
mod manpages;
mod rules;
mod search;
mod split;
mod status;
mod store;
mod task;
mod upload;
mod validate;
mod video;
mod webhook;
mod worker;

use deferred::Deferred;

subcommands! {
    /// The commands of `tl`.
    pub(crate) enum Command {
        /// Check files against the platform's rules; nothing is sent
        Validate(validate::Validate),
        /// Convert files with FFmpeg so that they pass the local check
        Fix(fix::FixArgs),
        /// Split files that are too long or too large with FFmpeg
        Split(split::Split),
        /// Check, upload and index videos
        Ingest(Box<ingest::Ingest>),
        /// Ingest one video for an engine: JSON in, one line of JSON out
        IngestOne(Box<ingest_one::IngestOne>),
        /// Show the state of bulk ingestions
        Status(status::Status),
        /// Work on the videos in a ledger that several processes share
        Worker(Box<worker::Worker>),
        /// Upload videos as assets; list and abandon interrupted uploads
        Upload(upload::Upload),
        /// Ask about a video; extract data and segments
        Analyze(Box<analyze::Analyze>),
        /// Embed texts and media, and search saved embeddings
        #[command(subcommand)]
        Embed(embed::EmbedCommand),
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
        /// Manage entities: people and things that searches find by name
        #[command(subcommand)]
        Entity(entity::EntityCommand),
        /// Manage and search knowledge stores
        #[command(subcommand)]
        Store(store::StoreCommand),
        /// Ask about the content of a knowledge store
        Ask(ask::Ask),
        /// Manage connections to data providers
        #[command(subcommand)]
        Connection(connection::ConnectionCommand),
        /// Import files of a data provider as assets
        #[command(subcommand)]
        Import(import::ImportCommand),
        /// Show and change the record of bulk ingestions
        #[command(subcommand)]
        Ledger(ledger::LedgerCommand),
        /// Search the videos in an index
        Search(Box<search::Search>),
        /// Receive and verify webhook requests
        #[command(subcommand)]
        Webhook(webhook::WebhookCommand),
        /// Show and compare rule packs
        #[command(subcommand)]
        Rules(rules::RulesCommand),
        /// Run a local emulator of the platform's API
        Emulator(Box<emulator::EmulatorArgs>),
        /// Show the settings and where they come from
        #[command(subcommand)]
        Config(config::ConfigCommand),
        /// Check the API key, base URL, helper and FFmpeg
        Doctor(doctor::Doctor),
        /// Generate shell completions
        Completions(completions::Completions),
        /// Write manual pages to a directory
        #[command(hide = true)]
        Manpages(manpages::Manpages),
    }
}

impl Command {
    /// Whether the command is of use although a configuration file is not valid.
    pub(crate) fn works_without_config(&self) -> bool {
        matches!(
            self,
            Self::Config(Deferred(config::ConfigCommand::Path(_))) | Self::Completions(_)
        )
    }
}
