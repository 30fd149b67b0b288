//! Sequential range requests through the project's own transport, to checked addresses.

use std::net::{IpAddr, SocketAddr, ToSocketAddrs};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::{HeaderMap, Method, Request, StatusCode, header};
use tl_http::address::is_public;
use tl_http_async::AsyncHttp;
use tl_protocol::{
    Auth, Body, Exchange, Flow, HttpSettings, Now, Outcome, Step, Token, Transport,
    TransportErrorKind,
};
use tl_validate::web;
use tokio::runtime::Runtime;
use url::{Host, Url};

use crate::failure::Failure;
use crate::failure::exit::Exit;

/// Maximum size of a response: twice the largest read-ahead of a probe.
const MAX_RESPONSE: u64 = 8 << 20;

/// Number of requests that are always allowed: redirects, and reads that end before their length.
const BASE_REQUESTS: u64 = 64;

/// One more request is allowed for this many bytes of the budget. The reader requests 256 KiB to 1
/// MiB at a time, so only a server that sends far less than requested reaches the limit.
const BYTES_PER_REQUEST: u64 = 64 << 10;

/// A response.
pub(super) struct Fetched {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
}

/// Sends requests until the time or the byte budget is used up.
pub(super) struct Fetcher {
    until: Instant,
    pub(super) left: u64,
    pub(super) requests: u64,
    max_requests: u64,
    pub(super) fetched: u64,
    allow_private: bool,
    roots: Vec<Bytes>,
    client: Option<HostClient>,
}

/// A transport for one origin with fixed addresses.
struct HostClient {
    origin: String,
    runtime: Runtime,
    transport: AsyncHttp,
}

impl Fetcher {
    pub(super) fn new(until: Instant, bytes: u64, allow_private: bool, roots: Vec<Bytes>) -> Self {
        Self {
            until,
            left: bytes,
            requests: 0,
            max_requests: BASE_REQUESTS + bytes / BYTES_PER_REQUEST,
            fetched: 0,
            allow_private,
            roots,
            client: None,
        }
    }

    fn time_left(&self) -> Option<Duration> {
        let left = self.until.saturating_duration_since(Instant::now());
        (!left.is_zero()).then_some(left)
    }

    /// Fetches `length` bytes from `offset`.
    pub(super) fn range(
        &mut self,
        url: &Url,
        offset: u64,
        length: u64,
    ) -> Result<Fetched, Failure> {
        let name = web::shown(url);
        let out_of_time = || {
            Failure::new(
                Exit::Temporary,
                "deadline_passed",
                format!("`{name}`: timed out"),
            )
            .hint("pass a longer --url-timeout")
        };
        let left = self.time_left().ok_or_else(out_of_time)?;
        if self.requests >= self.max_requests {
            return Err(Failure::new(
                Exit::RefusedLocally,
                "too_many_requests",
                format!(
                    "`{name}`: too many requests: the server sent only {} bytes in {} requests",
                    self.fetched, self.requests
                ),
            )
            .hint("download the file and check it locally, or raise --url-bytes, which also allows more requests"));
        }
        self.connect(url)?;
        let Some(client) = &self.client else {
            return Err(Failure::new(
                Exit::Temporary,
                "unreachable",
                format!("`{name}`: not connected"),
            ));
        };
        let mut bare = url.clone();
        bare.set_fragment(None);
        let mut request = Request::builder()
            .method(Method::GET)
            .uri(bare.as_str())
            .header(
                header::RANGE,
                format!(
                    "bytes={offset}-{}",
                    offset.saturating_add(length.max(1)) - 1
                ),
            )
            .header(header::ACCEPT, "*/*")
            // A compressed range would not be a range of the file.
            .header(header::ACCEPT_ENCODING, "identity")
            .body(Body::empty())
            .map_err(|error| {
                Failure::usage(format!("`{name}`: invalid request")).with_source(&error)
            })?;
        *request.version_mut() = http::Version::HTTP_11;
        let exchange = Exchange::new(request, Auth::None, left, left);
        self.requests += 1;
        let outcome = client
            .runtime
            .block_on(client.transport.run(Once(Some(exchange), None)));
        let response = outcome.map_err(|error| match error.kind() {
            TransportErrorKind::TooLarge => Failure::new(
                Exit::RefusedLocally,
                "no_ranges",
                format!("`{name}`: the server does not support range requests: it sent the whole file"),
            )
            .hint("download the file and check it locally; the platform may still be able to download it"),
            TransportErrorKind::TimedOut => out_of_time(),
            TransportErrorKind::Tls => Failure::new(
                Exit::Temporary,
                "unreachable",
                format!("`{name}`: TLS connection failed"),
            )
            .with_source(&error)
            .hint("check the URL and the system clock; pass the certificates of a private proxy or server with --ca-file"),
            _ => Failure::new(Exit::Temporary, "unreachable", format!("`{name}`: request failed"))
                .with_source(&error)
                .hint("check the URL and the network, then retry"),
        })?;
        let (head, body) = response.into_parts();
        let encoding = head.headers.get(header::CONTENT_ENCODING);
        if head.status.is_success()
            && let Some(encoding) = encoding.filter(|value| !is_identity(value))
        {
            // RFC 9110, 14.2 and 8.4: a range refers to the encoded representation, not to the
            // file.
            return Err(Failure::new(
                Exit::RefusedLocally,
                "content_encoding",
                format!(
                    "`{name}`: the server compresses the file (Content-Encoding: {}), so range requests cannot be used",
                    String::from_utf8_lossy(encoding.as_bytes())
                ),
            )
            .hint("disable compression for video files on the server"));
        }
        self.fetched += body.len() as u64;
        self.left = self.left.saturating_sub(body.len() as u64);
        Ok(Fetched {
            status: head.status,
            headers: head.headers,
            body,
        })
    }

