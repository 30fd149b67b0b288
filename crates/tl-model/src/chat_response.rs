//! Answers of a chat about a knowledge store: the request, the response with its citations, and the
//! events of a streamed response (`/responses`).

use serde_json::Value;

use crate::{
    ChatResponseId, ChatSessionId, ItemCollectionId, KnowledgeStoreId, StoreItemId, Timestamp,
};

open_enum! {
    /// The kind of an item of the input.
    pub enum ChatInputType {
        /// A message.
        Message = "message",
    }
}

open_enum! {
    /// The author of a message.
    pub enum ChatRole {
        /// The user.
        User = "user",
        /// The platform.
        Assistant = "assistant",
    }
}

object! {
    /// A message to the platform.
    pub struct ChatMessage {
        required {
            /// The kind of input: `message`.
            input_type: ChatInputType = "type",
            /// The author: `user`.
            role: ChatRole,
            /// The text, 1 to 10,000 characters. `{{sel:N}}` refers to selection number N, from 0.
            content: String,
        }
    }
}

impl ChatMessage {
    /// A message of the user.
    pub fn user(content: impl Into<String>) -> Self {
        Self::new(ChatInputType::Message, ChatRole::User, content)
    }
}

open_enum! {
    /// The kind of a selection.
    pub enum ChatSelectionKind {
        /// One item of the store.
        Item = "item",
        /// All items of a collection.
        Collection = "collection",
    }
}

object! {
    /// A part of the knowledge store that the answer should be about: a preference, and not a
    /// restriction of access.
    pub struct ChatSelection {
        required {
            /// What `id` identifies.
            kind: ChatSelectionKind,
            /// The item (`ksi_…`) or the collection (`ksic_…`).
            id: String,
        }
    }
}

impl ChatSelection {
    /// One item of the store.
    pub fn item(id: &StoreItemId) -> Self {
        Self::new(ChatSelectionKind::Item, id.as_str())
    }

    /// All items of a collection.
    pub fn collection(id: &ItemCollectionId) -> Self {
        Self::new(ChatSelectionKind::Collection, id.as_str())
    }
}

open_enum! {
    /// The format of the text of an answer.
    pub enum ChatFormatType {
        /// Plain text.
        Text = "text",
        /// A JSON object of a given schema.
        JsonSchema = "json_schema",
    }
}

object! {
    /// The format of the text of an answer.
    pub struct ChatFormat {
        required {
            /// The format.
            format_type: ChatFormatType = "type",
        }
        /// A name for the schema. Only for the type `json_schema`.
        optional name: Option<String>,
        /// The JSON Schema. Only for the type `json_schema`.
        optional schema: Option<Value>,
        /// A description of the schema.
        optional description: Option<String>,
        /// Accepted and ignored by the platform.
        optional strict: Option<bool>,
    }
}

object! {
    /// Settings of the text of an answer.
    pub struct ChatText {
        /// The format. The default is plain text.
        optional format: Option<ChatFormat>,
    }
}

open_enum! {
    /// What a response contains besides the answer.
    pub enum ChatInclude {
        /// The steps that led to the answer.
        IntermediateOutputs = "intermediate_outputs",
    }
}

object! {
    /// The request body that asks about a knowledge store.
    pub struct NewChatResponse {
        required {
            /// The store.
            knowledge_store_id: KnowledgeStoreId,
            /// The messages, at least one.
            input: Vec<ChatMessage>,
        }
        /// Continues a conversation about the same store.
        optional session_id: Option<ChatSessionId>,
        /// Guidance for this answer only.
        optional instructions: Option<String>,
        /// What the response contains besides the answer.
        list include: Vec<ChatInclude>,
        /// Whether the response is streamed. Set by the operation.
        optional stream: Option<bool>,
        /// The parts of the store that the answer should be about.
        list selections: Vec<ChatSelection>,
        /// Settings of the text.
        optional text: Option<ChatText>,
    }
}

open_enum! {
    /// Status of a response, and of an item of its output.
    pub enum ChatStatus {
        /// Complete.
        Completed = "completed",
        /// Failed. The platform gives no reason.
        Failed = "failed",
        /// Being written.
        InProgress = "in_progress",
        /// Cut off, such as at the limit of output tokens.
        Incomplete = "incomplete",
    }
}

