//! Tests of answers about a knowledge store.

use serde_json::json;
use tl_model::{
    ChatEvent, ChatFormat, ChatFormatType, ChatInclude, ChatMessage, ChatSelection, ChatText,
    NewChatResponse,
};

use super::*;

fn question(content: &str) -> NewChatResponse {
    NewChatResponse::new("ks_a", vec![ChatMessage::user(content)])
}

fn with_schema(schema: Value) -> NewChatResponse {
    let mut format = ChatFormat::new(ChatFormatType::JsonSchema);
    format.name = Some("goals".to_owned());
    format.schema = Some(schema);
    let mut text = ChatText::default();
    text.format = Some(format);
    let mut question = question("a");
    question.text = Some(text);
    question
}

fn refused(response: NewChatResponse) -> String {
    let request = CreateChatResponse::new(response).encode();
    let method = Method::POST;
    let request = request.into_http(&method, CreateChatResponse::PATH, &base(), 1);
    request.unwrap_err().to_string()
}

#[test]
fn stream_is_always_stated() {
    let whole = CreateChatResponse::new(question("who?"));
    assert_eq!(
        line(&whole),
        r#"POST /responses {"knowledge_store_id":"ks_a","input":[{"type":"message","role":"user","content":"who?"}],"stream":false}"#
    );
    let streamed = StreamChatResponse::new(question("who?"));
    assert_eq!(line(&streamed), line(&whole).replace("false", "true"));
}

#[test]
fn questions_round_trip() {
    let schema = json!({"type": "object", "properties": {"a": {"$ref": "#/$defs/b"}}, "$defs": {"b": {"type": "string"}}});
    let mut question = with_schema(schema);
    question
        .input
        .push(ChatMessage::user("in {{sel:1}} and {{sel:x}}"));
    question.session_id = Some("sess_a".into());
    question.instructions = Some("briefly".to_owned());
    question.include = vec![ChatInclude::IntermediateOutputs];
    question.selections = vec![
        ChatSelection::item(&"ksi_a".into()),
        ChatSelection::collection(&"ksic_a".into()),
    ];
    question.stream = Some(true);
    round_trip(&CreateChatResponse::new(question.clone()));
    round_trip(&StreamChatResponse::new(question));
}

#[test]
fn limits_are_checked_before_sending() {
    let nested = (0..100).fold(json!({}), |schema, _| json!({"items": schema}));
    let mut selected = question("in {{sel:1}}");
    selected.selections = vec![ChatSelection::item(&"ksi_a".into())];
    let mut wrong_kind = question("a");
    wrong_kind.selections = vec![ChatSelection::collection(&"ksi_a".into())];
    let mut unnamed = with_schema(json!({}));
    let format = unnamed.text.as_mut().unwrap().format.as_mut().unwrap();
    format.name = None;
    let mut empty = question("a");
    empty.input.clear();
    let reasons = [
        refused(empty),
        refused(question("")),
        refused(question(&"é".repeat(10_001))),
        refused(question("in {{sel:0}}")),
        refused(question("in {{sel:99999999999999999999}}")),
        refused(selected),
        refused(wrong_kind),
        refused(unnamed),
        refused(with_schema(json!([]))),
        refused(with_schema(json!({"properties": {"a": {"oneOf": []}}}))),
        refused(with_schema(json!({"items": {"default": 1}}))),
        refused(with_schema(json!({"$ref": "https://example.com/schema"}))),
        refused(with_schema(nested))
            .split(".items")
            .next()
            .unwrap()
            .to_owned(),
    ];
    insta::assert_snapshot!(reasons.join("\n"));
}

#[test]
fn only_the_end_of_the_answer_ends_the_stream() {
    let role = |kind: &str| {
        let event = json!({"type": kind}).to_string();
        let event: ChatEvent = StreamChatResponse::decode_event(event.as_bytes()).unwrap();
        StreamChatResponse::role(&event)
    };
    for part in [
        "response.created",
        "keepalive",
        "response.output_text.done",
        "response.new",
    ] {
        assert_eq!(role(part), EventRole::Part, "{part}");
    }
    assert_eq!(role("response.completed"), EventRole::Last);
    assert_eq!(role("response.incomplete"), EventRole::Last);
    assert_eq!(role("response.failed"), EventRole::Failure);
}
