//! One HTTP request and its outcome, as data. A [`Transport`](crate::Transport) sends it; the
//! [`Flow`](crate::Flow) decides whether it is sent again.

use std::{error, fmt, time::Duration};

use bytes::Bytes;

use crate::Body;

/// Names one exchange inside one flow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Token(pub u32);

/// Whether a request carries the API key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Auth {
    /// The key goes along; a driver sends such a request to the API host only (see [`crate::Credentials`]).
    ApiKey,
    /// No key: a presigned URL, or any other host.
    None,
}

/// One request that a driver shall send once.
#[derive(Clone)]
pub struct Exchange {
    /// The request with an absolute URI. The driver adds the key, `Content-Length`, `User-Agent` and nothing else.
    pub http: http::Request<Body>,
    /// Whether the key goes along.
    pub auth: Auth,
    /// The longest time from the first look-up of the host to the last byte of the answer; to the end of its head, for an
    /// exchange that a [`Feed`](crate::Feed) opened.
    pub timeout: Duration,
    /// The longest time in which no byte of the body moves while it is being sent.
    pub stall: Duration,
}

/// The query of a URL that is a permission by itself does not show, and no header does: they may hold secrets.
impl fmt::Debug for Exchange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let uri = self.http.uri().to_string();
        let shown = match (self.auth, uri.split_once('?')) {
            (Auth::None, Some((place, _))) => format!("{place}?…"),
            _ => uri,
        };
        f.debug_struct("Exchange")
            .field("method", self.http.method())
            .field("uri", &shown)
            .field("body", self.http.body())
            .field("auth", &self.auth)
            .field("timeout", &self.timeout)
            .field("stall", &self.stall)
            .finish()
    }
}

/// What came of an exchange: any HTTP answer is `Ok`, whatever its status.
pub type Outcome = Result<http::Response<Bytes>, TransportError>;

/// Whether the server may have acted on a request that got no answer: may a `POST` be repeated?
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Delivery {
    /// The request surely did not reach the server whole: it may be sent again.
    NotSent,
    /// The server may have acted: look before you send again.
    Unknown,
}

/// Why there is no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum TransportErrorKind {
    /// The host name has no address, or the address refused or did not answer in the connect time limit.
    Unreachable,
    /// The process or the system had no free file descriptor for a connection (`EMFILE`, `ENFILE`). Nothing was sent, and the
    /// attempt does not count.
    NoDescriptor,
    /// TLS could not be agreed: a wrong or unknown certificate, or no common version. Not retried: it will not heal.
    Tls,
    /// The connection broke after it was made.
    Lost,
    /// [`Exchange::timeout`] passed.
    TimedOut,
    /// No byte moved for [`Exchange::stall`].
    Stalled,
    /// No byte of a streamed answer came within the limit of a [`Read`](crate::FeedStep::Read).
    Idle,
    /// The caller ended the exchange. Not retried.
    Canceled,
    /// The body's [`Source`](crate::Source) could not be read. Not retried: the fault is on this side.
    SourceFailed,
    /// The answer was longer than the driver's limit.
    TooLarge,
    /// The answer was not HTTP.
    NotHttp,
    /// The URL was supplied by the server and leads where the client does not follow it: see
    /// [`SuppliedUrls`](crate::SuppliedUrls). Nothing was sent; not retried.
    UnsafeUrl,
    /// The driver refused to send: the request is no valid HTTP, or the key would have gone to another host.
    Refused,
}

/// Whether `error` says that the process (`EMFILE`) or the system (`ENFILE`) has no file descriptor left:
/// [`TransportErrorKind::NoDescriptor`].
#[must_use]
pub fn is_out_of_descriptors(error: &std::io::Error) -> bool {
    // The values of `<errno.h>`, the same on Linux, macOS and the BSDs, and `WSAEMFILE` of Windows; the standard library has
    // no names for them.
    let codes: &[i32] = if cfg!(windows) { &[10024] } else { &[24, 23] };
    error
        .raw_os_error()
        .is_some_and(|code| codes.contains(&code))
}

/// An exchange that ended without an HTTP answer.
#[derive(Debug)]
pub struct TransportError {
    kind: TransportErrorKind,
    delivery: Delivery,
    source: Option<Box<dyn error::Error + Send + Sync>>,
}

impl TransportError {
    /// An error of `kind` about a request that was delivered as `delivery` says.
    #[must_use]
    pub fn new(kind: TransportErrorKind, delivery: Delivery) -> Self {
        Self {
            kind,
            delivery,
            source: None,
        }
    }

    /// The same error with its cause.
    #[must_use]
    pub fn with_source(mut self, source: impl Into<Box<dyn error::Error + Send + Sync>>) -> Self {
        self.source = Some(source.into());
        self
    }

    /// What happened.
    #[must_use]
    pub fn kind(&self) -> TransportErrorKind {
        self.kind
    }

    /// Whether the server may have acted.
    #[must_use]
    pub fn delivery(&self) -> Delivery {
        self.delivery
    }
}

impl fmt::Display for TransportError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.kind {
            TransportErrorKind::Unreachable => "the host could not be reached",
            TransportErrorKind::NoDescriptor => "no file descriptor is free for a connection",
            TransportErrorKind::Tls => "no trusted TLS connection could be made",
            TransportErrorKind::Lost => "the connection was lost before the answer was complete",
            TransportErrorKind::TimedOut => {
                "no complete answer came within the time limit of the attempt"
            }
            TransportErrorKind::Stalled => "the upload stood still for longer than the stall limit",
            TransportErrorKind::Idle => "no byte of the answer came within the idle limit",
            TransportErrorKind::Canceled => "the caller ended the exchange",
            TransportErrorKind::SourceFailed => "the bytes to send could not be read",
            TransportErrorKind::TooLarge => "the answer is larger than the limit",
            TransportErrorKind::NotHttp => "the answer is not HTTP",
            TransportErrorKind::UnsafeUrl => {
                "the URL that the server gave is not followed, and nothing was sent to it"
            }
            TransportErrorKind::Refused => "the request was not sent",
        })
    }
}

impl error::Error for TransportError {
    fn source(&self) -> Option<&(dyn error::Error + 'static)> {
        self.source.as_deref().map(|source| source as _)
    }
}
