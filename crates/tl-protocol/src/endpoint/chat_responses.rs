//! `/responses`: answers about the content of a knowledge store, whole or streamed.

use std::time::Duration;

use bytes::Bytes;
use serde_json::{Map, Value};
use tl_model::{
    ChatEvent, ChatEventType, ChatFormat, ChatFormatType, ChatInclude, ChatInputType, ChatMessage,
    ChatResponse, ChatRole, ChatSelection, ChatSelectionKind, ChatSessionId, ChatText,
    KnowledgeStoreId, NewChatResponse,
};

use super::{
    Codec, Endpoint, EventRole, Outgoing, Parameter, Received, Rejection, Streamed, endpoint,
    json::{self, JsonBody, first_unknown},
    resource,
};
use crate::framing::Framing;

/// The longest message, in characters (API description of July 2026).
const MAX_CONTENT: usize = 10_000;
/// Keywords of JSON Schema that the platform accepts and does not obey, without an error (official
/// Python client 1.3.6).
const IGNORED_KEYWORDS: [&str; 9] = [
    "oneOf",
    "default",
    "if",
    "then",
    "else",
    "not",
    "patternProperties",
    "contains",
    "prefixItems",
];
/// The deepest nesting of a schema that is looked at.
const MAX_DEPTH: usize = 64;

resource! {
    /// Answers about the content of knowledge stores.
    ChatResponses, chat_responses
}

endpoint! {
    /// Asks about the content of a knowledge store, and returns the whole answer. Nothing is sent
    /// before the answer is complete: [`StreamChatResponse`] shows it while it is written.
    CreateChatResponse: PartialEq custom JSON {
        /// The store, the messages and settings.
        response: NewChatResponse,
    }
    name: "responses.create";
    does: "ask about the knowledge store";
    POST "/responses" => OK ChatResponse;
    repeat: IfNotProcessed;
    client: ChatResponses::create;
}

impl CreateChatResponse {
    /// The request to ask about the content of a knowledge store.
    #[must_use]
    pub fn new(response: impl Into<NewChatResponse>) -> Self {
        Self {
            response: response.into(),
        }
    }
}

impl Codec for CreateChatResponse {
    fn encode(&self) -> Outgoing {
        let mut response = self.response.clone();
        // The default of the platform is not documented.
        response.stream = Some(response.stream.unwrap_or(false));
        Outgoing::new().json(&response).checked(response.check())
    }

    fn decode(request: &Received) -> Result<Self, Rejection> {
        json::read_body::<NewChatResponse>(request).map(Self::new)
    }

    fn parameters() -> Vec<Parameter> {
        json::members::<NewChatResponse>()
    }
}

/// Asks about the content of a knowledge store, and streams the answer while it is written. It is
/// the same operation as [`CreateChatResponse`].
///
/// An interrupted answer is lost: the platform has no operation that resumes or retrieves one. The
/// conversation goes on: send its [`session_id`](NewChatResponse::session_id) with the next message.
#[derive(Debug, Clone, PartialEq)]
pub struct StreamChatResponse {
    /// The store, the messages and settings.
    pub response: NewChatResponse,
}

impl StreamChatResponse {
    /// The request to ask about the content of a knowledge store.
    #[must_use]
    pub fn new(response: impl Into<NewChatResponse>) -> Self {
        Self {
            response: response.into(),
        }
    }
}

impl Codec for StreamChatResponse {
    fn encode(&self) -> Outgoing {
        let mut response = self.response.clone();
        response.stream = Some(true);
        CreateChatResponse::new(response).encode()
    }

    fn decode(request: &Received) -> Result<Self, Rejection> {
        CreateChatResponse::decode(request).map(|create| Self::new(create.response))
    }
}

impl Endpoint for StreamChatResponse {
    type Response = ChatResponse;

    const NAME: &'static str = CreateChatResponse::NAME;
    const OPERATION: &'static str = CreateChatResponse::OPERATION;
    const METHOD: http::Method = CreateChatResponse::METHOD;
    const PATH: &'static str = CreateChatResponse::PATH;
    const BODY: super::BodyKind = CreateChatResponse::BODY;
    const REPEAT: crate::Repeat = CreateChatResponse::REPEAT;
    const SUCCESS: http::StatusCode = CreateChatResponse::SUCCESS;

    fn encode_response(response: &ChatResponse) -> Result<Bytes, serde_json::Error> {
        CreateChatResponse::encode_response(response)
    }

