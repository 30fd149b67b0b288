//! The events of one streamed response: a [`Feed`] that any transport drives.
//!
//! Until the first event, a request is retried as by [`Call`](super::Call). After it, the feed
//! never sends the request again: a second response would be charged again and could not be joined
//! to the first.
//!
//! Each item is an event, or the one error that ends the stream. A stream that ends without an
//! error is complete: see [`EndSignal`].

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderValue, Response, Version, header};
use url::Url;

use super::call::{describe, refine, request_id};
use crate::{
    Body, Delivery, Error, ErrorKind, Event, Exchange, Observer, Outcome, Policy, TransportError,
    TransportErrorKind,
    endpoint::{EndSignal, EventRole, Streamed},
    error::error_body,
    framing::{Framing, Splitter},
    retry::{Attempt, Decision, decide},
    rng::Rng,
    telemetry::{InFlightAttempt, Kind, Request, Scope},
};
use tl_http::{Feed, FeedStep, Head, Now, Piece};

/// Maximum number of bytes read of an error body; those of the platform have a few hundred.
const MAX_ERROR_BODY: usize = 64 << 10;

/// Idle timeout of an error body. Its status is already known.
const ERROR_BODY_IDLE: Duration = Duration::from_secs(10);

/// Time allowed for the end of the body after the last event. The body is read to its end so that
/// the connection can be reused; the end usually arrives in the same packet.
const CLOSE_IDLE: Duration = Duration::from_millis(500);

/// Maximum number of pieces read after the last event.
const CLOSE_PIECES: u32 = 8;

/// The feed of one streamed response.
///
/// ```
/// # use bytes::Bytes;
/// # use http::{Method, StatusCode};
/// # use tl_protocol::endpoint::{BodyKind, Codec, Endpoint, EventRole, Outgoing};
/// # use tl_protocol::endpoint::{Received, Rejection, Streamed};
/// # use tl_protocol::framing::Framing;
/// # #[derive(Debug, Clone)]
/// # struct Analyze;
/// # impl Codec for Analyze {
/// #     fn encode(&self) -> Outgoing { Outgoing::new() }
/// #     fn decode(_: &Received) -> Result<Self, Rejection> { Ok(Self) }
/// # }
/// # impl Endpoint for Analyze {
/// #     type Response = ();
/// #     const NAME: &'static str = "analyze";
/// #     const OPERATION: &'static str = "analyze a video";
/// #     const METHOD: Method = Method::POST;
/// #     const PATH: &'static str = "/analyze";
/// #     const BODY: BodyKind = BodyKind::Json;
/// #     const REPEAT: tl_protocol::Repeat = tl_protocol::Repeat::IfNotProcessed;
/// #     const SUCCESS: StatusCode = StatusCode::OK;
/// #     fn encode_response(_: &()) -> Result<Bytes, serde_json::Error> { Ok(Bytes::new()) }
/// #     fn decode_response(_: &[u8]) -> Result<(), serde_json::Error> { Ok(()) }
/// # }
/// # impl Streamed for Analyze {
/// #     type Event = serde_json::Value;
/// #     const FRAMING: Framing = Framing::Lines;
/// #     fn decode_event(event: &[u8]) -> Result<Self::Event, serde_json::Error> { serde_json::from_slice(event) }
/// #     fn encode_event(event: &Self::Event) -> Result<Bytes, serde_json::Error> { serde_json::to_vec(event).map(Into::into) }
/// #     fn role(event: &Self::Event) -> EventRole {
/// #         if event["event_type"] == "stream_end" { EventRole::Last } else { EventRole::Part }
/// #     }
/// # }
/// use std::time::Duration;
/// use tl_protocol::{Client, Error, Policy, Transport, flow::Events};
///
/// /// Prints an analysis as it arrives, over a blocking transport.
/// fn print<T: Transport>(client: &Client<T>) -> Result<(), Error>
/// where
///     T::Stream<'static, Events<Analyze>>: Iterator<Item = Result<serde_json::Value, Error>>,
/// {
///     for event in client.stream(&Analyze) {
///         print!("{}", event?["text"].as_str().unwrap_or_default());
///     }
///     Ok(())
/// }
///
/// // With custom limits:
/// let base = "https://api.twelvelabs.io/v1.3".parse().unwrap();
/// let feed = Events::new(&Analyze, &base, Policy::default(), 1).within(Duration::from_secs(900));
/// ```
#[derive(Debug)]
pub struct Events<E: Streamed, X = Error> {
    request: Option<Result<http::Request<Body>, Error>>,
    policy: Policy,
    rng: Rng,
    observer: Observer,
    head_limit: Duration,
    idle_limit: Duration,
    max_event: usize,
    /// Timeout of the whole stream, from the first step.
    total: Option<Duration>,
    /// Nothing is read past this time on the driver's clock.
    deadline: Duration,
    /// No attempt starts past this time on the driver's clock.
    last_start: Duration,
    splitter: Splitter,
    attempts: u32,
    /// Number of events delivered.
    delivered: u64,
    scope: Scope,
    in_flight: Option<InFlightAttempt>,
    state: State,
    types: std::marker::PhantomData<fn() -> (E, X)>,
}

