//! One HTTP request and its outcome, as data. A [`Transport`](crate::Transport) sends it; the
//! [`Flow`](crate::Flow) decides whether to retry it.

use std::{error, fmt, time::Duration};

use bytes::Bytes;

use crate::{Body, with_fields::with_fields};

/// Identifies an exchange within a flow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Token(pub u32);

/// Whether a request carries the API key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Auth {
    /// Send the key. A driver sends such a request to the API host only (see
    /// [`crate::Credentials`]).
    ApiKey,
    /// Do not send the key: a presigned URL, or any other host.
    None,
}

/// One request that a driver sends once.
#[derive(Clone)]
#[non_exhaustive]
pub struct Exchange {
    /// The request with an absolute URI. The driver adds the key, `Content-Length`, `User-Agent`,
    /// the extra headers of the settings (to the API host), and nothing else.
    pub http: http::Request<Body>,
    /// Whether the key is sent.
    pub auth: Auth,
    /// Timeout from the first host lookup to the last byte of the response. For an exchange that a
    /// [`Feed`](crate::Feed) opened: to the end of the response head.
    pub timeout: Duration,
    /// Stall timeout: the longest time without progress while the body is sent.
    pub stall: Duration,
}

/// The largest response that a request expects, in bytes: an extension of [`Exchange::http`]. It
/// raises [`HttpSettings::max_response`](crate::HttpSettings::max_response) for this request.
///
/// ```
/// use tl_http::{Body, MaxResponse};
///
/// let mut request = http::Request::get("http://localhost/").body(Body::empty()).unwrap();
/// request.extensions_mut().insert(MaxResponse(256 << 20));
/// assert_eq!(MaxResponse::of(&request, 64 << 20), 256 << 20);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MaxResponse(pub u64);

impl MaxResponse {
    /// The limit for `request`: its own, or `default` if that is larger.
    #[must_use]
    pub fn of<B>(request: &http::Request<B>, default: u64) -> u64 {
        let own = request.extensions().get::<Self>();
        own.map_or(default, |own| own.0.max(default))
    }
}

impl Exchange {
    /// An exchange that sends `http`.
    #[must_use]
    pub fn new(http: http::Request<Body>, auth: Auth, timeout: Duration, stall: Duration) -> Self {
        Self {
            http,
            auth,
            timeout,
            stall,
        }
    }
}

with_fields!(Exchange {
    with_auth(auth: Auth);
    with_timeout(timeout: Duration);
    with_stall(stall: Duration);
});

/// Omits headers and the query of presigned URLs, because they may contain secrets.
impl fmt::Debug for Exchange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let uri = self.http.uri().to_string();
        let redacted = match (self.auth, uri.split_once('?')) {
            (Auth::None, Some((place, _))) => format!("{place}?…"),
            _ => uri,
        };
        f.debug_struct("Exchange")
            .field("method", self.http.method())
            .field("uri", &redacted)
            .field("body", self.http.body())
            .field("auth", &self.auth)
            .field("timeout", &self.timeout)
            .field("stall", &self.stall)
            .finish()
    }
}

/// The result of an exchange. Any HTTP response is `Ok`, whatever its status.
pub type Outcome = Result<http::Response<Bytes>, TransportError>;

/// Whether the server may have processed a request that got no response. Decides whether a `POST`
/// is repeatable.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Delivery {
    /// The request did not reach the server completely: it is safe to send it again.
    NotSent,
    /// The server may have processed the request: look the resource up before sending it again.
    Unknown,
}

/// Why there is no response.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum TransportErrorKind {
    /// The host name has no address, or the address refused the connection or did not respond
    /// within the connect timeout.
    Unreachable,
    /// The process or the system has no free file descriptor (`EMFILE`, `ENFILE`). Nothing was
    /// sent, and the attempt does not count.
    NoDescriptor,
    /// The TLS handshake failed: an invalid or untrusted certificate, or no common version. Not
    /// retried, because a retry fails as well.
    Tls,
    /// The connection broke after it was established.
    Lost,
    /// [`Exchange::timeout`] expired.
    TimedOut,
    /// No progress within [`Exchange::stall`].
    Stalled,
    /// No byte of a streamed response arrived within the limit of a
    /// [`Read`](crate::FeedStep::Read).
    Idle,
    /// The caller canceled the exchange. Not retried.
    Canceled,
    /// The [`Source`](crate::Source) of the body could not be read. Not retried, because the error
    /// is local.
    SourceFailed,
    /// The response exceeded the driver's limit.
    TooLarge,
    /// The response was not valid HTTP.
    NotHttp,
    /// The server supplied a URL that the client does not follow: see
    /// [`SuppliedUrls`](crate::SuppliedUrls). Nothing was sent; not retried.
    UnsafeUrl,
    /// The driver refused to send the request: it is not valid HTTP, or the key would have gone to
    /// another host.
    Refused,
}

/// Whether `error` means that the process (`EMFILE`) or the system (`ENFILE`) has no free file
/// descriptor: [`TransportErrorKind::NoDescriptor`].
#[must_use]
pub fn is_out_of_descriptors(error: &std::io::Error) -> bool {
    // The values in `<errno.h>`, the same on Linux, macOS and the BSDs, and `WSAEMFILE` on Windows.
    // The standard library has no names for them.
    let codes: &[i32] = if cfg!(windows) { &[10024] } else { &[24, 23] };
    error
        .raw_os_error()
        .is_some_and(|code| codes.contains(&code))
}

/// The error of an exchange without an HTTP response.
#[derive(Debug)]
pub struct TransportError {
    kind: TransportErrorKind,
    delivery: Delivery,
    source: Option<Box<dyn error::Error + Send + Sync>>,
}

impl TransportError {
    /// Creates an error of the given kind and delivery.
    #[must_use]
    pub fn new(kind: TransportErrorKind, delivery: Delivery) -> Self {
        Self {
            kind,
            delivery,
            source: None,
        }
    }

    /// Attaches the cause.
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
            TransportErrorKind::Unreachable => "cannot reach the host",
            TransportErrorKind::NoDescriptor => "no free file descriptor for a connection",
            TransportErrorKind::Tls => "the TLS connection failed",
            TransportErrorKind::Lost => "connection lost before the response was complete",
            TransportErrorKind::TimedOut => "the attempt timed out",
            TransportErrorKind::Stalled => "the upload stalled",
            TransportErrorKind::Idle => "the response was idle for too long",
            TransportErrorKind::Canceled => "canceled by the caller",
            TransportErrorKind::SourceFailed => "the bytes to send could not be read",
            TransportErrorKind::TooLarge => "the response is larger than the limit",
            TransportErrorKind::NotHttp => "the response is not HTTP",
            TransportErrorKind::UnsafeUrl => "unsafe URL from the server: nothing was sent to it",
            TransportErrorKind::Refused => "the request was not sent",
        })
    }
}

impl error::Error for TransportError {
    fn source(&self) -> Option<&(dyn error::Error + 'static)> {
        self.source.as_deref().map(|source| source as _)
    }
}