open_enum! {
    /// What a citation refers to.
    pub enum ChatCitationType {
        /// A video, or a time range of one.
        Video = "video_citation",
        /// An image.
        Image = "image_citation",
        /// A collection of items.
        Collection = "collection_citation",
    }
}

object! {
    /// A citation: what a span of the text refers to.
    pub struct ChatCitation {
        /// What it refers to.
        lenient citation_type: Option<ChatCitationType> = "type",
        /// Start of the marker in the text, in Unicode code points from 0.
        whole start_index: Option<u64>,
        /// End of the marker, **inclusive**, in code points.
        whole end_index: Option<u64>,
        /// The item, for a video or an image.
        lenient item_id: Option<StoreItemId>,
        /// The collection.
        lenient collection_id: Option<ItemCollectionId>,
        /// Start of the range in the video, in seconds. Absent if the whole video is cited.
        number start_sec: Option<f64>,
        /// End of the range, in seconds. Absent together with `start_sec`.
        number end_sec: Option<f64>,
        /// The title of the item or collection.
        lenient title: Option<String>,
        /// A preview image. The URL is signed and expires.
        lenient thumbnail_url: Option<String>,
        /// The stream of the video (`.m3u8`). The URL is signed and expires.
        lenient hls_url: Option<String>,
    }
}

impl ChatCitation {
    /// The marker in `text`, such as `[1]`, as a range of bytes. `None` if the range is not inside
    /// of the text.
    ///
    /// The platform counts code points and includes the end.
    ///
    /// ```
    /// use tl_model::ChatCitation;
    ///
    /// let text = "Zoë scores [1].";
    /// let citation: ChatCitation = serde_json::from_str(r#"{"start_index": 11, "end_index": 13}"#)?;
    /// assert_eq!(&text[citation.range_in(text).unwrap()], "[1]");
    /// # Ok::<(), serde_json::Error>(())
    /// ```
    pub fn range_in(&self, text: &str) -> Option<std::ops::Range<usize>> {
        let start = usize::try_from(self.start_index?).ok()?;
        let end = usize::try_from(self.end_index?).ok()?.checked_add(1)?;
        if start >= end {
            return None;
        }
        // The byte offset of each code point, and of the end of the text.
        let mut offsets = text.char_indices().map(|(at, _)| at).chain([text.len()]);
        let first = offsets.nth(start)?;
        let last = offsets.nth(end - start - 1)?;
        Some(first..last)
    }
}

object! {
    /// A part of a message.
    pub struct ChatContent {
        /// The kind of part: `output_text`.
        lenient content_type: Option<String> = "type",
        /// The text, with markers such as `[1]`.
        lenient text: Option<String>,
        /// The citations, in the order of their markers.
        lenient_list annotations: Vec<ChatCitation>,
    }
}

open_enum! {
    /// The kind of an item of the output.
    pub enum ChatOutputType {
        /// A message.
        Message = "message",
        /// A call of a function: a step that led to the answer.
        FunctionCall = "function_call",
        /// The result of a function.
        FunctionCallOutput = "function_call_output",
    }
}

open_enum! {
    /// The part that a message plays in a response.
    pub enum ChatPhase {
        /// An intermediate message.
        Commentary = "commentary",
        /// The answer.
        FinalAnswer = "final_answer",
    }
}

object! {
    /// An item of the output of a response.
    pub struct ChatOutput {
        /// The kind of item.
        optional output_type: Option<ChatOutputType> = "type",
        /// Identifies the item.
        lenient id: Option<String>,
        /// Status of the item.
        lenient status: Option<ChatStatus>,
        /// The author of a message.
        lenient role: Option<ChatRole>,
        /// The part that a message plays. A message without one is the answer; an unknown one is
        /// intermediate.
        lenient phase: Option<ChatPhase>,
        /// The parts of a message.
        list content: Vec<ChatContent>,
        /// The name of the function.
        lenient name: Option<String>,
        /// Identifies the call of the function.
        lenient call_id: Option<String>,
        /// The arguments of the function, as JSON.
        lenient arguments: Option<String>,
        /// The result of the function.
        lenient output: Option<String>,
    }
}

impl ChatOutput {
    /// Whether the item is a message that belongs to the answer.
    pub fn is_answer(&self) -> bool {
        let is_final = match &self.phase {
            Some(phase) => *phase == ChatPhase::FinalAnswer,
            None => true,
        };
        self.output_type == Some(ChatOutputType::Message) && is_final
    }
}

