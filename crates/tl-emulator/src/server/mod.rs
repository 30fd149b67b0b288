//! The shell around the platform: the socket, the way of a request to the platform and of its answer back. What is answered is
//! decided in [`crate::platform`], what is shared and carried out lives in `shell.rs`.
#![allow(
    clippy::disallowed_methods,
    reason = "the shell is where the machine is touched"
)]

mod clock;
mod control;
mod deliver;
mod fetch;
mod files;
mod guard;
mod intake;
mod journal;
mod page;
mod playlist;
mod redact;
mod render;
mod shell;
mod static_file;
mod storage;
mod store;
mod vault;
mod wire;

use std::{
    net::SocketAddr,
    sync::Arc,
    time::{Duration, Instant},
};

use axum::{
    Extension, Router,
    body::Body,
    extract::{Request, State},
    middleware,
    response::{Redirect, Response},
    routing::{any, get},
};
use bytes::Bytes;
use http::{HeaderValue, header, request::Parts};
use hyper::server::conn::http1;
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    service::TowerToHyperService,
};
use tokio::{
    net::TcpListener,
    sync::{oneshot, watch},
    task::JoinSet,
};

pub use clock::ClockMode;
pub use intake::TimeLimits;
pub use journal::{JournalChunk, JournalEntry};
pub(crate) use shell::{Observer, Shell, ShellSettings};

use wire::{FaultInjector, Wire};

use crate::{
    StartError,
    platform::{BodyRule, Delivery, RENDITION_PREFIX, Refusal, STORAGE_PREFIX, http_date},
};

/// The most bytes of a request's head, and what is read from a connection at once.
const READ_BUFFER: usize = 256 * 1024;
/// How long a connection may go on when the emulator stops.
const GRACE: Duration = Duration::from_millis(500);

/// Opens the socket.
pub(crate) async fn listen(address: SocketAddr) -> Result<TcpListener, StartError> {
    TcpListener::bind(address).await.map_err(|error| {
        StartError(format!(
            "{address} cannot be listened on ({error}); choose another port, or 0 for a free one"
        ))
    })
}

/// Accepts connections until it is told to stop.
pub(crate) async fn serve(
    listener: TcpListener,
    shell: Arc<Shell>,
    mut stopped: oneshot::Receiver<()>,
) {
    let router = Router::new()
        .route("/", get(to_the_page))
        .nest("/_emulator", control::router())
        .route("/_emulator/", get(to_the_page))
        .route(
            &format!("{STORAGE_PREFIX}/{{*object}}"),
            any(storage::object),
        )
        .route(
            &format!("{RENDITION_PREFIX}/{{folder}}/{{name}}"),
            any(files::rendition),
        )
        .fallback(api)
        .layer(middleware::from_fn(guard::guard))
        .with_state(Arc::clone(&shell));
    let timekeeper = tokio::spawn(Arc::clone(&shell).keep_time());
    let mut connections = JoinSet::new();
    let closing = watch::Sender::new(());
    loop {
        tokio::select! {
            _ = &mut stopped => break,
            accepted = listener.accept() => {
                let Ok((stream, _)) = accepted else {
                    // Out of file descriptors, most likely: wait for some to be given back.
                    tokio::time::sleep(Duration::from_millis(50)).await;
                    continue;
                };
                // Small answers must not wait for more of them.
                _ = stream.set_nodelay(true);
                let knife = FaultInjector::new();
                let service = TowerToHyperService::new(router.clone().layer(Extension(knife.clone())));
                let io = TokioIo::new(Wire { stream, knife });
                let connection = http1::Builder::new()
                    .timer(TokioTimer::new())
                    .header_read_timeout(shell.settings.time_limits.head)
                    .max_buf_size(READ_BUFFER)
                    .serve_connection(io, service);
                let mut closing = closing.subscribe();
                connections.spawn(async move {
                    let mut connection = std::pin::pin!(connection);
                    tokio::select! {
                        _ = connection.as_mut() => {}
                        _ = closing.changed() => {
                            // An idle connection ends at once, one at work after its answer.
                            connection.as_mut().graceful_shutdown();
                            _ = connection.await;
                        }
                    }
                });
            }
            Some(_) = connections.join_next(), if !connections.is_empty() => {}
        }
    }
    timekeeper.abort();
    shell.studio.close();
    _ = closing.send(());
    _ = tokio::time::timeout(GRACE, async {
        while connections.join_next().await.is_some() {}
    })
    .await;
    connections.shutdown().await;
}

