//! Side effects that a request causes outside the handler, and their results. Nothing is executed
//! here.

use bytes::Bytes;
use tl_model::WebhookEventType;
use tl_validate::{MediaFacts, ProbeError};
use url::Url;

use super::{records::MediaKey, static_file::StaticFile};

/// A side effect that the server must execute.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Effect {
    /// Keep a received file. Files without a `Keep` effect are deleted after the request.
    Keep(MediaKey),
    /// Delete a stored file, or the directory of its renditions.
    Discard(MediaKey),
    /// Post a signed event to a registered URL. Delivery is retried until it succeeds.
    Deliver {
        /// The identifier of the event, the same in every attempt.
        event: String,
        /// The type of the event.
        event_type: WebhookEventType,
        /// The registered URL.
        url: Url,
        /// The secret of the registration.
        secret: String,
        /// The event as JSON.
        body: Bytes,
    },
    /// Probe the stored file of an asset, then call [`Platform::probed`](crate::platform::Platform::probed).
    Probe {
        /// The asset.
        asset: String,
        /// Its file.
        key: MediaKey,
        /// The file name from the client.
        filename: String,
    },
    /// Make a stream and thumbnails of a stored file, then call
    /// [`Platform::rendered`](crate::platform::Platform::rendered).
    Render {
        /// The video or asset that they belong to.
        owner: String,
        /// The stored file.
        source: MediaKey,
        /// Whether to make a stream.
        stream: bool,
        /// Whether to make thumbnails.
        thumbnails: bool,
    },
    /// Fetch a file as the platform would, then call
    /// [`Platform::fetched`](crate::platform::Platform::fetched).
    Fetch {
        /// The task or asset that waits for the file.
        task: String,
        /// The http or https URL of the file.
        url: Url,
        /// The maximum size in bytes, from the active rule pack.
        max_bytes: Option<u64>,
    },
}

/// A file that was fetched and probed.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Fetched {
    /// The key of the stored file.
    pub key: MediaKey,
    /// The last segment of the URL path.
    pub filename: String,
    /// The size in bytes.
    pub bytes: u64,
    /// The result of probing the file as media.
    pub probe: Result<MediaFacts, ProbeError>,
    /// Set for images and documents: what the file is, or why it is broken.
    pub static_file: Option<Result<StaticFile, String>>,
    /// The SHA-256 in hexadecimal, if it is known.
    pub content: Option<String>,
}

impl Fetched {
    /// A file that was probed as media.
    #[must_use]
    pub fn new(
        key: MediaKey,
        filename: impl Into<String>,
        bytes: u64,
        probe: Result<MediaFacts, ProbeError>,
    ) -> Self {
        Self {
            key,
            filename: filename.into(),
            bytes,
            probe,
            static_file: None,
            content: None,
        }
    }

    /// Sets [`static_file`](Self::static_file).
    #[must_use]
    pub fn with_static_file(mut self, static_file: Option<Result<StaticFile, String>>) -> Self {
        self.static_file = static_file;
        self
    }
}
