//! Tests of one call: its errors, and which attempts count.

use std::time::SystemTime;

use super::*;
use crate::{
    Delivery, TransportError, TransportErrorKind,
    endpoint::{CreateAnalyzeBatch, CreateEmbedding, CreateIndex, GetTask, Search},
};

fn call<E: Endpoint>(endpoint: E, attempts: u32) -> Call<E> {
    let base = "https://api.example/v1.3".parse().unwrap();
    Call::new(
        endpoint,
        &base,
        Policy::default().with_attempts(attempts),
        1,
    )
}

fn now() -> Now {
    Now::new(Duration::from_secs(1), SystemTime::UNIX_EPOCH)
}

fn response(status: u16, headers: &[(&str, &str)], body: &str) -> Outcome {
    let mut response = http::Response::builder().status(status);
    for (name, value) in headers {
        response = response.header(*name, *value);
    }
    Ok(response.body(body.to_owned().into()).unwrap())
}

fn failure(kind: TransportErrorKind, delivery: Delivery) -> Outcome {
    Err(TransportError::new(kind, delivery))
}

/// The error of a call that sends a request for each of `outcomes`, and one for each only.
fn error_after<E: Endpoint>(
    mut flow: Call<E>,
    outcomes: impl IntoIterator<Item = Outcome>,
) -> Error {
    let mut now = now();
    for outcome in outcomes {
        let token = loop {
            match flow.step(now) {
                Step::Start(token, _) => break token,
                Step::Wait { until } => now.mono = until.expect("nothing is in flight"),
                Step::Done(_) => panic!("it ended before {outcome:?}"),
            }
        };
        flow.on_outcome(now, token, outcome);
    }
    match flow.step(now) {
        Step::Done(Err(error)) => error,
        _ => panic!("it fails after the last outcome"),
    }
}

/// The error of a request that is answered with this response only.
fn refused<E: Endpoint>(endpoint: E, status: u16, headers: &[(&str, &str)], body: &str) -> Error {
    error_after(call(endpoint, 1), [response(status, headers, body)])
}

fn batch() -> CreateAnalyzeBatch {
    let batch = r#"{"model_name": "pegasus1.5", "analysis_mode": "general", "requests": [
        {"video": {"type": "asset_id", "asset_id": "a"}, "prompt": {"input_text": "Why?"}}]}"#;
    let batch: tl_model::NewAnalyzeBatch = serde_json::from_str(batch).unwrap();
    CreateAnalyzeBatch::new(batch)
}

fn embedding() -> CreateEmbedding {
    let text = r#"{"input_type": "text", "model_name": "marengo3.0", "text": {"input_text": "a"}}"#;
    let text: tl_model::NewEmbedding = serde_json::from_str(text).unwrap();
    CreateEmbedding::new(text)
}

