//! Complete documents for entries in memory.

use super::document::{Document, DocumentKind};
use super::entry::Entry;
use super::piece::Piece;

/// A table as in RFC 4180, with a header row and CRLF line ends.
pub fn csv(entries: &[Entry<'_>]) -> String {
    whole(DocumentKind::Csv, entries)
}

/// Writes a page for all entries.
pub fn html(entries: &[Entry<'_>]) -> String {
    whole(DocumentKind::Html, entries)
}

/// Writes a `testsuites` document for continuous integration servers.
pub fn junit(entries: &[Entry<'_>]) -> String {
    whole(DocumentKind::Junit, entries)
}

/// Writes a log of one run for code hosts. Each file and each result is on its own line.
pub fn sarif(entries: &[Entry<'_>]) -> String {
    whole(DocumentKind::Sarif, entries)
}

/// Writes a complete document for entries in memory.
fn whole(kind: DocumentKind, entries: &[Entry<'_>]) -> String {
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
