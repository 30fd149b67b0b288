//! The spans of feature `tracing`, with the attribute names of OpenTelemetry's semantic conventions
//! for HTTP client spans (<https://opentelemetry.io/docs/specs/semconv/http/http-spans/>).
//!
//! No header, no query and, for a URL that the platform supplied, no path is recorded.

use http::StatusCode;
use tracing::{Span, field::Empty, info_span, span::EnteredSpan};

use super::{Kind, Request};
use crate::{Error, Step, TransportErrorKind};

/// The span of an operation. It opens when the flow first runs, in the span of its caller, and
/// closes when the flow is dropped.
#[derive(Debug, Default)]
pub(crate) struct Scope(Option<Span>);

/// The span of an operation while the flow runs.
#[derive(Debug)]
#[must_use = "the span is entered as long as this lives"]
pub(crate) struct Entered(EnteredSpan);

/// The span of an attempt.
#[derive(Debug)]
pub(crate) struct AttemptSpan(Span);

impl Scope {
    pub(crate) fn enter(&mut self, kind: Kind, operation: &'static str) -> Entered {
        let span = self.0.get_or_insert_with(|| open(kind, operation));
        Entered(span.clone().entered())
    }

    pub(crate) fn failed(&self, error: &Error) {
        if let Some(span) = &self.0 {
            record_error(span, error);
        }
    }
}

impl Entered {
    /// Records the error if `step` ends the operation with one.
    pub(crate) fn watch<T>(&self, step: Step<Result<T, Error>>) -> Step<Result<T, Error>> {
        if let Step::Done(Err(error)) = &step {
            record_error(&self.0, error);
        }
        step
    }
}

/// The kind, and never the message: it may contain names of the user.
fn record_error(span: &Span, error: &Error) {
    span.record("error.type", format!("{:?}", error.kind()).as_str());
}

/// A span has a constant name, so each kind has its own.
fn open(kind: Kind, operation: &'static str) -> Span {
    macro_rules! span {
        ($name:literal) => {
            info_span!(
                target: "tl_protocol",
                $name,
                "tl.operation" = operation,
                "error.type" = Empty,
            )
        };
    }
    match kind {
        Kind::Call => span!("call"),
        Kind::Stream => span!("stream"),
        Kind::Create => span!("create"),
        Kind::Wait => span!("wait"),
        Kind::Upload => span!("upload"),
        Kind::Ingest => span!("ingest"),
    }
}

impl AttemptSpan {
    pub(crate) fn open(request: Request<'_>) -> Self {
        let (method, uri) = (request.http.method(), request.http.uri());
        // The attribute is required also if the URL has the port of its scheme.
        let port = uri
            .port_u16()
            .unwrap_or(if uri.scheme_str() == Some("http") {
                80
            } else {
                443
            });
        // "{method} {url.template}", or the method where there is no template.
        let name = match request.template {
            Some(template) => format_args!("{method} {template}").to_string(),
            None => method.to_string(),
        };
        Self(info_span!(
            target: "tl_protocol",
            "attempt",
            "otel.name" = name.as_str(),
            "otel.kind" = "client",
            "http.request.method" = method.as_str(),
            "url.template" = request.template,
            "server.address" = uri.host(),
            "server.port" = port,
            "http.request.resend_count" = request.attempt.checked_sub(1).filter(|count| *count > 0),
            "http.request.body.size" = request.http.body().len(),
            "http.response.status_code" = Empty,
            "http.response.body.size" = Empty,
            "error.type" = Empty,
            "tl.chunk" = request.chunk,
        ))
    }

    pub(crate) fn end(
        self,
        status: Option<StatusCode>,
        failure: Option<TransportErrorKind>,
        received: u64,
    ) {
        if let Some(status) = status {
            self.0.record("http.response.status_code", status.as_u16());
            self.0.record("http.response.body.size", received);
        }
        match (failure, status) {
            (Some(kind), _) => {
                self.0.record("error.type", format!("{kind:?}").as_str());
            }
            // For a client, every status of 400 and above is an error.
            (None, Some(status)) if status.as_u16() >= 400 => {
                self.0.record("error.type", status.as_str());
            }
            (None, _) => {}
        }
    }
}
