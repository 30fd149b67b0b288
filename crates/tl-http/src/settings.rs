//! The settings of an HTTP transport, the same for every transport.

use std::{error, fmt, net::SocketAddr, time::Duration};

use bytes::Bytes;
use http::HeaderValue;
use url::Url;

use crate::{
    Credentials, Delivery, ExtraHeaders, TransportError, TransportErrorKind,
    with_fields::with_fields,
};

/// The proxy for all requests. Requests to loopback hosts never use one.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Proxy {
    /// The proxy from `HTTPS_PROXY`, `HTTP_PROXY`, `ALL_PROXY` and `NO_PROXY`.
    #[default]
    Environment,
    /// No proxy; the environment is ignored.
    Direct,
    /// This proxy, `http://[user:password@]host:port`.
    Url(Url),
}

/// How to treat URLs that the server supplied, such as the presigned URLs of an upload. Requests
/// with [`Auth::None`](crate::Auth::None) go there.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum SuppliedUrls {
    /// If the base URL uses https, allow only https. If the base URL is public, allow only public
    /// addresses, and connect to an address that was checked. Behind a proxy, which resolves names
    /// itself, only the text of the URL is checked.
    #[default]
    Checked,
    /// Allow every URL.
    Unchecked,
}

/// The settings of an HTTP transport, the same for asynchronous and blocking transports.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct HttpSettings {
    /// The key and the only host it may be sent to. Without it, only requests with
    /// [`Auth::None`](crate::Auth::None) are sent.
    pub credentials: Option<Credentials>,
    /// Timeout for establishing a connection, TLS included. Default 10 s.
    pub connect_timeout: Duration,
    /// The proxy for all requests. Default: from the environment.
    pub proxy: Proxy,
    /// Trusted certificates (PEM, one or more) in addition to the built-in roots, for example of a
    /// company CA.
    pub extra_roots: Vec<Bytes>,
    /// Whether to load the system's trusted certificates too. Default no, because it slows down the
    /// start.
    pub system_roots: bool,
    /// Maximum size of a response kept in memory, in bytes. Default 64 MiB; the largest documented
    /// list page is far smaller. A streamed response is not kept; its feed limits the size of one
    /// event.
    pub max_response: u64,
    /// Maximum number of concurrent exchanges, and so of connections, of the asynchronous
    /// transport; further ones wait. Default 128: 16 uploads with 8 chunks each, and half of the
    /// 256 file descriptors that a process has by default on macOS. A blocking transport has one
    /// exchange per calling thread.
    pub max_exchanges: usize,
    /// The `User-Agent`. Default `tl/` and this crate's version.
    pub user_agent: String,
    /// Headers that are added to every request to the API. Default none.
    pub headers: ExtraHeaders,
    /// How to treat URLs that the server supplied. Default: check them against the base URL of the
    /// credentials.
    pub supplied_urls: SuppliedUrls,
    /// Addresses of hosts that are already resolved, with lower-case host names. They are not
    /// looked up again, so that a connection uses the address that was checked. Ignored for
    /// requests through a proxy. Default none.
    pub addresses: Vec<(String, Vec<SocketAddr>)>,
}

impl Default for HttpSettings {
    fn default() -> Self {
        Self {
            credentials: None,
            connect_timeout: Duration::from_secs(10),
            proxy: Proxy::default(),
            extra_roots: Vec::new(),
            system_roots: false,
            max_response: 64 << 20,
            max_exchanges: 128,
            user_agent: concat!("tl/", env!("CARGO_PKG_VERSION")).to_owned(),
            headers: ExtraHeaders::new(),
            supplied_urls: SuppliedUrls::default(),
            addresses: Vec::new(),
        }
    }
}

with_fields!(HttpSettings {
    with_credentials(credentials: Option<Credentials>);
    with_connect_timeout(connect_timeout: Duration);
    with_proxy(proxy: Proxy);
    with_extra_roots(extra_roots: Vec<Bytes>);
    with_system_roots(system_roots: bool);
    with_max_response(max_response: u64);
    with_max_exchanges(max_exchanges: usize);
    with_user_agent(user_agent: String);
    with_headers(headers: ExtraHeaders);
    with_supplied_urls(supplied_urls: SuppliedUrls);
    with_addresses(addresses: Vec<(String, Vec<SocketAddr>)>);
});

impl HttpSettings {
    /// The default settings with `credentials`.
    #[must_use]
    pub fn new(credentials: Credentials) -> Self {
        Self {
            credentials: Some(credentials),
            ..Self::default()
        }
    }

    pub(crate) fn user_agent_header(&self) -> Result<HeaderValue, TransportError> {
        HeaderValue::from_str(&self.user_agent).map_err(|error| {
            TransportError::new(TransportErrorKind::Refused, Delivery::NotSent).with_source(error)
        })
    }

    /// For an HTTP client without TLS: checks that the API is not at an https URL.
    ///
    /// # Errors
    /// The base URL of the credentials uses https.
    pub fn refuse_https(&self) -> Result<(), SetupError> {
        match &self.credentials {
            Some(credentials) if credentials.base().scheme() == "https" => {
                Err(SetupError::new(NO_TLS))
            }
            _ => Ok(()),
        }
    }

    /// Checks the settings. A transport calls this when it is created.
    ///
    /// # Errors
    /// A `user_agent` that is not a valid header value.
    pub fn check(&self) -> Result<(), SetupError> {
        self.user_agent_header().map(drop).map_err(|_| {
            SetupError::new(format!(
                "the user agent {:?} holds a character that no HTTP header can",
                self.user_agent
            ))
        })
    }
}

/// Why a client without TLS sends no request to an https URL, and what to do.
pub(crate) const NO_TLS: &str = "https needs TLS, which this build does not have: enable the feature `tls-ring` or \
     `tls-aws-lc`, or use your own HTTP client";

/// Why a transport cannot be created from its settings. The message names the setting and a valid
/// alternative.
#[derive(Debug)]
pub struct SetupError {
    message: String,
    source: Option<Box<dyn error::Error + Send + Sync>>,
}

impl SetupError {
    /// Creates an error with a message.
    pub fn new(message: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            source: None,
        }
    }

    /// Attaches the cause.
    #[must_use]
    pub fn with_source(mut self, source: impl Into<Box<dyn error::Error + Send + Sync>>) -> Self {
        self.source = Some(source.into());
        self
    }
}

impl fmt::Display for SetupError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl error::Error for SetupError {
    fn source(&self) -> Option<&(dyn error::Error + 'static)> {
        self.source.as_deref().map(|source| source as _)
    }
}
