//! The async transport: runs [`Flow`]s on tokio and sends their exchanges with reqwest and rustls.
//!
//! The transport sends one exchange and reports its outcome. The flow decides what to send and
//! when, so this crate does not retry, follow redirects or interpret statuses.
//!
//! ```no_run
//! use tl_http_async::AsyncHttp;
//! use tl_protocol::{ApiKey, Client, ClientSettings, Credentials, HttpSettings};
//!
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! let base: url::Url = "https://api.twelvelabs.io/v1.3".parse()?;
//! let credentials = Credentials::new(ApiKey::new("tlk_…")?, base.clone())?;
//! let transport = AsyncHttp::new(HttpSettings::new(credentials))?;
//! let client = Client::new(transport, ClientSettings::new(base, 1));
//! let index = client.indexes().get("6298d673f1090f1100476d4c").await?;
//! # Ok(()) }
//! ```
//!
//! [`AsyncHttp::with_client`] replaces the built-in HTTP client: see [`HttpClient`].
//!
//! | Feature | Brings |
//! |---|---|
//! | `tls-ring` (default) | https with ring; leaves the features of rustls as they are |
//! | `tls-aws-lc` | https with aws-lc |
//! | `tls` | https with the crypto provider that the program has installed |
//! | `native-roots` | the setting `system_roots` |
//! | `stream` | `futures_core::Stream` for [`AsyncStream`] |
//! | `tower` | a `tower::Service` as the HTTP client |

#![cfg_attr(docsrs, feature(doc_cfg))]

mod driver;
mod failure;
mod limits;
mod paused_clock;
mod public;
mod reqwest_client;
mod stream;
#[cfg(feature = "tower")]
mod tower;
mod upload;

use std::{fmt, future::Future, pin::Pin, sync::Arc};

use async_trait::async_trait;
use http::Response;
use tl_http::{
    CancelHandle, CancelTransport, Exchange, Feed, Flow, HttpSettings, Outcome, Prepared,
    SetupError, Transport, TransportError,
};
use tokio::{sync::Semaphore, time::Instant};

use crate::paused_clock::ClockHold;

#[cfg(feature = "tower")]
pub use crate::tower::{RequestBody, TowerClient};
pub use crate::{
    reqwest_client::ReqwestClient,
    stream::{AsyncStream, BodyStream},
};

/// An HTTP client for the transport: sends one request once.
///
/// [`ReqwestClient`] is the built-in one. A client can decorate another, which keeps its guarantees:
///
/// ```no_run
/// use std::sync::atomic::{AtomicU64, Ordering};
/// use http::{HeaderValue, Response};
/// use tl_http::{HttpSettings, Outcome, Prepared, TransportError};
/// use tl_http_async::{AsyncHttp, BodyStream, HttpClient, ReqwestClient};
/// use tokio::sync::Semaphore;
///
/// /// Adds a header, counts requests, and has at most a number of them in flight.
/// struct Decorated<C> { inner: C, sent: AtomicU64, permits: Semaphore }
///
/// impl<C> Decorated<C> {
///     fn decorate(&self, request: &mut Prepared) {
///         self.sent.fetch_add(1, Ordering::Relaxed);
///         let name = "traceparent";
///         request.http.headers_mut().insert(name, HeaderValue::from_static("00-…"));
///     }
/// }
///
/// #[async_trait::async_trait]
/// impl<C: HttpClient> HttpClient for Decorated<C> {
///     async fn send(&self, mut request: Prepared) -> Outcome {
///         let _permit = self.permits.acquire().await;
///         self.decorate(&mut request);
///         self.inner.send(request).await
///     }
///
///     async fn open(&self, mut request: Prepared) -> Result<Response<Box<dyn BodyStream>>, TransportError> {
///         self.decorate(&mut request);
///         self.inner.open(request).await
///     }
/// }
///
/// # fn main() -> Result<(), tl_http::SetupError> {
/// let settings = HttpSettings::default();
/// let inner = ReqwestClient::new(&settings)?;
/// let client = Decorated { inner, sent: AtomicU64::new(0), permits: Semaphore::new(8) };
/// let transport = AsyncHttp::with_client(settings, client)?;
/// # Ok(()) }
/// ```
///
/// An implementation must respect [`Prepared::timeout`], [`Prepared::stall`] and
/// [`Prepared::only_public`]. It must not follow redirects, resend requests or add headers. Any
/// status is a response, not an error. If there is no response, the error must state whether the
/// server may have processed the request. Dropping the future cancels the exchange. `tl-testkit`
/// has a conformance suite.
#[async_trait]
pub trait HttpClient: Send + Sync {
    /// Sends `request` and reads the whole response.
    async fn send(&self, request: Prepared) -> Outcome;

