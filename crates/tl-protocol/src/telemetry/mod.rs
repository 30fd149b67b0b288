//! What a program can observe of its requests: a [`FinishedExchange`] for metrics, and spans with
//! feature `tracing`.
//!
//! The spans form a tree, because a flow enters its span in each step: an operation or a wait has
//! its requests as children, each request one span per attempt. Without the feature, [`Scope`] and
//! `AttemptSpan` do nothing.

#[cfg(not(feature = "tracing"))]
mod no_spans;
#[cfg(feature = "tracing")]
mod spans;

use std::time::Duration;

use http::{Method, StatusCode};

#[cfg(not(feature = "tracing"))]
use no_spans as spans;
use spans::AttemptSpan;
pub(crate) use spans::Scope;

use crate::{
    Body, Now, Observer, Outcome, TransportErrorKind, limiter::ReportedLimit, retry::retry_after,
};

/// One HTTP exchange that has finished, for metrics. See [`Observer::with_exchanges`].
///
/// It has no key, no query and, for a URL that the platform supplied, no path: such a URL is a
/// secret.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct FinishedExchange {
    /// The operation, for example `create a task`.
    pub operation: &'static str,
    /// The HTTP method.
    pub method: Method,
    /// The path below the base URL, with placeholders: `/tasks/{task_id}`. `None` for a chunk,
    /// whose URL the platform supplied.
    pub template: Option<&'static str>,
    /// The host, without port.
    pub host: String,
    /// The number of the attempt, from 1.
    pub attempt: u32,
    /// The status, or why there is no complete response.
    pub result: Result<StatusCode, TransportErrorKind>,
    /// The length of the request's body. If the exchange failed, fewer bytes may have been sent.
    pub bytes_sent: u64,
    /// The number of body bytes received.
    pub bytes_received: u64,
    /// The time from the start of the exchange to the end of the response, on the driver's clock.
    pub duration: Duration,
    /// What the response says about the rate limit. Empty for a streamed response.
    pub rate_limit: ReportedLimit,
    /// How long a rejected request has to wait. `None` for a streamed response.
    pub retry_after: Option<Duration>,
}

/// The kind of an operation: the name of its span.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Kind {
    Call,
    Stream,
    Create,
    Wait,
    Upload,
    Ingest,
}

/// What the flow knows of an attempt.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Request<'a> {
    pub(crate) operation: &'static str,
    /// `None` if the platform supplied the URL.
    pub(crate) template: Option<&'static str>,
    /// From 1.
    pub(crate) attempt: u32,
    /// The chunk that is sent, from 1.
    #[cfg_attr(not(feature = "tracing"), expect(dead_code, reason = "only in spans"))]
    pub(crate) chunk: Option<u32>,
    pub(crate) http: &'a http::Request<Body>,
}

/// An attempt in flight.
#[derive(Debug)]
pub(crate) struct InFlightAttempt {
    span: AttemptSpan,
    started: Duration,
    /// `None` if nobody listens.
    report: Option<Box<FinishedExchange>>,
    status: Option<StatusCode>,
    received: u64,
}

impl InFlightAttempt {
    /// The flow is about to start the exchange.
    pub(crate) fn start(now: Now, request: Request<'_>, observer: &Observer) -> Self {
        let report = observer.has_exchanges().then(|| {
            Box::new(FinishedExchange {
                operation: request.operation,
                method: request.http.method().clone(),
                template: request.template,
                host: request.http.uri().host().unwrap_or_default().to_owned(),
                attempt: request.attempt,
                result: Err(TransportErrorKind::Canceled),
                bytes_sent: request.http.body().len(),
                bytes_received: 0,
                duration: Duration::ZERO,
                rate_limit: ReportedLimit::default(),
                retry_after: None,
            })
        });
        Self {
            span: AttemptSpan::open(request),
            started: now.mono,
            report,
            status: None,
            received: 0,
        }
    }

    /// The head of a streamed response has arrived.
    pub(crate) fn on_head(&mut self, status: StatusCode) {
        self.status = Some(status);
    }

    /// A piece of a streamed body has arrived.
    pub(crate) fn on_bytes(&mut self, count: usize) {
        self.received += count as u64;
    }

    /// The outcome has arrived.
    pub(crate) fn on_outcome(mut self, now: Now, outcome: &Outcome, observer: &Observer) {
        match outcome {
            Ok(response) => {
                self.on_head(response.status());
                self.on_bytes(response.body().len());
                if let Some(report) = &mut self.report {
                    report.rate_limit = ReportedLimit::read(response.headers(), now.wall);
                    report.retry_after = retry_after(response.headers(), now.wall);
                }
                self.end(now, None, observer);
            }
            Err(failure) => self.end(now, Some(failure.kind()), observer),
        }
    }

    /// The exchange has ended, with `failure` if the response is not complete.
    pub(crate) fn end(self, now: Now, failure: Option<TransportErrorKind>, observer: &Observer) {
        self.span.end(self.status, failure, self.received);
        if let Some(mut report) = self.report {
            report.result = match (failure, self.status) {
                (None, Some(status)) => Ok(status),
                (failure, _) => Err(failure.unwrap_or(TransportErrorKind::Canceled)),
            };
            report.bytes_received = self.received;
            report.duration = now.mono.saturating_sub(self.started);
            observer.tell_exchange(&report);
        }
    }
}
