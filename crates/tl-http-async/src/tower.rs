//! A `tower::Service` as the HTTP client of the transport.

use std::{
    error::Error,
    fmt,
    future::poll_fn,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use async_trait::async_trait;
use bytes::{Bytes, BytesMut};
use http::{Request, Response, Uri};
use http_body::{Frame, SizeHint};
use tl_http::{
    Delivery, HttpSettings, MaxResponse, Outcome, Prepared, TransportError, TransportErrorKind,
    address::all_public,
};
use tower_service::Service;

use crate::{
    BodyStream, HttpClient, failure,
    limits::within,
    upload::{EndGuard, Progress, Upload},
};

type BoxError = Box<dyn Error + Send + Sync>;

/// A [`Service`] as an [`HttpClient`]: the HTTP stack that a program has already, with its layers.
///
/// The service sends each request once, follows no redirect, and connects by its own settings: of
/// [`HttpSettings`], proxy, certificates, connect timeout and addresses do not apply to it. The
/// timeouts of an exchange and the maximum size of a response do. The host of a URL that the server
/// supplied is checked before each request, but the service looks it up once more when it connects.
///
/// ```
/// use std::{convert::Infallible, future::{Ready, ready}, task::{Context, Poll}};
/// use http::{Request, Response};
/// use tl_http::HttpSettings;
/// use tl_http_async::{AsyncHttp, RequestBody, TowerClient};
/// use tower_service::Service;
///
/// /// Answers every request with an empty object; a real one would be `tower::ServiceBuilder` over
/// /// the client of hyper-util.
/// #[derive(Clone)]
/// struct Stack;
///
/// impl Service<Request<RequestBody>> for Stack {
///     type Response = Response<String>;
///     type Error = Infallible;
///     type Future = Ready<Result<Response<String>, Infallible>>;
///
///     fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
///         Poll::Ready(Ok(()))
///     }
///
///     fn call(&mut self, _: Request<RequestBody>) -> Self::Future {
///         ready(Ok(Response::new("{}".to_owned())))
///     }
/// }
///
/// # fn main() -> Result<(), tl_http::SetupError> {
/// let transport = AsyncHttp::with_client(HttpSettings::default(), TowerClient::new(Stack))?;
/// # Ok(()) }
/// ```
#[derive(Clone)]
pub struct TowerClient<S> {
    service: S,
    max_response: u64,
}

impl<S> TowerClient<S> {
    /// Sends requests with clones of `service`. A response has at most the default size of
    /// [`HttpSettings::max_response`].
    pub fn new(service: S) -> Self {
        Self {
            service,
            max_response: HttpSettings::default().max_response,
        }
    }

    /// Sets the maximum size of a response that is not streamed, in bytes.
    #[must_use]
    pub fn max_response(mut self, bytes: u64) -> Self {
        self.max_response = bytes;
        self
    }
}

impl<S> fmt::Debug for TowerClient<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TowerClient")
            .field("max_response", &self.max_response)
            .finish_non_exhaustive()
    }
}

/// The body of a request to a [`TowerClient`]: pieces of known total length.
#[derive(Debug)]
pub struct RequestBody(Upload);

impl http_body::Body for RequestBody {
    type Data = Bytes;
    type Error = std::io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<std::io::Result<Frame<Bytes>>>> {
        Pin::new(&mut self.0).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.0.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.0.size_hint()
    }
}

/// A request on its way.
struct Running {
    progress: Arc<Progress>,
    /// If the exchange ends before its body does, the connection must stop sending.
    _end: EndGuard,
}

impl<S, B> TowerClient<S>
where
    S: Service<Request<RequestBody>, Response = Response<B>> + Clone + Send + Sync + 'static,
    S::Error: Into<BoxError>,
    S::Future: Send,
    B: http_body::Body<Data = Bytes> + Send + Unpin + 'static,
    B::Error: Into<BoxError>,
{
    fn begin(prepared: Prepared) -> (Request<RequestBody>, Running) {
        let progress = Arc::new(Progress::new(prepared.http.body().len()));
        let request = prepared
            .http
            .map(|body| RequestBody(Upload::new(&body, Arc::clone(&progress))));
        let end = progress.end_with_guard();
        (
            request,
            Running {
                progress,
                _end: end,
            },
        )
    }

    async fn head(
        &self,
        request: Request<RequestBody>,
        only_public: bool,
        progress: &Progress,
    ) -> Result<Response<B>, TransportError> {
        if only_public {
            check_public(request.uri()).await?;
        }
        let mut service = self.service.clone();
        poll_fn(|cx| service.poll_ready(cx))
            .await
            .map_err(|error| {
                TransportError::new(TransportErrorKind::Lost, Delivery::NotSent).with_source(error)
            })?;
        let answer = service.call(request).await;
        answer.map_err(|error| failed(&*error.into(), progress))
    }
}

