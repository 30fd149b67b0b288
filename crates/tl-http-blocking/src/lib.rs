//! The blocking transport: runs [`Flow`]s on threads and sends their exchanges with ureq and
//! rustls. It does not depend on an async runtime.
//!
//! The transport sends one exchange and reports its outcome. The flow decides what to send and
//! when, so this crate does not retry, follow redirects or interpret statuses.
//!
//! ```no_run
//! use tl_http_blocking::BlockingHttp;
//! use tl_protocol::{ApiKey, Client, ClientSettings, Credentials, HttpSettings};
//!
//! # fn example() -> Result<(), Box<dyn std::error::Error>> {
//! let base: url::Url = "https://api.twelvelabs.io/v1.3".parse()?;
//! let credentials = Credentials::new(ApiKey::new("tlk_…")?, base.clone())?;
//! let transport = BlockingHttp::new(HttpSettings::new(credentials))?;
//! let client = Client::new(transport, ClientSettings::new(base, 1));
//! let index = client.indexes().get("6298d673f1090f1100476d4c")?;
//! # Ok(()) }
//! ```
//!
//! [`BlockingHttp::with_client`] replaces the built-in HTTP client: see [`HttpClient`].
//!
//! | Feature | Brings |
//! |---|---|
//! | `tls-ring` (default) | https with ring; leaves the features of rustls as they are |
//! | `tls-aws-lc` | https with aws-lc |
//! | `tls` | https with the crypto provider that the program has installed |
//! | `native-roots` | the setting `system_roots` |

#![cfg_attr(docsrs, feature(doc_cfg))]

mod connection;
mod connector;
mod driver;
mod failure;
#[cfg(feature = "tls")]
mod handshake;
mod peek;
mod progress;
mod session;
mod socket;
mod stream;
mod upload;
mod ureq_client;

use std::{fmt, sync::Arc, time::Instant};

pub use tl_http::CancelHandle;
use tl_http::{
    BlockingTransport, CancelTransport, Exchange, Feed, Flow, HttpSettings, Outcome, Prepared,
    SetupError, Transport, TransportError,
};

pub use crate::{stream::BlockingStream, ureq_client::UreqClient};

/// An HTTP client for the transport: sends one request once.
///
/// [`UreqClient`] is the built-in one. A client can decorate another, which keeps its guarantees:
///
/// ```no_run
/// use std::sync::atomic::{AtomicU64, Ordering};
/// use http::HeaderValue;
/// use tl_http::{HttpSettings, Outcome, Prepared, TransportError};
/// use tl_http_blocking::{BlockingHttp, CancelHandle, HttpClient, Part, UreqClient};
///
/// /// Adds a header and counts requests.
/// struct Decorated<C> { inner: C, sent: AtomicU64 }
///
/// impl<C> Decorated<C> {
///     fn decorate(&self, request: &mut Prepared) {
///         self.sent.fetch_add(1, Ordering::Relaxed);
///         let name = "traceparent";
///         request.http.headers_mut().insert(name, HeaderValue::from_static("00-…"));
///     }
/// }
///
/// impl<C: HttpClient> HttpClient for Decorated<C> {
///     fn send(&self, mut request: Prepared, cancel: &CancelHandle) -> Outcome {
///         self.decorate(&mut request);
///         self.inner.send(request, cancel)
///     }
///
///     fn open(
///         &self,
///         mut request: Prepared,
///         cancel: &CancelHandle,
///         give: &mut dyn FnMut(Part) -> bool,
///     ) -> Result<(), TransportError> {
///         self.decorate(&mut request);
///         self.inner.open(request, cancel, give)
///     }
/// }
///
/// # fn main() -> Result<(), tl_http::SetupError> {
/// let settings = HttpSettings::default();
/// let client = Decorated { inner: UreqClient::new(&settings)?, sent: AtomicU64::new(0) };
/// let transport = BlockingHttp::with_client(settings, client)?;
/// # Ok(()) }
/// ```
///
/// An implementation must respect [`Prepared::timeout`], [`Prepared::stall`] and
/// [`Prepared::only_public`]. It must not follow redirects, resend requests or add headers. Any
/// status is a response, not an error. If there is no response, the error must state whether the
/// server may have processed the request. After `cancel` is called, nobody waits for the outcome:
/// the client should return soon and close its connection. `tl-testkit` has a conformance suite.
pub trait HttpClient: Send + Sync {
    /// Sends `request` and reads the whole response.
    fn send(&self, request: Prepared, cancel: &CancelHandle) -> Outcome;

