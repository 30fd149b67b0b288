//! The asynchronous transport: drives [`Flow`]s on tokio, and sends their exchanges through reqwest and rustls.
//!
//! It knows how to carry one exchange and what became of it. What to send, how often and when is the flow's business, so
//! nothing here tries again, follows a redirect or judges a status.
//!
//! ```no_run
//! use tl_http_async::AsyncHttp;
//! use tl_protocol::{ApiKey, Client, ClientSettings, Credentials, HttpSettings};
//!
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! let base: url::Url = "https://api.twelvelabs.io/v1.3".parse()?;
//! let credentials = Credentials::new(ApiKey::new("tlk_…")?, base.clone())?;
//! let client = Client::new(AsyncHttp::new(HttpSettings::new(credentials))?, ClientSettings::new(base, 1));
//! let index = client.indexes().get("6298d673f1090f1100476d4c").await?;
//! # Ok(()) }
//! ```
//!
//! [`AsyncHttp::with_client`] takes another HTTP stack than the built-in one: see [`HttpClient`].

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

/// The seam below the transport: sends one request once.
///
/// An implementation keeps [`Prepared::timeout`] and [`Prepared::stall`], follows no redirect, sends nothing twice, adds
/// no header, takes any status for an answer, follows [`Prepared::only_public`], and tells truly whether a request that got none may have been acted on.
/// Dropping the future ends the exchange. `tl-testkit` has a suite that shows whether it does.
#[async_trait]
pub trait HttpClient: Send + Sync {
    /// Sends `request` and reads the whole answer.
    async fn send(&self, request: Prepared) -> Outcome;

    /// Sends `request` and returns the head of the answer, with its body to be read piece by piece.
    /// [`Prepared::timeout`] limits the time to the head only. Dropping the body ends the exchange.
    ///
    /// The default calls [`send`](HttpClient::send) and gives the body in one piece; then the time limit is for the whole
    /// answer.
    ///
    /// # Errors
    /// As [`send`](HttpClient::send).
    async fn open(
        &self,
        request: Prepared,
    ) -> Result<Response<Box<dyn BodyStream>>, TransportError> {
        let answer = self.send(request).await?;
        Ok(answer.map(|body| Box::new(stream::Whole::new(body)) as Box<dyn BodyStream>))
    }
}

/// The asynchronous transport. A clone shares its connections.
///
/// Its futures must run on a tokio runtime with time and I/O enabled. Dropping one ends what it has under way.
#[derive(Clone)]
pub struct AsyncHttp(Arc<Shared>);

struct Shared {
    settings: HttpSettings,
    client: Box<dyn HttpClient>,
    /// One for each exchange that may be in flight.
    permits: Semaphore,
    /// Zero of the clock that flows are told.
    started: Instant,
}

impl AsyncHttp {
    /// A transport with the built-in HTTP stack. It opens no connection yet.
    ///
    /// # Errors
    /// What the settings hold that cannot be used: a certificate, a proxy, a `User-Agent`.
    pub fn new(settings: HttpSettings) -> Result<Self, SetupError> {
        let client = ReqwestClient::new(&settings)?;
        Self::with_client(settings, client)
    }

    /// A transport over another HTTP stack. Of `settings`, the credentials and the `User-Agent` are used here; the rest
    /// is the stack's.
    ///
    /// # Errors
    /// A `User-Agent` that cannot stand in a header.
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
        // The semaphore is never closed. The time limit of the exchange starts with its permit.
        let _permit = self.permits.acquire().await.ok();
        self.client.send(exchange.prepare(&self.settings)?).await
    }
}

impl Transport for AsyncHttp {
    type Output<'a, R: Send + 'a> = Pin<Box<dyn Future<Output = R> + Send + 'a>>;

    type Stream<'a, F: Feed + 'a> = AsyncStream<F>;

    fn run<'a, F: Flow + 'a>(&'a self, flow: F) -> Self::Output<'a, F::Output> {
        Box::pin(driver::drive(&self.0, flow))
    }

    fn stream<'a, F: Feed + 'a>(&'a self, feed: F) -> AsyncStream<F> {
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
