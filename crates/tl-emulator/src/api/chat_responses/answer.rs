//! The content of an answer: the best clips with citations, or JSON of the requested schema.

use std::collections::BTreeSet;

use jiff::Timestamp;
use serde_json::{Value, json};
use tl_model::{
    ChatCitation, ChatCitationType, ChatContent, ChatFormatType, ChatOutput, ChatOutputType,
    ChatPhase, ChatResponse, ChatRole, ChatSelection, ChatSelectionKind, ChatStatus, ChatUsage,
    NewChatResponse, StoreItemType, StoreModality,
};

use crate::{
    api::knowledge_stores::{Candidate, candidates, media_of},
    core::{
        Env, Refusal, State,
        answers::{self, AnswerSource, Generator, MediaRef},
        records::ChatSessionRecord,
        time::api_timestamp,
    },
};

/// Maximum number of clips in an answer.
const MAX_CLIPS: usize = 3;

/// An answer.
pub(super) struct Answer {
    pub(super) source: AnswerSource,
    text: String,
    citations: Vec<ChatCitation>,
    usage: ChatUsage,
    /// The words that were searched for.
    query: String,
}

/// The identifiers of a response, and whether it has the steps that led to the answer.
pub(super) struct Parts {
    pub(super) response_id: String,
    pub(super) message_id: String,
    pub(super) call_id: String,
    pub(super) with_steps: bool,
}

pub(super) fn answer(
    state: &State,
    env: &Env<'_>,
    store: &str,
    session: &ChatSessionRecord,
    request: &NewChatResponse,
) -> Result<Answer, Refusal> {
    let question = request.input.last().map_or("", |message| &message.content);
    let query = without_tokens(question);
    let selected = selected(state, &session.selections);
    let modalities = [StoreModality::Visual, StoreModality::Audio];
    let found = candidates(state, env, &query, &modalities, |item| {
        item.store_id == store
            && selected
                .as_ref()
                .is_none_or(|selected| selected.contains(item.id.as_str()))
    });
    // One clip per item: the best.
    let mut seen = BTreeSet::new();
    let best: Vec<Candidate<'_>> = found
        .into_iter()
        .filter(|candidate| seen.insert(candidate.item.id.as_str()))
        .take(MAX_CLIPS)
        .collect();
    let media: Vec<MediaRef<'_>> = best
        .iter()
        .map(|candidate| media_of(state, candidate.item))
        .collect();
    let matched = json!({ "prompt": question, "knowledge_store_id": store });
    let fixture = env
        .settings
        .answers
        .fixture("responses.create", &matched, &media);
    let format = request.text.as_ref().and_then(|text| text.format.as_ref());
    let schema = format
        .filter(|format| format.format_type == ChatFormatType::JsonSchema)
        .and_then(|format| format.schema.as_ref());
    let (source, text, citations) = match (fixture, schema) {
        (Some(Value::String(text)), _) => (AnswerSource::Fixture, text.clone(), Vec::new()),
        (Some(value), _) => (AnswerSource::Fixture, value.to_string(), Vec::new()),
        (None, Some(schema)) => {
            let text = generated(schema, env, question, &best)?;
            (AnswerSource::Generated, text, Vec::new())
        }
        (None, None) if best.is_empty() => {
            let text = format!(
                "[emulator: nothing is ready in this knowledge store] {}",
                query.trim()
            );
            (AnswerSource::Echo, text, Vec::new())
        }
        (None, None) => list(&best),
    };
    let mut usage = ChatUsage::default();
    usage.input_tokens = Some(answers::tokens(question));
    usage.output_tokens = Some(answers::tokens(&text));
    Ok(Answer {
        source,
        text,
        citations,
        usage,
        query,
    })
}

/// A text without its `{{sel:N}}` tokens.
fn without_tokens(text: &str) -> String {
    let mut parts = text.split("{{sel:");
    let mut clean = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        match part.split_once("}}") {
            Some((_, rest)) => clean.push_str(rest),
            None => clean.push_str(part),
        }
    }
    clean
}

/// The items that the selections refer to; `None` without selections.
fn selected<'a>(state: &'a State, selections: &'a [ChatSelection]) -> Option<BTreeSet<&'a str>> {
    if selections.is_empty() {
        return None;
    }
    let mut items = BTreeSet::new();
    for selection in selections {
        match selection.kind {
            ChatSelectionKind::Collection => {
                let collection = state.item_collections.get(&selection.id);
                let ids = collection
                    .iter()
                    .flat_map(|collection| &collection.item_ids);
                items.extend(ids.map(String::as_str));
            }
            _ => _ = items.insert(selection.id.as_str()),
        }
    }
    Some(items)
}

