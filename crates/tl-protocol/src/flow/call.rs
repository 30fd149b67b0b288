//! One request with retries: attempts, delays and the deadline. The decisions are made by
//! [`crate::retry`].

use std::time::Duration;

use http::{HeaderMap, StatusCode};
use serde_json::Value;
use tl_model::{ErrorBody, ErrorCode};
use url::Url;

use crate::{
    Body, Endpoint, Error, ErrorKind, Event, Exchange, Flow, Now, Observer, Outcome, Policy, Step,
    Token,
    error::error_body,
    retry::{Attempt, Decision, decide, is_local, retry_after},
    rng::Rng,
    telemetry::{InFlightAttempt, Kind, Request, Scope},
};

/// The flow of one request.
#[derive(Debug)]
pub struct Call<E: Endpoint> {
    request: Option<Result<http::Request<Body>, Error>>,
    policy: Policy,
    rng: Rng,
    observer: Observer,
    /// No attempt continues past this time on the driver's clock.
    deadline: Option<Duration>,
    attempts: u32,
    /// The attempts that failed because no file descriptor was free: they do not count.
    uncounted_attempts: u32,
    /// Whether an earlier attempt may have been processed.
    in_doubt: bool,
    /// Whether a 503 ends the call.
    doubts_503: bool,
    scope: Scope,
    in_flight: Option<InFlightAttempt>,
    state: State<E::Response>,
}

#[derive(Debug)]
enum State<R> {
    Idle { not_before: Duration },
    InFlight,
    Finished(Option<Result<R, Error>>),
}

