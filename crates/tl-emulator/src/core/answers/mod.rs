//! Answers of models without a model: what a test supplies comes first (fixtures, then sidecars of
//! the media), then JSON generated from the requested schema, and last a labeled echo of the
//! question. Everything is deterministic, and nothing pretends to understand a video.
//!
//! Every response made here names its source in the header [`HEADER`].

mod fixture;
mod generate;
mod pattern;
mod sidecar;
mod subtitles;
mod template;

use std::{collections::BTreeMap, fmt, sync::Arc};

use serde_json::Value;

pub(crate) use generate::{Generator, format_time, hash};
pub(crate) use sidecar::{Scene, Sidecar, Utterance};
pub(crate) use template::Template;

use fixture::Fixture;

/// The header that names the source of an answer. The platform has none.
pub(crate) const HEADER: &str = "x-emulator-answer";

/// The source of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum AnswerSource {
    /// Supplied by a fixture or a sidecar.
    Fixture,
    /// Generated from the requested schema or the settings of the request.
    Generated,
    /// A labeled echo of the question.
    Echo,
}

impl AnswerSource {
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Fixture => "fixture",
            Self::Generated => "generated",
            Self::Echo => "echo",
        }
    }
}

/// Answers that a test supplies: fixtures, and sidecars of media files.
///
/// A sidecar belongs to the media file with its content hash, by whatever route that was uploaded,
/// or else to any media file with its name.
#[derive(Debug, Clone, Default)]
pub struct Answers(Arc<Library>);

#[derive(Debug, Clone, Default)]
struct Library {
    by_content: BTreeMap<String, Sidecar>,
    by_name: BTreeMap<String, Sidecar>,
    fixtures: Vec<Fixture>,
}

/// A file with answers is invalid. The message says what is wrong and what is allowed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AnswersError(String);

impl AnswersError {
    pub(crate) fn new(message: impl Into<String>) -> Self {
        Self(message.into())
    }
}

impl fmt::Display for AnswersError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for AnswersError {}

/// A media file as answers refer to it.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct MediaRef<'a> {
    pub(crate) filename: &'a str,
    /// The SHA-256 of its content in hexadecimal, if the emulator has the file.
    pub(crate) content: Option<&'a str>,
    /// Seconds.
    pub(crate) duration: f64,
}

impl Answers {
    /// No answers.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a sidecar in JSON for the media file `filename`, found by the SHA-256 of its content
    /// (hexadecimal) if one is given, and by its name otherwise.
    ///
    /// ```
    /// let mut answers = tl_emulator::Answers::new();
    /// let sidecar = r#"{"transcript": [{"start": 0, "end": 2.5, "text": "Good evening.", "speaker": "Ada"}],
    ///     "segments": [{"start": 0, "end": 4, "labels": ["goal"], "text": "A goal in the rain."}],
    ///     "answers": [{"prompt": "summarize*", "text": "A goal."}]}"#;
    /// answers.add_sidecar("match.mp4", None, sidecar).unwrap();
    /// ```
    ///
    /// # Errors
    /// If the text is not a sidecar.
    pub fn add_sidecar(
        &mut self,
        filename: &str,
        content: Option<&str>,
        json: &str,
    ) -> Result<(), AnswersError> {
        let (sidecar, stated) = Sidecar::from_json(json)?;
        self.insert(filename, content.or(stated.as_deref()), sidecar);
        Ok(())
    }

    /// Adds a transcript in SRT or WebVTT for the media file `filename`.
    ///
    /// # Errors
    /// If the text is in neither format.
    pub fn add_subtitles(
        &mut self,
        filename: &str,
        content: Option<&str>,
        text: &str,
    ) -> Result<(), AnswersError> {
        let transcript = subtitles::parse(text)?;
        self.insert(filename, content, Sidecar::with_transcript(transcript));
        Ok(())
    }

    /// Adds fixtures: answers by request.
    ///
    /// ```
    /// let mut answers = tl_emulator::Answers::new();
    /// let fixtures = r#"{"fixtures": [{"operation": "analyze", "when": {"prompt": "*how many goals*",
    ///     "media": "match*.mp4"}, "answer": "Two goals in {{filename}}."}]}"#;
    /// answers.add_fixtures(fixtures).unwrap();
    /// ```
    ///
    /// # Errors
    /// If the text is not a list of fixtures.
    pub fn add_fixtures(&mut self, json: &str) -> Result<(), AnswersError> {
        let fixtures = fixture::read(json)?;
        Arc::make_mut(&mut self.0).fixtures.extend(fixtures);
        Ok(())
    }

    /// Whether an answer is looked up by the content of a file.
    pub(crate) fn need_contents(&self) -> bool {
        !self.0.by_content.is_empty()
            || self
                .0
                .fixtures
                .iter()
                .any(|fixture| fixture.needs_content())
    }

