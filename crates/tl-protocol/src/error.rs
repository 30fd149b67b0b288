//! The error type of this crate: a kind to match on, properties, the platform's error body, the
//! partial result, a cause.

use std::{error, fmt, time::Duration};

use tl_model::{ErrorBody, ErrorCode};

use crate::{Reached, Stage, StatusSeen, TransportError};

/// The kind of an error, of this crate and of the clients that are built on it. Each kind documents
/// when it occurs, whether the request was retried, and what to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The request cannot be built from the caller's input; nothing was sent. Correct the value
    /// that the message names.
    InvalidRequest,
    /// The platform rejected the key (401). Not retried. Check the key and its expiry in the
    /// dashboard.
    Unauthorized,
    /// The key is valid, but the account is not allowed to do this (403). Not retried.
    Forbidden,
    /// The resource does not exist, or not for this account (404). Not retried.
    NotFound,
    /// Too many requests or minutes of video (429). Retried until the attempts or the deadline are
    /// exhausted; see [`Error::retry_after`].
    RateLimited,
    /// The account's credit or plan is used up. Not retried, because waiting does not help.
    QuotaExhausted,
    /// The platform rejected the request permanently (another 4xx). Not retried, because the same
    /// request would be rejected again.
    Refused,
    /// The platform failed (5xx). Retried if a repeat is safe. Try again later.
    Server,
    /// No connection could be established; nothing was sent. Retried.
    Unreachable,
    /// The connection broke, stalled or was idle for too long. Retried if a repeat is safe.
    ConnectionLost,
    /// A `POST` was sent but no response arrived: the platform may have processed it. Not repeated.
    /// Look the resource up before you send the request again.
    OutcomeUnknown,
    /// A streamed response was interrupted after its first event: truncated, idle for too long, or
    /// ended by the platform. Not retried, because a second response is charged again and cannot be
    /// joined to the first. The events before are valid but incomplete.
    Interrupted,
    /// An answer was truncated, because its maximum length or the context window was reached. Not
    /// retried. The text so far is valid but incomplete. Raise the maximum length.
    Truncated,
    /// The response does not match the API description. Not retried.
    Malformed,
    /// The platform supplied a URL that is not followed: not https, or a loopback or private
    /// address (see [`SuppliedUrls`](tl_http::SuppliedUrls)). Nothing was sent there; not retried.
    /// Check the base URL. If the URL is intended, allow such URLs.
    UnsafeUrl,
    /// The bytes to send could not be read, or changed while they were sent. Not retried.
    SourceFailed,
    /// The deadline passed while the platform was still working. The platform continues; wait for
    /// the resource again.
    DeadlinePassed,
    /// The caller canceled the operation. Completed steps are not undone.
    Canceled,
    /// The platform accepted the video but failed to process it. Not retried; the message has the
    /// platform's reason.
    ProcessingFailed,
    /// The key, the base URL or another setting is invalid. Nothing was sent. The message names the
    /// setting. Occurs in `tl_client`.
    Configuration,
    /// The file cannot be read, or is not a regular file. Nothing was sent. Occurs in `tl_client`.
    File,
    /// The requested route does not support this input. Nothing was sent. The message lists the
    /// routes that do. Occurs in `tl_client`.
    Route,
    /// The local check could not run: no prober, or it failed. Nothing was sent. Occurs in
    /// `tl_client`.
    CheckFailed,
    /// The local check refused the file. Nothing was sent. The error's report has every finding and
    /// its fix. Occurs in `tl_client`.
    RefusedLocally,
    /// The checkpoint of an earlier upload cannot be used or is in use. Nothing was sent or lost.
    /// Abandon it or start over. Occurs in `tl_client`.
    Checkpoint,
    /// An earlier upload cannot be resumed because the source has changed. Nothing was sent.
    /// Abandon it or start over. Occurs in `tl_client`.
    SourceChanged,
}

/// Parses the body of a response by its media type.
pub(crate) fn error_body(response: &http::Response<bytes::Bytes>) -> ErrorBody {
    let content_type = response
        .headers()
        .get(http::header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok());
    ErrorBody::parse(response.status().as_u16(), content_type, response.body())
}

/// The error of an API operation.
pub struct Error(Box<Inner>);

struct Inner {
    kind: ErrorKind,
    operation: Option<&'static str>,
    message: String,
    status: Option<u16>,
    body: Option<ErrorBody>,
    request_id: Option<String>,
    retry_after: Option<Duration>,
    attempts: u32,
    limits_active: bool,
    history: Vec<StatusSeen>,
    failed: Option<(Stage, Option<Reached>)>,
    source: Option<Cause>,
}

