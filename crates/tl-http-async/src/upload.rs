//! Request bodies for hyper: pieces of known total length in a few reused buffers. Bytes that the
//! source has at hand are read inline. From the first bytes that would block, a thread of the
//! blocking pool reads ahead.

use std::{
    future::Future,
    io::{self, Read},
    pin::{Pin, pin},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use http_body::{Frame, SizeHint};
use tl_http::{Body, BodyReader, Delivery};
use tokio::{
    sync::{Notify, mpsc},
    time::Instant,
};

/// Piece size. 64 KiB to 512 KiB are equally fast; smaller and larger pieces are slower (1 GiB to a
/// loopback sink).
const PIECE: usize = 256 << 10;

/// Piece size of bodies up to [`SHORT_BODY`]. Several of those are often in flight, and eight of
/// them with the larger pieces would take more than 16 MiB (`cargo xtask bench upload`). A single
/// long body is cheaper with the larger pieces.
const SHORT_PIECE: usize = 128 << 10;

/// Maximum body length for the smaller pieces: three times a chunk of the platform.
const SHORT_BODY: u64 = 16 << 20;

/// Buffers per body: one being filled, one ready, and up to two in the client.
const BUFFERS: usize = 4;

/// Progress of a body, shared with the code that watches the exchange.
#[derive(Debug)]
pub(crate) struct Progress {
    left: AtomicU64,
    last_activity: Mutex<Option<Instant>>,
    started: Notify,
    failure: Mutex<Option<io::Error>>,
    ended: AtomicBool,
}

/// Ends an upload when its exchange ends.
pub(crate) struct EndGuard(Arc<Progress>);

impl Drop for EndGuard {
    fn drop(&mut self) {
        self.0.ended.store(true, Ordering::Release);
    }
}

impl Progress {
    pub(crate) fn new(len: u64) -> Self {
        Self {
            left: AtomicU64::new(len),
            last_activity: Mutex::default(),
            started: Notify::new(),
            failure: Mutex::default(),
            ended: AtomicBool::new(false),
        }
    }

    /// The error of the source, which the layers above would wrap.
    pub(crate) fn take_failure(&self) -> Option<io::Error> {
        self.failure
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take()
    }

    /// Returns a guard that ends the upload on drop.
    pub(crate) fn end_with_guard(self: &Arc<Self>) -> EndGuard {
        EndGuard(Arc::clone(self))
    }

    /// Whether the server may have the complete request: only after the last piece of the body was
    /// passed on.
    pub(crate) fn delivery(&self) -> Delivery {
        match self.left.load(Ordering::Acquire) {
            0 => Delivery::Unknown,
            _ => Delivery::NotSent,
        }
    }

    /// When the last piece was passed on. Waits for the first one. Returns `None` after the end of
    /// the body.
    pub(crate) async fn last_activity(&self) -> Option<Instant> {
        loop {
            let started = self.started.notified();
            if self.left.load(Ordering::Acquire) == 0 {
                return None;
            }
            let last_activity = *self
                .last_activity
                .lock()
                .unwrap_or_else(PoisonError::into_inner);
            match last_activity {
                Some(last_activity) => return Some(last_activity),
                None => started.await,
            }
        }
    }

    fn advance(&self, bytes: u64) {
        let mut last_activity = self
            .last_activity
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let first = last_activity.replace(Instant::now()).is_none();
        drop(last_activity);
        self.left.fetch_sub(bytes, Ordering::AcqRel);
        if first {
            self.started.notify_one();
        }
    }

    fn fail(&self, error: io::Error) {
        *self.failure.lock().unwrap_or_else(PoisonError::into_inner) = Some(error);
    }
}

/// The body of one request, sent once.
#[derive(Debug)]
pub(crate) struct Upload {
    left: u64,
    pieces: Pieces,
    progress: Arc<Progress>,
}

#[derive(Debug)]
enum Pieces {
    InMemory(Bytes),
    AtHand(Reader),
    ReadAhead(mpsc::Receiver<io::Result<Bytes>>),
}

impl Upload {
    pub(crate) fn new(body: &Body, progress: Arc<Progress>) -> Self {
        let pieces = match body.as_bytes() {
            Some(bytes) => Pieces::InMemory(bytes),
            None => Pieces::AtHand(Reader::new(body)),
        };
        Self {
            left: body.len(),
            pieces,
            progress,
        }
    }

    fn next_piece(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<Bytes>> {
        loop {
            match &mut self.pieces {
                Pieces::InMemory(bytes) => {
                    return Poll::Ready(Ok(bytes.split_to(bytes.len().min(PIECE))));
                }
                Pieces::AtHand(reader) => {
                    if let Some(piece) = ready!(reader.piece_at_hand(cx)) {
                        return Poll::Ready(piece);
                    }
                    let (sender, receiver) = mpsc::channel(1);
                    let next = Pieces::ReadAhead(receiver);
                    if let Pieces::AtHand(reader) = std::mem::replace(&mut self.pieces, next) {
                        tokio::task::spawn_blocking(move || reader.read_ahead(&sender));
                    }
                }
                Pieces::ReadAhead(receiver) => {
                    return pin!(receiver.recv()).poll(cx).map(|piece| {
                        piece.unwrap_or_else(|| {
                            Err(io::Error::other("the source stopped before its last byte"))
                        })
                    });
                }
            }
        }
    }
}

impl http_body::Body for Upload {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        if self.left == 0 {
            return Poll::Ready(None);
        }
        if self.progress.ended.load(Ordering::Acquire) {
            return Poll::Ready(Some(Err(io::ErrorKind::ConnectionAborted.into())));
        }
        self.next_piece(cx).map(|piece| {
            Some(match piece {
                Ok(bytes) => {
                    self.left -= bytes.len() as u64;
                    self.progress.advance(bytes.len() as u64);
                    Ok(Frame::data(bytes))
                }
                Err(error) => {
                    self.progress.fail(error);
                    Err(io::ErrorKind::Other.into())
                }
            })
        })
    }

    fn is_end_stream(&self) -> bool {
        self.left == 0
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.left)
    }
}

