//! Fault injection: a plan that decides from counters and a seed which requests fail, so that a run
//! can be repeated.
//!
//! Faults of the connection (delay, throttling, disconnect) are decided here and executed by the
//! server.

use std::{collections::BTreeMap, fmt, str::FromStr, time::Duration};

use http::{HeaderName, HeaderValue, Response, StatusCode, header};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tl_model::{ErrorCode, TaskStatus};
use tl_protocol::rng::Rng;

use super::{operation::Operation, refusal::Refusal, stream::StreamFault};

/// A set of faults to inject. As JSON:
/// `{"seed": 7, "faults": [{"operation": "tasks.create", "nth": [1], "status": 503}]}`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct FaultPlan {
    /// The seed for `probability`. The default is the emulator's seed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seed: Option<u64>,
    /// The faults. Several of them can apply to one request.
    pub faults: Vec<Fault>,
}

/// One fault: which requests it applies to, and what happens to them. At least one action must be
/// set.
///
/// As text for a command line: `tasks.create nth=1,3 status=503 retry_after=2`. The first word is
/// an operation or `*`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct Fault {
    /// The operation, such as `tasks.create`. The default is every operation.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub operation: Option<String>,
    /// The matching requests that the fault applies to, counted from 1.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub nth: Vec<u64>,
    /// Apply the fault to every n-th matching request: with 3, the third, the sixth, and so on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub every: Option<u64>,
    /// The probability of the fault, from 0 to 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub probability: Option<f64>,
    /// The maximum number of times the fault is injected.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub times: Option<u64>,

    /// Respond with this HTTP status, 200 to 599, without processing the request.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// The error code of that response.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// The error message of that response.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// The body of that response, instead of code and message. A string is sent as is, any other
    /// value as JSON.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub body: Option<Value>,
    /// Additional headers of that response.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub headers: BTreeMap<String, String>,
    /// The `Retry-After` header of that response, in seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retry_after: Option<u64>,
    /// Process the request before sending that response.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub after_work: bool,
    /// Close the connection without processing the request.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub drop: bool,
    /// Process the request, then close the connection without a response.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub lose_answer: bool,
    /// Process the request twice, as if it had been delivered twice. The first response is sent.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub duplicate: bool,
    /// Delay the response by this many milliseconds of real time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub delay_ms: Option<u64>,
    /// Limit the response body to this many bytes per second.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bytes_per_second: Option<u64>,
    /// Close the connection after this many bytes of the response, including its head.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cut_after: Option<u64>,
    /// Leave out the last event of a streamed response.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub omit_end: bool,
    /// Close the connection after this many events of a streamed response.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cut_after_events: Option<u64>,
    /// Send nothing after this many events of a streamed response, and keep the connection open.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stall_after_events: Option<u64>,
    /// Tear this event of a streamed response, counted from 1, so that it is not JSON.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub garble_event: Option<u64>,
    /// Replace this event of a streamed response, counted from 1, by one that reports a failure,
    /// and end the response.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error_event: Option<u64>,
    /// Send a streamed response in pieces of this many bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub split_bytes: Option<u64>,
    /// Leave out the line break at the end of a streamed response.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub no_final_newline: bool,
    /// Wait this many milliseconds of real time before each further piece of a streamed response.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub event_gap_ms: Option<u64>,
    /// The created task never leaves this status.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stuck_in: Option<TaskStatus>,
    /// The created task fails at the end of this status.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fail_in: Option<TaskStatus>,
    /// The `error_reason` of that task.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// An invalid fault or fault plan. The message says what is wrong and what is allowed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FaultError(String);

impl fmt::Display for FaultError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for FaultError {}

/// The statuses in which a task can get stuck or fail.
const TRANSIENT_STATUSES: [TaskStatus; 5] = [
    TaskStatus::Uploading,
    TaskStatus::Validating,
    TaskStatus::Pending,
    TaskStatus::Queued,
    TaskStatus::Indexing,
];

impl FaultPlan {
    /// Parses and checks a plan in JSON.
    ///
    /// # Errors
    /// Returns an error if the JSON is not a fault plan, or the plan is invalid.
    pub fn from_json(text: &str) -> Result<Self, FaultError> {
        let plan: Self = serde_json::from_str(text)
            .map_err(|error| FaultError(format!("the fault plan is wrong: {error}")))?;
        plan.check()?;
        Ok(plan)
    }

    /// Checks that the plan is valid.
    ///
    /// # Errors
    /// Returns an error that describes the first invalid fault.
    pub fn check(&self) -> Result<(), FaultError> {
        self.faults.iter().try_for_each(Fault::check)
    }
}