#[derive(Debug)]
enum State {
    Idle {
        not_before: Duration,
    },
    Opening,
    Reading {
        /// Whether HTTP frames the end of the body.
        is_framed: bool,
        /// Whether the body has ended.
        is_over: bool,
    },
    /// The body of an unsuccessful response.
    ErrorBody {
        head: Response<()>,
        body: Vec<u8>,
    },
    /// The response is complete, but its body may not have ended yet.
    Closing {
        pieces: u32,
    },
    Failed(Option<Error>),
    Ended,
}

impl<E: Streamed> Events<E> {
    /// Creates a feed that sends `endpoint` to the API at `base`. Delays and boundaries are derived
    /// from `seed`.
    #[must_use]
    pub fn new(endpoint: &E, base: &Url, policy: Policy, seed: u64) -> Self {
        Self::build(endpoint, base, policy, seed)
    }
}

impl<E: Streamed, X: From<Error> + Send> Events<E, X> {
    pub(crate) fn build(endpoint: &E, base: &Url, policy: Policy, seed: u64) -> Self {
        let mut rng = Rng::new(seed);
        let request = endpoint
            .encode()
            .into_request::<E>(base, rng.bits())
            .map(|mut request| {
                // As in the official clients: the documentation names one media type for streamed
                // responses, servers send another.
                let any = HeaderValue::from_static("*/*");
                request.headers_mut().insert(header::ACCEPT, any);
                request
            });
        Self {
            request: Some(request.map_err(|error| error.during(E::OPERATION))),
            policy,
            rng,
            observer: Observer::none(),
            head_limit: E::HEAD_LIMIT,
            idle_limit: E::IDLE_LIMIT,
            max_event: E::MAX_EVENT,
            total: None,
            deadline: Duration::MAX,
            last_start: Duration::MAX,
            splitter: Splitter::new(E::FRAMING, E::MAX_EVENT),
            attempts: 0,
            delivered: 0,
            scope: Scope::default(),
            in_flight: None,
            state: State::Idle {
                not_before: Duration::ZERO,
            },
            types: std::marker::PhantomData,
        }
    }

    /// Reports retries to `observer`.
    #[must_use]
    pub fn observed(mut self, observer: Observer) -> Self {
        self.observer = observer;
        self
    }

    /// Overrides [`Streamed::HEAD_LIMIT`], the timeout for the response head.
    #[must_use]
    pub fn head_limit(mut self, limit: Duration) -> Self {
        self.head_limit = limit;
        self
    }

    /// Overrides [`Streamed::IDLE_LIMIT`], the idle timeout.
    #[must_use]
    pub fn idle_limit(mut self, limit: Duration) -> Self {
        self.idle_limit = limit;
        self
    }

