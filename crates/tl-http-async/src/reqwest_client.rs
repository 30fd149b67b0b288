//! The built-in HTTP client: reqwest without redirects or retries, plus delivery classification.

use std::{
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
    time::Duration,
};

use async_trait::async_trait;
use bytes::{Bytes, BytesMut};
use http::{HeaderValue, Response, uri::Scheme};
use http_body::Body as _;
use reqwest::{Client, ClientBuilder, Request, redirect};
use tl_http::{
    Delivery, HttpSettings, MaxResponse, Outcome, Prepared, SetupError, TransportError,
    TransportErrorKind,
    address::{NotPublic, may_require_public},
    proxy::ProxyRules,
};

use crate::{
    BodyStream, HttpClient, failure,
    limits::within,
    public::PublicOnly,
    upload::{EndGuard, Progress, Upload},
};

/// How long an idle connection is kept. Gateways commonly close idle connections after a minute, so
/// a request rarely hits a connection that is being closed.
const IDLE_TIMEOUT: Duration = Duration::from_secs(45);

/// The built-in HTTP client: reqwest. It resends nothing, follows no redirect, and adds no header.
///
/// https needs the feature `tls-ring` or `tls-aws-lc`, or `tls` and a crypto provider that the
/// program has installed.
#[derive(Debug)]
pub struct ReqwestClient {
    client: Client,
    /// For requests restricted to public addresses; `None` if the settings never require it.
    public: Option<Client>,
    rules: Arc<ProxyRules>,
    max_response: u64,
}

impl ReqwestClient {
    /// Creates a client with its own connections. It does not connect yet.
    ///
    /// # Errors
    /// If a certificate or the proxy in the settings is invalid, or if the API is at an https URL
    /// and the build has no TLS.
    pub fn new(settings: &HttpSettings) -> Result<Self, SetupError> {
        let rules = Arc::new(ProxyRules::new(&settings.proxy, |name| {
            std::env::var(name).ok()
        })?);
        let base = Base::new(settings)?;
        let mut builder = base.builder(settings);
        for scheme in [Scheme::HTTPS, Scheme::HTTP] {
            if let Some(proxy) = proxy(&rules, &scheme)? {
                builder = builder.proxy(proxy);
            }
        }
        for (host, addresses) in &settings.addresses {
            builder = builder.resolve_to_addrs(host, addresses);
        }
        let built = |builder: ClientBuilder| {
            builder.build().map_err(|error| {
                SetupError::new("the HTTP client cannot be set up").with_source(error)
            })
        };
        let public = may_require_public(settings).then(|| {
            let resolver = PublicOnly::new(settings.addresses.clone());
            built(base.builder(settings).dns_resolver(Arc::new(resolver)))
        });
        Ok(Self {
            client: built(builder)?,
            public: public.transpose()?,
            rules,
            max_response: settings.max_response,
        })
    }

    /// Selects the client for a request, and its destination for error messages.
    fn route(&self, request: &Request, only_public: bool) -> (&Client, Destination) {
        let host = request.url().host_str().unwrap_or_default();
        let port = request.url().port_or_known_default().unwrap_or_default();
        let to = Destination {
            host: format!("{host}:{port}"),
            proxied: self.rules.server_for(&uri(request.url())).is_some(),
        };
        // A proxy resolves the name itself, and its own address is usually private.
        let client = match &self.public {
            Some(public) if only_public && !to.proxied => public,
            _ => &self.client,
        };
        (client, to)
    }

