//! Documents that are written entry by entry, in memory that does not grow with their number. What an entry looks like
//! lives with its format.
//!
//! Some formats want numbers in front that are known only at the end. So each entry gives a [`Piece`], which the caller
//! keeps wherever there is room (a temporary file), and the whole is put together last.

use std::io::{self, Read, Write};

use serde_json::Value;

use super::{Entry, csv, html, junit, sarif};
use crate::Verdict;

/// A format that makes one document of all entries.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum DocumentKind {
    /// Comma-separated values.
    Csv,
    /// One page that needs nothing else.
    Html,
    /// JUnit XML.
    Junit,
    /// SARIF 2.1.0.
    Sarif,
}

/// What one entry adds to a document: all bodies in their order, and all asides in theirs.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Piece {
    /// Goes to the main part.
    pub body: String,
    /// Goes to a list of its own before the main part; empty in most formats.
    pub aside: String,
}

/// A document under way.
///
/// ```
/// use tl_validate::formats::{Document, DocumentKind, Entry};
/// use tl_validate::{check_size, Route, RulePack, Target};
///
/// let report = check_size(3 << 30, &Target::new(Route::Tasks), RulePack::current());
/// let mut document = Document::new(DocumentKind::Junit);
/// let piece = document.entry(&Entry::new("long.mp4", &report));
/// let mut out = Vec::new();
/// document.finish(&mut out, &mut piece.body.as_bytes(), &mut piece.aside.as_bytes())?;
/// assert!(out.ends_with(b"</testsuites>\n"));
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct Document {
    kind: DocumentKind,
    tally: Tally,
}

/// What is counted over all entries.
#[derive(Debug, Clone, Default)]
pub(super) struct Tally {
    pub(super) files: usize,
    pub(super) pass: usize,
    pub(super) warn: usize,
    pub(super) refuse: usize,
    pub(super) seconds: f64,
    /// The rules met so far, in the order of their first finding; there are as many as rules, not as entries.
    pub(super) rules: Vec<(String, Value)>,
}

impl Document {
    /// A document without entries.
    pub fn new(kind: DocumentKind) -> Self {
        Self {
            kind,
            tally: Tally::default(),
        }
    }

    /// Takes one entry.
    pub fn entry(&mut self, entry: &Entry<'_>) -> Piece {
        let tally = &mut self.tally;
        tally.files += 1;
        tally.seconds += entry.seconds.unwrap_or(0.0);
        match entry.report.verdict {
            Verdict::Pass => tally.pass += 1,
            Verdict::Warn => tally.warn += 1,
            Verdict::Refuse => tally.refuse += 1,
        }
        let body = |body| Piece {
            body,
            aside: String::new(),
        };
        match self.kind {
            DocumentKind::Csv => body(csv::rows(entry)),
            DocumentKind::Html => html::piece(entry),
            DocumentKind::Junit => body(junit::case(entry)),
            DocumentKind::Sarif => sarif::piece(entry, tally),
        }
    }

    /// Writes the whole, with the bodies and asides of all entries between.
    ///
    /// # Errors
    /// What reading or writing says.
    pub fn finish(
        &self,
        out: &mut dyn Write,
        bodies: &mut dyn Read,
        asides: &mut dyn Read,
    ) -> io::Result<()> {
        let tally = &self.tally;
        let (head, middle, tail) = match self.kind {
            DocumentKind::Csv => (csv::head(), String::new(), String::new()),
            DocumentKind::Html => (html::head(tally), String::new(), html::TAIL.to_owned()),
            DocumentKind::Junit => (junit::head(tally), String::new(), junit::TAIL.to_owned()),
            DocumentKind::Sarif => (
                sarif::head(tally),
                sarif::MIDDLE.to_owned(),
                sarif::TAIL.to_owned(),
            ),
        };
        out.write_all(head.as_bytes())?;
        io::copy(asides, out)?;
        out.write_all(middle.as_bytes())?;
        io::copy(bodies, out)?;
        out.write_all(tail.as_bytes())
    }
}

/// The whole document of entries that are all there.
pub(super) fn whole(kind: DocumentKind, entries: &[Entry<'_>]) -> String {
    let mut document = Document::new(kind);
    let mut all = Piece::default();
    for entry in entries {
        let piece = document.entry(entry);
        all.body.push_str(&piece.body);
        all.aside.push_str(&piece.aside);
    }
    let mut out = Vec::new();
    document
        .finish(
            &mut out,
            &mut all.body.as_bytes(),
            &mut all.aside.as_bytes(),
        )
        .expect("writing to memory does not fail");
    String::from_utf8(out).expect("every part is text")
}