impl<E: Endpoint> Call<E> {
    /// Creates a flow that sends `endpoint` to the API at `base`. Delays and boundaries are derived
    /// from `seed`.
    #[must_use]
    #[expect(
        clippy::needless_pass_by_value,
        reason = "a request is given away when it is called"
    )]
    pub fn new(endpoint: E, base: &Url, policy: Policy, seed: u64) -> Self {
        let mut rng = Rng::new(seed);
        let request = endpoint.encode().into_request::<E>(base, rng.bits());
        Self {
            request: Some(request.map_err(|error| error.during(E::OPERATION))),
            policy,
            rng,
            observer: Observer::none(),
            deadline: None,
            attempts: 0,
            uncounted_attempts: 0,
            in_doubt: false,
            doubts_503: false,
            scope: Scope::default(),
            in_flight: None,
            state: State::Idle {
                not_before: Duration::ZERO,
            },
        }
    }

    /// Ends with the error of a 503 instead of sending the request again: the caller looks up
    /// whether it was processed all the same.
    #[must_use]
    pub(crate) fn doubting_503(mut self) -> Self {
        self.doubts_503 = true;
        self
    }

    /// Reports retries to `observer`.
    #[must_use]
    pub fn observed(mut self, observer: Observer) -> Self {
        self.observe(observer);
        self
    }

    pub(crate) fn observe(&mut self, observer: Observer) {
        self.observer = observer;
    }

    /// Sets a deadline on the driver's clock, unless the policy ends the call earlier.
    #[must_use]
    pub fn by(mut self, deadline: Duration) -> Self {
        self.limit(deadline);
        self
    }

    pub(crate) fn limit(&mut self, deadline: Duration) {
        self.deadline = Some(deadline);
    }

    fn begin(&mut self, now: Now) -> Step<Result<E::Response, Error>> {
        let request = match &self.request {
            Some(Ok(request)) => request.clone(),
            Some(Err(_)) | None => {
                let error = self.request.take().and_then(Result::err);
                return Step::Done(Err(
                    error.unwrap_or_else(|| Error::invalid("this call has ended already"))
                ));
            }
        };
        let body_time = self.policy.body_time(request.body().len());
        let (attempt_timeout, total_timeout) = match E::IS_SLOW {
            true => (
                self.policy.slow_timeout,
                self.policy.total_timeout.max(self.policy.slow_timeout),
            ),
            false => (self.policy.attempt_timeout, self.policy.total_timeout),
        };
        let own = if self.attempts == 0 {
            now.mono
                .saturating_add(total_timeout)
                .saturating_add(body_time)
        } else {
            Duration::MAX
        };
        let deadline = self.deadline.map_or(own, |limit| limit.min(own));
        self.deadline = Some(deadline);
        if now.mono >= deadline {
            return Step::Done(Err(Error::new(
                ErrorKind::DeadlinePassed,
                "the time limit of the operation passed before the request was sent",
            )
            .during(E::OPERATION)));
        }
        self.attempts += 1;
        self.state = State::InFlight;
        let attempt = Request {
            operation: E::OPERATION,
            template: Some(E::PATH),
            attempt: self.attempts,
            chunk: None,
            http: &request,
        };
        self.in_flight = Some(InFlightAttempt::start(now, attempt, &self.observer));
        let timeout = attempt_timeout
            .saturating_add(body_time)
            .min(deadline - now.mono);
        let stall = self.policy.stall_timeout;
        Step::Start(
            Token(self.attempts),
            Exchange::new(request, E::AUTH, timeout, stall),
        )
    }

    fn finish(
        &self,
        outcome: Outcome,
        kind: ErrorKind,
        retry_after: Option<Duration>,
    ) -> Result<E::Response, Error> {
        let error = match outcome {
            Ok(response) => {
                let (status, headers) = (response.status(), response.headers());
                let body = error_body(&response);
                let kind = refine(kind, body.code.as_ref());
                if kind == ErrorKind::NotFound
                    && self.in_doubt
                    && let Some(gone) = E::when_gone()
                {
                    return Ok(gone);
                }
                let limits_active = E::LIMITS_RESOURCES
                    && kind == ErrorKind::RateLimited
                    && retry_after.is_none();
                let mut text = describe(status, &body, kind, retry_after);
                if limits_active {
                    text.push_str("; the limit is on what is active at a time");
                }
                Error::new(kind, text)
                    .with_response(status.as_u16(), body, request_id(headers))
                    .retry_in(retry_after)
                    .limiting_active(limits_active)
            }
            Err(failure) if kind == ErrorKind::OutcomeUnknown => Error::new(
                kind,
                "no response was received, and the request may have been processed: check before you retry",
            )
            .with_source(failure),
            Err(failure) if kind == ErrorKind::Canceled => {
                Error::new(kind, "the caller canceled it").with_source(failure)
            }
            Err(failure) => Error::new(kind, "no response from the platform").with_source(failure),
        };
        Err(error.after_attempts(self.attempts).during(E::OPERATION))
    }

    fn accept(&self, response: &http::Response<bytes::Bytes>) -> Result<E::Response, Error> {
        E::decode_response(response.body()).map_err(|error| {
            let status = response.status();
            let body = error_body(response);
            Error::new(
                ErrorKind::Malformed,
                format!("the platform returned {status}, but the response does not match the API"),
            )
            .with_response(status.as_u16(), body, request_id(response.headers()))
            .after_attempts(self.attempts)
            .with_source(error)
            .during(E::OPERATION)
        })
    }
}

impl<E: Endpoint> Call<E> {
    fn next_step(&mut self, now: Now) -> Step<<Self as Flow>::Output> {
        match &mut self.state {
            State::Idle { not_before } if now.mono < *not_before => Step::Wait {
                until: Some(*not_before),
            },
            State::Idle { .. } => self.begin(now),
            State::InFlight => Step::Wait { until: None },
            State::Finished(result) => Step::Done(
                result
                    .take()
                    .unwrap_or_else(|| Err(Error::invalid("this call has ended already"))),
            ),
        }
    }
}

impl<E: Endpoint> Flow for Call<E> {
    type Output = Result<E::Response, Error>;

    fn step(&mut self, now: Now) -> Step<Self::Output> {
        let entered = self.scope.enter(Kind::Call, E::OPERATION);
        entered.watch(self.next_step(now))
    }