impl Fault {
    fn check(&self) -> Result<(), FaultError> {
        let invalid = |message: String| Err(FaultError(message));
        if let Some(name) = &self.operation
            && !Operation::ALL
                .iter()
                .any(|operation| operation.as_str() == name)
        {
            let known: Vec<_> = Operation::ALL
                .iter()
                .map(|operation| operation.as_str())
                .collect();
            return invalid(format!(
                "there is no operation `{name}` (allowed: {})",
                known.join(", ")
            ));
        }
        if let Some(status) = self.status
            && !(200..600).contains(&status)
        {
            return invalid(format!("the status {status} is not between 200 and 599"));
        }
        if let Some(probability) = self.probability
            && !(0.0..=1.0).contains(&probability)
        {
            return invalid(format!(
                "the probability {probability} is not between 0 and 1"
            ));
        }
        if self.every == Some(0) || self.nth.contains(&0) {
            return invalid(
                "requests are counted from 1: `nth` and `every` cannot be 0".to_owned(),
            );
        }
        if self.bytes_per_second == Some(0) {
            return invalid(
                "`bytes_per_second` cannot be 0; to send nothing, use `cut_after`".to_owned(),
            );
        }
        for (name, value) in &self.headers {
            if HeaderName::from_str(name).is_err() || HeaderValue::from_str(value).is_err() {
                return invalid(format!("`{name}: {value}` is no HTTP header"));
            }
        }
        if let Some(status) = self.stuck_in.as_ref().or(self.fail_in.as_ref())
            && !TRANSIENT_STATUSES.contains(status)
        {
            let known: Vec<_> = TRANSIENT_STATUSES.iter().map(TaskStatus::as_str).collect();
            return invalid(format!(
                "a task does not pass through `{status}` (allowed: {})",
                known.join(", ")
            ));
        }
        let has_action = self.status.is_some()
            || self.retry_after.is_some()
            || self.drop
            || self.lose_answer
            || self.duplicate
            || self.delay_ms.is_some()
            || self.bytes_per_second.is_some()
            || self.cut_after.is_some()
            || self.streams()
            || self.stuck_in.is_some()
            || self.fail_in.is_some();
        if self.split_bytes == Some(0)
            || self.garble_event == Some(0)
            || self.error_event == Some(0)
        {
            return invalid(
                "`split_bytes`, `garble_event` and `error_event` are at least 1".to_owned(),
            );
        }
        if !has_action {
            return invalid(
                "the fault does nothing: give it one of status, retry_after, drop, lose_answer, duplicate, delay_ms, \
                 bytes_per_second, cut_after, omit_end, cut_after_events, stall_after_events, garble_event, error_event, \
                 split_bytes, no_final_newline, event_gap_ms, stuck_in, fail_in"
                    .to_owned(),
            );
        }
        Ok(())
    }

    /// Whether the fault changes streamed responses.
    fn streams(&self) -> bool {
        self.omit_end
            || self.no_final_newline
            || self.cut_after_events.is_some()
            || self.stall_after_events.is_some()
            || self.garble_event.is_some()
            || self.error_event.is_some()
            || self.split_bytes.is_some()
            || self.event_gap_ms.is_some()
    }

    /// The response that the fault sends instead of the real one.
    fn response(&self) -> Option<Response<bytes::Bytes>> {
        let status = self.status.or(self.retry_after.map(|_| 429))?;
        let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let code = self.code.clone().unwrap_or_else(|| match status {
            StatusCode::TOO_MANY_REQUESTS => ErrorCode::TooManyRequests.to_string(),
            _ => ErrorCode::GenericError.to_string(),
        });
        let message = self
            .message
            .clone()
            .unwrap_or_else(|| "An error occurred on purpose.".to_owned());
        let mut response = Refusal::new(status, code, message).response();
        match &self.body {
            None => {}
            Some(Value::String(text)) => {
                let kind = if text.trim_start().starts_with('<') {
                    "text/html"
                } else {
                    "text/plain"
                };
                *response.body_mut() = text.clone().into();
                response
                    .headers_mut()
                    .insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
            }
            Some(json) => *response.body_mut() = json.to_string().into(),
        }
        if let Some(seconds) = self.retry_after {
            response
                .headers_mut()
                .insert(header::RETRY_AFTER, seconds.into());
        }
        for (name, value) in &self.headers {
            if let (Ok(name), Ok(value)) =
                (HeaderName::from_str(name), HeaderValue::from_str(value))
            {
                response.headers_mut().insert(name, value);
            }
        }
        Some(response)
    }
}

