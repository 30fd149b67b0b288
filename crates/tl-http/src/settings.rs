//! The settings of an HTTP transport, the same for every transport.

use std::{error, fmt, net::SocketAddr, time::Duration};

use bytes::Bytes;
use http::HeaderValue;
use url::Url;

use crate::{Credentials, Delivery, TransportError, TransportErrorKind};

/// Which proxy carries the requests. Requests to loopback hosts never go through one.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Proxy {
    /// What `HTTPS_PROXY`, `HTTP_PROXY`, `ALL_PROXY` and `NO_PROXY` say.
    #[default]
    Environment,
    /// None, whatever the environment says.
    Direct,
    /// This one, `http://[user:password@]host:port`.
    Url(Url),
}

/// What is done about URLs that the server supplied, such as the presigned ones of an upload: requests with
/// [`Auth::None`](crate::Auth::None) go there.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum SuppliedUrls {
    /// With an https base, only https is followed; with a public base, only addresses of the public network. A connection goes
    /// to an address that was checked. Behind a proxy, which looks names up itself, the text alone is checked.
    #[default]
    Checked,
    /// They are followed wherever they lead.
    Unchecked,
}

/// The settings of an HTTP transport, the same for both colours.
#[derive(Debug, Clone)]
pub struct HttpSettings {
    /// The key and the one host it may go to; without it, only requests with [`Auth::None`](crate::Auth::None) are sent.
    pub credentials: Option<Credentials>,
    /// The longest time until a connection stands, TLS included. Default 10 s.
    pub connect_timeout: Duration,
    /// Which proxy carries the requests. Default: what the environment says.
    pub proxy: Proxy,
    /// Certificates (PEM, one or more) trusted beside the built-in roots: a company's own authority.
    pub extra_roots: Vec<Bytes>,
    /// Whether the system's own trusted certificates are loaded too. Default no: it costs time at the start.
    pub system_roots: bool,
    /// The longest answer kept in memory, in bytes. Default 64 MiB; the largest documented list page is far below it.
    /// A streamed answer is not kept, and its feed limits the size of one event.
    pub max_response: u64,
    /// Maximum number of concurrent exchanges of the asynchronous transport, and so of its connections; further ones wait.
    /// Default 128: 16 uploads with 8 chunks each, and half of the 256 file descriptors that a process has by default on macOS. A
    /// blocking transport has one exchange per calling thread.
    pub max_exchanges: usize,
    /// The `User-Agent`. Default `tl/` and this crate's version.
    pub user_agent: String,
    /// What is done about URLs that the server supplied. Default: they are checked against the base of the credentials.
    pub supplied_urls: SuppliedUrls,
    /// Hosts, in small letters, whose addresses are known already: no look-up is made for them, so that a connection goes
    /// to the very address that was judged. What goes through a proxy is not concerned. Default none.
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
            supplied_urls: SuppliedUrls::default(),
            addresses: Vec::new(),
        }
    }
}

impl HttpSettings {
    /// The defaults, with the key of `credentials`.
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

    /// Whether every request could be sent with these settings; a transport asks when it is made.
    ///
    /// # Errors
    /// A `user_agent` that cannot stand in a header.
    pub fn check(&self) -> Result<(), SetupError> {
        self.user_agent_header().map(drop).map_err(|_| {
            SetupError::new(format!(
                "the user agent {:?} holds a character that no HTTP header can",
                self.user_agent
            ))
        })
    }
}

/// Why a transport cannot be made from its settings: the text names the setting and says what to give instead.
#[derive(Debug)]
pub struct SetupError {
    message: String,
    source: Option<Box<dyn error::Error + Send + Sync>>,
}

impl SetupError {
    /// An error that `message` explains.
    pub fn new(message: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            source: None,
        }
    }

    /// The same error with its cause.
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
