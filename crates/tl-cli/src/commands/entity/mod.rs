//! `tl entity`: people and things that searches find by name, and their collections.

mod add_folder;
mod collection;
mod create;
mod delete;
mod get;
mod images;
mod list;
mod update;
mod view;
mod wait;

subcommands! {
    /// `tl entity` and its subcommands.
    pub(crate) enum EntityCommand {
        /// Create entities from a folder of images: one subfolder per entity
        AddFolder(add_folder::AddFolder),
        /// Create an entity from image assets
        Create(create::Create),
        /// List entities
        List(list::List),
        /// Show one entity
        Get(get::Get),
        /// Wait until entities are ready
        Wait(wait::Wait),
        /// Change the name, description or metadata of an entity
        Update(update::Update),
        /// Add image assets to an entity
        AddImages(images::AddImages),
        /// Remove image assets from an entity
        RemoveImages(images::RemoveImages),
        /// Delete entities; their assets stay
        Delete(delete::Delete),
        /// Manage collections of entities
        #[command(subcommand)]
        Collection(collection::CollectionCommand),
    }
}
