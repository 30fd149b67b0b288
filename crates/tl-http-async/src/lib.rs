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

mod driver;
mod failure;
mod public;
mod reqwest_client;
mod stream;
mod upload;

use std::{fmt, future::Future, pin::Pin, sync::Arc};

use async_trait::async_trait;
use http::Response;
use tl_http::{
    Exchange, Feed, Flow, HttpSettings, Outcome, Prepared, SetupError, Transport, TransportError,
};
use tokio::{sync::Semaphore, time::Instant};

use crate::reqwest_client::ReqwestClient;
pub use crate::stream::{AsyncStream, BodyStream};

/// An HTTP client for the transport: sends one request once.
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

/// The async transport. Clones share its connections.
///
/// Its futures must run on a tokio runtime with time and I/O enabled. Dropping a future cancels its
/// exchanges.
#[derive(Clone)]
pub struct AsyncHttp(Arc<Shared>);

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
        Ok(Self(Arc::new(Shared {
            permits: Semaphore::new(settings.max_exchanges.clamp(1, Semaphore::MAX_PERMITS)),
            settings,
            client: Box::new(client),
            started: Instant::now(),
        })))
    }
}

impl Shared {
    async fn send(&self, exchange: Exchange) -> Outcome {
        // The semaphore is never closed. The timeout of the exchange starts once it has a permit.
        let _permit = self.permits.acquire().await.ok();
        self.client.send(exchange.prepare(&self.settings)?).await
    }
}

impl Transport for AsyncHttp {
    type Output<'a, R: Send + 'a> = Pin<Box<dyn Future<Output = R> + Send + 'a>>;

    type Stream<'a, F: Feed + 'a> = AsyncStream<F>;

    fn run<'a, F: Flow + 'a>(&self, flow: F) -> Self::Output<'a, F::Output> {
        let shared = Arc::clone(&self.0);
        Box::pin(async move { driver::drive(&shared, flow).await })
    }

    fn stream<'a, F: Feed + 'a>(&self, feed: F) -> AsyncStream<F> {
        AsyncStream::new(Arc::clone(&self.0), feed)
    }
}

impl fmt::Debug for AsyncHttp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AsyncHttp")
            .field("settings", &self.0.settings)
            .finish_non_exhaustive()
    }
}
