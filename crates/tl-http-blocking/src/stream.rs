//! Runs one feed as an iterator. A thread reads the response at most one piece ahead of the caller,
//! because a blocked socket read can only be interrupted from another thread.

use std::{
    fmt,
    panic::{AssertUnwindSafe, catch_unwind, resume_unwind},
    sync::{
        Arc,
        mpsc::{Receiver, RecvTimeoutError, sync_channel},
    },
    thread,
    time::{Duration, Instant, SystemTime},
};

use tl_http::{
    CancelHandle, Delivery, Exchange, Feed, FeedStep, Head, Now, Piece, TransportError,
    TransportErrorKind, cancel::canceled,
};

use crate::{Part, Shared};

/// How often a stream that waits checks whether it was canceled.
const CANCEL_INTERVAL: Duration = Duration::from_millis(50);

/// The items of a [`Feed`], each as soon as it arrives.
///
/// Nothing is sent before the first [`next`](Iterator::next). While a response is open, one thread
/// reads it, at most one piece ahead of the caller. Dropping the stream closes the connection and
/// ends the thread. [`canceler`](BlockingStream::canceler) cancels it from another thread.
///
/// ```no_run
/// use tl_http_blocking::BlockingHttp;
/// use tl_http::{HttpSettings, Feed, Transport};
///
/// # fn example(feed: impl Feed<Item = String>) -> Result<(), Box<dyn std::error::Error>> {
/// let transport = BlockingHttp::new(HttpSettings::default())?;
/// for item in transport.stream(feed) {
///     println!("{item}");
/// }
/// # Ok(()) }
/// ```
pub struct BlockingStream<F> {
    shared: Arc<Shared>,
    feed: F,
    open: Option<Open>,
    cancel: CancelHandle,
    has_ended: bool,
}

/// A response that a thread reads.
struct Open {
    messages: Receiver<Message>,
    cancel: CancelHandle,
    /// The thread has finished: its connection may serve other requests and must not be shut down.
    is_over: bool,
}

enum Message {
    Part(Part),
    /// The thread has ended, or a client or source panicked; the panic is resumed on the caller's
    /// thread.
    Ended(thread::Result<Result<(), TransportError>>),
}

impl Drop for Open {
    fn drop(&mut self) {
        if !self.is_over {
            self.cancel.cancel();
        }
    }
}

impl<F: Feed> BlockingStream<F> {
    pub(crate) fn new(shared: Arc<Shared>, cancel: Option<&CancelHandle>, feed: F) -> Self {
        Self {
            shared,
            feed,
            open: None,
            // The canceler of one stream must not cancel the others.
            cancel: cancel.map_or_else(CancelHandle::new, CancelHandle::child),
            has_ended: false,
        }
    }

    /// Returns a handle that cancels this stream from any thread, even before the response starts.
    /// A pending read fails as [`Canceled`](TransportErrorKind::Canceled), and nothing more is
    /// sent.
    ///
    /// ```no_run
    /// # use tl_http::Feed;
    /// # fn example<F: Feed>(stream: tl_http_blocking::BlockingStream<F>) {
    /// let cancel = stream.canceler();
    /// std::thread::spawn(move || {
    ///     std::thread::sleep(std::time::Duration::from_secs(60));
    ///     cancel.cancel();
    /// });
    /// for item in stream { /* … */ }
    /// # }
    /// ```
    #[must_use]
    pub fn canceler(&self) -> CancelHandle {
        self.cancel.clone()
    }

    fn now(&self) -> Now {
        Now::new(self.shared.started.elapsed(), SystemTime::now())
    }

    fn open(&mut self, exchange: Exchange) -> Head {
        // Close it before the next one, so that two are never open.
        self.open = None;
        if self.cancel.is_canceled() {
            return Err(canceled(Delivery::NotSent));
        }
        let request = exchange.prepare(&self.shared.settings)?;
        let cancel = self.cancel.child();
        // The channel has no capacity, so the thread holds the only piece read ahead.
        let (sender, messages) = sync_channel(0);
        let mut open = Open {
            messages,
            cancel,
            is_over: false,
        };
        let (shared, cancel) = (Arc::clone(&self.shared), open.cancel.clone());
        thread::Builder::new()
            .name("tl-http-stream".to_owned())
            .spawn(move || {
                let mut give = |part| sender.send(Message::Part(part)).is_ok();
                let client = &shared.client;
                let ended = catch_unwind(AssertUnwindSafe(|| {
                    client.open(request, &cancel, &mut give)
                }));
                // The receiver is gone if the stream was dropped.
                drop(sender.send(Message::Ended(ended)));
            })
            .map_err(|error| {
                TransportError::new(TransportErrorKind::Unreachable, Delivery::NotSent)
                    .with_source(error)
            })?;
        let message = match self.message(&open, None) {
            Ok(Some(message)) => message,
            // The thread ends alone, and closes the connection.
            Ok(None) => return Err(canceled(Delivery::Unknown)),
            Err(error) => return Err(error),
        };
        open.is_over = !matches!(message, Message::Part(_));
        match message {
            Message::Part(Part::Head(head)) => {
                self.open = Some(open);
                Ok(head)
            }
            Message::Part(Part::Piece(_)) => {
                panic!("an HTTP client gave a piece of a body before the head")
            }
            Message::Ended(ended) => match ended.unwrap_or_else(|panic| resume_unwind(panic)) {
                Err(error) => Err(self.as_canceled(error)),
                Ok(()) => panic!("an HTTP client ended well and gave no head"),
            },
        }
    }

