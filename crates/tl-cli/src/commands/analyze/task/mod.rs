//! `tl analyze task`: analyses in the background.

mod cancel;
mod delete;
mod get;
mod list;
mod view;

subcommands! {
    /// `tl analyze task` and its subcommands.
    pub(crate) enum TaskCommand {
        /// List tasks, newest first
        List(list::List),
        /// Show one task with its answer
        Get(get::Get),
        /// Cancel tasks that have not ended
        Cancel(cancel::Cancel),
        /// Delete tasks with their answers
        Delete(delete::Delete),
    }
}
