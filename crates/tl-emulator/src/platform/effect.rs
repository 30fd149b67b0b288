//! What must happen outside of the handler because of a request, and what is told back. Nothing is done here.

use bytes::Bytes;
use tl_model::WebhookEventType;
use tl_validate::{MediaFacts, ProbeError};
use url::Url;

use super::{MediaKey, StaticFile};

/// Something that the shell around the handler has to do.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Effect {
    /// Keep a received file; a file that no effect keeps is deleted when the request has been answered.
    Keep(MediaKey),
    /// Delete a file that was kept, or a folder of what was made of one.
    Discard(MediaKey),
    /// Post an event to a registered address, signed with its secret, again and again until it is taken.
    Deliver {
        /// The identifier of the event, the same in every attempt.
        event: String,
        /// What it tells.
        event_type: WebhookEventType,
        /// The registered address.
        url: Url,
        /// The secret of the registration.
        secret: String,
        /// The event in JSON.
        body: Bytes,
    },
    /// Look at the stored file of an asset, and tell [`Platform::looked`](super::Platform::looked).
    Look {
        /// The asset.
        asset: String,
        /// Its file.
        key: MediaKey,
        /// The name by which the client knew it.
        filename: String,
    },
    /// Make a stream and thumbnails of a stored file, and tell [`Platform::rendered`](super::Platform::rendered).
    Render {
        /// The video or asset that they are for.
        owner: String,
        /// The stored file.
        source: MediaKey,
        /// Whether a stream is wanted.
        stream: bool,
        /// Whether thumbnails are wanted.
        thumbnails: bool,
    },
    /// Fetch a video as the platform would, and tell [`Platform::fetched`](super::Platform::fetched).
    Fetch {
        /// The task or the asset that waits for it.
        task: String,
        /// Where the video is: http or https.
        url: Url,
        /// The most bytes to take, from the rules in force.
        max_bytes: Option<u64>,
    },
}

/// A file that was fetched and looked at.
#[derive(Debug, Clone)]
pub struct Fetched {
    /// Where it is stored.
    pub key: MediaKey,
    /// The last part of the URL's path.
    pub filename: String,
    /// Its size.
    pub bytes: u64,
    /// What the prober saw.
    pub look: Result<MediaFacts, ProbeError>,
    /// What it is, where it is an image or a document, or why it is a broken one.
    pub static_file: Option<Result<StaticFile, String>>,
}
