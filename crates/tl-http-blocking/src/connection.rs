//! A connection for ureq: enforces time limits, counts bytes, and detects a response that arrives
//! while the body is still being sent.
//!
//! A server that rejects a body early responds and closes the connection, or responds and stops
//! reading. A client that reads the response only after the last byte loses it or hangs. So the
//! connection checks for a response before each piece and whenever a write stalls. Once there is
//! one, it discards the rest of the body, and ureq reads the response.

use std::{
    fmt,
    io::{self, Read, Write},
    net::TcpStream,
    sync::Arc,
    time::Duration,
};

use tl_http::TransportErrorKind;
use ureq::{
    Error,
    unversioned::transport::{Buffers, LazyBuffers, NextTimeout, Transport},
};

use crate::{peek::Peek, progress::Progress, session::Session, socket::Socket};

/// Piece size. 64 KiB to 512 KiB are equally fast; smaller and larger pieces are slower (1 GiB to a
/// loopback sink).
const PIECE: usize = 256 << 10;

/// Read buffer size: more than the maximum response head.
const INPUT_BUFFER: usize = 128 << 10;

/// How long a write may stall before checking for a response.
const CHECK_INTERVAL: Duration = Duration::from_millis(20);

/// A connection, plain or TLS.
pub(crate) struct Connection {
    socket: Arc<Socket>,
    tls: Option<Box<Session>>,
    buffers: LazyBuffers,
    /// Only part of a request was sent, so the connection cannot be reused.
    is_dirty: bool,
    /// The server has sent data at some time.
    has_received: bool,
}

impl Connection {
    pub(crate) fn new(socket: TcpStream) -> io::Result<Self> {
        Self::of(socket, None)
    }

    #[cfg(feature = "tls")]
    pub(crate) fn with_tls(socket: TcpStream, tls: rustls::ClientConnection) -> io::Result<Self> {
        Self::of(socket, Some(Box::new(Session::new(tls))))
    }

    fn of(socket: TcpStream, tls: Option<Box<Session>>) -> io::Result<Self> {
        socket.set_write_timeout(Some(CHECK_INTERVAL))?;
        Ok(Self {
            socket: Arc::new(Socket::new(socket)),
            tls,
            buffers: LazyBuffers::new(INPUT_BUFFER, PIECE),
            is_dirty: false,
            has_received: false,
        })
    }

    /// Whether there is data to read, or the server has closed the connection. Does not block.
    fn has_input(&mut self) -> bool {
        let peek = Peek(self.socket.stream());
        match &mut self.tls {
            None => peek.is_readable(),
            Some(tls) => tls.has_input(peek),
        }
    }

    /// Writes `amount` bytes of the output buffer. Returns `Ok(false)` if the rest of the body is
    /// to be discarded.
    fn write(&mut self, amount: usize, progress: &Progress) -> Result<bool, Error> {
        let mut from = 0;
        loop {
            let wants_write = self.tls.as_ref().is_some_and(|tls| tls.wants_write());
            if from == amount && !wants_write {
                return Ok(true);
            }
            if progress.has_body() && self.has_input() {
                return Ok(false);
            }
            let bytes = &self.buffers.output()[from..amount];
            let (taken, written) = match &mut self.tls {
                None => {
                    let written = self.socket.stream().write(bytes);
                    (written.as_ref().map_or(0, |count| *count), written)
                }
                Some(tls) => tls.write(self.socket.stream(), bytes),
            };
            from += taken;
            progress.record_written(taken);
            match written {
                Ok(_) => progress.record_activity(),
                Err(error) if is_timeout(&error) => progress.check_stall()?,
                Err(error) => {
                    // Still read the response, or the end of the connection.
                    progress.discard(Some(error));
                    return Ok(false);
                }
            }
        }
    }

    fn read(&mut self, progress: &Progress) -> Result<usize, Error> {
        loop {
            let left = progress.left()?;
            let lost = |error: io::Error| progress.fail(TransportErrorKind::Lost, error);
            let mut socket = self.socket.stream();
            socket.set_read_timeout(Some(left)).map_err(lost)?;
            let buffer = self.buffers.input_append_buf();
            let result = match &mut self.tls {
                None => socket.read(buffer),
                Some(tls) => tls.read(socket, buffer),
            };
            match result {
                Ok(count) => {
                    if count == 0 {
                        // A cancel shuts the socket down, which must not look like the end of a
                        // response.
                        progress.left()?;
                    }
                    self.has_received |= count > 0;
                    return Ok(count);
                }
                Err(error) if is_timeout(&error) => {}
                Err(error) => {
                    let kind = if Session::is_failure(&error) && !self.has_received {
                        TransportErrorKind::Tls
                    } else {
                        TransportErrorKind::Lost
                    };
                    return Err(progress.fail(kind, progress.take_write_error().unwrap_or(error)));
                }
            }
        }
    }
}

impl Transport for Connection {
    fn buffers(&mut self) -> &mut dyn Buffers {
        &mut self.buffers
    }

    fn transmit_output(&mut self, amount: usize, _: NextTimeout) -> Result<(), Error> {
        let progress = Progress::current();
        progress.assign_to(&self.socket);
        progress.left()?;
        if !progress.is_discarding() && !self.write(amount, &progress)? {
            self.is_dirty = true;
            progress.discard(None);
        }
        Ok(())
    }

    fn await_input(&mut self, _: NextTimeout) -> Result<bool, Error> {
        let count = self.read(&Progress::current())?;
        self.buffers.input_appended(count);
        Ok(count > 0)
    }

    fn is_open(&mut self) -> bool {
        !self.is_dirty && !self.has_input()
    }

    fn is_tls(&self) -> bool {
        self.tls.is_some()
    }
}

impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connection")
            .field("tls", &self.tls.is_some())
            .finish_non_exhaustive()
    }
}

fn is_timeout(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut | io::ErrorKind::Interrupted
    )
}
