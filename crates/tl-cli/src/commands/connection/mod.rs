//! `tl connection`: connections to data providers.

mod authorize;
mod delete;
mod get;
mod list;
mod picker_token;
mod redirect_uri;
mod view;

subcommands! {
    /// `tl connection` and its subcommands.
    pub(crate) enum ConnectionCommand {
        /// Begin an authorization and print the address to open
        Authorize(authorize::Authorize),
        /// List connections
        List(list::List),
        /// Show one connection
        Get(get::Get),
        /// Create a token for the provider's file picker
        PickerToken(picker_token::PickerTokenCommand),
        /// Delete connections and revoke their access; assets stay
        Delete(delete::Delete),
        /// Manage where a browser returns after an authorization
        #[command(subcommand)]
        RedirectUri(redirect_uri::RedirectUriCommand),
    }
}