    /// Overrides [`Streamed::MAX_EVENT`], the maximum size of an event in bytes.
    #[must_use]
    pub fn max_event(mut self, bytes: usize) -> Self {
        self.max_event = bytes;
        self
    }

    /// Sets a timeout for the whole stream, all attempts and events included. Default: none,
    /// because a response that makes progress is healthy.
    #[must_use]
    pub fn within(mut self, total: Duration) -> Self {
        self.total = Some(total);
        self
    }

    fn start_attempt(&mut self, now: Now) -> FeedStep<Result<E::Event, X>> {
        let request = match &self.request {
            Some(Ok(request)) => request.clone(),
            Some(Err(_)) | None => {
                let error = self.request.take().and_then(Result::err);
                return self.fail(
                    error.unwrap_or_else(|| Error::invalid("this stream has ended already")),
                );
            }
        };
        if self.attempts == 0 {
            self.last_start = now.mono.saturating_add(self.policy.total_timeout);
            if let Some(total) = self.total {
                self.deadline = now.mono.saturating_add(total);
            }
        }
        if now.mono >= self.deadline {
            return self.fail(self.deadline_error());
        }
        self.attempts += 1;
        self.end_attempt(now, None);
        self.splitter = Splitter::new(E::FRAMING, self.max_event);
        self.state = State::Opening;
        let attempt = Request {
            operation: E::OPERATION,
            template: Some(E::PATH),
            attempt: self.attempts,
            chunk: None,
            http: &request,
        };
        self.in_flight = Some(InFlightAttempt::start(now, attempt, &self.observer));
        let timeout = self
            .head_limit
            .saturating_add(self.policy.body_time(request.body().len()))
            .min(self.deadline - now.mono);
        FeedStep::Open(Exchange::new(
            request,
            E::AUTH,
            timeout,
            self.policy.stall_timeout,
        ))
    }

    /// A read that ends at the deadline at the latest.
    fn read(&self, now: Now, idle: Duration) -> FeedStep<Result<E::Event, X>> {
        FeedStep::Read {
            idle: idle.min(self.deadline.saturating_sub(now.mono)),
        }
    }

    /// Yields `error` and ends.
    fn fail(&mut self, error: Error) -> FeedStep<Result<E::Event, X>> {
        self.state = State::Ended;
        self.scope.failed(&error);
        FeedStep::Item(Err(self.with_context(error).into()))
    }

    fn with_context(&self, error: Error) -> Error {
        error.after_attempts(self.attempts).during(E::OPERATION)
    }

    fn deadline_error(&self) -> Error {
        Error::new(
            ErrorKind::DeadlinePassed,
            format!(
                "the operation timed out after {} events of the response",
                self.delivered
            ),
        )
    }

    /// Returns the next complete event, or `None` if more must be read.
    fn next_event(
        &mut self,
        now: Now,
        is_framed: bool,
        is_over: bool,
    ) -> Option<FeedStep<Result<E::Event, X>>> {
        loop {
            match self.splitter.next_event() {
                // The end marker of server-sent events. It does not mean that the response is
                // complete.
                Ok(Some(event))
                    if E::FRAMING == Framing::ServerSentEvents && &event[..] == b"[DONE]" => {}
                Ok(Some(event)) => return Some(self.deliver(&event)),
                Ok(None) if is_over => {
                    self.finish_body(now, is_framed);
                    return Some(self.next_step(now));
                }
                Ok(None) => return None,
                Err(error) => {
                    let text = format!("event {} of the response is too large", self.delivered + 1);
                    return Some(
                        self.fail(Error::new(ErrorKind::Malformed, text).with_source(error)),
                    );
                }
            }
        }
    }