    /// The next message of the thread; `None` if the stream was canceled. Checks for a cancel at
    /// intervals: the thread may be busy with something that a cancel cannot interrupt, such as a
    /// host lookup.
    fn message(
        &self,
        open: &Open,
        idle: Option<Duration>,
    ) -> Result<Option<Message>, TransportError> {
        let started = Instant::now();
        loop {
            let left = idle.map(|idle| idle.saturating_sub(started.elapsed()));
            let interval = left.map_or(CANCEL_INTERVAL, |left| left.min(CANCEL_INTERVAL));
            match open.messages.recv_timeout(interval) {
                Ok(message) => return Ok(Some(message)),
                Err(RecvTimeoutError::Timeout) if self.cancel.is_canceled() => return Ok(None),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => {
                    panic!("the thread of a stream ended without saying how")
                }
            }
            if let (Some(idle), Some(Duration::ZERO)) = (idle, left) {
                let error = TransportError::new(TransportErrorKind::Idle, Delivery::Unknown);
                return Err(error.with_source(format!("the limit is {idle:?}")));
            }
        }
    }

    fn read(&mut self, idle: Duration) -> Piece {
        let Some(mut open) = self.open.take() else {
            return Err(
                TransportError::new(TransportErrorKind::Lost, Delivery::Unknown)
                    .with_source("no response is open"),
            );
        };
        let Some(message) = self.message(&open, Some(idle))? else {
            return Err(canceled(Delivery::Unknown));
        };
        open.is_over = matches!(message, Message::Ended(_));
        match message {
            Message::Part(Part::Piece(piece)) => {
                self.open = Some(open);
                Ok(Some(piece))
            }
            Message::Part(Part::Head(_)) => panic!("an HTTP client gave two heads"),
            Message::Ended(ended) => {
                match ended.unwrap_or_else(|panic| resume_unwind(panic)) {
                    // After a shutdown from this side, the end of the body cannot be trusted.
                    Ok(()) if self.cancel.is_canceled() => Err(canceled(Delivery::Unknown)),
                    Ok(()) => Ok(None),
                    Err(error) => Err(self.as_canceled(error)),
                }
            }
        }
    }

    /// After a cancel, reports the resulting error as canceled.
    fn as_canceled(&self, error: TransportError) -> TransportError {
        if self.cancel.is_canceled() {
            canceled(error.delivery())
        } else {
            error
        }
    }

    /// Waits until a time or until canceled.
    fn wait(&self, until: Duration) {
        let this = thread::current();
        let _on_cancel = self.cancel.on_cancel(move || this.unpark());
        loop {
            let left = until.saturating_sub(self.shared.started.elapsed());
            if left.is_zero() || self.cancel.is_canceled() {
                return;
            }
            thread::park_timeout(left);
        }
    }
}

impl<F: Feed> Iterator for BlockingStream<F> {
    type Item = F::Item;

    fn next(&mut self) -> Option<F::Item> {
        while !self.has_ended {
            match self.feed.step(self.now()) {
                FeedStep::Item(item) => return Some(item),
                FeedStep::Wait { until } => {
                    self.wait(until);
                    if self.cancel.is_canceled() {
                        let now = self.now();
                        self.feed.on_head(now, Err(canceled(Delivery::NotSent)));
                    }
                }
                FeedStep::Open(exchange) => {
                    let head = self.open(exchange);
                    let now = self.now();
                    self.feed.on_head(now, head);
                }
                FeedStep::Read { idle } => {
                    let piece = self.read(idle);
                    let now = self.now();
                    self.feed.on_piece(now, piece);
                }
                FeedStep::End => {
                    self.open = None;
                    self.has_ended = true;
                }
            }
        }
        None
    }
}

impl<F: Feed> std::iter::FusedIterator for BlockingStream<F> {}

impl<F> fmt::Debug for BlockingStream<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BlockingStream")
            .field("is_open", &self.open.is_some())
            .field("has_ended", &self.has_ended)
            .finish_non_exhaustive()
    }
}
