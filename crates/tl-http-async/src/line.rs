//! A connection under observation: how much was written, when something moved last, and an end of the writing side that
//! does not hide the answer.

use std::{
    io,
    pin::Pin,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    task::{Context, Poll},
    time::Duration,
};

use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    time::Instant,
};

/// What is known of a connection while hyper has it.
#[derive(Debug)]
pub(crate) struct Wire {
    opened: Instant,
    written: AtomicU64,
    /// Milliseconds from `opened` until bytes were written last.
    moved: AtomicU64,
    answered: AtomicBool,
    broken: Mutex<Option<io::Error>>,
}

impl Wire {
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self {
            opened: Instant::now(),
            written: AtomicU64::new(0),
            moved: AtomicU64::new(0),
            answered: AtomicBool::new(false),
            broken: Mutex::default(),
        })
    }

    /// Bytes of requests that the system, or TLS, took.
    pub(crate) fn written(&self) -> u64 {
        self.written.load(Ordering::SeqCst)
    }

    /// When bytes were written last.
    pub(crate) fn moved(&self) -> Instant {
        self.opened + Duration::from_millis(self.moved.load(Ordering::SeqCst))
    }

    /// Whether the server ever said anything.
    pub(crate) fn answered(&self) -> bool {
        self.answered.load(Ordering::SeqCst)
    }

    /// Why nothing more can be written, where that is so.
    pub(crate) fn take_broken(&self) -> Option<io::Error> {
        self.broken
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take()
    }

    fn count(&self, bytes: usize) {
        let moved = u64::try_from(self.opened.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.moved.store(moved, Ordering::SeqCst);
        self.written.fetch_add(bytes as u64, Ordering::SeqCst);
    }
}

/// A stream that writes down in its [`Wire`] what moves.
///
/// A server that refuses a body early answers and closes, and the close resets what is still being written. An HTTP
/// client that takes the failed write for the end loses the answer, which lies readable in the receive buffer. So a
/// failed write is not told: the writing side rests for ever, and the reading side, which ends soon after it, decides.
#[derive(Debug)]
pub(crate) struct Watched<S> {
    stream: S,
    wire: Arc<Wire>,
    rests: bool,
}

impl<S> Watched<S> {
    pub(crate) fn new(stream: S, wire: Arc<Wire>) -> Self {
        Self {
            stream,
            wire,
            rests: false,
        }
    }

    fn rest<T>(&mut self, cx: &Context<'_>, error: io::Error) -> Poll<io::Result<T>> {
        self.rests = true;
        *self
            .wire
            .broken
            .lock()
            .unwrap_or_else(PoisonError::into_inner) = Some(error);
        // So that the reading side is looked at once more, whatever it was waiting for.
        cx.waker().wake_by_ref();
        Poll::Pending
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Watched<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let read = Pin::new(&mut self.stream).poll_read(cx, buffer);
        if buffer.filled().len() > before {
            self.wire.answered.store(true, Ordering::SeqCst);
        }
        read
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Watched<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        if self.rests {
            return Poll::Pending;
        }
        match Pin::new(&mut self.stream).poll_write(cx, bytes) {
            Poll::Ready(Ok(count)) => {
                self.wire.count(count);
                Poll::Ready(Ok(count))
            }
            Poll::Ready(Err(error)) => self.rest(cx, error),
            Poll::Pending => Poll::Pending,
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.rests {
            return Poll::Pending;
        }
        match Pin::new(&mut self.stream).poll_flush(cx) {
            Poll::Ready(Err(error)) => self.rest(cx, error),
            other => other,
        }
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.rests {
            return Poll::Ready(Ok(()));
        }
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
