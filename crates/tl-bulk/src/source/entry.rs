//! One video to ingest, as a source names it.

use std::path::PathBuf;

use serde_json::{Map, Value};

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
#[derive(Debug, Clone, PartialEq, Eq)]
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
}
