//! What every command receives: the output, the connection, and a client that a signal cancels.

pub(crate) mod connection;

use std::sync::Arc;

use tl_client::Client;

use self::connection::Connection;
use crate::failure::Failure;
use crate::runtime;
use crate::ui::output::Output;
use crate::ui::progress::Progress;

/// What every command receives.
#[derive(Debug)]
pub(crate) struct Context {
    pub(crate) output: Arc<Output>,
    pub(crate) connection: Connection,
    /// Returns the command line as a whole, for completions. Only `cli` names every command.
    pub(crate) command_line: fn() -> clap::Command,
}

impl Context {
    /// Runs `work` with a client: one request or several. A signal cancels it.
    pub(crate) fn call<T>(
        &self,
        work: impl AsyncFnOnce(&Client) -> Result<T, Failure>,
    ) -> Result<T, Failure> {
        let progress = Progress::new(&self.output, 0);
        let client = self.connection.client(progress.observer())?;
        let result = runtime::run(work(&client), runtime::interrupted);
        progress.finish();
        result
    }
}
