//! One file with its report, and its JSON.

use serde::Serialize;
use serde_json::Value;

use crate::facts::MediaFacts;
use crate::report::Report;

/// The JSON schema (draft 2020-12) of one line of [`jsonl`] and of one item of [`json`].
///
/// Later versions may add fields. A reader that validates should use the schema of the version it
/// reads.
pub const ENTRY_SCHEMA: &str = include_str!("../../../schemas/entry.json");

/// One file with its report.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct Entry<'a> {
    /// The file name shown to the user.
    pub name: &'a str,
    /// The report.
    pub report: &'a Report,
    /// The facts, if the file could be probed.
    pub facts: Option<&'a MediaFacts>,
    /// A small JPEG or PNG image of the file, for [`html()`](super::html()).
    pub thumbnail: Option<&'a [u8]>,
    /// Why there is no thumbnail, as a clause, for [`html()`](super::html()).
    pub no_thumbnail: Option<&'a str>,
    /// Duration of the check in seconds.
    pub seconds: Option<f64>,
}

impl<'a> Entry<'a> {
    /// Creates an entry without facts, thumbnail and duration.
    pub fn new(name: &'a str, report: &'a Report) -> Self {
        Self {
            name,
            report,
            facts: None,
            thumbnail: None,
            no_thumbnail: None,
            seconds: None,
        }
    }

    /// Sets the facts.
    #[must_use]
    pub fn with_facts(mut self, facts: &'a MediaFacts) -> Self {
        self.facts = Some(facts);
        self
    }

    /// Sets a JPEG or PNG thumbnail. Other formats are not shown.
    #[must_use]
    pub fn with_thumbnail(mut self, picture: &'a [u8]) -> Self {
        self.thumbnail = Some(picture);
        self
    }

    /// Sets the reason why there is no thumbnail, as a clause such as `ffmpeg was not found`.
    #[must_use]
    pub fn without_thumbnail(mut self, because: &'a str) -> Self {
        self.no_thumbnail = Some(because);
        self
    }

    /// Sets the duration of the check.
    #[must_use]
    pub fn with_seconds(mut self, seconds: f64) -> Self {
        self.seconds = Some(seconds);
        self
    }

    fn value(&self) -> Value {
        #[derive(Serialize)]
        struct Line<'a> {
            file: &'a str,
            #[serde(flatten)]
            report: &'a Report,
            #[serde(skip_serializing_if = "Option::is_none")]
            facts: Option<&'a MediaFacts>,
        }
        serde_json::to_value(Line {
            file: self.name,
            report: self.report,
            facts: self.facts,
        })
        .expect("reports and facts have string keys only")
    }
}

/// One JSON object on one line, without a trailing newline, for output that is streamed file by
/// file.
pub fn jsonl(entry: &Entry<'_>) -> String {
    entry.value().to_string()
}

/// A JSON array of all entries, indented.
pub fn json(entries: &[Entry<'_>]) -> String {
    let all: Vec<Value> = entries.iter().map(Entry::value).collect();
    format!("{:#}", Value::from(all))
}
