//! `/analyze`: requests in both directions, events and results.

use super::*;
use tl_model::{AnalyzeEvent, AnalyzeRequest, AnalyzeVideo, JsonSchema, ResponseFormat};

fn request() -> AnalyzeRequest {
    let mut request = AnalyzeRequest::default();
    request.video = Some(AnalyzeVideo::Asset("a1".into()));
    request.prompt = Some("why?".to_owned());
    request
}

fn sent<E: Endpoint>(endpoint: &E, seed: u64) -> http::Request<Body> {
    let base = Url::parse("https://api.example/v1.3").unwrap();
    endpoint.encode().into_request::<E>(&base, seed).unwrap()
}

fn with_body(body: &Value) -> Received {
    Received {
        body: ReceivedBody::Json(body.clone()),
        ..Received::default()
    }
}

#[test]
fn whole_and_streamed_requests_differ_in_one_member() {
    let whole = sent(&Analyze::new(request()), 1);
    let whole = String::from_utf8(whole.body().as_bytes().unwrap().to_vec());
    let streamed = sent(&StreamAnalysis::new(request()), 1);
    let text = String::from_utf8(streamed.body().as_bytes().unwrap().to_vec()).unwrap();
    assert_eq!(
        text,
        r#"{"video":{"type":"asset_id","asset_id":"a1"},"prompt":"why?","stream":true}"#
    );
    assert_eq!(whole.unwrap(), text.replace("true", "false"));
    assert_eq!(streamed.headers()["accept"], "*/*");
    // An absent member streams.
    let body = json!({"video": {"type": "asset_id", "asset_id": "a1"}, "prompt": "why?"});
    let decoded = Analyze::decode(&with_body(&body)).unwrap();
    assert_eq!((decoded.stream, decoded.request), (true, request()));
}

#[test]
fn schema_is_sent_as_written() {
    let schema: JsonSchema = "{\"type\": \"object\",\n \"properties\": {\"z\": {\"type\": \"null\"}, \"a\": {\"type\": \"null\"}}}"
        .parse()
        .unwrap();
    let mut request = request();
    request.response_format = Some(ResponseFormat::schema(schema));
    let sent = sent(&Analyze::new(request), 1);
    let text = String::from_utf8(sent.body().as_bytes().unwrap().to_vec()).unwrap();
    assert!(text.find("\"z\"") < text.find("\"a\""), "{text}");
    assert!(!text.contains('\n'), "{text}");
}

#[test]
fn idempotency_key_is_stable_within_a_call() {
    let create = CreateAnalyzeTask::new(request());
    let key = |seed| sent(&create, seed).headers()[IDEMPOTENCY_KEY].clone();
    assert_eq!(key(7), key(7));
    assert_ne!(key(7), key(8));
    let own = create.clone().idempotency_key("job-1".to_owned());
    assert_eq!(sent(&own, 7).headers()[IDEMPOTENCY_KEY], "job-1");
    assert!(
        !sent(&Analyze::new(request()), 7)
            .headers()
            .contains_key(IDEMPOTENCY_KEY)
    );
}

#[test]
fn wrong_members_are_rejected_by_name() {
    let body = |change: Value| {
        let mut body = json!({"video": {"type": "asset_id", "asset_id": "a1"}, "prompt": "why?"});
        for (name, value) in change.as_object().unwrap() {
            body[name] = value.clone();
        }
        body
    };
    for (change, expected) in [
        (
            json!({"custom_id": "x"}),
            "`custom_id` is not a parameter of this endpoint",
        ),
        (
            json!({"temperature": "warm"}),
            "`temperature` is invalid: a string is not expected",
        ),
        (
            json!({"prompt": 5}),
            "`prompt` is invalid: `prompt`: invalid type: integer `5`",
        ),
        (
            json!({"video": {"asset_id": "x"}}),
            "`video` is invalid: `video`: missing field `type`",
        ),
        (json!({"stream": "yes"}), "`stream` is invalid"),
        (json!({"max_tokens": -1}), "`max_tokens` is invalid"),
    ] {
        let rejection = Analyze::decode(&with_body(&body(change)))
            .unwrap_err()
            .to_string();
        assert!(rejection.starts_with(expected), "{rejection}");
    }
    assert!(CreateAnalyzeTask::decode(&with_body(&body(json!({"stream": true})))).is_err());
}

#[test]
fn roles_of_events() {
    let role = |event: Value| {
        let event: AnalyzeEvent = serde_json::from_value(event).unwrap();
        StreamAnalysis::role(&event)
    };
    assert_eq!(role(json!({"event_type": "stream_start"})), EventRole::Part);
    assert_eq!(role(json!({"event_type": "heartbeat"})), EventRole::Part);
    assert_eq!(role(json!({})), EventRole::Part);
    // The error of the last event is a warning.
    let truncated =
        json!({"event_type": "stream_end", "finish_reason": "length", "error": {"message": "x"}});
    assert_eq!(role(truncated), EventRole::Last);
    for failure in [
        json!({"event_type": "error"}),
        json!({"error": {"message": "x"}}),
        json!({"error": "x"}),
        json!({"event_type": "text_generation", "text": "a", "error": {"code": "c"}}),
    ] {
        assert_eq!(role(failure.clone()), EventRole::Failure, "{failure}");
    }
}

#[test]
fn batch_results_are_lines_and_the_last_needs_no_end() {
    let body = b"{\"task_id\":\"t1\",\"status\":\"ready\",\"data\":{\"data\":\"a\\nb\"}}\n\n{\"task_id\":\"t2\",\"status\":\"failed\"}";
    let results = GetAnalyzeBatchResults::decode_response(body).unwrap();
    assert_eq!(results.len(), 2);
    assert_eq!(
        results[0].data.as_ref().unwrap().data.as_deref(),
        Some("a\nb")
    );
    let encoded = GetAnalyzeBatchResults::encode_response(&results).unwrap();
    assert_eq!(
        GetAnalyzeBatchResults::decode_response(&encoded).unwrap(),
        results
    );
    assert!(GetAnalyzeBatchResults::decode_response(b"{\"task_id\":\"t1\"}\n{\"tas").is_err());
    let request = sent(&GetAnalyzeBatchResults::new("b1"), 1);
    assert_eq!(request.uri().path(), "/v1.3/analyze/batches/b1/results");
    assert_eq!(tl_http::MaxResponse::of(&request, 1), 512 << 20);
}
