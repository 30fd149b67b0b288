//! HTTP server: accepts connections and passes requests to the platform.
//!
//! [`crate::platform`] decides what to answer; `runtime.rs` holds the shared state and carries out
//! the effects.
#![allow(
    clippy::disallowed_methods,
    reason = "the server performs the I/O of the emulator"
)]

mod answer_files;
mod clock;
mod connect;
mod connection;
mod control;
pub(crate) mod delivery;
mod fetch;
pub(crate) mod files;
mod guard;
mod journal;
mod media_store;
mod prober;
mod redact;
pub(crate) mod renderer;
mod request_body;
mod runtime;
mod start_error;
mod static_file;
mod storage;
#[cfg_attr(not(feature = "sqlite"), path = "no_store.rs")]
mod store;

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
pub use journal::{JournalChunk, JournalEntry};
pub use prober::MediaProber;
pub(crate) use prober::select as select_prober;
pub use request_body::TimeLimits;
pub(crate) use runtime::{Observer, Runtime, RuntimeSettings};
pub use start_error::StartError;

use connection::{Connection, FaultInjector};

use crate::{
    api::storage::presign,
    media::renditions,
    platform::{BodyRule, Delivery, Ending, Pieces, Refusal, http_date},
};

/// Maximum size of a request head, and the size of the read buffer of a connection, in bytes.
const READ_BUFFER: usize = 256 * 1024;
/// Time to write the pieces of a response before its connection is cut.
const CUT_DELAY: Duration = Duration::from_millis(20);
/// How long open connections may take to finish on shutdown.
const SHUTDOWN_GRACE: Duration = Duration::from_millis(500);

/// Binds the listening socket.
pub(crate) async fn listen(address: SocketAddr) -> Result<TcpListener, StartError> {
    TcpListener::bind(address).await.map_err(|error| {
        StartError(format!(
            "cannot listen on {address}: {error}; choose another port, or 0 for a free one"
        ))
    })
}

/// Accepts connections until `stopped` resolves. `page` is served beside the control API.
pub(crate) async fn serve(
    listener: TcpListener,
    runtime: Arc<Runtime>,
    page: Option<Router<Arc<Runtime>>>,
    mut stopped: oneshot::Receiver<()>,
) {
    let pages = match page {
        Some(page) => Router::new()
            .route("/", get(redirect_to_page))
            .route("/_emulator/", get(redirect_to_page))
            .nest("/_emulator", control::router().merge(page)),
        None => Router::new().nest("/_emulator", control::router()),
    };
    let router = pages
        .route(
            &format!("{}/{{*object}}", presign::PREFIX),
            any(storage::object),
        )
        .route(
            &format!("{}/{{folder}}/{{name}}", renditions::PREFIX),
            any(files::rendition),
        )
        .fallback(api)
        .layer(middleware::from_fn(guard::guard))
        .with_state(Arc::clone(&runtime));
    let timer = tokio::spawn(Arc::clone(&runtime).run_timer());
    let mut connections = JoinSet::new();
    let closing = watch::Sender::new(());
    loop {
        tokio::select! {
            _ = &mut stopped => break,
            accepted = listener.accept() => {
                let Ok((stream, _)) = accepted else {
                    // Most likely out of file descriptors: wait until some are closed.
                    tokio::time::sleep(Duration::from_millis(50)).await;
                    continue;
                };
                // Disable Nagle's algorithm so that small responses are not delayed.
                _ = stream.set_nodelay(true);
                let injector = FaultInjector::new();
                let service = TowerToHyperService::new(router.clone().layer(Extension(injector.clone())));
                let io = TokioIo::new(Connection { stream, injector });
                let connection = http1::Builder::new()
                    .timer(TokioTimer::new())
                    .header_read_timeout(runtime.settings.time_limits.head)
                    .max_buf_size(READ_BUFFER)
                    .serve_connection(io, service);
                let mut closing = closing.subscribe();
                connections.spawn(async move {
                    let mut connection = std::pin::pin!(connection);
                    tokio::select! {
                        _ = connection.as_mut() => {}
                        _ = closing.changed() => {
                            // An idle connection closes immediately, a busy one after its response.
                            connection.as_mut().graceful_shutdown();
                            _ = connection.await;
                        }
                    }
                });
            }
            Some(_) = connections.join_next(), if !connections.is_empty() => {}
        }
    }
    timer.abort();
    runtime.renderer.cancel();
    _ = closing.send(());
    _ = tokio::time::timeout(SHUTDOWN_GRACE, async {
        while connections.join_next().await.is_some() {}
    })
    .await;
    connections.shutdown().await;
}

/// Redirects `/` to the page. The redirect is temporary because another program may use this port
/// later.
async fn redirect_to_page() -> Redirect {
    Redirect::temporary("/_emulator")
}