/// Reads a body into reusable buffers.
#[derive(Debug)]
struct Reader {
    body: BodyReader,
    left: u64,
    /// Size of a buffer.
    size: usize,
    /// Number of buffers created.
    created: usize,
    pool: mpsc::UnboundedSender<Vec<u8>>,
    returned: mpsc::UnboundedReceiver<Vec<u8>>,
}

impl Reader {
    fn new(body: &Body) -> Self {
        let left = body.len();
        let size = if left <= SHORT_BODY {
            SHORT_PIECE
        } else {
            PIECE
        };
        let (pool, returned) = mpsc::unbounded_channel();
        Self {
            body: body.reader(),
            left,
            size: usize::try_from(left).map_or(size, |left| left.min(size)),
            created: 0,
            pool,
            returned,
        }
    }

    /// The next piece if the source has it at hand; `None` if reading it would block.
    fn piece_at_hand(&mut self, cx: &mut Context<'_>) -> Poll<Option<io::Result<Bytes>>> {
        let buffer = match self.buffer_at_hand() {
            Some(buffer) => Some(buffer),
            None => ready!(pin!(self.returned.recv()).poll(cx)),
        };
        // `self` holds a sender, so this always yields a buffer: its user returns it at the latest
        // when the body is dropped.
        let Some(mut buffer) = buffer else {
            return Poll::Ready(None);
        };
        let piece_len = self.piece_len(&buffer);
        let mut filled = 0;
        while filled < piece_len {
            match self.body.try_read(&mut buffer[filled..piece_len]) {
                Some(Ok(0)) | None => break,
                Some(Ok(count)) => filled += count,
                Some(Err(error)) => return Poll::Ready(Some(Err(error))),
            }
        }
        if filled == 0 {
            // Return the buffer to the reader.
            drop(self.pool.send(buffer));
            return Poll::Ready(None);
        }
        Poll::Ready(Some(Ok(self.pooled(buffer, filled))))
    }

    /// Reads to the end, or until the receiver is dropped.
    fn read_ahead(mut self, pieces: &mpsc::Sender<io::Result<Bytes>>) {
        while self.left > 0 {
            let buffer = match self.buffer_at_hand() {
                Some(buffer) => Some(buffer),
                None => self.returned.blocking_recv(),
            };
            let Some(mut buffer) = buffer else { return };
            let piece_len = self.piece_len(&buffer);
            // A source may return fewer bytes than requested.
            let read = self.body.read_exact(&mut buffer[..piece_len]);
            let failed = read.is_err();
            let piece = read.map(|()| self.pooled(buffer, piece_len));
            if pieces.blocking_send(piece).is_err() || failed {
                return;
            }
        }
    }

    /// A returned buffer, or a new one below the limit.
    fn buffer_at_hand(&mut self) -> Option<Vec<u8>> {
        if let Ok(buffer) = self.returned.try_recv() {
            return Some(buffer);
        }
        (self.created < BUFFERS).then(|| {
            self.created += 1;
            vec![0; self.size]
        })
    }

    /// How many bytes of `buffer` to fill.
    fn piece_len(&self, buffer: &[u8]) -> usize {
        usize::try_from(self.left).map_or(buffer.len(), |left| left.min(buffer.len()))
    }

    fn pooled(&mut self, buffer: Vec<u8>, len: usize) -> Bytes {
        self.left -= len as u64;
        Bytes::from_owner(PooledBuffer {
            buffer,
            len,
            pool: self.pool.clone(),
        })
    }
}

/// A buffer that returns to its reader after the client has sent it.
struct PooledBuffer {
    buffer: Vec<u8>,
    len: usize,
    pool: mpsc::UnboundedSender<Vec<u8>>,
}

impl AsRef<[u8]> for PooledBuffer {
    fn as_ref(&self) -> &[u8] {
        &self.buffer[..self.len]
    }
}

impl Drop for PooledBuffer {
    fn drop(&mut self) {
        // If the reader has ended, the buffer is freed.
        drop(self.pool.send(std::mem::take(&mut self.buffer)));
    }
}
