//! Sidecars: the transcript, the segments and the answers that belong to one media file.

use serde::Deserialize;
use serde_json::{Map, Value};

use super::{AnswersError, Fixture};

/// What a test knows about a media file.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Sidecar {
    /// In chronological order.
    pub(crate) transcript: Vec<Utterance>,
    /// In chronological order.
    pub(crate) segments: Vec<Scene>,
    pub(crate) answers: Vec<Fixture>,
}

/// A piece of speech. Times are in seconds.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Utterance {
    pub(crate) start: f64,
    pub(crate) end: f64,
    pub(crate) text: String,
    #[serde(default)]
    pub(crate) speaker: Option<String>,
}

/// A part of a video with its contents. Times are in seconds.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Scene {
    pub(crate) start: f64,
    pub(crate) end: f64,
    #[serde(default)]
    pub(crate) labels: Vec<String>,
    #[serde(default)]
    pub(crate) text: String,
    /// Values of the fields of segment definitions, by name.
    #[serde(default)]
    pub(crate) metadata: Map<String, Value>,
}

/// A sidecar as a file.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    sha256: Option<String>,
    #[serde(default)]
    transcript: Vec<Utterance>,
    #[serde(default)]
    segments: Vec<Scene>,
    #[serde(default)]
    answers: Vec<AnswerEntry>,
}

/// An answer: to a prompt that matches, or under any conditions that fixtures have.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AnswerEntry {
    #[serde(default)]
    operation: Option<String>,
    #[serde(default)]
    prompt: Option<String>,
    #[serde(default)]
    when: Map<String, Value>,
    #[serde(default)]
    text: Option<String>,
    #[serde(default)]
    answer: Option<Value>,
}

impl Sidecar {
    /// Reads a sidecar in JSON, with the hash of the media file if it states one.
    pub(super) fn from_json(json: &str) -> Result<(Self, Option<String>), AnswersError> {
        let file: File = serde_json::from_str(json)
            .map_err(|error| AnswersError::new(format!("the sidecar is invalid: {error}")))?;
        let answers: Result<Vec<_>, _> = file.answers.into_iter().map(fixture).collect();
        let mut sidecar = Self {
            transcript: file.transcript,
            segments: file.segments,
            answers: answers?,
        };
        sidecar.check()?;
        sidecar.sort();
        Ok((sidecar, file.sha256))
    }

    pub(super) fn with_transcript(transcript: Vec<Utterance>) -> Self {
        let mut sidecar = Self {
            transcript,
            ..Self::default()
        };
        sidecar.sort();
        sidecar
    }

    pub(super) fn merge(&mut self, other: Self) {
        self.transcript.extend(other.transcript);
        self.segments.extend(other.segments);
        self.answers.extend(other.answers);
        self.sort();
    }

    fn sort(&mut self) {
        self.transcript.sort_by(|a, b| a.start.total_cmp(&b.start));
        self.segments.sort_by(|a, b| a.start.total_cmp(&b.start));
    }

    fn check(&self) -> Result<(), AnswersError> {
        let spoken = self.transcript.iter().map(|line| (line.start, line.end));
        let scenes = self.segments.iter().map(|scene| (scene.start, scene.end));
        for (start, end) in spoken.chain(scenes) {
            if !(start >= 0.0 && start <= end && end.is_finite()) {
                return Err(AnswersError::new(format!(
                    "the sidecar is invalid: {start} to {end} is not a range of seconds"
                )));
            }
        }
        Ok(())
    }

    /// The speech in a range of seconds, as one text.
    pub(crate) fn text_in(&self, start: f64, end: f64) -> String {
        let spoken = self.transcript.iter();
        let spoken = spoken.filter(|line| line.start < end && line.end > start);
        spoken
            .map(|line| line.text.trim())
            .collect::<Vec<_>>()
            .join(" ")
    }
}

fn fixture(entry: AnswerEntry) -> Result<Fixture, AnswersError> {
    let answer = match (entry.text, entry.answer) {
        (Some(text), None) => Value::from(text),
        (None, Some(answer)) => answer,
        _ => {
            return Err(AnswersError::new(
                "the sidecar is invalid: an answer needs either `text` or `answer`",
            ));
        }
    };
    let mut when = entry.when;
    if let Some(prompt) = entry.prompt {
        when.insert("prompt".to_owned(), prompt.into());
    }
    Ok(Fixture {
        operation: entry.operation,
        when,
        answer,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn invalid_sidecars_are_explained() {
        let check = |json: &str, expected: &str| {
            let error = Sidecar::from_json(json).unwrap_err().to_string();
            assert!(error.contains(expected), "{error}");
        };
        check("[", "EOF");
        check(r#"{"transcripts": []}"#, "unknown field `transcripts`");
        check(
            r#"{"answers": [{"prompt": "*"}]}"#,
            "either `text` or `answer`",
        );
        check(
            r#"{"segments": [{"start": 4, "end": 2}]}"#,
            "4 to 2 is not a range of seconds",
        );
    }

    #[test]
    fn speech_of_a_range() {
        let json = r#"{"transcript": [{"start": 3, "end": 5, "text": "Good evening."}, {"start": 0, "end": 2, "text": " Hello. "}]}"#;
        let (sidecar, _) = Sidecar::from_json(json).unwrap();
        assert_eq!(sidecar.text_in(0.0, 10.0), "Hello. Good evening.");
        assert_eq!(sidecar.text_in(2.0, 3.0), "");
        assert_eq!(sidecar.text_in(4.0, 4.5), "Good evening.");
    }
}