/// Leads people who type the address to the page. For now only: the next program on this port is another one.
async fn to_the_page() -> Redirect {
    Redirect::temporary("/_emulator")
}

/// Answers a request to the platform.
async fn api(
    State(shell): State<Arc<Shell>>,
    Extension(knife): Extension<FaultInjector>,
    request: Request,
) -> Response {
    let started = Instant::now();
    let (head, body) = request.into_parts();
    let mut entry = JournalEntry::of(&head);
    let admitted = shell.platform().admit(&head);
    let (rule, refusal) = match admitted {
        Ok(intake) => (intake.body, None),
        Err(refusal) => (BodyRule::None, Some(refusal)),
    };
    let (reply, has_kept) = match refusal {
        Some(refusal) => {
            // Who asks first is told before the bytes; everyone else's bytes are read to the end.
            if !expects_continue(&head) {
                entry.bytes_received = intake::take(&shell, rule, &head.headers, body).await.bytes;
            }
            let platform = shell.platform();
            entry.operation = platform
                .operation_of(&head)
                .map(|operation| operation.to_string());
            (platform.refuse(refusal), false)
        }
        None => {
            let taken = intake::take(&shell, rule, &head.headers, body).await;
            entry.bytes_received = taken.bytes;
            entry.take_in(&taken.payload);
            let request = http::Request::from_parts(head, taken.payload);
            let mut platform = shell.platform();
            let mut reply = platform.handle(shell.clock.now(), request);
            entry.operation = reply.operation.map(|operation| operation.to_string());
            let effects = std::mem::take(&mut reply.effects);
            let ends_something = !effects.is_empty();
            // Under the lock, so that nobody hears of a video whose file is not in its place.
            let kept = match shell.settle(&mut platform, effects, &taken.files) {
                Ok(kept) => kept,
                Err(detail) => {
                    reply = platform.refuse(Refusal::internal(&detail));
                    false
                }
            };
            drop(platform);
            if ends_something {
                shell.clock.wake();
            }
            (reply, kept)
        }
    };
    entry.media_stored = has_kept;
    entry.status = reply.response.status().as_u16();
    entry.code = reply.refusal.as_ref().map(|code| code.as_str().to_owned());
    entry.at = crate::platform::printed(shell.clock.now());
    entry.took_ms = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
    entry.faults.clone_from(&reply.faults);
    let closes = matches!(entry.status, 408 | 413);
    entry.give_out(reply.response.body());
    shell.note(entry);
    send_reply(reply.response, reply.delivery, closes, &shell, &knife).await
}

/// Dates an answer by the emulator's clock: what it says of times must fit together.
fn date(response: &mut Response, shell: &Shell) {
    if let Ok(date) = HeaderValue::from_str(&http_date(shell.clock.now())) {
        response.headers_mut().insert(header::DATE, date);
    }
}

fn expects_continue(head: &Parts) -> bool {
    let expect = head.headers.get(header::EXPECT);
    expect.is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(b"100-continue"))
}

/// The answer as it goes out: late, slowly or cut off where that was asked for.
async fn send_reply(
    response: http::Response<Bytes>,
    delivery: Delivery,
    closes: bool,
    shell: &Shell,
    knife: &FaultInjector,
) -> Response {
    if !delivery.delay.is_zero() {
        tokio::time::sleep(delivery.delay).await;
    }
    if let Some(bytes) = delivery.cut_after {
        knife.cut_after(bytes);
    }
    let mut response = response.map(|bytes| match delivery.bytes_per_second {
        Some(pace) => slowly(bytes, pace),
        None => Body::from(bytes),
    });
    if closes {
        // The rest of the request is still on its way: the connection cannot be used again.
        response
            .headers_mut()
            .insert(header::CONNECTION, HeaderValue::from_static("close"));
    }
    date(&mut response, shell);
    response
}

/// A body that is given out at so many bytes a second, in ten pieces a second.
fn slowly(bytes: Bytes, pace: u64) -> Body {
    let piece = usize::try_from(pace.div_ceil(10))
        .unwrap_or(usize::MAX)
        .max(1);
    let gap = Duration::from_secs_f64((piece as f64 / pace as f64).min(3600.0));
    let stream = futures_util::stream::unfold(bytes, move |mut rest| async move {
        if rest.is_empty() {
            return None;
        }
        tokio::time::sleep(gap).await;
        let next = rest.split_to(piece.min(rest.len()));
        Some((Ok::<_, std::convert::Infallible>(next), rest))
    });
    Body::from_stream(stream)
}