/// Reads the whole body, at most `limit` bytes.
async fn whole<B>(mut body: B, limit: u64, progress: &Progress) -> Result<Bytes, TransportError>
where
    B: http_body::Body<Data = Bytes> + Unpin,
    B::Error: Into<BoxError>,
{
    let mut bytes = BytesMut::new();
    while let Some(piece) = poll_fn(|cx| next_piece(&mut body, cx)).await {
        let piece = piece.map_err(|error| failed(&*error.into(), progress))?;
        if (bytes.len() + piece.len()) as u64 > limit {
            return Err(
                TransportError::new(TransportErrorKind::TooLarge, progress.delivery())
                    .with_source(format!("more than {limit} bytes")),
            );
        }
        bytes.extend_from_slice(&piece);
    }
    Ok(bytes.freeze())
}

#[async_trait]
impl<S, B> HttpClient for TowerClient<S>
where
    S: Service<Request<RequestBody>, Response = Response<B>> + Clone + Send + Sync + 'static,
    S::Error: Into<BoxError>,
    S::Future: Send,
    B: http_body::Body<Data = Bytes> + Send + Unpin + 'static,
    B::Error: Into<BoxError>,
{
    async fn send(&self, prepared: Prepared) -> Outcome {
        let (limit, stall) = (prepared.timeout, prepared.stall);
        let only_public = prepared.only_public;
        let max_response = MaxResponse::of(&prepared.http, self.max_response);
        let (request, running) = Self::begin(prepared);
        let progress = &running.progress;
        within(limit, stall, progress, async {
            let (parts, body) = self
                .head(request, only_public, progress)
                .await?
                .into_parts();
            let body = whole(body, max_response, progress).await?;
            Ok(Response::from_parts(parts, body))
        })
        .await
    }

    async fn open(
        &self,
        prepared: Prepared,
    ) -> Result<Response<Box<dyn BodyStream>>, TransportError> {
        let (limit, stall) = (prepared.timeout, prepared.stall);
        let only_public = prepared.only_public;
        let (request, running) = Self::begin(prepared);
        let head = self.head(request, only_public, &running.progress);
        let answer = within(limit, stall, &running.progress, head).await?;
        Ok(answer.map(|body| Box::new(Pieces { body, running }) as Box<dyn BodyStream>))
    }
}

/// Body of a streamed response. Dropping it drops the body of the service.
struct Pieces<B> {
    body: B,
    running: Running,
}

impl<B> BodyStream for Pieces<B>
where
    B: http_body::Body<Data = Bytes> + Send + Unpin,
    B::Error: Into<BoxError>,
{
    fn poll_piece(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, TransportError>>> {
        let piece = ready!(next_piece(&mut self.body, cx));
        let progress = &self.running.progress;
        Poll::Ready(piece.map(|piece| piece.map_err(|error| failed(&*error.into(), progress))))
    }
}

/// The next non-empty piece. Skips trailers.
fn next_piece<B>(body: &mut B, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, B::Error>>>
where
    B: http_body::Body<Data = Bytes> + Unpin,
{
    loop {
        match ready!(Pin::new(&mut *body).poll_frame(cx)) {
            None => return Poll::Ready(None),
            Some(Err(error)) => return Poll::Ready(Some(Err(error))),
            Some(Ok(frame)) => match frame.into_data() {
                Ok(piece) if !piece.is_empty() => return Poll::Ready(Some(Ok(piece))),
                _ => {}
            },
        }
    }
}

/// Resolves the host, and rejects one with any address that is not public.
async fn check_public(uri: &Uri) -> Result<(), TransportError> {
    let host = uri.host().unwrap_or_default();
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    let found = tokio::net::lookup_host((bare, 0)).await.map_err(|error| {
        TransportError::new(TransportErrorKind::Unreachable, Delivery::NotSent)
            .with_source(format!("{host}: {error}"))
    })?;
    all_public(found.map(|address| address.ip())).map_err(|not_public| {
        TransportError::new(TransportErrorKind::UnsafeUrl, Delivery::NotSent)
            .with_source(format!("the server gave a URL at `{host}`: {not_public}"))
    })
}

/// Classifies the error of a service.
fn failed(error: &(dyn Error + 'static), progress: &Progress) -> TransportError {
    if let Some(cause) = progress.take_failure() {
        return TransportError::new(TransportErrorKind::SourceFailed, Delivery::NotSent)
            .with_source(cause);
    }
    let delivery = if failure::was_not_started(error) {
        Delivery::NotSent
    } else {
        progress.delivery()
    };
    let kind = if failure::is_out_of_descriptors(error) {
        TransportErrorKind::NoDescriptor
    } else {
        failure::kind(error)
    };
    // The message of an outer error could contain the URL, and with it a presigned query.
    TransportError::new(kind, delivery).with_source(failure::root_message(error))
}