    fn deliver(&mut self, event: &[u8]) -> FeedStep<Result<E::Event, X>> {
        let event = match E::decode_event(event) {
            Ok(event) => event,
            Err(error) => {
                let text = format!(
                    "event {} of the response does not match the API description",
                    self.delivered + 1
                );
                return self.fail(Error::new(ErrorKind::Malformed, text).with_source(error));
            }
        };
        self.delivered += 1;
        match E::role(&event) {
            EventRole::Part => {}
            EventRole::Last => {
                self.state = if matches!(self.state, State::Reading { is_over: true, .. }) {
                    State::Ended
                } else {
                    State::Closing {
                        pieces: CLOSE_PIECES,
                    }
                };
            }
            EventRole::Failure => {
                let text = format!(
                    "the platform reported a failure in event {}, so the response is incomplete",
                    self.delivered
                );
                self.state = State::Failed(Some(Error::new(ErrorKind::Interrupted, text)));
            }
        }
        FeedStep::Item(Ok(event))
    }

    /// The body ended without an event that completes the response.
    fn finish_body(&mut self, now: Now, is_framed: bool) {
        if E::END == EndSignal::Body && is_framed {
            self.state = State::Ended;
            return;
        }
        let truncated = TransportError::new(TransportErrorKind::Lost, Delivery::Unknown)
            .with_source("the body ended before the response was complete");
        self.interrupted(now, truncated);
    }

    /// The response was interrupted.
    fn interrupted(&mut self, now: Now, failure: TransportError) {
        if failure.kind() == TransportErrorKind::Canceled || self.delivered == 0 {
            self.retry_or_fail(now, Err(failure));
        } else if now.mono >= self.deadline {
            self.state = State::Failed(Some(self.deadline_error()));
        } else {
            let text = format!(
                "the response was cut off after {} events: it is incomplete, and may have been charged",
                self.delivered
            );
            self.state = State::Failed(Some(
                Error::new(ErrorKind::Interrupted, text).with_source(failure),
            ));
        }
    }

    /// Handles an attempt that ended before its first event.
    fn retry_or_fail(&mut self, now: Now, outcome: Outcome) {
        let attempt = Attempt {
            number: self.attempts,
            repeat: E::REPEAT,
            not_processed: E::NOT_PROCESSED,
            limits_resources: E::LIMITS_RESOURCES,
            deadline: self.last_start.min(self.deadline),
        };
        self.state = match decide(&self.policy, attempt, &outcome, now, &mut self.rng) {
            Decision::Retry { at, because } => {
                self.observer.tell(&Event::Retrying {
                    operation: E::OPERATION,
                    attempt: self.attempts,
                    because,
                    delay: at.saturating_sub(now.mono),
                });
                State::Idle { not_before: at }
            }
            Decision::GiveUp { kind, retry_after } => {
                State::Failed(Some(final_error(outcome, kind, retry_after)))
            }
            // A successful response is read as events and never passed to `decide`.
            Decision::Accept => State::Ended,
        };
    }
}

/// Creates the error of a request without events.
fn final_error(outcome: Outcome, kind: ErrorKind, retry_after: Option<Duration>) -> Error {
    match outcome {
        Ok(response) => {
            let (status, body) = (response.status(), error_body(&response));
            let kind = refine(kind, body.code.as_ref());
            Error::new(kind, describe(status, &body, kind, retry_after))
                .with_response(status.as_u16(), body, request_id(response.headers()))
                .retry_in(retry_after)
        }
        Err(failure) => {
            let text = match kind {
                ErrorKind::OutcomeUnknown => {
                    "no event was received, and the request may have been processed"
                }
                ErrorKind::Canceled => "the caller ended the operation",
                _ => "no response from the platform",
            };
            Error::new(kind, text).with_source(failure)
        }
    }
}

/// Whether HTTP frames the end of the body, not only the end of the connection (RFC 9112, 6.3).
/// HTTP/2 and later always do (RFC 9113, 8.1).
fn is_framed(head: &Response<()>) -> bool {
    head.version() > Version::HTTP_11
        || head.headers().contains_key(header::CONTENT_LENGTH)
        || head.headers().contains_key(header::TRANSFER_ENCODING)
}