    /// Creates the transport for the URL after its host was resolved and checked.
    fn connect(&mut self, url: &Url) -> Result<(), Failure> {
        let origin = url.origin().ascii_serialization();
        if self
            .client
            .as_ref()
            .is_some_and(|client| client.origin == origin)
        {
            return Ok(());
        }
        let name = web::shown(url);
        let addresses = self.addresses(url, &name)?;
        let settings = HttpSettings::default()
            .with_max_response(MAX_RESPONSE)
            .with_extra_roots(self.roots.clone())
            .with_addresses(
                addresses
                    .map(|(host, addresses)| vec![(host, addresses)])
                    .unwrap_or_default(),
            );
        let transport = AsyncHttp::new(settings)
            .map_err(|error| Failure::usage("invalid network configuration").with_source(&error))?;
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(|error| {
                Failure::new(
                    Exit::Temporary,
                    "system",
                    "failed to start the async runtime",
                )
                .with_source(&error)
            })?;
        self.client = Some(HostClient {
            origin,
            runtime,
            transport,
        });
        Ok(())
    }

    /// Resolves the host and checks every address. `None` if the host is an IP address.
    fn addresses(
        &self,
        url: &Url,
        name: &str,
    ) -> Result<Option<(String, Vec<SocketAddr>)>, Failure> {
        let private = |address: IpAddr| {
            Failure::new(
                Exit::RefusedLocally,
                "private_address",
                format!("`{name}` resolves to {address}, which is not a public address"),
            )
            .hint("the platform cannot download it; pass --allow-private to check it anyway")
        };
        let allow = |address: IpAddr| {
            if self.allow_private || is_public(address) {
                Ok(())
            } else {
                Err(private(address))
            }
        };
        match url.host() {
            Some(Host::Ipv4(address)) => allow(address.into()).map(|()| None),
            Some(Host::Ipv6(address)) => allow(address.into()).map(|()| None),
            Some(Host::Domain(host)) => {
                let port = url.port_or_known_default().unwrap_or(443);
                let found: Vec<SocketAddr> = (host, port)
                    .to_socket_addrs()
                    .map_err(|error| {
                        Failure::new(
                            Exit::Temporary,
                            "unreachable",
                            format!("`{name}`: failed to resolve the host `{host}`"),
                        )
                        .with_source(&error)
                        .hint("check the URL and the network")
                    })?
                    .collect();
                // Reject the host if any of its addresses is private: any of them may be used.
                for address in &found {
                    allow(address.ip())?;
                }
                Ok(Some((host.to_ascii_lowercase(), found)))
            }
            None => Err(Failure::usage(format!("`{name}`: URL without a host"))
                .hint("pass a direct https URL of the file")),
        }
    }
}

/// Whether the value of `Content-Encoding` means no encoding.
fn is_identity(value: &http::HeaderValue) -> bool {
    value.as_bytes().trim_ascii().is_empty() || value.as_bytes().eq_ignore_ascii_case(b"identity")
}

/// A flow of a single exchange.
struct Once(Option<Exchange>, Option<Outcome>);

impl Flow for Once {
    type Output = Outcome;

    fn step(&mut self, _: Now) -> Step<Outcome> {
        if let Some(exchange) = self.0.take() {
            return Step::Start(Token(0), exchange);
        }
        match self.1.take() {
            Some(outcome) => Step::Done(outcome),
            None => Step::Wait { until: None },
        }
    }

    fn on_outcome(&mut self, _: Now, _: Token, outcome: Outcome) {
        self.1 = Some(outcome);
    }
}
