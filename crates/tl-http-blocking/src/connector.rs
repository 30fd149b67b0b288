//! Opens connections: DNS, the proxy tunnel, and TLS.

use std::{
    fmt,
    io::{self, Read, Write},
    net::{IpAddr, SocketAddr, TcpStream},
    sync::Arc,
    time::Duration,
};

use http::{Uri, uri::Scheme};
#[cfg(feature = "tls")]
use rustls::ClientConfig;
use tl_http::{
    Delivery, HttpSettings, SetupError, TransportError, TransportErrorKind,
    address::all_public,
    proxy::{ProxyRules, ProxyServer},
};
use ureq::{
    Error, Timeout,
    config::Config,
    unversioned::{
        resolver::{DefaultResolver, ResolvedSocketAddrs, Resolver},
        transport::{ConnectionDetails, Connector as UreqConnector, NextTimeout},
    },
};

#[cfg(feature = "tls")]
use crate::handshake::handshake;
use crate::{
    connection::Connection,
    failure::{lost, or_timeout},
    progress::Progress,
};

/// Opens connections by the settings, and resolves addresses for ureq, including the proxy's.
#[derive(Clone)]
pub(crate) struct Connector(Arc<Rules>);

struct Rules {
    #[cfg(feature = "tls")]
    tls: Arc<ClientConfig>,
    proxies: ProxyRules,
    resolver: DefaultResolver,
    addresses: Vec<(String, Vec<SocketAddr>)>,
}

impl Connector {
    pub(crate) fn new(settings: &HttpSettings) -> Result<Self, SetupError> {
        Ok(Self(Arc::new(Rules {
            #[cfg(feature = "tls")]
            tls: Arc::new(tl_http::tls::client_config(settings)?),
            proxies: ProxyRules::new(&settings.proxy, |name| std::env::var(name).ok())?,
            resolver: DefaultResolver::default(),
            addresses: settings.addresses.clone(),
        })))
    }
}

impl Connector {
    /// The addresses of `host` from the settings, if there are any.
    fn configured(&self, host: &str) -> Option<ResolvedSocketAddrs> {
        let (_, addresses) = self.0.addresses.iter().find(|(name, _)| name == host)?;
        let mut configured = self.0.resolver.empty();
        // The list has room for sixteen addresses, as after a DNS lookup.
        for address in addresses.iter().take(16) {
            configured.push(*address);
        }
        Some(configured)
    }
}

impl Resolver for Connector {
    fn resolve(
        &self,
        uri: &Uri,
        config: &Config,
        _: NextTimeout,
    ) -> Result<ResolvedSocketAddrs, Error> {
        let progress = Progress::current();
        progress.connecting();
        let (host, port) = match self.0.proxies.server_for(uri) {
            Some(proxy) => (proxy.host().to_owned(), proxy.port()),
            None => {
                let (host, port) = target(uri);
                let found = match self.configured(&host) {
                    Some(configured) => configured,
                    None => self.lookup(&host, port, config, &progress)?,
                };
                if progress.only_public() {
                    // The connection uses one of these addresses: there is no second lookup.
                    all_public(found.iter().map(SocketAddr::ip)).map_err(|not_public| {
                        let cause =
                            format!("the server gave a URL at `{host}:{port}`: {not_public}");
                        let kind = TransportErrorKind::UnsafeUrl;
                        progress
                            .record(TransportError::new(kind, Delivery::NotSent).with_source(cause))
                    })?;
                }
                return Ok(found);
            }
        };
        self.lookup(&host, port, config, &progress)
    }
}

impl Connector {
    /// Resolves `host` with the system's resolver.
    fn lookup(
        &self,
        host: &str,
        port: u16,
        config: &Config,
        progress: &Progress,
    ) -> Result<ResolvedSocketAddrs, Error> {
        let to = format!("{host}:{port}");
        let asked = Uri::builder()
            .scheme(Scheme::HTTP)
            .authority(to.as_str())
            .path_and_query("/")
            .build()
            .map_err(|error| {
                progress.fail(TransportErrorKind::Unreachable, format!("{to}: {error}"))
            })?;
        let is_address = host
            .trim_start_matches('[')
            .trim_end_matches(']')
            .parse::<IpAddr>()
            .is_ok();
        let timeout = if is_address {
            NextTimeout::default()
        } else {
            // The lookup runs on its own thread, because it cannot be interrupted.
            let after = progress.connect_time_left(&to)?.into();
            NextTimeout {
                after,
                reason: Timeout::Resolve,
                ..NextTimeout::default()
            }
        };
        self.0
            .resolver
            .resolve(&asked, config, timeout)
            .map_err(|error| match error {
                Error::Timeout(_) => progress.connect_time_left(&to).err().unwrap_or_else(|| {
                    progress.fail(
                        TransportErrorKind::Unreachable,
                        format!("{to}: its address was not found in time"),
                    )
                }),
                other => progress.fail(
                    TransportErrorKind::Unreachable,
                    format!("{to}: {}", message(other)),
                ),
            })
    }
}

