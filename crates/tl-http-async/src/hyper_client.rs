//! The built-in HTTP client: one request over one connection, and the truth about what became of it.

use std::{
    future::{self, poll_fn},
    pin::{Pin, pin},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use async_trait::async_trait;
use bytes::{Bytes, BytesMut};
use futures_util::future::{Either, select};
use http::{Request, Response, Uri};
use http_body::Body as _;
use hyper::body::Incoming;
use tl_protocol::{
    Body, Delivery, HttpSettings, Outcome, Prepared, SetupError, TransportError, TransportErrorKind,
};
use tokio::time::{Instant, sleep, sleep_until, timeout};

use crate::{
    HttpClient,
    connect::Connector,
    failure,
    line::Wire,
    pool::{Line, Origin, Pool, Rest},
    upload::{Upload, UploadFailure},
};

/// How long a waiting connection may take to say whether it is ready: it knows, unless its task did not run yet.
const READY: Duration = Duration::from_millis(50);

/// hyper over TCP and rustls, with connections that are used again.
#[derive(Debug)]
pub(crate) struct HyperClient {
    connector: Connector,
    pool: Pool,
    max_response: u64,
}

impl HyperClient {
    pub(crate) fn new(settings: &HttpSettings) -> Result<Self, SetupError> {
        let connector = Connector::new(settings)?;
        Ok(Self {
            connector,
            pool: Pool::default(),
            max_response: settings.max_response,
        })
    }

    async fn exchange(&self, request: Prepared, progress: &Progress) -> Outcome {
        let origin = Origin::of(request.http.uri());
        loop {
            let (mut line, is_new) = match self.waiting(&origin).await {
                Some(line) => (line, false),
                None => (
                    self.connector.connect(request.http.uri(), &origin).await?,
                    true,
                ),
            };
            progress.begin(&line.wire);
            let result = self.over(&mut line, &request, progress).await;
            match result {
                // The server closed the waiting connection, and not one byte was written: the next one is taken.
                Err(error)
                    if !is_new
                        && error.kind() == TransportErrorKind::Lost
                        && progress.written() == 0 => {}
                Err(error) => return Err(error),
                Ok((answer, whole)) => {
                    if whole && progress.is_whole() {
                        self.pool.put(origin, line);
                    }
                    return Ok(answer);
                }
            }
        }
    }

    /// A connection that waited and is still good.
    async fn waiting(&self, origin: &Origin) -> Option<Line> {
        while let Some(mut line) = self.pool.take(origin) {
            let ready = async {
                while line.rest() == Rest::Spoke {
                    // Its task reads that, and closes the connection where it is no part of TLS.
                    sleep(Duration::from_millis(1)).await;
                }
                line.rest() == Rest::Silent && line.sender.ready().await.is_ok()
            };
            if timeout(READY, ready).await == Ok(true) {
                return Some(line);
            }
        }
        None
    }

    /// Sends over `line`, and says of an answer whether the connection may be used again.
    async fn over(
        &self,
        line: &mut Line,
        request: &Prepared,
        progress: &Progress,
    ) -> Result<(Response<Bytes>, bool), TransportError> {
        let source = Arc::new(UploadFailure::default());
        let answering = line
            .sender
            .send_request(in_origin_form(&request.http, &source));
        let stalled = standstill(progress, request.stall);
        let answer = match select(pin!(answering), pin!(stalled)).await {
            Either::Left((answer, _)) => answer,
            Either::Right(((), _)) => return Err(progress.failed(TransportErrorKind::Stalled)),
        };
        let answer = answer.map_err(|error| progress.broken(&line.wire, &source, error))?;
        let (parts, body) = answer.into_parts();
        let body = self.read(body, &line.wire, progress).await?;
        let stays = parts.version == http::Version::HTTP_11;
        Ok((Response::from_parts(parts, body), stays))
    }

    async fn read(
        &self,
        mut body: Incoming,
        wire: &Wire,
        progress: &Progress,
    ) -> Result<Bytes, TransportError> {
        let too_large = || {
            progress
                .failed(TransportErrorKind::TooLarge)
                .because(format!("more than {} bytes", self.max_response))
        };
        if body.size_hint().lower() > self.max_response {
            return Err(too_large());
        }
        let (mut first, mut rest) = (Bytes::new(), BytesMut::new());
        while let Some(frame) = poll_fn(|cx| Pin::new(&mut body).poll_frame(cx)).await {
            let frame =
                frame.map_err(|error| progress.broken(wire, &UploadFailure::default(), error))?;
            let Ok(data) = frame.into_data() else {
                continue;
            };
            if (first.len() + rest.len() + data.len()) as u64 > self.max_response {
                return Err(too_large());
            }
            if first.is_empty() {
                first = data;
            } else {
                rest.extend_from_slice(&data);
            }
        }
        if rest.is_empty() {
            return Ok(first);
        }
        Ok([first, rest.freeze()].concat().into())
    }
}

#[async_trait]
impl HttpClient for HyperClient {
    async fn send(&self, request: Prepared) -> Outcome {
        let limit = request.timeout;
        let progress = Progress::new(request.http.body().len());
        match timeout(limit, self.exchange(request, &progress)).await {
            Ok(outcome) => outcome,
            Err(_) => Err(progress
                .failed(TransportErrorKind::TimedOut)
                .because(format!("the limit is {limit:?}"))),
        }
    }
}

/// The request as it stands on the wire: the target without scheme and host, which `Host` has.
fn in_origin_form(request: &Request<Body>, source: &Arc<UploadFailure>) -> Request<Upload> {
    let mut sent = Request::new(Upload::new(request.body(), Arc::clone(source)));
    *sent.method_mut() = request.method().clone();
    *sent.headers_mut() = request.headers().clone();
    let target = request.uri().path_and_query().cloned();
    *sent.uri_mut() = target.map_or_else(Uri::default, Uri::from);
    sent
}

/// Ends when the body has stood still for `limit`; never, once the body is sent.
async fn standstill(progress: &Progress, limit: Duration) {
    let started = Instant::now();
    while !progress.is_whole() {
        let moved = progress.moved().max(started);
        let Some(end) = moved.checked_add(limit) else {
            break;
        };
        if Instant::now() >= end {
            return;
        }
        sleep_until(end).await;
    }
    future::pending::<()>().await;
}

/// How far one request has come.
#[derive(Debug)]
struct Progress {
    body: u64,
    on: Mutex<Option<(Arc<Wire>, u64)>>,
}

impl Progress {
    fn new(body: u64) -> Self {
        Self {
            body,
            on: Mutex::default(),
        }
    }

    /// The request goes over `wire` from now on.
    fn begin(&self, wire: &Arc<Wire>) {
        *self.on() = Some((Arc::clone(wire), wire.written()));
    }

    fn on(&self) -> MutexGuard<'_, Option<(Arc<Wire>, u64)>> {
        self.on.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Bytes of the request, its head included, that left this program.
    fn written(&self) -> u64 {
        self.on()
            .as_ref()
            .map_or(0, |(wire, before)| wire.written() - before)
    }

    fn moved(&self) -> Instant {
        self.on()
            .as_ref()
            .map_or_else(Instant::now, |(wire, _)| wire.moved())
    }

    /// Whether the body may have gone out whole. The head counts as body here: that errs towards yes.
    fn is_whole(&self) -> bool {
        self.written() >= self.body.max(1)
    }

    fn failed(&self, kind: TransportErrorKind) -> TransportError {
        let delivery = if self.is_whole() {
            Delivery::Unknown
        } else {
            Delivery::NotSent
        };
        TransportError::new(kind, delivery)
    }

    /// The error of a connection that failed with hyper's `error`.
    fn broken(&self, wire: &Wire, source: &UploadFailure, error: hyper::Error) -> TransportError {
        if let Some(cause) = source.take() {
            return TransportError::new(TransportErrorKind::SourceFailed, Delivery::NotSent)
                .because(cause);
        }
        let failed = self.failed(failure::kind(&error, wire.answered()));
        match wire.take_broken() {
            Some(cause) => failed.because(cause),
            None => failed.because(error),
        }
    }
}
