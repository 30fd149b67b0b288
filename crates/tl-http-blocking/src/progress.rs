//! How far the request has come that this thread carries.
//!
//! ureq calls the connector, the connection and the body's reader on the thread of its caller, and hands nothing through
//! to them. What they must share about one request therefore lies beside the thread.

use std::{
    cell::{Cell, RefCell},
    error::Error,
    io,
    rc::Rc,
    sync::{
        Arc, Weak,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use tl_http::{Delivery, Prepared, TransportError, TransportErrorKind};

use crate::{Cancel, wire::Socket};

/// The longest time that one read of the socket is given, so that every system takes it; then the read is repeated.
const LONGEST_READ: Duration = Duration::from_secs(86_400);

thread_local! {
    static CURRENT: RefCell<Option<Rc<Progress>>> = const { RefCell::new(None) };
}

/// One request on its way.
#[derive(Debug)]
pub(crate) struct Progress {
    /// Tells the requests of this process apart.
    number: u64,
    started: Instant,
    /// The time for the whole exchange; none once a streamed answer has its head.
    limit: Cell<Duration>,
    stall: Duration,
    only_public: bool,
    body: u64,
    written: Cell<u64>,
    moved: Cell<Instant>,
    connect_limit: Duration,
    connecting_since: Cell<Instant>,
    is_discarding: Cell<bool>,
    broken: RefCell<Option<io::Error>>,
    fault: RefCell<Option<TransportError>>,
    is_cancel_heard: Cell<bool>,
    cancel: Cancel,
}

/// While this lives, the thread carries the request.
#[derive(Debug)]
pub(crate) struct Carried {
    progress: Rc<Progress>,
    /// A request whose body is being read meanwhile, from a source that sends requests itself.
    outer: Option<Rc<Progress>>,
}

impl Carried {
    pub(crate) fn begin(request: &Prepared, connect_limit: Duration, cancel: &Cancel) -> Self {
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
            moved: Cell::new(now),
            connect_limit,
            connecting_since: Cell::new(now),
            is_discarding: Cell::new(false),
            broken: RefCell::default(),
            fault: RefCell::default(),
            is_cancel_heard: Cell::new(false),
            cancel: cancel.clone(),
        });
        let outer = CURRENT.replace(Some(Rc::clone(&progress)));
        Self { progress, outer }
    }

    pub(crate) fn progress(&self) -> &Rc<Progress> {
        &self.progress
    }
}

impl Drop for Carried {
    fn drop(&mut self) {
        CURRENT.set(self.outer.take());
    }
}

impl Progress {
    /// The request that this thread carries.
    pub(crate) fn current() -> Rc<Self> {
        CURRENT
            .with_borrow(Clone::clone)
            .expect("ureq works only while `UreqClient::send` carries a request")
    }

    /// Whether the host may have addresses of the public network only.
    pub(crate) fn only_public(&self) -> bool {
        self.only_public
    }

    pub(crate) fn has_body(&self) -> bool {
        self.body > 0
    }

    /// Bytes of the request, its head included, left this program.
    pub(crate) fn wrote(&self, bytes: usize) {
        self.written.set(self.written.get() + bytes as u64);
    }

    /// Something moved on the connection.
    pub(crate) fn moved(&self) {
        self.moved.set(Instant::now());
    }

    /// The connection is asked to carry the request from now on; a cancel shuts it down.
    pub(crate) fn carried_by(&self, socket: &Arc<Socket>) {
        if self.is_cancel_heard.replace(true) {
            return;
        }
        self.moved();
        let number = self.number;
        socket.carry(number);
        let socket: Weak<Socket> = Arc::downgrade(socket);
        self.cancel.on_cancel(move || {
            if let Some(socket) = socket.upgrade() {
                socket.shut_down_for(number);
            }
        });
    }

    /// Nothing more is written: what the server said, or why the line broke, is to be read.
    pub(crate) fn discard(&self, because: Option<io::Error>) {
        self.is_discarding.set(true);
        if because.is_some() {
            *self.broken.borrow_mut() = because;
        }
    }

    pub(crate) fn is_discarding(&self) -> bool {
        self.is_discarding.get()
    }

    /// Why nothing more could be written, where that was so.
    pub(crate) fn take_broken(&self) -> Option<io::Error> {
        self.broken.borrow_mut().take()
    }

    /// The time left for the whole exchange.
    ///
    /// # Errors
    /// There is none, or nobody waits for the exchange any more.
    pub(crate) fn left(&self) -> Result<Duration, ureq::Error> {
        if self.cancel.is_cancelled() {
            return Err(self.fail_plainly(TransportErrorKind::Canceled));
        }
        let limit = self.limit.get();
        match limit.saturating_sub(self.started.elapsed()) {
            Duration::ZERO => Err(self.fail(
                TransportErrorKind::TimedOut,
                format!("the limit is {limit:?}"),
            )),
            left => Ok(left.min(LONGEST_READ)),
        }
    }

    /// The head of a streamed answer has come: from now on whoever reads the pieces limits the time.
    pub(crate) fn streams(&self) {
        self.limit.set(Duration::MAX);
    }

    /// The same while bytes of a request are written and none moved just now.
    pub(crate) fn left_to_move(&self) -> Result<(), ureq::Error> {
        self.left()?;
        if self.has_body() && !self.is_whole() && self.moved.get().elapsed() >= self.stall {
            return Err(self.fail_plainly(TransportErrorKind::Stalled));
        }
        Ok(())
    }

    /// The time for a connection begins.
    pub(crate) fn connecting(&self) {
        self.connecting_since.set(Instant::now());
    }

    /// The time left until the connection must stand.
    pub(crate) fn left_to_connect(&self, to: &str) -> Result<Duration, ureq::Error> {
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

    /// Whether the body may have gone out whole. The head counts as body here: that errs towards yes.
    fn is_whole(&self) -> bool {
        self.written.get() >= self.body.max(1)
    }

    /// An error of `kind`, as things stand.
    pub(crate) fn failure(&self, kind: TransportErrorKind) -> TransportError {
        let delivery = if self.is_whole() {
            Delivery::Unknown
        } else {
            Delivery::NotSent
        };
        TransportError::new(kind, delivery)
    }

    /// Notes what ended the exchange, and gives something to end ureq's work with.
    pub(crate) fn fail(
        &self,
        kind: TransportErrorKind,
        cause: impl Into<Box<dyn Error + Send + Sync>>,
    ) -> ureq::Error {
        self.note(self.failure(kind).with_source(cause))
    }

    fn fail_plainly(&self, kind: TransportErrorKind) -> ureq::Error {
        self.note(self.failure(kind))
    }

    /// The same for an error that is known whole. The first one counts: the others follow from it.
    pub(crate) fn note(&self, error: TransportError) -> ureq::Error {
        self.fault.borrow_mut().get_or_insert(error);
        ureq::Error::ConnectionFailed
    }

    pub(crate) fn take_fault(&self) -> Option<TransportError> {
        self.fault.borrow_mut().take()
    }
}