/// What an error is caused by.
#[derive(Debug)]
pub(crate) enum Cause {
    Transport(TransportError),
    Json(serde_json::Error),
    Http(http::Error),
    /// Another request of the same operation, or an earlier attempt.
    Api(Error),
}

impl Cause {
    fn as_error(&self) -> &(dyn error::Error + 'static) {
        match self {
            Self::Transport(error) => error,
            Self::Json(error) => error,
            Self::Http(error) => error,
            Self::Api(error) => error,
        }
    }
}

impl From<TransportError> for Cause {
    fn from(error: TransportError) -> Self {
        Self::Transport(error)
    }
}

impl From<serde_json::Error> for Cause {
    fn from(error: serde_json::Error) -> Self {
        Self::Json(error)
    }
}

impl From<http::Error> for Cause {
    fn from(error: http::Error) -> Self {
        Self::Http(error)
    }
}

impl From<Error> for Cause {
    fn from(error: Error) -> Self {
        Self::Api(error)
    }
}

impl Error {
    /// Creates an error of `kind` with a message.
    /// Names what the error is about before its message.
    pub(crate) fn about(mut self, subject: &impl fmt::Display) -> Self {
        self.0.message = format!("{subject}: {}", self.0.message);
        self
    }

    pub(crate) fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self(Box::new(Inner {
            kind,
            operation: None,
            message: message.into(),
            status: None,
            body: None,
            request_id: None,
            retry_after: None,
            attempts: 0,
            limits_active: false,
            history: Vec::new(),
            failed: None,
            source: None,
        }))
    }

    /// Creates the error for a request that cannot be built.
    pub(crate) fn invalid(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::InvalidRequest, message)
    }

    pub(crate) fn during(mut self, operation: &'static str) -> Self {
        self.0.operation.get_or_insert(operation);
        self
    }

    pub(crate) fn with_response(
        mut self,
        status: u16,
        body: ErrorBody,
        request_id: Option<String>,
    ) -> Self {
        self.0.status = Some(status);
        self.0.body = Some(body);
        self.0.request_id = request_id;
        self
    }

    pub(crate) fn retry_in(mut self, delay: Option<Duration>) -> Self {
        self.0.retry_after = delay;
        self
    }

    /// Marks a 429 that limits what is active at a time.
    pub(crate) fn limiting_active(mut self, is: bool) -> Self {
        self.0.limits_active = is;
        self
    }

    pub(crate) fn after_attempts(mut self, attempts: u32) -> Self {
        self.0.attempts = attempts;
        self
    }

    pub(crate) fn with_history(mut self, history: Vec<StatusSeen>) -> Self {
        self.0.history = history;
        self
    }

    pub(crate) fn with_source(mut self, source: impl Into<Cause>) -> Self {
        self.0.source = Some(source.into());
        self
    }

    /// Adds the stage that failed, and the partial result.
    pub(crate) fn at(mut self, stage: Stage, reached: Option<Reached>) -> Self {
        self.0.failed = Some((stage, reached));
        self
    }

    /// The kind of the error.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// Whether the platform refused (429) because of a limit on what is active at a time, such as 5
    /// batches of analyses. Sending the request again after a delay does not help: wait until one of
    /// them ends, or cancel one.
    #[must_use]
    pub fn limits_active(&self) -> bool {
        self.0.limits_active
    }

    /// The platform's details about the error, in the form that the operation has for them. Nested
    /// error bodies (`{"error": {"code", "message", "details"}}`) contain them.
    #[must_use]
    pub fn details(&self) -> Option<&serde_json::Value> {
        self.0.body.as_ref()?.details()
    }

    /// Whether the same call may succeed later, unchanged.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        matches!(
            self.0.kind,
            ErrorKind::RateLimited
                | ErrorKind::Server
                | ErrorKind::Unreachable
                | ErrorKind::ConnectionLost
                | ErrorKind::DeadlinePassed
        )
    }

    /// How long the platform asked to wait, counted from its last response.
    #[must_use]
    pub fn retry_after(&self) -> Option<Duration> {
        self.0.retry_after
    }

    /// The HTTP status of the last response.
    #[must_use]
    pub fn status(&self) -> Option<u16> {
        self.0.status
    }

    /// The platform's own code, such as `video_duration_too_short`.
    #[must_use]
    pub fn code(&self) -> Option<&ErrorCode> {
        self.0.body.as_ref().and_then(|body| body.code.as_ref())
    }

    /// The body of the platform's response, as far as it could be parsed.
    #[must_use]
    pub fn body(&self) -> Option<&ErrorBody> {
        self.0.body.as_ref()
    }

    /// The platform's request id, for support requests.
    #[must_use]
    pub fn request_id(&self) -> Option<&str> {
        self.0.request_id.as_deref()
    }

    /// How many times the request was sent.
    #[must_use]
    pub fn attempts(&self) -> u32 {
        self.0.attempts
    }

    /// The statuses observed while waiting, oldest first.
    #[must_use]
    pub fn history(&self) -> &[StatusSeen] {
        &self.0.history
    }

    /// The stage of the ingestion that failed; `None` for any other operation.
    #[must_use]
    pub fn stage(&self) -> Option<Stage> {
        self.0.failed.as_ref().map(|(stage, _)| *stage)
    }

    /// What the ingestion had created when it failed. Keep the ids.
    #[must_use]
    pub fn reached(&self) -> Option<&Reached> {
        self.0.failed.as_ref()?.1.as_ref()
    }

    /// Moves the stage and the partial result out of the error, whose message then omits them.
    pub fn take_reached(&mut self) -> (Option<Stage>, Option<Reached>) {
        match self.0.failed.take() {
            Some((stage, reached)) => (Some(stage), reached),
            None => (None, None),
        }
    }

    /// The error of the transport, if the last attempt got no response.
    #[must_use]
    pub fn transport(&self) -> Option<&TransportError> {
        match &self.0.source {
            Some(Cause::Transport(error)) => Some(error),
            _ => None,
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let inner = &*self.0;
        if let Some(operation) = inner.operation {
            write!(f, "could not {operation}: ")?;
        }
        f.write_str(&inner.message)?;
        if let Some(id) = &inner.request_id {
            write!(f, " (request {id})")?;
        }
        if inner.attempts > 1 {
            write!(f, " (after {} attempts)", inner.attempts)?;
        }
        if let Some((stage, reached)) = &inner.failed {
            write!(f, " (stage: {stage}")?;
            if let Some(reached) = reached {
                reached.fmt(f)?;
            }
            f.write_str(")")?;
        }
        Ok(())
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let inner = &*self.0;
        f.debug_struct("Error")
            .field("kind", &inner.kind)
            .field("operation", &inner.operation)
            .field("message", &inner.message)
            .field("status", &inner.status)
            .field("code", &self.code())
            .field("request_id", &inner.request_id)
            .field("retry_after", &inner.retry_after)
            .field("attempts", &inner.attempts)
            .field("stage", &self.stage())
            .field("source", &inner.source)
            .finish_non_exhaustive()
    }
}