impl FromStr for Fault {
    type Err = FaultError;

    fn from_str(text: &str) -> Result<Self, FaultError> {
        let mut words = text.split_whitespace();
        let mut fault = serde_json::Map::new();
        match words.next() {
            None => {
                return Err(FaultError(
                    "the fault is empty: begin with an operation, or `*`".to_owned(),
                ));
            }
            Some("*") => {}
            Some(operation) => _ = fault.insert("operation".to_owned(), operation.into()),
        }
        for word in words {
            let (name, value) = word.split_once('=').unwrap_or((word, "true"));
            let value = match name {
                "nth" => {
                    let numbers = value.split(',').map(str::parse::<u64>);
                    let numbers: Result<Vec<_>, _> = numbers.collect();
                    numbers
                        .map(Value::from)
                        .map_err(|error| FaultError(format!("`{word}`: {error}")))?
                }
                "code" | "message" | "stuck_in" | "fail_in" | "reason" | "body" => {
                    Value::from(value)
                }
                _ => serde_json::from_str(value).unwrap_or_else(|_| Value::from(value)),
            };
            fault.insert(name.to_owned(), value);
        }
        let fault: Self = serde_json::from_value(Value::Object(fault))
            .map_err(|error| FaultError(format!("the fault `{text}` is wrong: {error}")))?;
        fault.check()?;
        Ok(fault)
    }
}

/// A one-line description for the journal.
impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut members = serde_json::to_value(self).unwrap_or_default();
        if let Some(members) = members.as_object_mut() {
            for name in ["operation", "nth", "every", "probability", "times"] {
                members.remove(name);
            }
            let words: Vec<_> = members
                .iter()
                .map(|(name, value)| format!("{name}={value}"))
                .collect();
            return f.write_str(&words.join(" "));
        }
        Ok(())
    }
}

/// Faults of the connection, to be executed by the server.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Delivery {
    /// Delay the response by this much.
    pub delay: Duration,
    /// Limit the response body to this many bytes per second.
    pub bytes_per_second: Option<u64>,
    /// Close the connection after this many bytes of the response, including its head.
    pub cut_after: Option<u64>,
}

/// A fault of a task or an asset, which applies whatever its file is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) enum TaskFault {
    StuckIn(TaskStatus),
    FailIn(TaskStatus, Option<String>),
}

/// The combined effect of the faults that apply to one request.
#[derive(Debug, Default)]
pub(crate) struct Injection {
    /// A response to send instead of the platform's.
    pub(crate) response: Option<Response<bytes::Bytes>>,
    /// Whether to skip processing the request.
    pub(crate) skip_work: bool,
    pub(crate) duplicate: bool,
    pub(crate) task_fault: Option<TaskFault>,
    pub(crate) delivery: Delivery,
    pub(crate) stream: StreamFault,
    /// Descriptions of the injected faults, for the journal.
    pub(crate) descriptions: Vec<String>,
}

/// The active fault plan, with its counters.
#[derive(Debug)]
pub(crate) struct Faults {
    pub(crate) plan: FaultPlan,
    counts: Vec<Count>,
    rng: Rng,
}

#[derive(Debug, Clone, Copy, Default)]
struct Count {
    matched: u64,
    injected: u64,
}

impl Faults {
    pub(crate) fn new(plan: FaultPlan, seed: u64) -> Self {
        Self {
            counts: vec![Count::default(); plan.faults.len()],
            rng: Rng::new(plan.seed.unwrap_or(seed)),
            plan,
        }
    }

    /// How often each fault was injected.
    pub(crate) fn injection_counts(&self) -> impl Iterator<Item = u64> {
        self.counts.iter().map(|count| count.injected)
    }