    fn on_outcome(&mut self, now: Now, token: Token, outcome: Outcome) {
        let _entered = self.scope.enter(Kind::Call, E::OPERATION);
        if !matches!(self.state, State::InFlight) || token != Token(self.attempts) {
            return;
        }
        if let Some(attempt) = self.in_flight.take() {
            attempt.on_outcome(now, &outcome, &self.observer);
        }
        let deadline = self.deadline.unwrap_or(Duration::MAX);
        let attempt = Attempt {
            number: self.attempts - self.uncounted_attempts,
            repeat: E::REPEAT,
            not_processed: E::NOT_PROCESSED,
            limits_resources: E::LIMITS_RESOURCES,
            deadline,
        };
        let decision = match &outcome {
            Ok(response) if self.doubts_503 && response.status() == 503 => Decision::GiveUp {
                kind: ErrorKind::Server,
                retry_after: retry_after(response.headers(), now.wall),
            },
            _ => decide(&self.policy, attempt, &outcome, now, &mut self.rng),
        };
        self.state = match decision {
            Decision::Accept => {
                State::Finished(outcome.ok().map(|response| self.accept(&response)))
            }
            Decision::GiveUp { kind, retry_after } => {
                State::Finished(Some(self.finish(outcome, kind, retry_after)))
            }
            Decision::Retry { at, because } => {
                self.in_doubt |= match &outcome {
                    // A 503 means that nothing was processed.
                    Ok(response) => {
                        response.status().is_server_error()
                            && response.status() != StatusCode::SERVICE_UNAVAILABLE
                    }
                    Err(failure) => failure.delivery() == crate::Delivery::Unknown,
                };
                self.uncounted_attempts += u32::from(is_local(&outcome));
                let delay = at.saturating_sub(now.mono);
                self.observer.tell(&Event::Retrying {
                    operation: E::OPERATION,
                    attempt: self.attempts,
                    because,
                    delay,
                });
                State::Idle { not_before: at }
            }
        };
    }
}

/// Refines the kind with the platform's error code, which is more specific than the status.
pub(super) fn refine(kind: ErrorKind, code: Option<&ErrorCode>) -> ErrorKind {
    match code.map(ErrorCode::as_str) {
        Some("api_key_invalid") => ErrorKind::Unauthorized,
        Some("usage_limit_exceeded" | "insufficient_funds") => ErrorKind::QuotaExhausted,
        Some("too_many_requests") => ErrorKind::RateLimited,
        Some("resource_not_exist" | "not_found") if kind == ErrorKind::Refused => {
            ErrorKind::NotFound
        }
        _ => kind,
    }
}

pub(super) fn describe(
    status: StatusCode,
    body: &ErrorBody,
    kind: ErrorKind,
    retry_after: Option<Duration>,
) -> String {
    let mut text = format!("the platform returned {status}");
    if let Some(code) = &body.code {
        text.push_str(&format!(" `{code}`"));
    }
    if let Some(message) = &body.message {
        text.push_str(&format!(": {message}"));
    } else if let Some(title) = &body.title {
        text.push_str(&format!(", a page titled \"{title}\""));
    }
    if let Some(details) = body.details().and_then(in_words) {
        text.push_str(&format!(" ({details})"));
    }
    if let Some(wait) = retry_after {
        text.push_str(&format!(" (retry after {} s)", wait.as_secs()));
    }
    if kind == ErrorKind::OutcomeUnknown {
        text.push_str("; the request may have been processed: check before you retry");
    }
    text
}

/// Maximum number of characters of the details in a message.
const MAX_DETAILS: usize = 300;

/// The details of an error body, shortened. `None` if there are none.
fn in_words(details: &Value) -> Option<String> {
    let text = match details {
        Value::Null => return None,
        Value::String(text) => text.clone(),
        Value::Array(items) if items.is_empty() => return None,
        Value::Object(members) if members.is_empty() => return None,
        details => details.to_string(),
    };
    if text.is_empty() {
        return None;
    }
    Some(match text.char_indices().nth(MAX_DETAILS) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    })
}

/// The request id, under the header names that gateways use.
pub(super) fn request_id(headers: &HeaderMap) -> Option<String> {
    [
        "x-request-id",
        "x-amzn-requestid",
        "x-amz-request-id",
        "cf-ray",
    ]
    .iter()
    .find_map(|name| headers.get(*name)?.to_str().ok().map(str::to_owned))
}

#[cfg(test)]
mod tests;