impl error::Error for Error {
    fn source(&self) -> Option<&(dyn error::Error + 'static)> {
        self.0.source.as_ref().map(Cause::as_error)
    }
}

#[cfg(test)]
mod tests {
    use std::error::Error as _;

    use tl_model::CreatedTask;

    use super::*;
    use crate::{Delivery, IngestedTask, TransportErrorKind};

    #[test]
    fn causes_are_typed() {
        let failure = TransportError::new(TransportErrorKind::Tls, Delivery::NotSent);
        let error = Error::new(ErrorKind::Unreachable, "no answer").with_source(failure);
        let transport = error.transport().unwrap();
        assert_eq!(transport.kind(), TransportErrorKind::Tls);
        assert_eq!(error.source().unwrap().to_string(), transport.to_string());

        let outer = Error::new(ErrorKind::DeadlinePassed, "too late").with_source(error);
        assert!(outer.transport().is_none());
        assert_eq!(outer.source().unwrap().to_string(), "no answer");
    }

    #[test]
    fn message_names_the_stage_and_what_exists() {
        let reached = Reached::Task(Box::new(IngestedTask {
            created: CreatedTask::new("t1"),
            task: None,
            history: Vec::new(),
            upload: Duration::ZERO,
            indexing: Duration::ZERO,
            reconciled: false,
        }));
        let error = Error::new(ErrorKind::Server, "no luck");
        let mut error = error.at(Stage::Indexing, Some(reached.clone()));
        assert_eq!(error.to_string(), "no luck (stage: indexing; task t1)");
        assert_eq!(
            (error.stage(), error.reached()),
            (Some(Stage::Indexing), Some(&reached))
        );
        assert_eq!(error.take_reached(), (Some(Stage::Indexing), Some(reached)));
        assert_eq!(
            (error.stage(), error.to_string()),
            (None, "no luck".to_owned())
        );
    }
}