/// Handles a request to the platform API.
async fn api(
    State(runtime): State<Arc<Runtime>>,
    Extension(injector): Extension<FaultInjector>,
    request: Request,
) -> Response {
    let started = Instant::now();
    let (head, body) = request.into_parts();
    let mut entry = JournalEntry::new(&head);
    let admitted = runtime.platform().admit(&head);
    let (rule, refusal) = match admitted {
        Ok(admission) => (admission.body, None),
        Err(refusal) => (BodyRule::None, Some(refusal)),
    };
    let (reply, media_stored) = match refusal {
        Some(refusal) => {
            // A client that sends `Expect: 100-continue` gets the refusal before it sends the body.
            // All other bodies are read to the end.
            if !expects_continue(&head) {
                entry.bytes_received = request_body::read(&runtime, rule, &head.headers, body)
                    .await
                    .bytes;
            }
            let platform = runtime.platform();
            entry.operation = platform
                .operation_of(&head)
                .map(|operation| operation.to_string());
            (platform.refuse(refusal), false)
        }
        None => {
            let received = request_body::read(&runtime, rule, &head.headers, body).await;
            entry.bytes_received = received.bytes;
            entry.set_request_body(&received.payload);
            let request = http::Request::from_parts(head, received.payload);
            let mut platform = runtime.platform();
            let mut reply = platform.handle(runtime.clock.now(), request);
            entry.operation = reply.operation.map(|operation| operation.to_string());
            let effects = std::mem::take(&mut reply.effects);
            let has_effects = !effects.is_empty();
            // Hold the lock so that no other request sees a video whose file is not in place yet.
            let stored = match runtime.apply(&mut platform, effects, &received.files) {
                Ok(stored) => stored,
                Err(detail) => {
                    reply = platform.refuse(Refusal::internal(&detail));
                    false
                }
            };
            drop(platform);
            if has_effects {
                runtime.clock.notify();
            }
            (reply, stored)
        }
    };
    entry.media_stored = media_stored;
    entry.status = reply.response.status().as_u16();
    entry.code = reply.refusal.as_ref().map(|code| code.as_str().to_owned());
    entry.at = crate::platform::format_timestamp(runtime.clock.now());
    entry.took_ms = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
    entry.faults.clone_from(&reply.faults);
    let close = matches!(entry.status, 408 | 413);
    entry.set_response_body(reply.response.body());
    runtime.record(entry);
    let reply = (reply.response, reply.pieces, reply.delivery);
    send_reply(reply, close, &runtime, &injector).await
}

/// Sets the `Date` header from the emulator's clock, so that all times in a response agree.
fn set_date(response: &mut Response, runtime: &Runtime) {
    if let Ok(date) = HeaderValue::from_str(&http_date(runtime.clock.now())) {
        response.headers_mut().insert(header::DATE, date);
    }
}

fn expects_continue(head: &Parts) -> bool {
    let expect = head.headers.get(header::EXPECT);
    expect.is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(b"100-continue"))
}

/// Sends the response, with the delay, rate limit or cut that the fault plan asks for.
async fn send_reply(
    (response, pieces, delivery): (http::Response<Bytes>, Option<Pieces>, Delivery),
    close: bool,
    runtime: &Runtime,
    injector: &FaultInjector,
) -> Response {
    if !delivery.delay.is_zero() {
        tokio::time::sleep(delivery.delay).await;
    }
    if let Some(bytes) = delivery.cut_after {
        injector.cut_after(bytes);
    }
    let mut response = response.map(|bytes| match (pieces, delivery.bytes_per_second) {
        (_, Some(pace)) => throttled(bytes, pace),
        (Some(pieces), None) => streamed(pieces),
        (None, None) => Body::from(bytes),
    });
    if close {
        // The rest of the request body is still in flight, so the connection cannot be reused.
        response
            .headers_mut()
            .insert(header::CONNECTION, HeaderValue::from_static("close"));
    }
    set_date(&mut response, runtime);
    response
}

/// A body sent in pieces, each in its own chunk.
fn streamed(pieces: Pieces) -> Body {
    let Pieces {
        pieces,
        gap,
        ending,
        ..
    } = pieces;
    let rest = (pieces.into_iter(), true);
    let stream = futures_util::stream::unfold(rest, move |(mut rest, is_first)| async move {
        let Some(next) = rest.next() else {
            return match ending {
                Ending::Whole => None,
                Ending::Cut => {
                    // The connection drops what it has not written yet.
                    tokio::time::sleep(CUT_DELAY).await;
                    Some((Err("cut on purpose"), (rest, false)))
                }
                Ending::Stalled => std::future::pending().await,
            };
        };
        if !is_first && !gap.is_zero() {
            tokio::time::sleep(gap).await;
        }
        // Lets the connection write each piece before the next one is ready.
        tokio::task::yield_now().await;
        Some((Ok(next), (rest, false)))
    });
    Body::from_stream(stream)
}

/// A body sent at `pace` bytes per second, in ten pieces per second.
fn throttled(bytes: Bytes, pace: u64) -> Body {
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
