//! Documents that are written entry by entry in constant memory.
//!
//! Some formats start with numbers that are known only at the end. Each entry therefore returns a
//! [`Piece`], which the caller stores (for example in a temporary file). [`Document::finish`]
//! combines the pieces.

use std::io::{self, Read, Write};

use super::entry::Entry;
use super::piece::{Piece, Tally};
use super::{csv, html, junit, sarif};
use crate::report::Verdict;

/// A format that writes one document for all entries.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum DocumentKind {
    /// Comma-separated values.
    Csv,
    /// One self-contained page.
    Html,
    /// JUnit XML.
    Junit,
    /// SARIF 2.1.0.
    Sarif,
}

/// A document in progress.
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

impl Document {
    /// A document without entries.
    pub fn new(kind: DocumentKind) -> Self {
        Self {
            kind,
            tally: Tally::default(),
        }
    }

    /// Adds one entry.
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

    /// Writes the document with the bodies and asides of all entries.
    ///
    /// # Errors
    /// The error of the failed read or write.
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
