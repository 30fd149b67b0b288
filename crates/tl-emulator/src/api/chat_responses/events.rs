//! The events of a streamed response.

use bytes::Bytes;
use serde_json::Value;
use tl_model::{
    ChatContent, ChatEvent, ChatEventType, ChatOutput, ChatOutputType, ChatResponse, ChatStatus,
};
use tl_protocol::{framing::Framing, rng::Rng};

use crate::core::{Refusal, answers, stream::EventStream};

/// Maximum number of words of one event.
const MAX_WORDS: u64 = 8;
/// Ends the body, after the last event.
const DONE: &[u8] = b"[DONE]";

/// The response as events.
pub(super) fn stream(response: &ChatResponse, seed: u64) -> Result<EventStream, Refusal> {
    let mut events = Events::default();
    let started = started(response);
    events.about_response(ChatEventType::Created, &started);
    events.about_response(ChatEventType::InProgress, &started);
    // The platform sends one about every 10 s while it has nothing else to send. One in every
    // response lets clients see it without a wait.
    events.push(ChatEvent::new(ChatEventType::Keepalive));
    for (index, item) in response.output.iter().enumerate() {
        events.output(index as u64, item, seed);
    }
    events.about_response(ChatEventType::Completed, response);
    let mut failed = started;
    failed.status = Some(ChatStatus::Failed);
    let mut failure = ChatEvent::new(ChatEventType::Failed);
    failure.response = Some(failed);
    failure.sequence_number = Some(events.0.len() as u64);
    let mut framed: Vec<Bytes> = events.0.iter().map(encode).collect::<Result<_, _>>()?;
    framed.push(Bytes::from_static(DONE));
    Ok(EventStream {
        framing: Framing::ServerSentEvents,
        content_type: "text/event-stream",
        events: framed,
        failure: encode(&failure)?,
    })
}

/// The response before anything was written.
fn started(response: &ChatResponse) -> ChatResponse {
    let mut started = response.clone();
    started.status = Some(ChatStatus::InProgress);
    started.output.clear();
    started
        .extra
        .insert("output".to_owned(), Value::Array(Vec::new()));
    started.usage = None;
    started
}

fn encode(event: &ChatEvent) -> Result<Bytes, Refusal> {
    serde_json::to_vec(event)
        .map(Into::into)
        .map_err(|error| Refusal::internal(&error.to_string()))
}

#[derive(Default)]
struct Events(Vec<ChatEvent>);

impl Events {
    /// Adds an event, with the next number.
    fn push(&mut self, mut event: ChatEvent) {
        event.sequence_number = Some(self.0.len() as u64);
        self.0.push(event);
    }

    fn about_response(&mut self, event_type: ChatEventType, response: &ChatResponse) {
        let mut event = ChatEvent::new(event_type);
        event.response = Some(response.clone());
        self.push(event);
    }

    fn about_item(&mut self, event_type: ChatEventType, index: u64, item: &ChatOutput) {
        let mut event = ChatEvent::new(event_type);
        event.output_index = Some(index);
        event.item = Some(item.clone());
        self.push(event);
    }

    fn output(&mut self, index: u64, item: &ChatOutput, seed: u64) {
        let mut started = item.clone();
        started.status = Some(ChatStatus::InProgress);
        started.content.clear();
        if item.output_type == Some(ChatOutputType::Message) {
            started
                .extra
                .insert("content".to_owned(), Value::Array(Vec::new()));
        }
        self.about_item(ChatEventType::OutputItemAdded, index, &started);
        if item.output_type == Some(ChatOutputType::FunctionCall) {
            let mut event = ChatEvent::new(ChatEventType::ArgumentsDone);
            event.item_id.clone_from(&item.id);
            event.output_index = Some(index);
            event.arguments.clone_from(&item.arguments);
            self.push(event);
        }
        for (at, content) in item.content.iter().enumerate() {
            self.content(index, at as u64, item, content, seed);
        }
        self.about_item(ChatEventType::OutputItemDone, index, item);
    }

    fn content(
        &mut self,
        index: u64,
        at: u64,
        item: &ChatOutput,
        content: &ChatContent,
        seed: u64,
    ) {
        let about = |event_type| {
            let mut event = ChatEvent::new(event_type);
            event.item_id.clone_from(&item.id);
            event.output_index = Some(index);
            event.content_index = Some(at);
            event
        };
        let text = content.text.as_deref().unwrap_or_default();
        let mut empty = content.clone();
        empty.text = Some(String::new());
        empty.annotations.clear();
        empty
            .extra
            .insert("annotations".to_owned(), Value::Array(Vec::new()));
        let mut event = about(ChatEventType::ContentPartAdded);
        event.part = Some(empty);
        self.push(event);
        for delta in deltas(text, seed) {
            let mut event = about(ChatEventType::TextDelta);
            event.delta = Some(delta);
            self.push(event);
        }
        let mut event = about(ChatEventType::TextDone);
        event.text = Some(text.to_owned());
        self.push(event);
        let mut event = about(ChatEventType::ContentPartDone);
        event.part = Some(content.clone());
        self.push(event);
    }
}

/// The text in pieces of 1 to 8 words. The pieces are the text when they are joined.
fn deltas(text: &str, seed: u64) -> Vec<String> {
    let mut rng = Rng::new(seed ^ answers::hash(text.as_bytes()));
    let mut words = text.split_inclusive(' ').peekable();
    let mut pieces = Vec::new();
    while words.peek().is_some() {
        let count = usize::try_from(1 + rng.bits() % MAX_WORDS).unwrap_or(1);
        pieces.push(words.by_ref().take(count).collect());
    }
    pieces
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn joined_deltas_are_the_text() {
        for text in [
            "",
            "one",
            "Zoë  scores [1], and so does 日本. ",
            " a b c d e f g h i j k",
        ] {
            let pieces = deltas(text, 7);
            assert_eq!(pieces.concat(), text);
            assert_eq!(deltas(text, 7), pieces);
        }
    }
}
