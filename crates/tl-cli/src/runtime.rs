//! Running asynchronous work to its end, or until SIGINT or SIGTERM.

use std::future::Future;

use crate::exit::Exit;
use crate::failure::Failure;
use crate::interrupt;

/// Runs `work`; SIGINT and SIGTERM end it at once with what `interrupted` says.
pub(crate) fn run<T>(
    work: impl Future<Output = Result<T, Failure>>,
    interrupted: impl FnOnce() -> Failure,
) -> Result<T, Failure> {
    block_on(async {
        tokio::select! {
            // Heard from the first moment on, so that nothing begins that a signal would cut off without a word.
            biased;
            () = interrupt::first_signal() => Err(interrupted()),
            result = work => result,
        }
    })
}

/// Runs `work`, which listens for Ctrl-C itself.
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
    // Whatever still reads a file must not hold up the exit.
    runtime.shutdown_background();
    result
}

/// For commands that leave nothing behind when they are cut off.
pub(crate) fn interrupted() -> Failure {
    Failure::interrupted("interrupted before a response arrived").hint("run the command again")
}
