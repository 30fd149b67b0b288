//! Runs one feed. All state between two items is in the stream, so dropping a future loses nothing.

use std::{
    fmt, future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
    time::{Duration, SystemTime},
};

use bytes::Bytes;
use http::Response;
use tl_http::{
    CancelHandle, Delivery, Exchange, Feed, FeedStep, Now, Piece, TransportError,
    TransportErrorKind,
    cancel::{Canceled, canceled},
};
use tokio::time::{Instant, Sleep, sleep_until};

use crate::{Shared, driver::at, paused_clock::ClockHold};

/// Body of a streamed response from an [`HttpClient`](crate::HttpClient). Dropping it cancels the
/// exchange.
///
/// A client that returns fixed pieces:
///
/// ```
/// use std::{collections::VecDeque, task::{Context, Poll}};
/// use bytes::Bytes;
/// use http::Response;
/// use tl_http::{Outcome, Prepared, TransportError};
/// use tl_http_async::{BodyStream, HttpClient};
///
/// struct Pieces(VecDeque<Bytes>);
///
/// impl BodyStream for Pieces {
///     fn poll_piece(&mut self, _: &mut Context<'_>) -> Poll<Option<Result<Bytes, TransportError>>> {
///         Poll::Ready(self.0.pop_front().map(Ok))
///     }
/// }
///
/// struct Recorded;
///
/// #[async_trait::async_trait]
/// impl HttpClient for Recorded {
///     async fn send(&self, _: Prepared) -> Outcome {
///         Ok(Response::new("one two".into()))
///     }
///
///     async fn open(&self, _: Prepared) -> Result<Response<Box<dyn BodyStream>>, TransportError> {
///         let pieces = ["one ", "two"].map(Bytes::from);
///         Ok(Response::new(Box::new(Pieces(pieces.into()))))
///     }
/// }
/// ```
pub trait BodyStream: Send {
    /// Returns the next non-empty piece, or `None` when the body is complete by its HTTP framing. A
    /// broken connection is an error, never the end. Not called again after `None` or an error.
    fn poll_piece(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, TransportError>>>;
}

/// A body that was already read.
pub(crate) struct Whole(Option<Bytes>);

impl Whole {
    pub(crate) fn new(body: Bytes) -> Self {
        Self(Some(body).filter(|body| !body.is_empty()))
    }
}

impl BodyStream for Whole {
    fn poll_piece(&mut self, _: &mut Context<'_>) -> Poll<Option<Result<Bytes, TransportError>>> {
        Poll::Ready(self.0.take().map(Ok))
    }
}

/// The items of a [`Feed`], each as soon as it arrives.
///
/// Nothing is sent before the first [`next`](AsyncStream::next). The body is read only while the
/// caller requests items, so a slow caller applies backpressure to the server. Dropping the stream
/// closes the connection. With feature `stream`, it implements `futures_core::Stream`.
///
/// ```no_run
/// use tl_http::{Feed, HttpSettings, Transport};
/// use tl_http_async::AsyncHttp;
///
/// # async fn example(feed: impl Feed<Item = String>) -> Result<(), Box<dyn std::error::Error>> {
/// let transport = AsyncHttp::new(HttpSettings::default())?;
/// let mut items = transport.stream(feed);
/// while let Some(item) = items.next().await {
///     println!("{item}");
/// }
/// # Ok(()) }
/// ```
pub struct AsyncStream<F> {
    shared: Arc<Shared>,
    feed: F,
    body: Option<Box<dyn BodyStream>>,
    state: State,
    cancel: Option<Canceled>,
    is_canceled: bool,
}

type Opened = Result<Response<Box<dyn BodyStream>>, TransportError>;

enum State {
    /// Ask the feed for its next step.
    Ready,
    Opening(Pin<Box<dyn Future<Output = Opened> + Send>>),
    Reading {
        end: Pin<Box<Sleep>>,
        idle: Duration,
        _hold: ClockHold,
    },
    Waiting(Pin<Box<Sleep>>),
    Ended,
}

impl<F: Feed> AsyncStream<F> {
    pub(crate) fn new(shared: Arc<Shared>, cancel: Option<&CancelHandle>, feed: F) -> Self {
        Self {
            shared,
            feed,
            body: None,
            state: State::Ready,
            cancel: cancel.map(CancelHandle::canceled),
            is_canceled: false,
        }
    }

    /// Returns the next item, or `None` after the last.
    ///
    /// Cancel-safe: if the future is dropped before it completes, even before the response head,
    /// the next call continues, and the time limits keep running.
    pub async fn next(&mut self) -> Option<F::Item> {
        future::poll_fn(|cx| self.poll_next_item(cx)).await
    }

