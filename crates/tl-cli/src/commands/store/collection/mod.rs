//! `tl store collection`: named groups of items of a knowledge store.

mod create;
mod delete;
mod get;
mod list;
mod members;
mod update;

subcommands! {
    /// `tl store collection` and its subcommands.
    pub(crate) enum CollectionCommand {
        /// Create a collection
        Create(create::Create),
        /// List collections
        List(list::List),
        /// Show one collection
        Get(get::Get),
        /// Change the name, description or metadata of a collection
        Update(update::Update),
        /// List the items of a collection
        Items(members::Items),
        /// Add items to a collection
        Add(members::Add),
        /// Remove items from a collection; they stay in the store
        Remove(members::Remove),
        /// Delete collections; items stay in the store
        Delete(delete::Delete),
    }
}
