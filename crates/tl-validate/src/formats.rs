//! Reports for machines and for people: JSON, JSONL, CSV, JUnit XML, SARIF 2.1.0, HTML, and lines for a terminal.
//! What a report says is decided in `check`; here it is only written down. Nothing is printed.
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
/// Fields may be added in later versions; a reader that validates should take the schema of the version it reads.
pub const ENTRY_SCHEMA: &str = include_str!("../schemas/entry.json");

/// One file with its report.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct Entry<'a> {
    /// The file, as the user named it.
    pub name: &'a str,
    /// What was found.
    pub report: &'a Report,
    /// What is known of the file, when it could be probed.
    pub facts: Option<&'a MediaFacts>,
    /// A small JPEG or PNG picture of the file, for [`html()`].
    pub thumbnail: Option<&'a [u8]>,
    /// Why there is no picture, as a clause, for [`html()`].
    pub no_thumbnail: Option<&'a str>,
    /// How long the check took, in seconds.
    pub seconds: Option<f64>,
}

impl<'a> Entry<'a> {
    /// An entry without facts, thumbnail and time.
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

    /// Adds the facts.
    #[must_use]
    pub fn with_facts(mut self, facts: &'a MediaFacts) -> Self {
        self.facts = Some(facts);
        self
    }

    /// Adds a JPEG or PNG picture. Bytes that are neither are not shown.
    #[must_use]
    pub fn with_thumbnail(mut self, picture: &'a [u8]) -> Self {
        self.thumbnail = Some(picture);
        self
    }

    /// Says why there is no picture, as a clause such as `ffmpeg was not found`.
    #[must_use]
    pub fn without_thumbnail(mut self, because: &'a str) -> Self {
        self.no_thumbnail = Some(because);
        self
    }

    /// Adds the time the check took.
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

/// One JSON object on one line, without a line end, for output that is streamed file by file.
pub fn jsonl(entry: &Entry<'_>) -> String {
    entry.value().to_string()
}

/// A JSON array of all entries, indented.
pub fn json(entries: &[Entry<'_>]) -> String {
    let all: Vec<Value> = entries.iter().map(Entry::value).collect();
    format!("{:#}", Value::from(all))
}

/// Whether a character acts on the text around it when it is shown: control characters (line ends and tabs included), line
/// and paragraph separators, and the directional formatting characters of the Unicode Bidirectional Algorithm (UAX #9).
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

/// Text from elsewhere (file names, messages of servers and programs) on one line, which it can neither end nor disguise:
/// each [`is_display_control`] character is written as an escape such as `\n` or `\u{1b}`.
///
/// Everything that reaches a terminal or a line of a report goes through this function. Formats for machines keep the text
/// and use their own escapes.
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

/// The text as XML or HTML character data. Characters that XML 1.0 does not allow become U+FFFD.
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
