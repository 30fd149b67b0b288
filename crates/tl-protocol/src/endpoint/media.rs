//! The media of an upload: the bytes of a file, or a URL that the platform fetches.

use std::sync::Arc;

use url::Url;

use crate::Source;

/// The media of a request.
#[derive(Debug, Clone)]
pub enum Media {
    /// The bytes of a file. The limit depends on the operation: 2 GB for a task, 200 MB for an
    /// asset (API reference of v1.3).
    File(Arc<dyn Source>),
    /// A direct URL of the raw file, which the platform fetches itself. Pages of video hosting
    /// sites do not work.
    Url(Url),
}

impl Media {
    /// The default file name on the platform: the name of the file, or the last path segment of the
    /// URL.
    #[must_use]
    pub fn filename(&self) -> Option<&str> {
        match self {
            Self::File(source) => Some(source.name()),
            Self::Url(url) => url
                .path_segments()?
                .next_back()
                .filter(|name| !name.is_empty()),
        }
    }
}