impl UreqConnector for Connector {
    type Out = Connection;

    fn connect(
        &self,
        details: &ConnectionDetails,
        _: Option<()>,
    ) -> Result<Option<Connection>, Error> {
        let progress = Progress::current();
        let (host, port) = target(details.uri);
        let to = format!("{host}:{port}");
        let proxy = self.0.proxies.server_for(details.uri);
        let socket = match proxy {
            None => tcp(details, &to, &progress)?,
            Some(proxy) => tcp(
                details,
                &format!("the proxy {}:{}", proxy.host(), proxy.port()),
                &progress,
            )?,
        };
        progress
            .watch(&socket)
            .map_err(|error| lost(&to, &error, &progress))?;
        if let Some(proxy) = proxy {
            open_tunnel(&socket, proxy, &host, port, &progress)?;
        }
        #[cfg(feature = "tls")]
        let connection = if details.needs_tls() {
            let config = Arc::clone(&self.0.tls);
            let tls = handshake(&socket, &host, &to, config, &progress)?;
            Connection::with_tls(socket, tls)
        } else {
            Connection::new(socket)
        };
        #[cfg(not(feature = "tls"))]
        let connection = Connection::new(socket);
        progress.unwatch();
        connection
            .map(Some)
            .map_err(|error| lost(&to, &error, &progress))
    }
}

impl fmt::Debug for Connector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connector")
            .field("proxies", &self.0.proxies)
            .finish_non_exhaustive()
    }
}

/// Host (an IPv6 address in brackets) and port of an absolute URI.
fn target(uri: &Uri) -> (String, u16) {
    let default = if uri.scheme() == Some(&Scheme::HTTPS) {
        443
    } else {
        80
    };
    (
        uri.host().unwrap_or_default().to_ascii_lowercase(),
        uri.port_u16().unwrap_or(default),
    )
}

/// Connects to the first address that responds. Each address gets a share of the remaining time.
fn tcp(details: &ConnectionDetails, to: &str, progress: &Progress) -> Result<TcpStream, Error> {
    let mut last = io::Error::new(io::ErrorKind::AddrNotAvailable, "the host has no address");
    for (tried, address) in (0_u32..).zip(details.addrs.iter()) {
        let others = u32::try_from(details.addrs.len())
            .unwrap_or(u32::MAX)
            .saturating_sub(tried);
        let share = progress.connect_time_left(to)? / others.max(1);
        match TcpStream::connect_timeout(address, share.max(Duration::from_millis(1))) {
            Ok(socket) => {
                socket
                    .set_nodelay(true)
                    .map_err(|error| lost(to, &error, progress))?;
                return Ok(socket);
            }
            Err(error) => last = error,
        }
    }
    progress.connect_time_left(to)?;
    Err(lost(to, &last, progress))
}

fn open_tunnel(
    mut socket: &TcpStream,
    proxy: &ProxyServer,
    host: &str,
    port: u16,
    progress: &Progress,
) -> Result<(), Error> {
    let to = format!("the proxy {}:{}", proxy.host(), proxy.port());
    let in_time = |result: io::Result<usize>| or_timeout(result, &to, progress);
    let request = proxy.connect_request(host, port);
    let mut sent = 0;
    while sent < request.len() {
        socket
            .set_write_timeout(Some(progress.connect_time_left(&to)?))
            .map_err(|error| lost(&to, &error, progress))?;
        sent += in_time(socket.write(&request[sent..]))?;
    }
    let mut received = Vec::new();
    let mut buffer = [0; 1024];
    loop {
        socket
            .set_read_timeout(Some(progress.connect_time_left(&to)?))
            .map_err(|error| lost(&to, &error, progress))?;
        let count = in_time(socket.read(&mut buffer))?;
        if count == 0 {
            let closed = io::Error::new(io::ErrorKind::UnexpectedEof, "it closed the connection");
            return Err(lost(&to, &closed, progress));
        }
        received.extend_from_slice(&buffer[..count]);
        if proxy
            .is_tunnel_open(&received)
            .map_err(|error| progress.record(error))?
        {
            return Ok(());
        }
    }
}

/// The message of an error without ureq's prefix.
fn message(error: Error) -> String {
    match error {
        Error::Io(error) => error.to_string(),
        other => other.to_string(),
    }
}