    fn decode_response(body: &[u8]) -> Result<ChatResponse, serde_json::Error> {
        CreateChatResponse::decode_response(body)
    }
}

impl Streamed for StreamChatResponse {
    type Event = ChatEvent;

    const FRAMING: Framing = Framing::ServerSentEvents;

    /// The platform sends a keepalive about every 10 s (official Python client 1.3.6): a stream
    /// that missed three has stalled.
    const IDLE_LIMIT: Duration = Duration::from_secs(35);

    fn decode_event(event: &[u8]) -> Result<ChatEvent, serde_json::Error> {
        serde_json::from_slice(event)
    }

    fn encode_event(event: &ChatEvent) -> Result<Bytes, serde_json::Error> {
        serde_json::to_vec(event).map(Into::into)
    }

    fn role(event: &ChatEvent) -> EventRole {
        match event.event_type {
            ChatEventType::Completed | ChatEventType::Incomplete => EventRole::Last,
            ChatEventType::Failed => EventRole::Failure,
            _ => EventRole::Part,
        }
    }
}

impl JsonBody for NewChatResponse {
    const MEMBERS: &'static [&'static str] = &[
        "knowledge_store_id",
        "input",
        "session_id",
        "instructions",
        "include",
        "stream",
        "selections",
        "text",
    ];

    fn read(object: &Map<String, Value>) -> Result<Self, Rejection> {
        let store: KnowledgeStoreId = json::text(object, "knowledge_store_id")?.into();
        let input: Vec<ChatMessage> = json::filled(object, "input")?
            .iter()
            .map(read_message)
            .collect::<Result<_, _>>()?;
        let mut response = Self::new(store, input);
        response.session_id =
            json::optional::<String>(object, "session_id")?.map(ChatSessionId::from);
        response.instructions = json::optional(object, "instructions")?;
        response.include = json::words(object, "include", ChatInclude::KNOWN)?;
        response.stream = json::flag(object, "stream")?;
        response.selections = read_selections(object)?;
        response.text = read_text(object)?;
        Ok(response)
    }

    fn check(&self) -> Result<(), Rejection> {
        if self.input.is_empty() {
            return Err(Rejection::invalid("input", "the array is empty"));
        }
        for message in &self.input {
            let length = message.content.chars().count();
            if !(1..=MAX_CONTENT).contains(&length) {
                return Err(Rejection::invalid(
                    "input.content",
                    format!("{length} characters: 1 to {MAX_CONTENT} are allowed"),
                ));
            }
            if let Some(number) = unknown_selection(&message.content, self.selections.len()) {
                return Err(Rejection::invalid(
                    "input.content",
                    format!(
                        "`{{{{sel:{number}}}}}` refers to a selection that is not given: there are {}",
                        self.selections.len()
                    ),
                ));
            }
        }
        self.selections.iter().try_for_each(check_selection)?;
        match self.text.as_ref().and_then(|text| text.format.as_ref()) {
            Some(format) => check_format(format),
            None => Ok(()),
        }
    }
}

/// The number of the first `{{sel:N}}` in `text` that is not below `count`. A number that is too
/// large to be one is returned as the largest.
fn unknown_selection(text: &str, count: usize) -> Option<usize> {
    let tokens = text.split("{{sel:").skip(1);
    let numbers = tokens.filter_map(|token| token.split_once("}}").map(|(number, _)| number));
    numbers
        .filter(|number| !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit()))
        .map(|number| number.parse().unwrap_or(usize::MAX))
        .find(|number| *number >= count)
}

fn check_selection(selection: &ChatSelection) -> Result<(), Rejection> {
    let prefix = match selection.kind {
        ChatSelectionKind::Item => "ksi_",
        ChatSelectionKind::Collection => "ksic_",
        // A newer kind: the platform decides.
        _ => return Ok(()),
    };
    if selection.id.starts_with(prefix) {
        return Ok(());
    }
    let shown: String = selection.id.chars().take(60).collect();
    Err(Rejection::invalid(
        "selections.id",
        format!(
            "`{shown}`: the id of a selection of kind {} begins with `{prefix}`",
            selection.kind
        ),
    ))
}

fn check_format(format: &ChatFormat) -> Result<(), Rejection> {
    match format.format_type {
        ChatFormatType::JsonSchema => {
            if format.name.as_deref().is_none_or(str::is_empty) {
                return Err(Rejection::missing("text.format.name"));
            }
            match &format.schema {
                Some(schema) => check_schema("text.format.schema", schema, 0),
                None => Err(Rejection::missing("text.format.schema")),
            }
        }
        _ if format.schema.is_some() => Err(Rejection::invalid(
            "text.format.schema",
            format!("it does not belong to the type {}", format.format_type),
        )),
        _ => Ok(()),
    }
}