/// The clips as a text, each with a marker and its citation.
fn list(best: &[Candidate<'_>]) -> (AnswerSource, String, Vec<ChatCitation>) {
    let mut text = String::new();
    let mut citations = Vec::new();
    let mut source = AnswerSource::Generated;
    for (index, candidate) in best.iter().enumerate() {
        let name = candidate.item.system.filename.as_deref().unwrap_or("item");
        if index > 0 {
            text.push(' ');
        }
        match (&candidate.text, &candidate.clip) {
            (Some(said), _) => {
                source = AnswerSource::Fixture;
                text.push_str(said);
            }
            (None, Some(clip)) => {
                let (start, end) = (
                    clip.start_sec.unwrap_or_default(),
                    clip.end_sec.unwrap_or_default(),
                );
                text.push_str(&format!("{name} from {start} s to {end} s"));
            }
            (None, None) => text.push_str(name),
        }
        let marker = format!("[{}]", index + 1);
        text.push(' ');
        let start = text.chars().count() as u64;
        text.push_str(&marker);
        citations.push(citation(
            candidate,
            name,
            start,
            marker.chars().count() as u64,
        ));
        text.push('.');
    }
    (source, text, citations)
}

fn citation(candidate: &Candidate<'_>, name: &str, start: u64, length: u64) -> ChatCitation {
    let mut citation = ChatCitation::default();
    citation.citation_type = Some(match candidate.item.asset_type {
        StoreItemType::Image => ChatCitationType::Image,
        _ => ChatCitationType::Video,
    });
    citation.start_index = Some(start);
    // Documented: the end is inclusive.
    citation.end_index = Some(start + length - 1);
    citation.item_id = Some(candidate.item.id.as_str().into());
    if let Some(clip) = &candidate.clip {
        citation.start_sec = clip.start_sec;
        citation.end_sec = clip.end_sec;
    }
    citation.title = Some(name.to_owned());
    // Documented: always present, and `null` if there is none.
    for member in ["thumbnail_url", "hls_url"] {
        citation.extra.insert(member.to_owned(), Value::Null);
    }
    citation
}

/// JSON that conforms to the schema, as the platform reads it: all properties are required, and
/// there are no others.
fn generated(
    schema: &Value,
    env: &Env<'_>,
    question: &str,
    best: &[Candidate<'_>],
) -> Result<String, Refusal> {
    let schema = closed(schema);
    let texts: Vec<String> = best
        .iter()
        .filter_map(|candidate| candidate.text.clone())
        .collect();
    let seed = env.settings.seed ^ answers::hash(question.as_bytes());
    let duration = best
        .iter()
        .filter_map(|candidate| candidate.item.system.duration);
    let window = (0.0, duration.fold(1.0, f64::max));
    let mut generator = Generator::new(&schema, seed, window, &texts);
    match generator.generate() {
        Ok(value) => Ok(value.to_string()),
        Err(reason) => Err(Refusal::invalid("text.format.schema", &reason)),
    }
}

/// Requires all properties, and allows no others.
fn closed(schema: &Value) -> Value {
    match schema {
        Value::Object(members) => {
            let mut members: serde_json::Map<String, Value> = members
                .iter()
                .map(|(key, value)| (key.clone(), closed(value)))
                .collect();
            if let Some(Value::Object(properties)) = members.get("properties") {
                let names: Vec<Value> = properties.keys().map(|name| json!(name)).collect();
                members.insert("required".to_owned(), names.into());
                members.insert("additionalProperties".to_owned(), false.into());
            }
            Value::Object(members)
        }
        Value::Array(items) => items.iter().map(closed).collect(),
        other => other.clone(),
    }
}

impl Answer {
    pub(super) fn response(
        self,
        parts: &Parts,
        store: &str,
        session: &str,
        now: Timestamp,
    ) -> ChatResponse {
        let mut response = ChatResponse::new(parts.response_id.as_str());
        response.knowledge_store_id = Some(store.into());
        response.session_id = Some(session.into());
        response.response_type = Some("response".to_owned());
        response.object = Some("response".to_owned());
        response.status = Some(ChatStatus::Completed);
        // Documented: always present, and `null` if the answer is complete.
        response
            .extra
            .insert("incomplete_details".to_owned(), Value::Null);
        if parts.with_steps {
            response.output.extend(self.steps(parts));
        }
        response.output.push(self.message(parts));
        response.usage = Some(self.usage);
        response.created_at = Some(api_timestamp(now));
        response
    }

    /// The search that led to the answer.
    fn steps(&self, parts: &Parts) -> [ChatOutput; 2] {
        let call_id = format!("call_{}", parts.call_id);
        let mut call = ChatOutput::default();
        call.output_type = Some(ChatOutputType::FunctionCall);
        call.id = Some(format!("fc_{}", parts.call_id));
        call.status = Some(ChatStatus::Completed);
        call.name = Some("search".to_owned());
        call.call_id = Some(call_id.clone());
        call.arguments = Some(json!({ "query": self.query }).to_string());
        let items: Vec<_> = self
            .citations
            .iter()
            .filter_map(|citation| citation.item_id.as_ref())
            .collect();
        let mut output = ChatOutput::default();
        output.output_type = Some(ChatOutputType::FunctionCallOutput);
        output.id = Some(format!("fco_{}", parts.call_id));
        output.status = Some(ChatStatus::Completed);
        output.call_id = Some(call_id);
        output.output = Some(json!({ "item_ids": items }).to_string());
        [call, output]
    }

    fn message(&self, parts: &Parts) -> ChatOutput {
        let mut content = ChatContent::default();
        content.content_type = Some("output_text".to_owned());
        content.text = Some(self.text.clone());
        content.annotations.clone_from(&self.citations);
        if self.citations.is_empty() {
            // Documented: always present.
            content
                .extra
                .insert("annotations".to_owned(), Value::Array(Vec::new()));
        }
        let mut message = ChatOutput::default();
        message.output_type = Some(ChatOutputType::Message);
        message.id = Some(parts.message_id.clone());
        message.status = Some(ChatStatus::Completed);
        message.role = Some(ChatRole::Assistant);
        message.phase = Some(ChatPhase::FinalAnswer);
        message.content = vec![content];
        message
    }
}
