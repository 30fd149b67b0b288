//! Answers of a chat, their citations, and secrets of connections.

use serde_json::json;
use tl_model::*;

use crate::fixtures::read;

#[test]
fn citations_count_code_points_and_include_the_end() {
    let response: ChatResponse = serde_json::from_value(read("chat/response.json")).unwrap();
    let markers: Vec<&str> = response
        .citations()
        .map(|(text, citation)| &text[citation.range_in(text).unwrap()])
        .collect();
    assert_eq!(markers, ["[1]", "[2]", "[3]"]);
    assert_eq!(
        response.text(),
        "Zoë scores twice [1], see also [2] and [3]."
    );
}

#[test]
fn citation_outside_of_the_text_has_no_range() {
    let range = |start: u64, end: u64, text: &str| {
        let citation = json!({ "start_index": start, "end_index": end });
        let citation: ChatCitation = serde_json::from_value(citation).unwrap();
        citation.range_in(text)
    };
    assert_eq!(range(0, 0, "é"), Some(0..2));
    assert_eq!(range(1, 2, "aé日"), Some(1..6));
    assert_eq!(range(0, 1, "a"), None);
    assert_eq!(range(2, 1, "abc"), None);
    assert_eq!(range(0, u64::MAX, "abc"), None);
    assert_eq!(range(0, 0, ""), None);
    assert_eq!(ChatCitation::default().range_in("a"), None);
}

#[test]
fn intermediate_messages_are_no_answer() {
    let message = |phase: &str, text: &str| json!({ "type": "message", "phase": phase, "content": [{ "text": text }] });
    let output = [
        message("commentary", "a"),
        message("unknown", "b"),
        message("final_answer", "c"),
        json!({ "type": "message", "content": [{ "text": "d" }] }),
        json!({ "type": "function_call", "content": [{ "text": "e" }] }),
    ];
    let response = json!({ "id": "resp_1", "output": output });
    let response: ChatResponse = serde_json::from_value(response).unwrap();
    assert_eq!(response.text(), "cd");
}

#[test]
fn secrets_of_a_picker_token_do_not_show() {
    let token: PickerToken = serde_json::from_value(read("connection/picker_token.json")).unwrap();
    let shown = format!("{token:?} {}", token.access_token);
    assert!(!shown.contains("sample"), "{shown}");
    assert_eq!(token.access_token.reveal(), "ya29.sample");
}