    /// Sends `request`, and passes the response head and then the body in pieces to `give`, until
    /// `give` returns `false`. [`Prepared::timeout`] limits only the time until the head. `Ok`
    /// means that the body is complete by its HTTP framing, or that `give` returned `false`.
    ///
    /// The default implementation calls [`send`](HttpClient::send) and passes the body in one
    /// piece; the timeout then applies to the whole response.
    ///
    /// A client that returns fixed pieces:
    ///
    /// ```
    /// use http::Response;
    /// use tl_http::{Outcome, Prepared, TransportError};
    /// use tl_http_blocking::{CancelHandle, HttpClient, Part};
    ///
    /// struct Recorded;
    ///
    /// impl HttpClient for Recorded {
    ///     fn send(&self, _: Prepared, _: &CancelHandle) -> Outcome {
    ///         Ok(Response::new("one two".into()))
    ///     }
    ///
    ///     fn open(
    ///         &self,
    ///         _: Prepared,
    ///         _: &CancelHandle,
    ///         give: &mut dyn FnMut(Part) -> bool,
    ///     ) -> Result<(), TransportError> {
    ///         let _wanted = give(Part::Head(Response::new(())))
    ///             && give(Part::Piece("one ".into()))
    ///             && give(Part::Piece("two".into()));
    ///         Ok(())
    ///     }
    /// }
    /// ```
    ///
    /// # Errors
    /// Those of [`send`](HttpClient::send), also after the head if reading the body fails.
    fn open(
        &self,
        request: Prepared,
        cancel: &CancelHandle,
        give: &mut dyn FnMut(Part) -> bool,
    ) -> Result<(), TransportError> {
        let (parts, body) = self.send(request, cancel)?.into_parts();
        if give(Part::Head(http::Response::from_parts(parts, ()))) && !body.is_empty() {
            give(Part::Piece(body));
        }
        Ok(())
    }
}

impl<C: HttpClient + ?Sized> HttpClient for Box<C> {
    fn send(&self, request: Prepared, cancel: &CancelHandle) -> Outcome {
        (**self).send(request, cancel)
    }

    fn open(
        &self,
        request: Prepared,
        cancel: &CancelHandle,
        give: &mut dyn FnMut(Part) -> bool,
    ) -> Result<(), TransportError> {
        (**self).open(request, cancel, give)
    }
}

impl<C: HttpClient + ?Sized> HttpClient for Arc<C> {
    fn send(&self, request: Prepared, cancel: &CancelHandle) -> Outcome {
        (**self).send(request, cancel)
    }

    fn open(
        &self,
        request: Prepared,
        cancel: &CancelHandle,
        give: &mut dyn FnMut(Part) -> bool,
    ) -> Result<(), TransportError> {
        (**self).open(request, cancel, give)
    }
}

/// A part of a streamed response from an [`HttpClient`].
#[derive(Debug)]
pub enum Part {
    /// The head, once and first.
    Head(http::Response<()>),
    /// A non-empty piece of the body.
    Piece(bytes::Bytes),
}

/// The blocking transport. Clones share its connections.
///
/// A flow with at most one exchange in flight runs on the calling thread. Otherwise, and if the
/// flow can be canceled (see [`CancelTransport`]), each exchange in flight has a thread. After a
/// cancel, a thread ends as soon as what it waits for allows: at once while it reads or writes a
/// socket, after the connect timeout at the latest while it connects, and when the
/// [`Source`](tl_http::Source) returns.
#[derive(Clone)]
pub struct BlockingHttp {
    shared: Arc<Shared>,
    /// Cancels everything that this clone runs.
    cancel: Option<CancelHandle>,
}

struct Shared {
    settings: HttpSettings,
    client: Box<dyn HttpClient>,
    /// Start of the monotonic clock that flows receive.
    started: Instant,
}

impl BlockingHttp {
    /// Creates a transport with the built-in HTTP client. It does not connect yet.
    ///
    /// # Errors
    /// If a certificate, proxy or `User-Agent` in the settings is invalid.
    pub fn new(settings: HttpSettings) -> Result<Self, SetupError> {
        let client = UreqClient::new(&settings)?;
        Self::with_client(settings, client)
    }

    /// Creates a transport with another HTTP client. Of `settings`, the transport uses the
    /// credentials and the `User-Agent`; the client is responsible for the rest.
    ///
    /// # Errors
    /// If the `User-Agent` is not a valid header value.
    pub fn with_client(
        settings: HttpSettings,
        client: impl HttpClient + 'static,
    ) -> Result<Self, SetupError> {
        settings.check()?;
        let shared = Shared {
            settings,
            client: Box::new(client),
            started: Instant::now(),
        };
        Ok(Self {
            shared: Arc::new(shared),
            cancel: None,
        })
    }
}

impl Shared {
    fn send(&self, exchange: Exchange, cancel: &CancelHandle) -> Outcome {
        self.client.send(exchange.prepare(&self.settings)?, cancel)
    }
}

impl Transport for BlockingHttp {
    type Output<'a, R: Send + 'a> = R;
    type Stream<'a, F: Feed + 'a> = BlockingStream<F>;

    fn run<'a, F: Flow + 'a>(&self, flow: F) -> F::Output {
        self.run_now(flow)
    }

    fn stream<'a, F: Feed + 'a>(&self, feed: F) -> BlockingStream<F> {
        BlockingStream::new(Arc::clone(&self.shared), self.cancel.as_ref(), feed)
    }
}

impl CancelTransport for BlockingHttp {
    fn cancel_by(&self, cancel: &CancelHandle) -> Self {
        Self {
            shared: Arc::clone(&self.shared),
            cancel: Some(cancel.clone()),
        }
    }
}

impl BlockingTransport for BlockingHttp {
    fn run_now<F: Flow>(&self, flow: F) -> F::Output {
        driver::drive(&self.shared, self.cancel.as_ref(), flow)
    }
}

impl fmt::Debug for BlockingHttp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BlockingHttp")
            .field("settings", &self.shared.settings)
            .finish_non_exhaustive()
    }
}

/// Compiles the examples of the front page.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
