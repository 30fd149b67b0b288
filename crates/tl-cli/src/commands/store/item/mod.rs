//! `tl store item`: the assets of a knowledge store.

mod add;
mod get;
mod list;
mod remove;
mod wait;

subcommands! {
    /// `tl store item` and its subcommands.
    pub(crate) enum ItemCommand {
        /// Add video and image assets
        Add(add::Add),
        /// List items
        List(list::List),
        /// Show one item
        Get(get::Get),
        /// Wait until items are ready
        Wait(wait::Wait),
        /// Remove items; their assets stay
        Remove(remove::Remove),
    }
}
