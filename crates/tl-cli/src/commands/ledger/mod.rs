//! `tl ledger`: the record of bulk ingestions.

mod export;
mod forget;
mod import;
mod ls;
mod prune;
mod record;
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
        /// Write items with everything that belongs to them to a file
        Export(export::Export),
        /// Add the items of an export
        Import(import::Import),
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
