//! Progress of the request that the current thread sends.
//!
//! ureq calls the connector, the connection and the body reader on its caller's thread, and passes
//! no context to them. They share the state of a request through a thread-local.

use std::{
    cell::{Cell, RefCell},
    error::Error,
    io,
    net::{Shutdown, TcpStream},
    rc::Rc,
    sync::{
        Arc, Weak,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use tl_http::{Delivery, Prepared, TransportError, TransportErrorKind, cancel::OnCancel};

use crate::{CancelHandle, socket::Socket};

/// Maximum timeout of one socket read, within the limits of every system. Longer reads are
/// repeated.
const MAX_READ_TIMEOUT: Duration = Duration::from_secs(86_400);

thread_local! {
    static CURRENT: RefCell<Option<Rc<Progress>>> = const { RefCell::new(None) };
}

/// State of one request.
#[derive(Debug)]
pub(crate) struct Progress {
    /// Identifies the request within the process.
    number: u64,
    started: Instant,
    /// Time limit of the exchange; unlimited once a streamed response has its head.
    limit: Cell<Duration>,
    stall: Duration,
    only_public: bool,
    body: u64,
    written: Cell<u64>,
    last_activity: Cell<Instant>,
    connect_limit: Duration,
    connecting_since: Cell<Instant>,
    is_discarding: Cell<bool>,
    write_error: RefCell<Option<io::Error>>,
    error: RefCell<Option<TransportError>>,
    /// Shuts the connection down on a cancel.
    on_cancel: RefCell<Option<OnCancel>>,
    cancel: CancelHandle,
}

/// While this guard lives, the thread sends the request.
#[derive(Debug)]
pub(crate) struct RequestScope {
    progress: Rc<Progress>,
    /// The outer request, if its body comes from a source that sends requests itself.
    outer: Option<Rc<Progress>>,
}

impl RequestScope {
    pub(crate) fn begin(
        request: &Prepared,
        connect_limit: Duration,
        cancel: &CancelHandle,
    ) -> Self {
        let now = Instant::now();
        static NEXT: AtomicU64 = AtomicU64::new(1);
        let progress = Rc::new(Progress {
            number: NEXT.fetch_add(1, Ordering::Relaxed),
            started: now,
            limit: Cell::new(request.timeout),
            stall: request.stall,
            only_public: request.only_public,
            body: request.http.body().len(),
            written: Cell::new(0),
            last_activity: Cell::new(now),
            connect_limit,
            connecting_since: Cell::new(now),
            is_discarding: Cell::new(false),
            write_error: RefCell::default(),
            error: RefCell::default(),
            on_cancel: RefCell::default(),
            cancel: cancel.clone(),
        });
        let outer = CURRENT.replace(Some(Rc::clone(&progress)));
        Self { progress, outer }
    }

    pub(crate) fn progress(&self) -> &Rc<Progress> {
        &self.progress
    }
}

impl Drop for RequestScope {
    fn drop(&mut self) {
        CURRENT.set(self.outer.take());
    }
}

impl Progress {
    /// The request of the current thread.
    pub(crate) fn current() -> Rc<Self> {
        CURRENT
            .with_borrow(Clone::clone)
            .expect("ureq works only while `UreqClient::send` carries a request")
    }

    /// Whether only public addresses of the host are allowed.
    pub(crate) fn only_public(&self) -> bool {
        self.only_public
    }

    pub(crate) fn has_body(&self) -> bool {
        self.body > 0
    }

    /// Counts bytes sent, including the request head.
    pub(crate) fn record_written(&self, bytes: usize) {
        self.written.set(self.written.get() + bytes as u64);
    }

    /// Records activity on the connection.
    pub(crate) fn record_activity(&self) {
        self.last_activity.set(Instant::now());
    }

    /// Assigns the request to a connection; a cancel then shuts it down.
    pub(crate) fn assign_to(&self, socket: &Arc<Socket>) {
        let number = self.number;
        if socket.assign(number) {
            return;
        }
        self.record_activity();
        let socket: Weak<Socket> = Arc::downgrade(socket);
        let on_cancel = self.cancel.on_cancel(move || {
            if let Some(socket) = socket.upgrade() {
                socket.shut_down_for(number);
            }
        });
        *self.on_cancel.borrow_mut() = Some(on_cancel);
    }

    /// Shuts `socket` down on a cancel, while the connection is being established.
    pub(crate) fn watch(&self, socket: &TcpStream) -> io::Result<()> {
        let socket = socket.try_clone()?;
        let on_cancel = self.cancel.on_cancel(move || {
            // Fails if the connection is already closed.
            drop(socket.shutdown(Shutdown::Both));
        });
        *self.on_cancel.borrow_mut() = Some(on_cancel);
        Ok(())
    }

    /// The connection is established, or has failed.
    pub(crate) fn unwatch(&self) {
        self.on_cancel.borrow_mut().take();
    }

    /// Discards the rest of the body, in order to read the response, or the reason of the failure.
    pub(crate) fn discard(&self, reason: Option<io::Error>) {
        self.is_discarding.set(true);
        if reason.is_some() {
            *self.write_error.borrow_mut() = reason;
        }
    }

    pub(crate) fn is_discarding(&self) -> bool {
        self.is_discarding.get()
    }

    /// The write error, if there was one.
    pub(crate) fn take_write_error(&self) -> Option<io::Error> {
        self.write_error.borrow_mut().take()
    }

    /// Remaining time of the exchange.
    ///
    /// # Errors
    /// If the time is up or the exchange was canceled.
    pub(crate) fn left(&self) -> Result<Duration, ureq::Error> {
        if self.cancel.is_canceled() {
            return Err(self.fail_without_source(TransportErrorKind::Canceled));
        }
        let limit = self.limit.get();
        match limit.saturating_sub(self.started.elapsed()) {
            Duration::ZERO => Err(self.fail(
                TransportErrorKind::TimedOut,
                format!("the limit is {limit:?}"),
            )),
            left => Ok(left.min(MAX_READ_TIMEOUT)),
        }
    }

    /// The head of a streamed response has arrived: from now on, the reader of the pieces limits
    /// the time.
    pub(crate) fn remove_limit(&self) {
        self.limit.set(Duration::MAX);
    }

    /// Like [`left`](Self::left), and also fails if no byte of the request moved within the stall
    /// limit.
    pub(crate) fn check_stall(&self) -> Result<(), ureq::Error> {
        self.left()?;
        if self.has_body()
            && !self.may_be_complete()
            && self.last_activity.get().elapsed() >= self.stall
        {
            return Err(self.fail_without_source(TransportErrorKind::Stalled));
        }
        Ok(())
    }

    /// Starts the connect timeout.
    pub(crate) fn connecting(&self) {
        self.connecting_since.set(Instant::now());
    }

    /// Remaining time to establish the connection.
    pub(crate) fn connect_time_left(&self, to: &str) -> Result<Duration, ureq::Error> {
        let whole = self.left()?;
        match self
            .connect_limit
            .saturating_sub(self.connecting_since.get().elapsed())
        {
            Duration::ZERO => {
                let text = format!("{to}: no connection within {:?}", self.connect_limit);
                Err(self.fail(TransportErrorKind::Unreachable, text))
            }
            left => Ok(left.min(whole)),
        }
    }

    /// Whether the whole body may have been sent. The head counts towards the body, which errs
    /// towards yes.
    fn may_be_complete(&self) -> bool {
        self.written.get() >= self.body.max(1)
    }

    /// An error of `kind` with the current delivery state.
    pub(crate) fn failure(&self, kind: TransportErrorKind) -> TransportError {
        let delivery = if self.may_be_complete() {
            Delivery::Unknown
        } else {
            Delivery::NotSent
        };
        // What fails after a cancel fails because of it.
        let kind = if self.cancel.is_canceled() {
            TransportErrorKind::Canceled
        } else {
            kind
        };
        TransportError::new(kind, delivery)
    }

    /// Records what ended the exchange, and returns an error that stops ureq.
    pub(crate) fn fail(
        &self,
        kind: TransportErrorKind,
        cause: impl Into<Box<dyn Error + Send + Sync>>,
    ) -> ureq::Error {
        self.record(self.failure(kind).with_source(cause))
    }

    fn fail_without_source(&self, kind: TransportErrorKind) -> ureq::Error {
        self.record(self.failure(kind))
    }

    /// Records a complete error. Only the first is kept, because later ones follow from it.
    pub(crate) fn record(&self, error: TransportError) -> ureq::Error {
        self.error.borrow_mut().get_or_insert(error);
        ureq::Error::ConnectionFailed
    }

    pub(crate) fn take_error(&self) -> Option<TransportError> {
        self.error.borrow_mut().take()
    }
}
