//! The blocking transport: drives [`Flow`]s on plain threads, and sends their exchanges through ureq and rustls. There is
//! no async runtime in its tree.
//!
//! It knows how to carry one exchange and what became of it. What to send, how often and when is the flow's business, so
//! nothing here tries again, follows a redirect or judges a status.
//!
//! ```no_run
//! use tl_http_blocking::BlockingHttp;
//! use tl_protocol::{ApiKey, Client, ClientSettings, Credentials, HttpSettings};
//!
//! # fn example() -> Result<(), Box<dyn std::error::Error>> {
//! let base: url::Url = "https://api.twelvelabs.io/v1.3".parse()?;
//! let credentials = Credentials::new(ApiKey::new("tlk_…")?, base.clone())?;
//! let client = Client::new(BlockingHttp::new(HttpSettings::new(credentials))?, ClientSettings::new(base, 1));
//! let index = client.indexes().get("6298d673f1090f1100476d4c")?;
//! # Ok(()) }
//! ```
//!
//! [`BlockingHttp::with_client`] takes another HTTP stack than the built-in one: see [`HttpClient`].

mod cancel;
mod connect;
mod driver;
mod failure;
mod peek;
mod progress;
mod stream;
mod upload;
mod ureq_client;
mod wire;

use std::{fmt, sync::Arc, time::Instant};

use tl_http::{
    BlockingTransport, Exchange, Feed, Flow, HttpSettings, Outcome, Prepared, SetupError,
    Transport, TransportError,
};

use crate::ureq_client::UreqClient;
pub use crate::{cancel::Cancel, stream::BlockingStream};

/// The seam below the transport: sends one request once.
///
/// An implementation keeps [`Prepared::timeout`] and [`Prepared::stall`], follows no redirect, sends nothing twice, adds
/// no header, takes any status for an answer, follows [`Prepared::only_public`], and tells truly whether a request that got none may have been acted on.
/// When `cancel` is called, nobody waits for the outcome any more: it should end soon, and close its connection.
/// `tl-testkit` has a suite that shows whether it does.
pub trait HttpClient: Send + Sync {
    /// Sends `request` and reads the whole answer.
    fn send(&self, request: Prepared, cancel: &Cancel) -> Outcome;

    /// Sends `request` and gives the head of the answer, then its body piece by piece, to `give`, until `give` returns
    /// `false`. [`Prepared::timeout`] limits the time to the head only. `Ok` means that the body ended as HTTP frames it,
    /// or that `give` wanted no more.
    ///
    /// The default calls [`send`](HttpClient::send) and gives the body in one piece; then the time limit is for the whole
    /// answer.
    ///
    /// A stack that answers with a few pieces that are there already:
    ///
    /// ```
    /// use http::Response;
    /// use tl_http::{Outcome, Prepared, TransportError};
    /// use tl_http_blocking::{Cancel, HttpClient, Part};
    ///
    /// struct Recorded;
    ///
    /// impl HttpClient for Recorded {
    ///     fn send(&self, _: Prepared, _: &Cancel) -> Outcome {
    ///         Ok(Response::new("one two".into()))
    ///     }
    ///
    ///     fn open(
    ///         &self,
    ///         _: Prepared,
    ///         _: &Cancel,
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
    /// As [`send`](HttpClient::send); also after the head, if the body breaks.
    fn open(
        &self,
        request: Prepared,
        cancel: &Cancel,
        give: &mut dyn FnMut(Part) -> bool,
    ) -> Result<(), TransportError> {
        let (parts, body) = self.send(request, cancel)?.into_parts();
        if give(Part::Head(http::Response::from_parts(parts, ()))) && !body.is_empty() {
            give(Part::Piece(body));
        }
        Ok(())
    }
}

/// A part of a streamed answer, as an [`HttpClient`] gives it.
#[derive(Debug)]
pub enum Part {
    /// The head, once and first.
    Head(http::Response<()>),
    /// A piece of the body, not empty.
    Piece(bytes::Bytes),
}

/// The blocking transport. A clone shares its connections.
///
/// A flow that has one exchange under way at most runs wholly on the calling thread; any other gets a thread for each
/// exchange that is under way at once.
#[derive(Clone)]
pub struct BlockingHttp(Arc<Shared>);

struct Shared {
    settings: HttpSettings,
    client: Box<dyn HttpClient>,
    /// Zero of the clock that flows are told.
    started: Instant,
}

impl BlockingHttp {
    /// A transport with the built-in HTTP stack. It opens no connection yet.
    ///
    /// # Errors
    /// What the settings hold that cannot be used: a certificate, a proxy, a `User-Agent`.
    pub fn new(settings: HttpSettings) -> Result<Self, SetupError> {
        let client = UreqClient::new(&settings)?;
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
            settings,
            client: Box::new(client),
            started: Instant::now(),
        })))
    }
}

impl Shared {
    fn send(&self, exchange: Exchange, cancel: &Cancel) -> Outcome {
        self.client.send(exchange.prepare(&self.settings)?, cancel)
    }
}

impl Transport for BlockingHttp {
    type Output<'a, R: Send + 'a> = R;
    type Stream<'a, F: Feed + 'a> = BlockingStream<F>;

    fn run<'a, F: Flow + 'a>(&'a self, flow: F) -> F::Output {
        self.run_now(flow)
    }

    fn stream<'a, F: Feed + 'a>(&'a self, feed: F) -> BlockingStream<F> {
        BlockingStream::new(Arc::clone(&self.0), feed)
    }
}

impl BlockingTransport for BlockingHttp {
    fn run_now<F: Flow>(&self, flow: F) -> F::Output {
        driver::drive(&self.0, flow)
    }
}

impl fmt::Debug for BlockingHttp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BlockingHttp")
            .field("settings", &self.0.settings)
            .finish_non_exhaustive()
    }
}
