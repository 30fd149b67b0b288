//! `tl task`: video indexing tasks.

mod delete;
mod get;
mod list;
mod view;
mod wait;

subcommands! {
    /// `tl task` and its subcommands.
    pub(crate) enum TaskCommand {
        /// List tasks, newest first
        List(Box<list::List>),
        /// Show one task
        Get(get::Get),
        /// Wait until tasks are ready
        Wait(wait::Wait),
        /// Delete tasks that are ready or failed
        Delete(delete::Delete),
    }
}
