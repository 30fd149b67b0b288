//! `tl webhook`: receives and verifies webhook requests of the platform.

mod event;
mod listen;
mod secret;
mod verify;

subcommands! {
    /// `tl webhook` and its subcommands.
    pub(crate) enum WebhookCommand {
        /// Receive webhook requests and print each verified event
        Listen(listen::Listen),
        /// Verify the signature of one webhook request
        Verify(verify::Verify),
    }
}
