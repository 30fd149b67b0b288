//! SIGINT and SIGTERM: the first asks the program to end in good order, the second ends it at once, and so does a limit of
//! time after the first. Which of them came decides the exit code.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tl_validate::program::Cancel;

use crate::exit::Exit;
use crate::failure::Failure;

/// The longest time between the first signal and the end of the program. Service managers and containers kill a program
/// 10 s and more after SIGTERM (`docker stop`: 10 s, Kubernetes: 30 s).
const LIMIT: Duration = Duration::from_secs(8);

/// Whether the first signal was SIGTERM. Signals are sent to the whole process, so this is kept for the whole process.
static IS_TERMINATED: AtomicBool = AtomicBool::new(false);

/// The exit code of the signal that came.
pub(crate) fn exit() -> Exit {
    if IS_TERMINATED.load(Ordering::Relaxed) {
        Exit::Terminated
    } else {
        Exit::Interrupted
    }
}

/// Ends with the first signal. From then on the program ends within [`LIMIT`], and at once with the second signal.
pub(crate) async fn first_signal() {
    let exit = signal().await;
    IS_TERMINATED.store(exit == Exit::Terminated, Ordering::Relaxed);
    // A thread of its own, so that neither a busy runtime nor a blocked write holds it up. Where the system has no thread
    // left, the program still ends, only without the limit.
    let _ = std::thread::Builder::new()
        .name("end".to_owned())
        .spawn(move || {
            let limited = async {
                tokio::select! {
                    _ = signal() => {}
                    () = tokio::time::sleep(LIMIT) => {}
                }
            };
            match runtime() {
                Ok(runtime) => runtime.block_on(limited),
                Err(_) => std::thread::sleep(LIMIT),
            }
            std::process::exit(i32::from(exit.code()));
        });
}

/// Starts to listen; the handle says when a signal came, and ends every `ffmpeg` that was given it.
pub(crate) fn listen() -> Result<Cancel, Failure> {
    let cancel = Cancel::new();
    let handle = cancel.clone();
    let unable = |error: &std::io::Error| {
        Failure::new(Exit::Temporary, "system", "failed to start a thread").with_source(error)
    };
    let runtime = runtime().map_err(|error| unable(&error))?;
    // The handler stands before the first file is touched.
    let (ready, standing) = std::sync::mpsc::channel();
    std::thread::Builder::new()
        .name("interrupt".to_owned())
        .spawn(move || {
            runtime.block_on(async {
                let mut first = std::pin::pin!(first_signal());
                // The first poll sets the handler.
                let early = std::future::poll_fn(|context| {
                    std::task::Poll::Ready(first.as_mut().poll(context).is_ready())
                })
                .await;
                let _ = ready.send(());
                if !early {
                    first.await;
                }
                handle.cancel();
            });
        })
        .map_err(|error| unable(&error))?;
    // The thread sends, or is gone with its half; both let the work begin.
    let _ = standing.recv();
    Ok(cancel)
}

fn runtime() -> std::io::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
}

/// Ends at the next signal, with its exit code.
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
    // Where it cannot be listened to, the system's own way of ending the program stays.
    if tokio::signal::ctrl_c().await.is_err() {
        std::future::pending::<()>().await;
    }
    Exit::Interrupted
}

/// What a command says that was cut off.
pub(crate) fn interrupted(what: &str) -> Failure {
    Failure::interrupted(format!("interrupted: {what}")).hint("run the command again")
}
