//! How a scripted server reacts to a request.

use std::time::Duration;

use bytes::Bytes;

/// An HTTP response.
#[derive(Debug, Clone)]
pub struct Reply {
    pub(super) status: u16,
    pub(super) headers: Vec<(String, String)>,
    pub(super) body: ReplyBody,
}

#[derive(Debug, Clone)]
pub(super) enum ReplyBody {
    Whole(Bytes),
    Chunked(Bytes),
    UntilClose(Bytes),
    Filler(u64),
}

impl Reply {
    /// A response with `status` and no body.
    #[must_use]
    pub fn status(status: u16) -> Self {
        Self {
            status,
            headers: Vec::new(),
            body: ReplyBody::Whole(Bytes::new()),
        }
    }

    /// A 200 response with `body`.
    #[must_use]
    pub fn ok(body: impl Into<Bytes>) -> Self {
        Self::status(200).body(body)
    }

    /// Adds a header.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Sets the body, with `Content-Length`.
    #[must_use]
    pub fn body(mut self, body: impl Into<Bytes>) -> Self {
        self.body = ReplyBody::Whole(body.into());
        self
    }

    /// Sets the body in chunked encoding, three bytes per chunk.
    #[must_use]
    pub fn chunked(mut self, body: impl Into<Bytes>) -> Self {
        self.body = ReplyBody::Chunked(body.into());
        self
    }

    /// Sets a body without a length: it ends with the connection.
    #[must_use]
    pub fn until_close(mut self, body: impl Into<Bytes>) -> Self {
        self.body = ReplyBody::UntilClose(body.into());
        self
    }

    /// Sets a body of `len` times `x`, with `Content-Length`.
    #[must_use]
    pub fn filler(mut self, len: u64) -> Self {
        self.body = ReplyBody::Filler(len);
        self
    }
}

/// A response whose body is sent piece by piece.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct StreamedReply {
    /// Status.
    pub status: u16,
    /// Headers, without those for the framing.
    pub headers: Vec<(String, String)>,
    /// The pieces, with the delay before each.
    pub pieces: Vec<(Duration, Bytes)>,
    /// How the body is framed.
    pub coding: Coding,
    /// What follows the last piece.
    pub end: StreamEnd,
}

impl StreamedReply {
    /// The header that frames the body.
    pub(crate) fn framing_header(&self) -> Option<(&'static str, String)> {
        let sent = self
            .pieces
            .iter()
            .map(|(_, piece)| piece.len())
            .sum::<usize>();
        match (self.coding, self.end) {
            (Coding::Chunked, _) => Some(("transfer-encoding", "chunked".to_owned())),
            (Coding::Length, StreamEnd::Whole) => Some(("content-length", sent.to_string())),
            (Coding::Length, _) => Some(("content-length", (sent + 10).to_string())),
            (Coding::UntilClose, _) => None,
        }
    }
}

/// How the body of a [`StreamedReply`] is framed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Coding {
    /// In chunks.
    Chunked,
    /// By `Content-Length`; if the response is truncated, ten bytes more than are sent.
    Length,
    /// By the end of the connection.
    UntilClose,
}

/// What follows the last piece of a [`StreamedReply`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum StreamEnd {
    /// The end of the body.
    Whole,
    /// The end of the connection, before the end of the body.
    Cut,
    /// Nothing, until the client closes.
    Silence,
}

#[derive(Debug, Clone, Copy)]
pub(super) enum Reading {
    Whole,
    Only(u64),
    Slowly { piece: usize, pause: Duration },
}

#[derive(Debug, Clone)]
pub(super) enum Answer {
    Http(Reply),
    Cut(Reply, usize),
    Raw(Bytes),
    Stream(StreamedReply),
    Nothing,
}

#[derive(Debug, Clone, Copy)]
pub(super) enum Then {
    /// Accept the next request.
    Stay,
    /// Close after this time. Unread bytes of the request make it a reset.
    Close(Duration),
    /// Do nothing for this time; then read to the end, and wait until the client closes.
    Hang(Duration),
}

/// A server's reaction to one request: how it reads the body, the response, and what happens to the
/// connection.
#[derive(Debug, Clone)]
pub struct Reaction {
    pub(super) reading: Reading,
    pub(super) delay: Duration,
    pub(super) answer: Answer,
    pub(super) then: Then,
}

impl From<Reply> for Reaction {
    /// Reads the whole body, responds, and accepts the next request.
    fn from(reply: Reply) -> Self {
        let then = match reply.body {
            ReplyBody::UntilClose(_) => Then::Close(Duration::ZERO),
            _ => Then::Stay,
        };
        Self {
            reading: Reading::Whole,
            delay: Duration::ZERO,
            answer: Answer::Http(reply),
            then,
        }
    }
}

impl Reaction {
    /// Reads the whole request and never responds.
    #[must_use]
    pub fn never() -> Self {
        Self {
            answer: Answer::Nothing,
            then: Then::Hang(Duration::ZERO),
            ..Reply::status(200).into()
        }
    }

    /// Reads the whole request and closes without a response.
    #[must_use]
    pub fn close() -> Self {
        Self {
            answer: Answer::Nothing,
            then: Then::Close(Duration::ZERO),
            ..Reply::status(200).into()
        }
    }

    /// Responds with arbitrary `bytes` and closes.
    #[must_use]
    pub fn raw(bytes: impl Into<Bytes>) -> Self {
        Self {
            answer: Answer::Raw(bytes.into()),
            then: Then::Close(Duration::ZERO),
            ..Reply::status(200).into()
        }
    }

    /// Responds with the first `len` bytes of `reply`, including the head, and closes.
    #[must_use]
    pub fn cut(reply: Reply, len: usize) -> Self {
        Self {
            answer: Answer::Cut(reply, len),
            then: Then::Close(Duration::ZERO),
            ..Reply::status(200).into()
        }
    }

    /// Responds piece by piece.
    #[must_use]
    pub fn stream(reply: StreamedReply) -> Self {
        let then = match (reply.end, reply.coding) {
            (StreamEnd::Whole, Coding::Chunked | Coding::Length) => Then::Stay,
            (StreamEnd::Silence, _) => Then::Hang(Duration::ZERO),
            _ => Then::Close(Duration::ZERO),
        };
        Self {
            answer: Answer::Stream(reply),
            then,
            ..Reply::status(200).into()
        }
    }

    /// Waits before it responds.
    #[must_use]
    pub fn after(mut self, delay: Duration) -> Self {
        self.delay = delay;
        self
    }

    /// Reads at most `len` bytes of the body.
    #[must_use]
    pub fn reading_only(mut self, len: u64) -> Self {
        self.reading = Reading::Only(len);
        self
    }

    /// Reads the body in pieces of `piece` bytes with a pause after each.
    #[must_use]
    pub fn reading_slowly(mut self, piece: usize, pause: Duration) -> Self {
        self.reading = Reading::Slowly { piece, pause };
        self
    }

    /// Closes `later` after the response, without `Connection: close`.
    #[must_use]
    pub fn then_close(mut self, later: Duration) -> Self {
        self.then = Then::Close(later);
        self
    }

    /// After the response, does nothing for `time`, then reads until the client closes.
    #[must_use]
    pub fn then_hang(mut self, time: Duration) -> Self {
        self.then = Then::Hang(time);
        self
    }
}