    fn poll_next_item(&mut self, cx: &mut Context<'_>) -> Poll<Option<F::Item>> {
        loop {
            self.poll_canceled(cx);
            match &mut self.state {
                State::Ended => return Poll::Ready(None),
                State::Waiting(end) => {
                    ready!(end.as_mut().poll(cx));
                    self.state = State::Ready;
                }
                State::Opening(opening) => {
                    let opened = ready!(opening.as_mut().poll(cx));
                    self.state = State::Ready;
                    let head = opened.map(|answer| {
                        let (parts, body) = answer.into_parts();
                        self.body = Some(body);
                        Response::from_parts(parts, ())
                    });
                    let now = self.now();
                    self.feed.on_head(now, head);
                }
                State::Reading { end, idle, .. } => {
                    let piece = match self.is_canceled {
                        true => Err(canceled(Delivery::Unknown)),
                        false => ready!(poll_piece(&mut self.body, end, *idle, cx)),
                    };
                    self.state = State::Ready;
                    if !matches!(piece, Ok(Some(_))) {
                        self.body = None;
                    }
                    let now = self.now();
                    self.feed.on_piece(now, piece);
                }
                State::Ready => {
                    let now = self.now();
                    self.state = match self.feed.step(now) {
                        FeedStep::Item(item) => return Poll::Ready(Some(item)),
                        FeedStep::Open(_) if self.is_canceled => {
                            self.body = None;
                            let head = Err(canceled(Delivery::NotSent));
                            self.feed.on_head(now, head);
                            State::Ready
                        }
                        FeedStep::Open(exchange) => {
                            self.body = None;
                            State::Opening(self.open(exchange))
                        }
                        FeedStep::Read { idle } => State::Reading {
                            end: Box::pin(sleep_until(at(Instant::now(), idle))),
                            idle,
                            _hold: ClockHold::new(idle),
                        },
                        FeedStep::Wait { .. } if self.is_canceled => {
                            self.feed.on_head(now, Err(canceled(Delivery::NotSent)));
                            State::Ready
                        }
                        FeedStep::Wait { until } => {
                            State::Waiting(Box::pin(sleep_until(at(self.shared.started, until))))
                        }
                        FeedStep::End => {
                            self.body = None;
                            State::Ended
                        }
                    };
                }
            }
        }
    }

    /// On the first poll after a cancel, ends what is open or waited for.
    fn poll_canceled(&mut self, cx: &mut Context<'_>) {
        let canceled_now = match &mut self.cancel {
            Some(future) if !self.is_canceled => Pin::new(future).poll(cx).is_ready(),
            _ => false,
        };
        if !canceled_now {
            return;
        }
        self.is_canceled = true;
        self.body = None;
        let now = self.now();
        match std::mem::replace(&mut self.state, State::Ready) {
            State::Ended => self.state = State::Ended,
            // A read that follows finds no body, and fails as canceled.
            State::Ready => {}
            State::Opening(_) => self.feed.on_head(now, Err(canceled(Delivery::Unknown))),
            State::Reading { .. } => self.feed.on_piece(now, Err(canceled(Delivery::Unknown))),
            State::Waiting(_) => self.feed.on_head(now, Err(canceled(Delivery::NotSent))),
        }
    }

    fn open(&self, exchange: Exchange) -> Pin<Box<dyn Future<Output = Opened> + Send>> {
        let shared = Arc::clone(&self.shared);
        Box::pin(async move {
            let request = exchange.prepare(&shared.settings)?;
            let _hold = ClockHold::new(request.timeout);
            shared.client.open(request).await
        })
    }

    fn now(&self) -> Now {
        Now::new(self.shared.started.elapsed(), SystemTime::now())
    }
}

fn poll_piece(
    body: &mut Option<Box<dyn BodyStream>>,
    end: &mut Pin<Box<Sleep>>,
    idle: Duration,
    cx: &mut Context<'_>,
) -> Poll<Piece> {
    let Some(body) = body else {
        return Poll::Ready(Err(TransportError::new(
            TransportErrorKind::Lost,
            Delivery::Unknown,
        )
        .with_source("no response is open")));
    };
    // Poll the body first: a piece that arrived in time counts even if it was not polled in time.
    match body.poll_piece(cx) {
        Poll::Ready(piece) => Poll::Ready(piece.transpose()),
        Poll::Pending => {
            ready!(end.as_mut().poll(cx));
            let silent = TransportError::new(TransportErrorKind::Idle, Delivery::Unknown);
            Poll::Ready(Err(silent.with_source(format!("the limit is {idle:?}"))))
        }
    }
}

/// No field is structurally pinned.
impl<F> Unpin for AsyncStream<F> {}

#[cfg(feature = "stream")]
impl<F: Feed> futures_core::Stream for AsyncStream<F> {
    type Item = F::Item;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<F::Item>> {
        self.get_mut().poll_next_item(cx)
    }
}

impl<F> fmt::Debug for AsyncStream<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AsyncStream")
            .field("is_open", &self.body.is_some())
            .field("has_ended", &matches!(self.state, State::Ended))
            .finish_non_exhaustive()
    }
}
