//! What a transport must know before it opens a connection, as data that both colours share. Retry lives in
//! [`crate::retry`].

use std::time::Duration;

use bytes::Bytes;
use url::Url;

use crate::Credentials;

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
    pub max_response: u64,
    /// The `User-Agent`. Default `tl/` and this crate's version.
    pub user_agent: String,
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
            user_agent: concat!("tl/", env!("CARGO_PKG_VERSION")).to_owned(),
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
}
