//! The answer of an analysis, whole or partial.

use tl_model::{Analysis, AnalyzeEvent, AnalyzeEventType, AnalyzeResult, FinishReason, TokenUsage};

use crate::{Error, ErrorKind};

/// A whole answer. It exists only if the platform said that the answer is complete.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Answer {
    text: String,
    generation_id: Option<String>,
    usage: Option<TokenUsage>,
}

impl Answer {
    /// The text, or JSON as text.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The text as an owned value.
    #[must_use]
    pub fn into_text(self) -> String {
        self.text
    }

    /// Identifies the generation, for support requests.
    #[must_use]
    pub fn generation_id(&self) -> Option<&str> {
        self.generation_id.as_deref()
    }

    /// The tokens that it used.
    #[must_use]
    pub fn usage(&self) -> Option<&TokenUsage> {
        self.usage.as_ref()
    }

    /// The answer of a response that was not streamed.
    ///
    /// # Errors
    /// [`ErrorKind::Truncated`] with the text so far.
    pub fn of_response(response: Analysis) -> Result<Self, Error> {
        let mut partial = PartialAnswer {
            text: response.data.unwrap_or_default(),
            generation_id: response.id,
            usage: response.usage,
            ..PartialAnswer::default()
        };
        partial.notice = response.error.and_then(|error| error.message);
        whole(partial, response.finish_reason.as_ref())
    }

    /// The answer of a task that is ready.
    ///
    /// # Errors
    /// [`ErrorKind::Truncated`] with the text so far.
    pub fn of_result(result: AnalyzeResult, notice: Option<String>) -> Result<Self, Error> {
        let partial = PartialAnswer {
            text: result.data.unwrap_or_default(),
            generation_id: result.generation_id,
            usage: result.usage,
            notice,
        };
        whole(partial, result.finish_reason.as_ref())
    }

    pub(crate) fn as_partial(&self) -> PartialAnswer {
        PartialAnswer {
            text: self.text.clone(),
            generation_id: self.generation_id.clone(),
            usage: self.usage.clone(),
            notice: None,
        }
    }
}

/// What was received of an answer that is not whole: see [`Error::partial`](crate::Error::partial).
#[derive(Debug, Clone, Default, PartialEq)]
#[non_exhaustive]
pub struct PartialAnswer {
    /// The text so far. It is never repaired: JSON may end anywhere.
    pub text: String,
    /// Identifies the generation, for support requests.
    pub generation_id: Option<String>,
    /// The tokens that it used, if the platform said so.
    pub usage: Option<TokenUsage>,
    /// The platform's own words about it.
    pub notice: Option<String>,
}

fn whole(partial: PartialAnswer, reason: Option<&FinishReason>) -> Result<Answer, Error> {
    if reason == Some(&FinishReason::Length) {
        let text = match &partial.notice {
            Some(notice) => format!("the answer was truncated: {notice}"),
            None => "the answer was truncated: the maximum length was reached".to_owned(),
        };
        return Err(Error::new(ErrorKind::Truncated, text).with_partial(partial));
    }
    Ok(Answer {
        text: partial.text,
        generation_id: partial.generation_id,
        usage: partial.usage,
    })
}

/// Collects the events of a streamed answer.
#[derive(Debug, Default)]
pub(crate) struct AnswerReader {
    partial: PartialAnswer,
    finish_reason: Option<FinishReason>,
}

impl AnswerReader {
    /// Takes an event and returns its text.
    pub(crate) fn event(&mut self, event: AnalyzeEvent) -> Option<String> {
        if let Some(metadata) = event.metadata {
            self.partial.generation_id =
                metadata.generation_id.or(self.partial.generation_id.take());
            self.partial.usage = metadata.usage.or(self.partial.usage.take());
        }
        if let Some(message) = event.error.and_then(|error| error.message) {
            self.partial.notice = Some(message);
        }
        if event.event_type == Some(AnalyzeEventType::StreamEnd) {
            self.finish_reason = event.finish_reason;
        }
        let text = event.text.filter(|text| !text.is_empty())?;
        self.partial.text.push_str(&text);
        Some(text)
    }

    /// Adds what was received so far to the error that ended the stream.
    pub(crate) fn failed(&self, error: Error) -> Error {
        error.with_partial(self.partial.clone())
    }

    /// What was received so far.
    pub(crate) fn partial(&self) -> &PartialAnswer {
        &self.partial
    }

    /// The answer, after a stream that ended without an error.
    pub(crate) fn finish(self) -> Result<Answer, Error> {
        whole(self.partial, self.finish_reason.as_ref())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read(events: &serde_json::Value) -> Result<Answer, Error> {
        let mut reader = AnswerReader::default();
        for event in events.as_array().unwrap() {
            reader.event(serde_json::from_value(event.clone()).unwrap());
        }
        reader.finish()
    }

    #[test]
    fn truncated_answers_are_errors_with_the_text() {
        let start = json!({"event_type": "stream_start", "metadata": {"generation_id": "g1"}});
        let text = json!({"event_type": "text_generation", "text": "{\"a\": [1, 2"});
        let end = |reason: &str| {
            json!({"event_type": "stream_end", "finish_reason": reason, "metadata": {"usage": {"output_tokens": 3}},
                "error": {"message": "raise max_tokens"}})
        };
        let answer = read(&json!([start, text, end("stop")])).unwrap();
        assert_eq!(
            (answer.text(), answer.generation_id()),
            ("{\"a\": [1, 2", Some("g1"))
        );
        assert_eq!(answer.usage().unwrap().output_tokens, Some(3));
        let error = read(&json!([start, text, end("length")])).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Truncated);
        assert_eq!(error.partial().unwrap().text, "{\"a\": [1, 2");
        assert_eq!(
            error.to_string(),
            "the answer was truncated: raise max_tokens"
        );
    }

    #[test]
    fn values_are_checked_against_the_schema() {
        let schema =
            json!({"type": "object", "properties": {"a": {"type": "integer"}}, "required": ["a"]});
        let check = |text: &str| {
            let mut response = Analysis::default();
            response.data = Some(text.to_owned());
            let answer = Answer::of_response(response).unwrap();
            crate::analysis::value::<serde_json::Value>(&answer, Some(&schema.clone().into()))
        };
        assert_eq!(check("{\"a\": 1}").unwrap(), json!({"a": 1}));
        for (text, expected) in [
            ("{\"a\": 1", "the answer is not JSON"),
            (
                "{\"a\": \"x\"}",
                "the answer does not conform to the schema: a: `\"x\"` is not of the type `integer`",
            ),
            (
                "{}",
                "the answer does not conform to the schema: the required property `a` is missing",
            ),
        ] {
            let error = check(text).unwrap_err();
            assert_eq!(
                (error.kind(), error.to_string().as_str()),
                (ErrorKind::Malformed, expected)
            );
            assert_eq!(error.partial().unwrap().text, text);
        }
    }
}