object! {
    /// Why a response was cut off.
    pub struct ChatIncomplete {
        /// The reason: `max_output_tokens`, or another one.
        lenient reason: Option<String>,
    }
}

object! {
    /// The tokens of a response.
    pub struct ChatUsage {
        /// Tokens of the input.
        whole input_tokens: Option<u64>,
        /// Tokens of the output.
        whole output_tokens: Option<u64>,
    }
}

object! {
    /// A response.
    pub struct ChatResponse {
        required {
            /// Identifies the response.
            id: ChatResponseId,
        }
        /// The store.
        optional knowledge_store_id: Option<KnowledgeStoreId>,
        /// The conversation. Send it with the next message.
        optional session_id: Option<ChatSessionId>,
        /// The type of the object: `response`.
        lenient response_type: Option<String> = "type",
        /// The same as the type.
        lenient object: Option<String>,
        /// Status of the response.
        optional status: Option<ChatStatus>,
        /// Why the response was cut off. Only if it is `incomplete`.
        lenient incomplete_details: Option<ChatIncomplete>,
        /// The output: the answer, and intermediate items if they were asked for.
        list output: Vec<ChatOutput>,
        /// The tokens used.
        lenient usage: Option<ChatUsage>,
        /// When it was created.
        lenient created_at: Option<Timestamp>,
    }
}

impl ChatResponse {
    /// The parts of the answer, in order. Intermediate messages are left out.
    pub fn answer(&self) -> impl Iterator<Item = &ChatContent> {
        let messages = self.output.iter().filter(|item| item.is_answer());
        messages.flat_map(|message| &message.content)
    }

    /// The text of the answer: the texts of its parts, joined.
    pub fn text(&self) -> String {
        self.answer()
            .filter_map(|part| part.text.as_deref())
            .collect()
    }

    /// The citations of the answer, in order, each with the text that its range refers to.
    pub fn citations(&self) -> impl Iterator<Item = (&str, &ChatCitation)> {
        self.answer().flat_map(|part| {
            let text = part.text.as_deref().unwrap_or_default();
            part.annotations
                .iter()
                .map(move |citation| (text, citation))
        })
    }
}

open_enum! {
    /// The type of an event of a streamed response.
    pub enum ChatEventType {
        /// The response was created.
        Created = "response.created",
        /// The response is being written.
        InProgress = "response.in_progress",
        /// An item of the output begins.
        OutputItemAdded = "response.output_item.added",
        /// A part of a message begins.
        ContentPartAdded = "response.content_part.added",
        /// More text of a part.
        TextDelta = "response.output_text.delta",
        /// The text of a part is complete.
        TextDone = "response.output_text.done",
        /// A part of a message is complete.
        ContentPartDone = "response.content_part.done",
        /// The arguments of a function are complete.
        ArgumentsDone = "response.function_call_arguments.done",
        /// An item of the output is complete.
        OutputItemDone = "response.output_item.done",
        /// The response is complete.
        Completed = "response.completed",
        /// The response was cut off. The official clients do not list this event.
        Incomplete = "response.incomplete",
        /// The response failed.
        Failed = "response.failed",
        /// Sent about every 10 s while there is nothing else to send.
        Keepalive = "keepalive",
    }
}

object! {
    /// An event of a streamed response. Which members are set depends on its type.
    pub struct ChatEvent {
        required {
            /// The type of the event.
            event_type: ChatEventType = "type",
        }
        /// Increases with every event; gaps are normal.
        whole sequence_number: Option<u64>,
        /// The response, of an event about the whole response.
        optional response: Option<ChatResponse>,
        /// The item of the output, of an event about one.
        lenient item: Option<ChatOutput>,
        /// Identifies the item that the part belongs to.
        lenient item_id: Option<String>,
        /// The position of the item in the output.
        whole output_index: Option<u64>,
        /// The position of the part in its message.
        whole content_index: Option<u64>,
        /// The part, of an event about one.
        lenient part: Option<ChatContent>,
        /// More text.
        optional delta: Option<String>,
        /// The complete text of a part.
        lenient text: Option<String>,
        /// The complete arguments of a function.
        lenient arguments: Option<String>,
    }
}
