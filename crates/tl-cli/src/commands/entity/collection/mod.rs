//! `tl entity collection`: collections of entities.

mod create;
mod delete;
mod get;
mod list;
mod update;

subcommands! {
    /// `tl entity collection` and its subcommands.
    pub(crate) enum CollectionCommand {
        /// Create a collection
        Create(create::Create),
        /// List collections
        List(list::List),
        /// Show one collection
        Get(get::Get),
        /// Change the name or description of a collection
        Update(update::Update),
        /// Delete collections and all their entities; assets stay
        Delete(delete::Delete),
    }
}
