//! `tl index`: indexes.

mod create;
mod delete;
mod get;
mod list;
mod rename;
mod view;

subcommands! {
    /// `tl index` and its subcommands.
    pub(crate) enum IndexCommand {
        /// Create an index; its models cannot be changed later
        Create(create::Create),
        /// List indexes
        List(list::List),
        /// Show one index
        Get(get::Get),
        /// Rename an index
        Rename(rename::Rename),
        /// Delete indexes and all their videos
        Delete(delete::Delete),
    }
}
