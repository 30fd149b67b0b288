//! `tl import`: files of a data provider as assets.

mod create;
mod get;
mod list;
mod outcome;
mod view;
mod wait;

subcommands! {
    /// `tl import` and its subcommands.
    pub(crate) enum ImportCommand {
        /// Import files through a connection
        Create(create::Create),
        /// Wait until the files of imports are assets
        Wait(wait::Wait),
        /// List imports
        List(list::List),
        /// Show one import with the status of its files
        Get(get::Get),
    }
}
