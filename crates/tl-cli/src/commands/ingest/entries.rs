//! The entries of a run: each has the id of its index, and links that lead to no file are refused.

use std::path::Path;
use std::sync::Arc;

use tl_bulk::Found;
use tl_bulk::event::ItemFailure;
use tl_bulk::source::{Entry, Location, SourceError, SourceErrorKind};

use super::indexes::Indexes;
use crate::check::remote;
use crate::failure::Failure;
use crate::ui::output::Output;

/// The entries of a run.
pub(super) struct Entries {
    found: Box<dyn Iterator<Item = Result<Entry, SourceError>> + Send>,
    indexes: Indexes,
    /// Whether links are checked.
    is_checked: bool,
    output: Arc<Output>,
}

impl Entries {
    pub(super) fn new(
        found: Box<dyn Iterator<Item = Result<Entry, SourceError>> + Send>,
        indexes: Indexes,
        is_checked: bool,
        output: &Arc<Output>,
    ) -> Self {
        Self {
            found,
            indexes,
            is_checked,
            output: Arc::clone(output),
        }
    }

    /// The failure of an input that is no entry.
    fn unusable(&self, error: &SourceError) -> (String, ItemFailure) {
        let name = error.path().map(|path| path.display().to_string());
        let name = name.unwrap_or_else(|| "input".to_owned());
        // Such as the name of an object of S3: the local check says what to do.
        if self.is_checked
            && error.kind() == SourceErrorKind::Link
            && let Some(url) = error.path().and_then(remote::address)
            && let Err(failure) = remote::precheck_url(&url, jiff::Timestamp::now())
        {
            return (without_query(&name), item_failure(&failure));
        }
        let kind = match error.kind() {
            SourceErrorKind::Manifest | SourceErrorKind::Row | SourceErrorKind::Duplicate => {
                "manifest"
            }
            _ => "file",
        };
        let failure = ItemFailure::new(kind, error.to_string());
        let failure = match error.hint() {
            Some(hint) => failure.with_hint(hint),
            None => failure,
        };
        (name, failure)
    }

    fn prepared(&mut self, mut entry: Entry) -> Found {
        if let Location::Url(text) = &entry.location
            && self.is_checked
            && let Some(url) = remote::address(Path::new(text))
        {
            match remote::precheck_url(&url, jiff::Timestamp::now()) {
                Ok(notes) => notes.iter().for_each(|note| self.output.note(note)),
                Err(failure) => return Err((without_query(text), item_failure(&failure))),
            }
        }
        match self.indexes.id_of(entry.index.as_deref()) {
            Ok(id) => entry.index = id,
            Err(mut error) => {
                if let Some(line) = entry.line {
                    error.text = format!("line {line}: {}", error.text);
                }
                let name = match &entry.location {
                    Location::File(path) => path.display().to_string(),
                    Location::Url(url) => without_query(url),
                    _ => String::new(),
                };
                return Err((name, error));
            }
        }
        Ok(entry)
    }
}

impl Iterator for Entries {
    type Item = Found;

    fn next(&mut self) -> Option<Found> {
        Some(match self.found.next()? {
            Ok(entry) => self.prepared(entry),
            Err(error) => Err(self.unusable(&error)),
        })
    }
}

/// The query of a presigned link is a permission and must not show.
fn without_query(url: &str) -> String {
    url.split(['?', '#']).next().unwrap_or_default().to_owned()
}

fn item_failure(failure: &Failure) -> ItemFailure {
    let error = ItemFailure::new(failure.kind(), failure.message());
    match failure.hint_text() {
        Some(hint) => error.with_hint(hint),
        None => error,
    }
}