    async fn exchange(
        &self,
        request: Request,
        only_public: bool,
        max_response: u64,
        progress: &Progress,
    ) -> Result<Response<Bytes>, TransportError> {
        let (client, to) = self.route(&request, only_public);
        let mut answer = client
            .execute(request)
            .await
            .map_err(|error| failed(error, progress, &to))?;
        let too_large = || {
            TransportError::new(TransportErrorKind::TooLarge, progress.delivery())
                .with_source(format!("more than {max_response} bytes"))
        };
        if answer
            .content_length()
            .is_some_and(|length| length > max_response)
        {
            return Err(too_large());
        }
        let mut body = BytesMut::new();
        while let Some(piece) = answer
            .chunk()
            .await
            .map_err(|error| failed(error, progress, &to))?
        {
            if (body.len() + piece.len()) as u64 > max_response {
                return Err(too_large());
            }
            body.extend_from_slice(&piece);
        }
        // The connection is a task. Let it become idle before the next request asks for a
        // connection.
        tokio::task::yield_now().await;
        let mut response = Response::new(body.freeze());
        *response.status_mut() = answer.status();
        *response.version_mut() = answer.version();
        *response.headers_mut() = std::mem::take(answer.headers_mut());
        Ok(response)
    }
}

#[async_trait]
impl HttpClient for ReqwestClient {
    async fn send(&self, prepared: Prepared) -> Outcome {
        let (limit, stall) = (prepared.timeout, prepared.stall);
        let only_public = prepared.only_public;
        let max_response = MaxResponse::of(&prepared.http, self.max_response);
        let (request, progress) = request(prepared)?;
        // If the exchange ends before its body does, the connection must stop sending.
        let _end = progress.end_with_guard();
        let exchange = self.exchange(request, only_public, max_response, &progress);
        within(limit, stall, &progress, exchange).await
    }

    async fn open(
        &self,
        prepared: Prepared,
    ) -> Result<Response<Box<dyn BodyStream>>, TransportError> {
        let (limit, stall) = (prepared.timeout, prepared.stall);
        let only_public = prepared.only_public;
        let (request, progress) = request(prepared)?;
        let end = progress.end_with_guard();
        let (client, to) = self.route(&request, only_public);
        let head = async {
            let answer = client.execute(request).await;
            answer.map_err(|error| failed(error, &progress, &to))
        };
        let answer = within(limit, stall, &progress, head).await?;
        Ok(Response::<reqwest::Body>::from(answer).map(|body| {
            Box::new(Pieces {
                body,
                progress,
                to,
                has_ended: false,
                _end: end,
            }) as Box<dyn BodyStream>
        }))
    }
}

/// Body of a streamed response. Dropping it closes the connection.
struct Pieces {
    body: reqwest::Body,
    progress: Arc<Progress>,
    to: Destination,
    has_ended: bool,
    _end: EndGuard,
}

impl BodyStream for Pieces {
    fn poll_piece(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, TransportError>>> {
        loop {
            if self.has_ended {
                return Poll::Ready(None);
            }
            match ready!(Pin::new(&mut self.body).poll_frame(cx)) {
                // As in `exchange`: let the connection become idle before the next request asks for
                // one.
                None => {
                    self.has_ended = true;
                    cx.waker().wake_by_ref();
                    return Poll::Pending;
                }
                Some(Err(error)) => {
                    return Poll::Ready(Some(Err(failed(error, &self.progress, &self.to))));
                }
                // Skip trailers, which feeds do not read, and empty pieces.
                Some(Ok(frame)) => match frame.into_data() {
                    Ok(piece) if !piece.is_empty() => return Poll::Ready(Some(Ok(piece))),
                    _ => {}
                },
            }
        }
    }
}

fn request(prepared: Prepared) -> Result<(Request, Arc<Progress>), TransportError> {
    #[cfg(not(feature = "tls"))]
    prepared.refuse_https()?;
    let progress = Arc::new(Progress::new(prepared.http.body().len()));
    let request = prepared.http.map(|body| match body.as_bytes() {
        Some(bytes) if bytes.is_empty() => reqwest::Body::from(bytes),
        _ => reqwest::Body::wrap(Upload::new(&body, Arc::clone(&progress))),
    });
    let request = Request::try_from(request).map_err(|error| {
        TransportError::new(TransportErrorKind::Refused, Delivery::NotSent)
            .with_source(error.without_url())
    })?;
    Ok((request, progress))
}

/// What all clients have in common, except proxies and DNS.
struct Base {
    #[cfg(feature = "tls")]
    tls: rustls::ClientConfig,
}

impl Base {
    #[cfg(feature = "tls")]
    fn new(settings: &HttpSettings) -> Result<Self, SetupError> {
        let tls = tl_http::tls::client_config(settings)?;
        Ok(Self { tls })
    }

