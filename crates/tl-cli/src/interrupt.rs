//! Ctrl-C for work that runs on threads: the first asks it to end in good order, the second ends the program.

use tl_validate::program::Cancel;

use crate::exit::Exit;
use crate::failure::Failure;

/// Starts to listen; the handle says when Ctrl-C came, and ends every `ffmpeg` that was given it.
pub(crate) fn listen() -> Result<Cancel, Failure> {
    let cancel = Cancel::new();
    let handle = cancel.clone();
    let unable = |error: &std::io::Error| {
        Failure::new(
            Exit::Temporary,
            "system",
            "the system gives no threads to work with",
        )
        .because(error)
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| unable(&error))?;
    // The handler stands before the first file is touched.
    let (ready, standing) = std::sync::mpsc::channel();
    std::thread::Builder::new()
        .name("interrupt".to_owned())
        .spawn(move || {
            runtime.block_on(async {
                let mut first = std::pin::pin!(signal());
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
                signal().await;
                std::process::exit(i32::from(Exit::Interrupted.code()));
            });
        })
        .map_err(|error| unable(&error))?;
    // The thread sends, or is gone with its half; both let the work begin.
    let _ = standing.recv();
    Ok(cancel)
}

/// Ends at Ctrl-C, or when the system asks the program to end.
async fn signal() {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        if let Ok(mut terminate) = signal(SignalKind::terminate()) {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = tokio::signal::ctrl_c() => {}
            }
            return;
        }
    }
    // Where it cannot be listened to, the system's own way of ending the program stays.
    if tokio::signal::ctrl_c().await.is_err() {
        std::future::pending::<()>().await;
    }
}

/// What a command says that was cut off.
pub(crate) fn interrupted(what: &str) -> Failure {
    Failure::new(
        Exit::Interrupted,
        "interrupted",
        format!("interrupted: {what}"),
    )
    .next("run it again")
}
