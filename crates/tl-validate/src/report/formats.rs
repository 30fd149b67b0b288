//! Report formats: JSON, JSONL, CSV, JUnit XML, SARIF 2.1.0, HTML, and text for a terminal. The
//! functions return strings and print nothing.
//!
//! ```
//! use tl_validate::formats::{self, Entry};
//! use tl_validate::{check_size, Route, RulePack, Target};
//!
//! let report = check_size(3 << 30, &Target::new(Route::Tasks), RulePack::current());
//! let entry = Entry::new("long.mp4", &report);
//! let line = formats::jsonl(&entry);
//! assert!(line.contains(r#""verdict":"refuse""#));
//! ```

mod csv;
mod document;
mod html;
mod human;
mod junit;
mod sarif;

use serde::Serialize;
use serde_json::Value;

pub use csv::csv;
pub use document::{Document, DocumentKind, Piece};
pub use html::html;
pub use human::{HumanOptions, human};
pub use junit::junit;
pub use sarif::sarif;

use crate::{MediaFacts, Report};

/// The JSON schema (draft 2020-12) of one line of [`jsonl`] and of one item of [`json`].
///
/// Later versions may add fields. A reader that validates should use the schema of the version it
/// reads.
pub const ENTRY_SCHEMA: &str = include_str!("../../schemas/entry.json");

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
    /// A small JPEG or PNG image of the file, for [`html()`].
    pub thumbnail: Option<&'a [u8]>,
    /// Why there is no thumbnail, as a clause, for [`html()`].
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

/// Whether a character affects how the text around it is displayed: control characters (including
/// newlines and tabs), line and paragraph separators, and the directional formatting characters of
/// the Unicode Bidirectional Algorithm (UAX #9).
pub fn is_display_control(c: char) -> bool {
    c.is_control()
        || matches!(
            c,
            '\u{61c}'
                | '\u{200e}'
                | '\u{200f}'
                | '\u{2028}'..='\u{202e}'
                | '\u{2066}'..='\u{2069}'
                | '\u{feff}'
        )
}

/// Escapes external text (file names, messages of servers and programs) so that it stays on one
/// line. Each [`is_display_control`] character is replaced by an escape such as `\n` or `\u{1b}`.
///
/// Use this function for everything that is written to a terminal or to a line of a report.
/// Machine-readable formats keep the text and apply their own escapes.
///
/// ```
/// use tl_validate::formats::printable;
///
/// assert_eq!(printable("a.mp4\nok: b.mp4"), "a.mp4\\nok: b.mp4");
/// ```
pub fn printable(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\n' => shown.push_str("\\n"),
            c if is_display_control(c) => shown.extend(c.escape_unicode()),
            c => shown.push(c),
        }
    }
    shown
}

/// Escapes text as XML or HTML character data. Characters that XML 1.0 does not allow become
/// U+FFFD.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&apos;"),
            '\n' | '\t' => out.push(c),
            c if is_display_control(c) || matches!(c, '\u{fffe}' | '\u{ffff}') => {
                out.push('\u{fffd}');
            }
            c => out.push(c),
        }
    }
    out
}
