//! `tl connection redirect-uri`: where a browser returns after an authorization.

mod add;
mod delete;
mod list;

subcommands! {
    /// `tl connection redirect-uri` and its subcommands.
    pub(crate) enum RedirectUriCommand {
        /// Register a URI
        Add(add::Add),
        /// List the registered URIs
        List(list::List),
        /// Delete registered URIs
        Delete(delete::Delete),
    }
}