/// Refuses keywords that the platform would ignore without an error: the answer would not be what
/// the schema says.
fn check_schema(place: &str, schema: &Value, depth: usize) -> Result<(), Rejection> {
    if depth > MAX_DEPTH {
        return Err(Rejection::invalid(place, "the schema is nested too deeply"));
    }
    let Some(object) = schema.as_object() else {
        return match schema {
            Value::Bool(_) if depth > 0 => Ok(()),
            other => Err(Rejection::invalid(
                place,
                format!("{}: an object is expected", json::kind_of(other)),
            )),
        };
    };
    for (keyword, value) in object {
        if IGNORED_KEYWORDS.contains(&keyword.as_str()) {
            let hint = if keyword == "oneOf" {
                ": use `anyOf`"
            } else {
                ""
            };
            return Err(Rejection::invalid(
                place,
                format!("the platform ignores the keyword `{keyword}`{hint}"),
            ));
        }
        let inside = format!("{place}.{}", keyword.chars().take(60).collect::<String>());
        match (keyword.as_str(), value) {
            ("properties" | "$defs", Value::Object(schemas)) => {
                for (name, schema) in schemas {
                    let name: String = name.chars().take(60).collect();
                    check_schema(&format!("{inside}.{name}"), schema, depth + 1)?;
                }
            }
            ("items", schema) => check_schema(&inside, schema, depth + 1)?,
            ("anyOf" | "allOf", Value::Array(schemas)) => {
                for schema in schemas {
                    check_schema(&inside, schema, depth + 1)?;
                }
            }
            ("$ref", Value::String(target)) if !target.starts_with("#/$defs/") => {
                return Err(Rejection::invalid(
                    &inside,
                    "only subschemas below `#/$defs/` can be referred to",
                ));
            }
            _ => {}
        }
    }
    Ok(())
}

/// An object of an array, with no other members than `known`.
fn member<'a>(
    name: &str,
    value: &'a Value,
    known: &[&str],
) -> Result<&'a Map<String, Value>, Rejection> {
    let Some(object) = value.as_object() else {
        return Err(Rejection::invalid(
            name,
            format!("{}: an object is expected", json::kind_of(value)),
        ));
    };
    match first_unknown(object, known) {
        Some(key) => Err(Rejection::unknown(&format!("{name}.{key}"))),
        None => Ok(object),
    }
}

fn read_message(value: &Value) -> Result<ChatMessage, Rejection> {
    let object = member("input", value, &["type", "role", "content"])?;
    json::word_of(object, "type", ChatInputType::KNOWN)?;
    // The input has messages of the user only.
    json::word_of(object, "role", &[ChatRole::User])?;
    Ok(ChatMessage::user(json::text(object, "content")?))
}

fn read_selections(object: &Map<String, Value>) -> Result<Vec<ChatSelection>, Rejection> {
    let items = match object.get("selections") {
        None | Some(Value::Null) => return Ok(Vec::new()),
        Some(Value::Array(items)) => items,
        Some(other) => {
            return Err(Rejection::invalid(
                "selections",
                format!("{}: an array is expected", json::kind_of(other)),
            ));
        }
    };
    items
        .iter()
        .map(|item| {
            let selection = member("selections", item, &["kind", "id"])?;
            json::word_of(selection, "kind", ChatSelectionKind::KNOWN)?;
            let kind = ChatSelectionKind::from(json::text(selection, "kind")?);
            Ok(ChatSelection::new(kind, json::text(selection, "id")?))
        })
        .collect()
}

fn read_text(object: &Map<String, Value>) -> Result<Option<ChatText>, Rejection> {
    let Some(text) = json::optional_object(object, "text", &["format"])? else {
        return Ok(None);
    };
    let mut read = ChatText::default();
    let known = ["type", "name", "schema", "description", "strict"];
    if let Some(format) = json::optional_object(text, "format", &known)? {
        json::word_of(format, "type", ChatFormatType::KNOWN)?;
        let mut by = ChatFormat::new(json::text(format, "type")?);
        by.name = json::optional(format, "name")?;
        by.schema = format
            .get("schema")
            .filter(|schema| !schema.is_null())
            .cloned();
        by.description = json::optional(format, "description")?;
        by.strict = json::flag(format, "strict")?;
        read.format = Some(by);
    }
    Ok(Some(read))
}