impl<E: Streamed, X: From<Error> + Send> Events<E, X> {
    fn next_step(&mut self, now: Now) -> FeedStep<Result<E::Event, X>> {
        match &mut self.state {
            State::Idle { not_before } if now.mono < *not_before => {
                FeedStep::Wait { until: *not_before }
            }
            State::Idle { .. } => self.start_attempt(now),
            // The driver reports the head before it calls `step` again.
            State::Opening => FeedStep::Read {
                idle: self.head_limit,
            },
            State::Reading { is_framed, is_over } => {
                let (is_framed, is_over) = (*is_framed, *is_over);
                match self.next_event(now, is_framed, is_over) {
                    Some(step) => step,
                    None if now.mono >= self.deadline => self.fail(self.deadline_error()),
                    None => self.read(now, self.idle_limit),
                }
            }
            State::ErrorBody { .. } => self.read(now, ERROR_BODY_IDLE),
            State::Closing { .. } => self.read(now, CLOSE_IDLE),
            State::Failed(error) => match error.take() {
                Some(error) => self.fail(error),
                None => FeedStep::End,
            },
            State::Ended => FeedStep::End,
        }
    }

    /// The exchange in flight has ended.
    fn end_attempt(&mut self, now: Now, failure: Option<TransportErrorKind>) {
        if let Some(attempt) = self.in_flight.take() {
            attempt.end(now, failure, &self.observer);
        }
    }
}

impl<E: Streamed, X: From<Error> + Send> Feed for Events<E, X> {
    type Item = Result<E::Event, X>;

    fn step(&mut self, now: Now) -> FeedStep<Self::Item> {
        let _entered = self.scope.enter(Kind::Stream, E::OPERATION);
        let step = self.next_step(now);
        // The driver drops the body, which has not ended.
        if matches!(self.state, State::Ended) {
            self.end_attempt(now, None);
        }
        step
    }

    fn on_head(&mut self, now: Now, head: Head) {
        let _entered = self.scope.enter(Kind::Stream, E::OPERATION);
        match (&head, &mut self.in_flight) {
            (Ok(head), Some(attempt)) => attempt.on_head(head.status()),
            (Err(failure), _) => self.end_attempt(now, Some(failure.kind())),
            (Ok(_), None) => {}
        }
        match head {
            Ok(head) if head.status().is_success() => {
                self.state = State::Reading {
                    is_framed: is_framed(&head),
                    is_over: false,
                };
            }
            Ok(head) => {
                self.state = State::ErrorBody {
                    head,
                    body: Vec::new(),
                };
            }
            Err(error) => self.retry_or_fail(now, Err(error)),
        }
    }

    fn on_piece(&mut self, now: Now, piece: Piece) {
        let _entered = self.scope.enter(Kind::Stream, E::OPERATION);
        match (&piece, &mut self.in_flight) {
            (Ok(Some(piece)), Some(attempt)) => attempt.on_bytes(piece.len()),
            (Ok(None), _) => self.end_attempt(now, None),
            (Err(failure), _) => self.end_attempt(now, Some(failure.kind())),
            (Ok(Some(_)), None) => {}
        }
        match (&mut self.state, piece) {
            (State::Reading { .. }, Ok(Some(piece))) => self.splitter.push(piece),
            (State::Reading { is_over, .. }, Ok(None)) => {
                *is_over = true;
                self.splitter.end();
            }
            (State::Reading { .. }, Err(error)) => self.interrupted(now, error),
            (State::ErrorBody { body, .. }, Ok(Some(piece)))
                if body.len() + piece.len() <= MAX_ERROR_BODY =>
            {
                body.extend_from_slice(&piece);
            }
            // The body received so far is enough: the status determines the error.
            (State::ErrorBody { head, body }, _) => {
                let (parts, ()) = std::mem::take(head).into_parts();
                let body = Bytes::from(std::mem::take(body));
                self.retry_or_fail(now, Ok(Response::from_parts(parts, body)));
            }
            (State::Closing { pieces }, Ok(Some(_))) if *pieces > 0 => *pieces -= 1,
            (State::Closing { .. }, _) => self.state = State::Ended,
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests;
