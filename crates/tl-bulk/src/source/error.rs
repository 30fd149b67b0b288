//! The error of a source: what failed, where, and what to do.

use std::error::Error;
use std::fmt;
use std::path::{Path, PathBuf};

/// The kind of a [`SourceError`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum SourceErrorKind {
    /// A glob pattern is invalid.
    Pattern,
    /// No file matches a glob pattern.
    NoMatch,
    /// A file or a part of a directory cannot be read.
    Unreadable,
    /// A list of paths is malformed.
    List,
    /// A manifest is malformed as a whole: its header, its encoding or its size.
    Manifest,
    /// One row of a manifest, or one line of a list, is invalid.
    Row,
    /// A row of a manifest names the same video and index as an earlier one.
    Duplicate,
    /// The file that an entry names does not exist.
    Missing,
    /// A link cannot be used.
    Link,
    /// A template is invalid.
    Template,
    /// There are too many entries to sort.
    TooMany,
    /// Sources contradict each other, such as two that read standard input.
    Conflict,
}

/// Why an entry, or a source as a whole, cannot be used.
///
/// Its text is `what: why`, without the hint.
#[derive(Debug)]
pub struct SourceError(Box<Inner>);

#[derive(Debug)]
struct Inner {
    kind: SourceErrorKind,
    message: String,
    hint: Option<String>,
    path: Option<PathBuf>,
    line: Option<u64>,
    source: Option<Box<dyn Error + Send + Sync>>,
}

impl SourceError {
    pub(super) fn new(kind: SourceErrorKind, message: impl Into<String>) -> Self {
        Self(Box::new(Inner {
            kind,
            message: message.into(),
            hint: None,
            path: None,
            line: None,
            source: None,
        }))
    }

    pub(super) fn with_message(mut self, message: impl Into<String>) -> Self {
        self.0.message = message.into();
        self
    }

    pub(super) fn into_duplicate(mut self) -> Self {
        self.0.kind = SourceErrorKind::Duplicate;
        self
    }

    pub(super) fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.0.hint = Some(hint.into());
        self
    }

    pub(super) fn with_source(mut self, source: impl Error + Send + Sync + 'static) -> Self {
        self.0.source = Some(Box::new(source));
        self
    }

    pub(super) fn at(mut self, path: &Path) -> Self {
        self.0.path = Some(path.to_owned());
        self
    }

    pub(super) fn on_line(mut self, line: u64) -> Self {
        self.0.line = Some(line);
        self
    }

    /// The kind.
    #[must_use]
    pub fn kind(&self) -> SourceErrorKind {
        self.0.kind
    }

    /// What to do about it, as a sentence without a period.
    #[must_use]
    pub fn hint(&self) -> Option<&str> {
        self.0.hint.as_deref()
    }

    /// The file or directory that the error is about.
    #[must_use]
    pub fn path(&self) -> Option<&Path> {
        self.0.path.as_deref()
    }

    /// The line of the list or manifest, starting at 1.
    #[must_use]
    pub fn line(&self) -> Option<u64> {
        self.0.line
    }

    /// Whether the error is about one entry, and the entries after it can be used.
    #[must_use]
    pub fn is_about_entry(&self) -> bool {
        use SourceErrorKind::{Duplicate, Link, Missing, NoMatch, Row, Unreadable};
        matches!(
            self.0.kind,
            Duplicate | Link | Missing | NoMatch | Row | Unreadable
        )
    }
}

impl fmt::Display for SourceError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.message)
    }
}

impl Error for SourceError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.0
            .source
            .as_deref()
            .map(|source| source as &(dyn Error + 'static))
    }
}

/// The candidate that is most similar to `word`, if one is similar enough to be meant.
pub(super) fn closest<'c>(
    word: &str,
    candidates: impl IntoIterator<Item = &'c str>,
) -> Option<&'c str> {
    let word = word.to_lowercase();
    candidates
        .into_iter()
        .map(|candidate| (strsim::jaro_winkler(&word, candidate), candidate))
        .filter(|(similarity, _)| *similarity > 0.8)
        .max_by(|(one, _), (other, _)| one.total_cmp(other))
        .map(|(_, candidate)| candidate)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_similar_word_is_suggested() {
        let columns = ["uri", "index", "title", "route"];
        for (word, expected) in [
            ("URL", Some("uri")),
            ("titel", Some("title")),
            ("indx", Some("index")),
            ("camera", None),
            ("", None),
        ] {
            assert_eq!(closest(word, columns), expected, "{word}");
        }
    }
}