    fn insert(&mut self, filename: &str, content: Option<&str>, sidecar: Sidecar) {
        let library = Arc::make_mut(&mut self.0);
        let (map, key) = match content {
            Some(content) => (&mut library.by_content, content.to_ascii_lowercase()),
            None => (&mut library.by_name, filename.to_owned()),
        };
        // A JSON sidecar and subtitles of one file complement each other.
        map.entry(key).or_default().merge(sidecar);
    }

    /// The sidecar of a media file.
    pub(crate) fn sidecar(&self, media: MediaRef<'_>) -> Option<&Sidecar> {
        let by_content = media
            .content
            .and_then(|content| self.0.by_content.get(content));
        by_content.or_else(|| self.0.by_name.get(media.filename))
    }

    /// The first fixture of `operation` for a request, or else the answer of a sidecar.
    pub(crate) fn fixture(
        &self,
        operation: &str,
        request: &Value,
        media: &[MediaRef<'_>],
    ) -> Option<&Value> {
        let sidecars = media.iter().filter_map(|media| self.sidecar(*media));
        let supplied = sidecars.flat_map(|sidecar| &sidecar.answers);
        let fixtures = self.0.fixtures.iter().chain(supplied);
        let mut matching = fixtures.filter(|fixture| fixture.matches(operation, request, media));
        matching.next().map(|fixture| &fixture.answer)
    }
}

/// The number of tokens that a text is counted as: one per four characters, rounded up. The
/// platform's tokenizer is not public.
pub(crate) fn tokens(text: &str) -> u64 {
    text.chars().count().div_ceil(4) as u64
}

/// The start of a text with at most `tokens` tokens.
pub(crate) fn truncate(text: &str, tokens: u64) -> &str {
    let chars = usize::try_from(tokens.saturating_mul(4)).unwrap_or(usize::MAX);
    match text.char_indices().nth(chars) {
        Some((end, _)) => &text[..end],
        None => text,
    }
}

/// The last resort: says what was asked about which media, and that nothing was analyzed.
pub(crate) fn echo(prompt: &str, media: &[MediaRef<'_>]) -> String {
    let names: Vec<_> = media
        .iter()
        .map(|media| format!("{} ({:.1} s)", media.filename, media.duration))
        .collect();
    format!(
        "[emulator: no fixture matches, nothing was analyzed] {} <- {}",
        names.join(", "),
        prompt.trim()
    )
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn media(filename: &str) -> MediaRef<'_> {
        MediaRef {
            filename,
            content: None,
            duration: 8.0,
        }
    }

    #[test]
    fn content_beats_the_name() {
        let mut answers = Answers::new();
        let text = |text: &str| format!(r#"{{"answers": [{{"prompt": "*", "text": "{text}"}}]}}"#);
        answers
            .add_sidecar("a.mp4", None, &text("by name"))
            .unwrap();
        answers
            .add_sidecar("a.mp4", Some("AB12"), &text("by content"))
            .unwrap();
        let stated = r#"{"sha256": "cd34", "answers": [{"prompt": "*", "text": "stated"}]}"#;
        answers.add_sidecar("b.mp4", None, stated).unwrap();
        let find = |filename, content| {
            let media = [MediaRef {
                content,
                ..media(filename)
            }];
            let found = answers.fixture("analyze", &json!({"prompt": "why?"}), &media);
            found.map_or("none", |answer| answer.as_str().unwrap())
        };
        assert_eq!(find("a.mp4", None), "by name");
        assert_eq!(find("other.mp4", Some("ab12")), "by content");
        assert_eq!(find("a.mp4", Some("ab12")), "by content");
        assert_eq!(find("b.mp4", Some("cd34")), "stated");
        assert_eq!(find("b.mp4", None), "none");
    }

    #[test]
    fn a_sidecar_and_subtitles_are_merged() {
        let mut answers = Answers::new();
        answers
            .add_subtitles("a.mp4", None, "WEBVTT\n\n00:01.000 --> 00:02.500\nHello\n")
            .unwrap();
        let segments = r#"{"segments": [{"start": 0, "end": 4, "labels": ["goal"]}]}"#;
        answers.add_sidecar("a.mp4", None, segments).unwrap();
        let sidecar = answers.sidecar(media("a.mp4")).unwrap();
        assert_eq!(sidecar.transcript[0].text, "Hello");
        assert_eq!(sidecar.segments[0].labels, ["goal"]);
        assert!(answers.sidecar(media("b.mp4")).is_none());
    }

    #[test]
    fn tokens_and_truncation_agree() {
        for text in ["", "a", "abcd", "abcde", "äöüß€😀"] {
            let count = tokens(text);
            assert_eq!(truncate(text, count), text);
            assert!(tokens(truncate(text, 1)) <= 1);
        }
        assert_eq!((tokens("abcde"), truncate("abcde", 1)), (2, "abcd"));
    }
}
