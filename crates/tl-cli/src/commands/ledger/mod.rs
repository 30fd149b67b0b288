//! `tl ledger`: the record of bulk ingestions.

mod forget;
mod ls;
mod prune;
mod retry;
mod selection;
mod show;
mod verify;
mod view;

subcommands! {
    /// `tl ledger` and its subcommands.
    pub(crate) enum LedgerCommand {
        /// List items
        #[command(visible_alias = "list")]
        Ls(ls::Ls),
        /// Show one item with its sources and requests
        Show(show::Show),
        /// Make items due again that failed, were refused or are held
        Retry(retry::RetryItems),
        /// Remove items; a later run sends them again
        Forget(forget::Forget),
        /// Check the ledger for damage and inconsistencies
        Verify(verify::Verify),
        /// Remove old records that are not needed to skip or resume an item
        Prune(prune::Prune),
    }
}
