//! One video to ingest, as a source names it.

use std::path::{Path, PathBuf};

use serde_json::{Map, Value};
use url::Url;

use super::error::{SourceError, SourceErrorKind};

/// One video to ingest: where it is, and what the platform is to know about it.
///
/// ```
/// use tl_bulk::source::{Entry, Location};
///
/// let entry = Entry::file("clips/match.mp4").with_title("The final");
/// assert_eq!(entry.location, Location::File("clips/match.mp4".into()));
/// ```
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Entry {
    /// The file or link.
    pub location: Location,
    /// Name or identifier of the index, if this entry does not use the index of the run.
    pub index: Option<String>,
    /// Title on the platform. If absent, the file name.
    pub title: Option<String>,
    /// User metadata of the video.
    pub metadata: Map<String, Value>,
    /// Name of the upload route, if this entry does not use the route of the run.
    pub route: Option<String>,
    /// Line of the manifest or list, starting at 1, for messages.
    pub line: Option<u64>,
}

/// Where a video is.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Location {
    /// A local file.
    File(PathBuf),
    /// A direct link that the platform fetches.
    Url(String),
}

impl Entry {
    /// An entry for a local file.
    pub fn file(path: impl Into<PathBuf>) -> Self {
        Self::at(Location::File(path.into()))
    }

    /// An entry for a link.
    pub fn url(url: impl Into<String>) -> Self {
        Self::at(Location::Url(url.into()))
    }

    fn at(location: Location) -> Self {
        Self {
            location,
            index: None,
            title: None,
            metadata: Map::new(),
            route: None,
            line: None,
        }
    }

    /// Sets the title.
    #[must_use]
    pub fn with_title(mut self, title: impl Into<String>) -> Self {
        self.title = Some(title.into());
        self
    }

    /// Sets the user metadata.
    #[must_use]
    pub fn with_metadata(mut self, metadata: Map<String, Value>) -> Self {
        self.metadata = metadata;
        self
    }

    /// Sets the name or identifier of the index.
    #[must_use]
    pub fn with_index(mut self, index: impl Into<String>) -> Self {
        self.index = Some(index.into());
        self
    }

    /// Sets the name of the upload route.
    #[must_use]
    pub fn with_route(mut self, route: impl Into<String>) -> Self {
        self.route = Some(route.into());
        self
    }

    pub(super) fn on_line(mut self, line: Option<u64>) -> Self {
        self.line = line;
        self
    }

    /// An entry for a path or link, see [`Location::parse`].
    pub(super) fn parse(path: &Path) -> Result<Self, SourceError> {
        Ok(Self::at(match path.to_str() {
            Some(text) => Location::parse(text)?,
            None => Location::File(path.to_owned()),
        }))
    }
}

impl Location {
    /// Parses a path, an `http(s)://` link or a `file://` URL.
    ///
    /// # Errors
    /// [`SourceErrorKind::Link`] for another scheme, and for a link that is not a URL.
    pub fn parse(text: &str) -> Result<Self, SourceError> {
        let Some((scheme, _)) = text.split_once("://").filter(|(scheme, _)| {
            scheme.starts_with(|c: char| c.is_ascii_alphabetic())
                && scheme
                    .chars()
                    .all(|c| c.is_ascii_alphanumeric() || "+-.".contains(c))
        }) else {
            return Ok(Self::File(text.into()));
        };
        // A file may have such a name.
        if Path::new(text).exists() {
            return Ok(Self::File(text.into()));
        }
        let refused =
            |why: &str, hint: &str| SourceError::new(SourceErrorKind::Link, why).with_hint(hint);
        let url = || {
            Url::parse(text).map_err(|error| {
                refused(
                    &format!("`{}` is not a URL", without_query(text)),
                    "pass a direct https URL of the file",
                )
                .with_source(error)
            })
        };
        match scheme.to_ascii_lowercase().as_str() {
            "http" | "https" => url().map(|_| Self::Url(text.to_owned())),
            "file" => url()?.to_file_path().map(Self::File).map_err(|()| {
                refused(
                    "a file URL of another machine cannot be read",
                    "pass the path of the file",
                )
            }),
            scheme => Err(refused(
                &format!("unsupported URL scheme `{scheme}` (allowed: http, https, file)"),
                "pass a presigned https URL, or download the file and pass its path",
            )),
        }
    }
}

/// The query of a presigned link is a permission and must not show.
fn without_query(text: &str) -> &str {
    text.split(['?', '#']).next().unwrap_or(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn locations_are_parsed() {
        let file = |path: &str| Some(Location::File(path.into()));
        let url = |url: &str| Some(Location::Url(url.into()));
        for (text, expected) in [
            ("a b.mp4", file("a b.mp4")),
            ("file:///a%20b.mp4", file("/a b.mp4")),
            ("https://x.org/a.mp4?s=1", url("https://x.org/a.mp4?s=1")),
            ("HTTPS://x.org/a.mp4", url("HTTPS://x.org/a.mp4")),
            ("C://x", None),
            ("s3://bucket/a.mp4", None),
            ("https://", None),
            ("file://host/a.mp4", None),
            ("://x", file("://x")),
        ] {
            assert_eq!(Location::parse(text).ok(), expected, "{text}");
        }
    }

    #[test]
    fn the_query_of_a_link_does_not_show() {
        let error = Location::parse("https://[x/a.mp4?X-Amz-Signature=secret").unwrap_err();
        assert!(!format!("{error} {error:?}").contains("secret"));
    }
}
