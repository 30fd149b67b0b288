//! Runs async work to completion, or until SIGINT or SIGTERM.

pub(crate) mod interrupt;

use std::future::Future;
use std::time::Duration;

use crate::failure::Failure;
use crate::failure::exit::Exit;

/// Longest time that tasks may take to end after the work. A blocking read, as of standard input,
/// must not delay the exit for longer.
const SHUTDOWN_TIMEOUT: Duration = Duration::from_millis(200);

/// Runs `work`. SIGINT and SIGTERM cancel it with the error that `interrupted` returns.
pub(crate) fn run<T>(
    work: impl Future<Output = Result<T, Failure>>,
    interrupted: impl FnOnce() -> Failure,
) -> Result<T, Failure> {
    block_on(async {
        tokio::select! {
            // Poll the signals first, so that no work starts before the handler is installed.
            biased;
            () = interrupt::first_signal() => Err(interrupted()),
            result = work => result,
        }
    })
}

/// Runs `work`, which handles signals itself.
pub(crate) fn block_on<T>(work: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| {
            Failure::new(
                Exit::Temporary,
                "system",
                "failed to start the async runtime",
            )
            .with_source(&error)
        })?;
    let result = runtime.block_on(work);
    // Tasks close what they hold. If the program ended while SQLite closes a ledger, files beside it
    // would be left, and a ledger in a read-only folder could not be read.
    runtime.shutdown_timeout(SHUTDOWN_TIMEOUT);
    result
}

/// Error of commands that leave nothing behind when interrupted.
pub(crate) fn interrupted() -> Failure {
    Failure::interrupted("interrupted before a response arrived").hint("run the command again")
}