    #[cfg(not(feature = "tls"))]
    fn new(settings: &HttpSettings) -> Result<Self, SetupError> {
        settings.refuse_https()?;
        Ok(Self {})
    }

    fn builder(&self, settings: &HttpSettings) -> ClientBuilder {
        let builder = options(settings);
        #[cfg(feature = "tls")]
        let builder = builder.tls_backend_preconfigured(self.tls.clone());
        builder
    }
}

fn options(settings: &HttpSettings) -> ClientBuilder {
    Client::builder()
        .http1_only()
        .redirect(redirect::Policy::none())
        .referer(false)
        .retry(reqwest::retry::never())
        .connect_timeout(settings.connect_timeout)
        .pool_idle_timeout(IDLE_TIMEOUT)
        .pool_max_idle_per_host(settings.max_exchanges)
        .tcp_nodelay(true)
        .no_proxy()
}

/// Destination of a request, for error messages.
struct Destination {
    host: String,
    proxied: bool,
}

fn uri(url: &reqwest::Url) -> http::Uri {
    // Every http(s) URL is a URI.
    url.as_str().parse().unwrap_or_default()
}

/// Classifies the error of a request without a complete response.
fn failed(error: reqwest::Error, progress: &Progress, to: &Destination) -> TransportError {
    if let Some(cause) = progress.take_failure() {
        return TransportError::new(TransportErrorKind::SourceFailed, Delivery::NotSent)
            .with_source(cause);
    }
    let error = error.without_url();
    if let Some(not_public) = failure::cause::<NotPublic>(&error) {
        let cause = format!("the server gave a URL at `{}`: {not_public}", to.host);
        return TransportError::new(TransportErrorKind::UnsafeUrl, Delivery::NotSent)
            .with_source(cause);
    }
    if error.is_connect() {
        let kind = if failure::is_tls(&error) {
            TransportErrorKind::Tls
        } else if failure::is_out_of_descriptors(&error) {
            TransportErrorKind::NoDescriptor
        } else {
            TransportErrorKind::Unreachable
        };
        let way = if to.proxied {
            "through the proxy to"
        } else {
            "to"
        };
        let cause = format!("{way} {}: {}", to.host, failure::root_message(&error));
        return TransportError::new(kind, Delivery::NotSent).with_source(cause);
    }
    let kind = failure::kind(&error);
    let delivery = if failure::was_not_started(&error) {
        Delivery::NotSent
    } else {
        progress.delivery()
    };
    TransportError::new(kind, delivery).with_source(failure::root_message(&error))
}

/// The proxy for requests of one scheme, by the proxy rules.
fn proxy(rules: &Arc<ProxyRules>, scheme: &Scheme) -> Result<Option<reqwest::Proxy>, SetupError> {
    let Some(server) = rules.server_of(scheme) else {
        return Ok(None);
    };
    let address = format!("http://{}:{}", server.host(), server.port());
    let address = reqwest::Url::parse(&address)
        .map_err(|error| SetupError::new("the proxy has no valid address").with_source(error))?;
    let (rules, scheme) = (Arc::clone(rules), scheme.clone());
    let mut proxy = reqwest::Proxy::custom(move |url| {
        let uri = url.as_str().parse().ok()?;
        (url.scheme() == scheme.as_str() && rules.server_for(&uri).is_some())
            .then(|| address.clone())
    });
    if let Some(authorization) = server.authorization() {
        let mut value = HeaderValue::from_str(authorization).map_err(|error| {
            SetupError::new("the proxy's password cannot stand in a header").with_source(error)
        })?;
        value.set_sensitive(true);
        proxy = proxy.custom_http_auth(value);
    }
    Ok(Some(proxy))
}
