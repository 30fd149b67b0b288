//! What a request uploads: the bytes of a file, or a link that the platform fetches.

use std::sync::Arc;

use url::Url;

use crate::Source;

/// The media of a request.
#[derive(Debug, Clone)]
pub enum Media {
    /// Its bytes. The limit depends on the operation: 2 GB for a task, 200 MB for an asset (API reference of v1.3).
    File(Arc<dyn Source>),
    /// A direct link to the raw file, which the platform fetches itself; pages of hosting sites do not work.
    Url(Url),
}

impl Media {
    /// The name that the platform gives it by default: that of the file, or the last segment of the URL's path.
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
