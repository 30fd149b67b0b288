//! `tl asset`: assets.

mod delete;
mod get;
mod list;
mod view;
mod wait;

subcommands! {
    /// `tl asset` and its subcommands.
    pub(crate) enum AssetCommand {
        /// List assets, newest first
        List(list::List),
        /// Show one asset
        Get(get::Get),
        /// Wait until assets are ready for indexing
        Wait(wait::Wait),
        /// Delete assets
        Delete(delete::Delete),
    }
}