    pub(crate) fn inject(&mut self, operation: Operation) -> Injection {
        let mut injection = Injection::default();
        for (fault, count) in self.plan.faults.iter().zip(&mut self.counts) {
            if fault
                .operation
                .as_ref()
                .is_some_and(|name| name != operation.as_str())
            {
                continue;
            }
            count.matched += 1;
            let is_due = (fault.nth.is_empty() || fault.nth.contains(&count.matched))
                && fault.every.is_none_or(|every| count.matched.is_multiple_of(every))
                && fault.times.is_none_or(|times| count.injected < times)
                // Drawn last, so that requests that do not match leave the random sequence
                // unchanged.
                && fault.probability.is_none_or(|wanted| self.rng.fraction() < wanted);
            if !is_due {
                continue;
            }
            count.injected += 1;
            injection.descriptions.push(fault.to_string());
            if let Some(response) = fault.response() {
                injection.response = Some(response);
                injection.skip_work |= !fault.after_work;
            }
            injection.skip_work |= fault.drop;
            injection.duplicate |= fault.duplicate;
            if let Some(status) = &fault.stuck_in {
                injection.task_fault = Some(TaskFault::StuckIn(status.clone()));
            }
            if let Some(status) = &fault.fail_in {
                injection.task_fault =
                    Some(TaskFault::FailIn(status.clone(), fault.reason.clone()));
            }
            let delivery = &mut injection.delivery;
            delivery.delay += Duration::from_millis(fault.delay_ms.unwrap_or(0));
            delivery.bytes_per_second = fault.bytes_per_second.or(delivery.bytes_per_second);
            delivery.cut_after = fault.cut_after.or(delivery.cut_after);
            let stream = &mut injection.stream;
            stream.omit_end |= fault.omit_end;
            stream.no_final_newline |= fault.no_final_newline;
            stream.cut_after = fault.cut_after_events.or(stream.cut_after);
            stream.stall_after = fault.stall_after_events.or(stream.stall_after);
            stream.garble = fault.garble_event.or(stream.garble);
            stream.error = fault.error_event.or(stream.error);
            stream.split_bytes = fault.split_bytes.or(stream.split_bytes);
            stream.gap += Duration::from_millis(fault.event_gap_ms.unwrap_or(0));
            if fault.drop || fault.lose_answer {
                delivery.cut_after = Some(0);
            }
        }
        injection
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hits(fault: &str, requests: u64) -> Vec<u64> {
        let fault: Fault = fault.parse().unwrap();
        let mut faults = Faults::new(
            FaultPlan {
                seed: Some(7),
                faults: vec![fault],
            },
            0,
        );
        let injected = (1..=requests).filter(|_| {
            !faults
                .inject(Operation::of::<tl_protocol::endpoint::CreateTask>())
                .descriptions
                .is_empty()
        });
        injected.collect()
    }

    #[test]
    fn fault_applies_to_matching_requests() {
        for (fault, expected) in [
            ("* status=500", vec![1, 2, 3, 4, 5, 6]),
            ("tasks.create nth=2,5 status=500", vec![2, 5]),
            ("tasks.create every=3 drop", vec![3, 6]),
            ("tasks.create every=2 times=2 drop", vec![2, 4]),
            ("tasks.list status=500", vec![]),
            ("* probability=0 status=500", vec![]),
            ("* probability=1 times=1 status=500", vec![1]),
        ] {
            assert_eq!(hits(fault, 6), expected, "{fault}");
        }
    }

    #[test]
    fn probability_is_seeded_and_roughly_accurate() {
        let injected = hits("* probability=0.25 status=500", 1000);
        assert_eq!(injected, hits("* probability=0.25 status=500", 1000));
        assert!((200..300).contains(&injected.len()), "{}", injected.len());
    }

    #[test]
    fn invalid_fault_is_rejected_with_allowed_values() {
        for (fault, expected) in [
            ("", "empty"),
            ("tasks.make status=500", "tasks.create, tasks.list"),
            ("*", "does nothing"),
            ("* nth=0 drop", "counted from 1"),
            ("* nth=x drop", "nth=x"),
            ("* status=99", "between 200 and 599"),
            ("* status=abc", "status"),
            ("* probability=2 drop", "between 0 and 1"),
            ("* color=blue", "unknown field"),
            ("* stuck_in=ready", "uploading, validating"),
            ("* bytes_per_second=0", "cut_after"),
        ] {
            let error = fault.parse::<Fault>().unwrap_err().to_string();
            assert!(error.contains(expected), "{fault}: {error}");
        }
        assert!(FaultPlan::from_json(r#"{"faults":[{"status":700}]}"#).is_err());
        assert!(FaultPlan::from_json(r#"{"fault":[]}"#).is_err());
    }

    #[test]
    fn plan_roundtrips_through_json() {
        let text = r#"{"seed":7,"faults":[{"operation":"tasks.create","nth":[1],"status":503,"retry_after":2}]}"#;
        let plan = FaultPlan::from_json(text).unwrap();
        assert_eq!(serde_json::to_string(&plan).unwrap(), text);
        assert_eq!(
            plan.faults[0],
            "tasks.create nth=1 status=503 retry_after=2"
                .parse()
                .unwrap()
        );
        assert_eq!(plan.faults[0].to_string(), "retry_after=2 status=503");
    }
}
