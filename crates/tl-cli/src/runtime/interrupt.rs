//! Handling of SIGINT and SIGTERM. The first signal requests a graceful shutdown, the second exits
//! immediately, and so does a timeout after the first. The first signal determines the exit code.

use std::future::poll_fn;
use std::pin::Pin;
use std::task::Poll;
use std::time::Duration;

use tl_client::CancelHandle;
use tl_validate::program::Cancel;

use crate::failure::Failure;
use crate::failure::exit::Exit;

/// Maximum time between the first signal and the exit. Service managers and containers kill a
/// process 10 s or more after SIGTERM (`docker stop`: 10 s, Kubernetes: 30 s).
const GRACE_PERIOD: Duration = Duration::from_secs(8);

/// Completes on the first signal. From then on the process exits within [`GRACE_PERIOD`], and
/// immediately on the second signal.
pub(crate) async fn first_signal() {
    let exit = signal().await;
    exit.set_by_signal();
    // Use a separate thread, so that neither a busy runtime nor a blocked write delays the exit. If
    // no thread can be started, the process still exits, but without the timeout.
    let _ = std::thread::Builder::new()
        .name("end".to_owned())
        .spawn(move || {
            let limited = async {
                tokio::select! {
                    _ = signal() => {}
                    () = tokio::time::sleep(GRACE_PERIOD) => {}
                }
            };
            match runtime() {
                Ok(runtime) => runtime.block_on(limited),
                Err(_) => std::thread::sleep(GRACE_PERIOD),
            }
            std::process::exit(i32::from(exit.code()));
        });
}

/// A handle that the first signal cancels. The handler is installed when this returns, and stays:
/// whoever calls this must stop when the handle is canceled.
pub(crate) async fn stop_on_signal() -> CancelHandle {
    let stop = CancelHandle::new();
    let mut first = Box::pin(first_signal());
    // The first poll installs the handler.
    if poll_once(first.as_mut()).await {
        stop.cancel();
    } else {
        let stop = stop.clone();
        tokio::spawn(async move {
            first.await;
            stop.cancel();
        });
    }
    stop
}

/// Whether the future is complete when it is polled once.
async fn poll_once(mut future: Pin<&mut impl Future<Output = ()>>) -> bool {
    poll_fn(|context| Poll::Ready(future.as_mut().poll(context).is_ready())).await
}

/// Starts to listen. The handle is canceled on the first signal and terminates every `ffmpeg` that
/// uses it.
pub(crate) fn listen() -> Result<Cancel, Failure> {
    let cancel = Cancel::new();
    let handle = cancel.clone();
    let unable = |error: &std::io::Error| {
        Failure::new(Exit::Temporary, "system", "failed to start a thread").with_source(error)
    };
    let runtime = runtime().map_err(|error| unable(&error))?;
    // The handler must be installed before the first file is touched.
    let (ready, standing) = std::sync::mpsc::channel();
    std::thread::Builder::new()
        .name("interrupt".to_owned())
        .spawn(move || {
            runtime.block_on(async {
                let mut first = std::pin::pin!(first_signal());
                // The first poll installs the handler.
                let early = poll_once(first.as_mut()).await;
                let _ = ready.send(());
                if !early {
                    first.await;
                }
                handle.cancel();
            });
        })
        .map_err(|error| unable(&error))?;
    // The thread has sent or has ended; continue in both cases.
    let _ = standing.recv();
    Ok(cancel)
}

fn runtime() -> std::io::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
}

/// Completes on the next signal and returns its exit code.
async fn signal() -> Exit {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        if let Ok(mut terminate) = signal(SignalKind::terminate()) {
            return tokio::select! {
                _ = terminate.recv() => Exit::Terminated,
                Ok(()) = tokio::signal::ctrl_c() => Exit::Interrupted,
            };
        }
    }
    // If the handler cannot be installed, the default action of the signal applies.
    if tokio::signal::ctrl_c().await.is_err() {
        std::future::pending::<()>().await;
    }
    Exit::Interrupted
}

/// Error of a command that was interrupted.
pub(crate) fn interrupted(what: &str) -> Failure {
    Failure::interrupted(format!("interrupted: {what}")).hint("run the command again")
}
