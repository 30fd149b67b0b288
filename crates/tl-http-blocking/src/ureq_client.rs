//! The built-in HTTP client: ureq with custom connections, plus delivery classification.

use std::{io::Read, rc::Rc, time::Duration};

use bytes::Bytes;
use http::{Request, Response, header};
use tl_http::{
    HttpSettings, MaxResponse, Outcome, Prepared, SetupError, TransportError, TransportErrorKind,
};
use ureq::{Agent, SendBody, config::AutoHeaderValue};

use crate::{
    CancelHandle, HttpClient, Part,
    connector::Connector,
    failure::failure,
    progress::{Progress, RequestScope},
    upload::upload,
};

/// How long an idle connection is kept. Common load balancers close idle connections after 60 s
/// (AWS Application Load Balancer, default), so a request rarely hits a connection that is being
/// closed.
const IDLE_TIMEOUT: Duration = Duration::from_secs(45);

/// Maximum number of idle connections per host: above any sensible concurrency.
const MAX_IDLE_PER_HOST: usize = 32;

/// Maximum size of a response head, in bytes.
const MAX_HEAD: usize = 64 << 10;

/// Maximum size of a piece of a streamed response. It is hyper's default read size, so that both
/// transports yield similar pieces.
const MAX_PIECE: usize = 16 << 10;

/// The built-in HTTP client: ureq. It resends nothing, follows no redirect, and adds no header.
///
/// https needs the feature `tls-ring` or `tls-aws-lc`, or `tls` and a crypto provider that the
/// program has installed.
#[derive(Debug)]
pub struct UreqClient {
    agent: Agent,
    connect_limit: Duration,
    max_response: u64,
}

impl UreqClient {
    /// Creates a client with its own connections. It does not connect yet.
    ///
    /// # Errors
    /// If a certificate or the proxy in the settings is invalid, or if the API is at an https URL
    /// and the build has no TLS.
    pub fn new(settings: &HttpSettings) -> Result<Self, SetupError> {
        #[cfg(not(feature = "tls"))]
        settings.refuse_https()?;
        let lines = Connector::new(settings)?;
        let config = Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .max_redirects_will_error(false)
            .proxy(None)
            .user_agent(AutoHeaderValue::None)
            .accept(AutoHeaderValue::None)
            .accept_encoding(AutoHeaderValue::None)
            .max_response_header_size(MAX_HEAD)
            .max_idle_connections(2 * MAX_IDLE_PER_HOST)
            .max_idle_connections_per_host(MAX_IDLE_PER_HOST)
            .max_idle_age(IDLE_TIMEOUT)
            .build();
        Ok(Self {
            agent: Agent::with_parts(config, lines.clone(), lines),
            connect_limit: settings.connect_timeout,
            max_response: settings.max_response,
        })
    }

    /// Sends the request and reads the response head.
    fn begin(
        &self,
        request: Prepared,
        progress: &Rc<Progress>,
    ) -> Result<Response<ureq::Body>, TransportError> {
        #[cfg(not(feature = "tls"))]
        request.refuse_https()?;
        let (parts, body) = request.http.into_parts();
        let sent = if body.is_empty() {
            SendBody::none()
        } else {
            SendBody::from_owned_reader(upload(&body, progress))
        };
        let answer = self.agent.run(Request::from_parts(parts, sent));
        answer.map_err(|error| failure(progress, error))
    }
}

/// Reads the whole body, at most `limit` bytes.
fn read(answer: Response<ureq::Body>, limit: u64, progress: &Progress) -> Outcome {
    let (parts, body) = answer.into_parts();
    let too_large = || {
        progress
            .failure(TransportErrorKind::TooLarge)
            .with_source(format!("more than {limit} bytes"))
    };
    let announced = parts
        .headers
        .get(header::CONTENT_LENGTH)
        .and_then(|value| value.to_str().ok()?.parse().ok());
    if announced.is_some_and(|len: u64| len > limit) {
        return Err(too_large());
    }
    let mut bytes = Vec::with_capacity(
        announced
            .and_then(|len| usize::try_from(len).ok())
            .unwrap_or(0),
    );
    let mut reader = body.into_reader().take(limit.saturating_add(1));
    reader
        .read_to_end(&mut bytes)
        .map_err(|error| failure(progress, error.into()))?;
    if bytes.len() as u64 > limit {
        return Err(too_large());
    }
    let mut read = Response::new(Bytes::from(bytes));
    *read.status_mut() = parts.status;
    *read.version_mut() = parts.version;
    *read.headers_mut() = parts.headers;
    Ok(read)
}

impl HttpClient for UreqClient {
    fn send(&self, request: Prepared, cancel: &CancelHandle) -> Outcome {
        let carried = RequestScope::begin(&request, self.connect_limit, cancel);
        let progress = carried.progress();
        let limit = MaxResponse::of(&request.http, self.max_response);
        let answer = self.begin(request, progress)?;
        read(answer, limit, progress)
    }

    fn open(
        &self,
        request: Prepared,
        cancel: &CancelHandle,
        give: &mut dyn FnMut(Part) -> bool,
    ) -> Result<(), TransportError> {
        let carried = RequestScope::begin(&request, self.connect_limit, cancel);
        let progress = carried.progress();
        let (parts, body) = self.begin(request, progress)?.into_parts();
        progress.remove_limit();
        if !give(Part::Head(Response::from_parts(parts, ()))) {
            return Ok(());
        }
        let mut reader = body.into_reader();
        let mut buffer = vec![0; MAX_PIECE];
        loop {
            let count = reader
                .read(&mut buffer)
                .map_err(|error| failure(progress, error.into()))?;
            if count == 0 || !give(Part::Piece(Bytes::copy_from_slice(&buffer[..count]))) {
                return Ok(());
            }
        }
    }
}