    /// Sends `request` and returns the response head, with the body to be read in pieces.
    /// [`Prepared::timeout`] limits only the time until the head. Dropping the body cancels the
    /// exchange.
    ///
    /// The default implementation calls [`send`](HttpClient::send) and returns the body in one
    /// piece; the timeout then applies to the whole response.
    ///
    /// # Errors
    /// Those of [`send`](HttpClient::send).
    async fn open(
        &self,
        request: Prepared,
    ) -> Result<Response<Box<dyn BodyStream>>, TransportError> {
        let answer = self.send(request).await?;
        Ok(answer.map(|body| Box::new(stream::Whole::new(body)) as Box<dyn BodyStream>))
    }
}

#[async_trait]
impl<C: HttpClient + ?Sized> HttpClient for Box<C> {
    async fn send(&self, request: Prepared) -> Outcome {
        (**self).send(request).await
    }

    async fn open(
        &self,
        request: Prepared,
    ) -> Result<Response<Box<dyn BodyStream>>, TransportError> {
        (**self).open(request).await
    }
}

#[async_trait]
impl<C: HttpClient + ?Sized> HttpClient for Arc<C> {
    async fn send(&self, request: Prepared) -> Outcome {
        (**self).send(request).await
    }

    async fn open(
        &self,
        request: Prepared,
    ) -> Result<Response<Box<dyn BodyStream>>, TransportError> {
        (**self).open(request).await
    }
}

/// The async transport. Clones share its connections.
///
/// Its futures must run on a tokio runtime with time and I/O enabled. Dropping a future cancels its
/// exchanges.
///
/// In a test with a paused clock (`tokio::time::pause`), exchanges take real time and the clock
/// stands still during them; delays before retries and between polls pass at once. A time limit of
/// an exchange applies to real time, and the clock jumps to it when it has passed.
#[derive(Clone)]
pub struct AsyncHttp {
    shared: Arc<Shared>,
    /// Cancels everything that this clone runs.
    cancel: Option<CancelHandle>,
}

struct Shared {
    settings: HttpSettings,
    client: Box<dyn HttpClient>,
    /// One permit per exchange that may be in flight.
    permits: Semaphore,
    /// Start of the monotonic clock that flows receive.
    started: Instant,
}

impl AsyncHttp {
    /// Creates a transport with the built-in HTTP client. It does not connect yet.
    ///
    /// # Errors
    /// If a certificate, proxy or `User-Agent` in the settings is invalid.
    pub fn new(settings: HttpSettings) -> Result<Self, SetupError> {
        let client = ReqwestClient::new(&settings)?;
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
            permits: Semaphore::new(settings.max_exchanges.clamp(1, Semaphore::MAX_PERMITS)),
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
    async fn send(&self, exchange: Exchange) -> Outcome {
        // The semaphore is never closed. The timeout of the exchange starts once it has a permit.
        let _permit = self.permits.acquire().await.ok();
        let request = exchange.prepare(&self.settings)?;
        let _hold = ClockHold::new(request.timeout);
        self.client.send(request).await
    }
}

impl Transport for AsyncHttp {
    type Output<'a, R: Send + 'a> = Pin<Box<dyn Future<Output = R> + Send + 'a>>;

    type Stream<'a, F: Feed + 'a> = AsyncStream<F>;

    fn run<'a, F: Flow + 'a>(&self, flow: F) -> Self::Output<'a, F::Output> {
        let (shared, cancel) = (Arc::clone(&self.shared), self.cancel.clone());
        Box::pin(async move { driver::drive(&shared, cancel.as_ref(), flow).await })
    }

    fn stream<'a, F: Feed + 'a>(&self, feed: F) -> AsyncStream<F> {
        AsyncStream::new(Arc::clone(&self.shared), self.cancel.as_ref(), feed)
    }
}

impl CancelTransport for AsyncHttp {
    fn cancel_by(&self, cancel: &CancelHandle) -> Self {
        Self {
            shared: Arc::clone(&self.shared),
            cancel: Some(cancel.clone()),
        }
    }
}

impl fmt::Debug for AsyncHttp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AsyncHttp")
            .field("settings", &self.shared.settings)
            .finish_non_exhaustive()
    }
}

/// Compiles the examples of the front page.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
