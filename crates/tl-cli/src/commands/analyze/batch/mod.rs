//! `tl analyze batch`: batches of analyses.

mod cancel;
mod delete;
mod get;
mod list;
mod results;

subcommands! {
    /// `tl analyze batch` and its subcommands.
    pub(crate) enum BatchCommand {
        /// List batches, newest first
        List(list::List),
        /// Show one batch
        Get(get::Get),
        /// Print the results of a batch as JSON Lines
        Results(results::Results),
        /// Cancel batches; items that are processed end
        Cancel(cancel::Cancel),
        /// Delete batches that have ended, with their results
        Delete(delete::Delete),
    }
}
