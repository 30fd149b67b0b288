//! The responses of analyses: whole, and as streamed events.

open_enum! {
    /// Why an answer ended.
    pub enum FinishReason {
        /// It is complete.
        Stop = "stop",
        /// It was truncated: the maximum length or the context window was reached.
        Length = "length",
    }
}

open_enum! {
    /// The kind of a streamed event.
    pub enum AnalyzeEventType {
        /// The first event.
        StreamStart = "stream_start",
        /// A part of the text.
        TextGeneration = "text_generation",
        /// The last event.
        StreamEnd = "stream_end",
        /// A failure. Not documented; expected, because the platform must report one somehow.
        Error = "error",
    }
}

object! {
    /// The tokens that an analysis used.
    pub struct TokenUsage {
        /// The tokens of the answer.
        whole output_tokens: Option<u64>,
        /// The tokens of the prompt and the media.
        whole input_tokens: Option<u64>,
    }
}

object! {
    /// A message about an analysis: the reason of a failure, or a warning about a truncated answer.
    pub struct AnalyzeNotice {
        /// What happened, as a word. Absent for ordinary failures.
        lenient code: Option<String>,
        /// A text for humans; do not parse it.
        lenient message: Option<String>,
    }
}

object! {
    /// The whole response of an analysis.
    pub struct Analysis {
        /// Identifies the response.
        lenient id: Option<String>,
        /// The answer: text, or JSON as text.
        optional data: Option<String>,
        /// Why the answer ended.
        optional finish_reason: Option<FinishReason>,
        /// The tokens that it used.
        lenient usage: Option<TokenUsage>,
        /// A warning, if the answer was truncated.
        lenient error: Option<AnalyzeNotice>,
    }
}

object! {
    /// One event of a streamed analysis.
    pub struct AnalyzeEvent {
        /// The kind.
        optional event_type: Option<AnalyzeEventType>,
        /// A part of the text, split anywhere.
        optional text: Option<String>,
        /// At the end: why the answer ended.
        optional finish_reason: Option<FinishReason>,
        /// The generation, and at the end the usage.
        lenient metadata: Option<AnalyzeEventMetadata>,
        /// A warning, if the answer was truncated, or a failure.
        lenient error: Option<AnalyzeNotice>,
    }
}

object! {
    /// What belongs to a streamed analysis as a whole.
    pub struct AnalyzeEventMetadata {
        /// Identifies the generation.
        lenient generation_id: Option<String>,
        /// The tokens that it used.
        lenient usage: Option<TokenUsage>,
    }
}