#[test]
fn nested_errors_have_code_message_and_details() {
    let body = r#"{"error": {"code": "RATE_LIMIT_EXCEEDED", "message": "Too many requests.",
        "details": {"limit": 600, "window": "minute"}}}"#;
    let error = refused(embedding(), 429, &[("retry-after", "7")], body);
    assert_eq!(error.kind(), ErrorKind::RateLimited);
    assert_eq!(error.retry_after(), Some(Duration::from_secs(7)));
    assert_eq!(error.code().unwrap().as_str(), "RATE_LIMIT_EXCEEDED");
    assert_eq!(error.details().unwrap()["limit"], 600);
    let text = error.to_string();
    assert!(
        text.contains(r#"Too many requests. ({"limit":600,"window":"minute"})"#),
        "{text}"
    );
    let long = format!(
        r#"{{"error": {{"code": "X", "details": "{}"}}}}"#,
        "é".repeat(999)
    );
    let text = refused(embedding(), 400, &[], &long).to_string();
    assert!(text.contains(&format!("({}…)", "é".repeat(300))), "{text}");
    let list = r#"{"error": {"code": "X", "details": ["a", 1]}}"#;
    let text = refused(embedding(), 400, &[], list).to_string();
    assert!(text.ends_with(r#"`X` (["a",1])"#), "{text}");
    for none in ["null", "[]", "{}", "\"\""] {
        let body = format!(r#"{{"error": {{"code": "X", "details": {none}}}}}"#);
        let text = refused(embedding(), 400, &[], &body).to_string();
        assert!(text.ends_with("`X`"), "{text}");
    }
}

#[test]
fn limit_on_active_batches_is_no_rate_limit() {
    let nested = r#"{"error": {"code": "too_many_requests", "message": "5 batches are active."}}"#;
    for body in [nested, ""] {
        let error = refused(batch(), 429, &[], body);
        assert_eq!(error.kind(), ErrorKind::RateLimited);
        assert!(error.limits_active(), "{error}");
        assert!(error.to_string().contains("active at a time"), "{error}");
    }
    // A time to wait says that it is a rate limit.
    let error = refused(batch(), 429, &[("retry-after", "3")], nested);
    assert!(!error.limits_active(), "{error}");
    // Other operations limit requests: their 429 has an empty body.
    let search = Search::new("i", ["visual".into()]);
    let error = refused(search, 429, &[], "");
    assert_eq!(
        (error.kind(), error.limits_active()),
        (ErrorKind::RateLimited, false)
    );
}

#[test]
fn only_the_first_outcome_of_the_attempt_in_flight_counts() {
    let mut flow = call(GetTask::new("t"), 5);
    let Step::Start(token, _) = flow.step(now()) else {
        panic!("the first step sends")
    };
    flow.on_outcome(now(), Token(token.0 + 1), response(404, &[], ""));
    assert!(matches!(flow.step(now()), Step::Wait { until: None }));
    flow.on_outcome(now(), token, response(401, &[], ""));
    flow.on_outcome(now(), token, response(404, &[], ""));
    let Step::Done(Err(error)) = flow.step(now()) else {
        panic!("a 401 is final")
    };
    assert_eq!(error.kind(), ErrorKind::Unauthorized);
}

#[test]
fn attempts_without_a_free_descriptor_do_not_count() {
    let local = || failure(TransportErrorKind::NoDescriptor, Delivery::NotSent);
    let busy = || response(503, &[], "");
    let outcomes = [local(), local(), local(), busy(), local(), busy()];
    let error = error_after(call(GetTask::new("t"), 2), outcomes);
    // All of them are reported.
    assert_eq!((error.kind(), error.attempts()), (ErrorKind::Server, 6));
}

#[test]
fn errors_without_a_response_say_what_is_known() {
    use TransportErrorKind::{Canceled, Lost};
    let check = |kind, delivery, expected: ErrorKind, text: &str| {
        let create = CreateIndex::new(tl_model::NewIndex::new("sport", Vec::new()));
        let error = error_after(call(create, 1), [failure(kind, delivery)]);
        assert_eq!(error.kind(), expected);
        assert_eq!(
            error.to_string(),
            format!("could not {}: {text}", CreateIndex::OPERATION)
        );
        assert_eq!(error.transport().map(TransportError::kind), Some(kind));
    };
    check(
        Lost,
        Delivery::Unknown,
        ErrorKind::OutcomeUnknown,
        "no response was received, and the request may have been processed: check before you retry",
    );
    check(
        Lost,
        Delivery::NotSent,
        ErrorKind::ConnectionLost,
        "no response from the platform",
    );
    for delivery in [Delivery::NotSent, Delivery::Unknown] {
        check(
            Canceled,
            delivery,
            ErrorKind::Canceled,
            "the caller canceled it",
        );
    }
}

#[test]
fn code_of_the_platform_is_more_specific_than_the_status() {
    for (status, code, expected) in [
        (400, "api_key_invalid", ErrorKind::Unauthorized),
        (403, "api_key_invalid", ErrorKind::Unauthorized),
        (400, "usage_limit_exceeded", ErrorKind::QuotaExhausted),
        (403, "insufficient_funds", ErrorKind::QuotaExhausted),
        (400, "too_many_requests", ErrorKind::RateLimited),
        (400, "resource_not_exist", ErrorKind::NotFound),
        (409, "not_found", ErrorKind::NotFound),
        // What is missing may be another resource than the one of the request.
        (403, "resource_not_exist", ErrorKind::Forbidden),
        (503, "not_found", ErrorKind::Server),
        (400, "parameter_invalid", ErrorKind::Refused),
    ] {
        let body = format!(r#"{{"code": "{code}"}}"#);
        let error = refused(GetTask::new("t"), status, &[], &body);
        assert_eq!(error.kind(), expected, "{status} {code}");
    }
}

#[test]
fn request_id_is_read_under_the_names_of_gateways() {
    let names = [
        "x-request-id",
        "x-amzn-requestid",
        "x-amz-request-id",
        "cf-ray",
    ];
    let id = |headers: &[(&str, &str)]| {
        let error = refused(GetTask::new("t"), 404, headers, "");
        error.request_id().map(str::to_owned)
    };
    assert_eq!(id(&[("request", "a")]), None);
    for (number, name) in names.iter().enumerate() {
        assert_eq!(id(&[(name, "a")]).as_deref(), Some("a"), "{name}");
        // The first of several names counts.
        let all: Vec<_> = names[number..]
            .iter()
            .map(|&name| (name, name))
            .rev()
            .collect();
        assert_eq!(id(&all).as_deref(), Some(*name));
    }
    // Also in a response that does not match the API.
    let error = refused(GetTask::new("t"), 200, &[("cf-ray", "a")], "<html>");
    assert_eq!(
        (error.kind(), error.request_id()),
        (ErrorKind::Malformed, Some("a"))
    );
}
