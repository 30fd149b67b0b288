//! `tl store`: knowledge stores, their items, and collections of items.

mod collection;
mod create;
mod delete;
mod get;
mod item;
mod list;
mod search;
mod update;
mod view;

subcommands! {
    /// `tl store` and its subcommands.
    pub(crate) enum StoreCommand {
        /// Create a knowledge store
        Create(create::Create),
        /// List knowledge stores
        List(list::List),
        /// Show one knowledge store
        Get(get::Get),
        /// Change the name, description or metadata of a knowledge store
        Update(update::Update),
        /// Delete knowledge stores with all items; assets stay
        Delete(delete::Delete),
        /// Search the videos and images of a knowledge store
        Search(search::Search),
        /// Manage the items of a knowledge store
        #[command(subcommand)]
        Item(item::ItemCommand),
        /// Manage named groups of items
        #[command(subcommand)]
        Collection(collection::CollectionCommand),
    }
}
