//! Objects of an object store as sources.

use std::{fmt, io, sync::Arc, time::Duration};

use object_store::{GetOptions, ObjectMeta, ObjectStore, ObjectStoreExt, path::Path};
use tl_protocol::{MAX_READ_SIZE, Source};

use super::bridge::Bridge;
use crate::{Error, ErrorKind};

/// Default read size. A chunk is then one request: the platform's example of a chunk has 5,242,880
/// bytes (API reference, "Create a multipart upload session").
const READ_SIZE: usize = 8 << 20;

/// An object of an object store (Amazon S3, Google Cloud Storage, Azure, …) as a [`Source`]: it is
/// checked and uploaded by range requests, without a copy on disk. Feature `object_store`.
///
/// Each read is one GET of at most the [read size](Self::with_read_size). It runs as a task of the
/// tokio runtime in which the source was opened, and fails after the
/// [timeout](Self::with_timeout). A chunk in flight holds up to two reads in memory, so the read
/// size bounds the memory of an upload. With the blocking client, the runtime must run on other
/// threads than the caller's.
///
/// Each GET demands the version that was opened, by its ETag, or by its time of modification if the
/// store has no strong ETag. An object that is replaced during the upload is an error, never a mix
/// of two versions.
///
/// If an upload is canceled during a read, the GET ends in the background, within the timeout, and
/// its bytes are dropped.
///
/// ```no_run
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// use std::sync::Arc;
/// use object_store::{ObjectStore, local::LocalFileSystem};
/// use tl_client::{Client, source::ObjectSource};
///
/// let store: Arc<dyn ObjectStore> = Arc::new(LocalFileSystem::new_with_prefix("footage")?);
/// let source = ObjectSource::open(store, "2026/match.mp4").await?;
/// let uploaded = Client::from_env()?.upload(source).run().await?;
/// # Ok(()) }
/// ```
pub struct ObjectSource {
    store: Arc<dyn ObjectStore>,
    meta: ObjectMeta,
    name: String,
    read_size: usize,
    bridge: Bridge,
}

impl ObjectSource {
    /// Opens the object at `location`: requests its size and version. The source has the last part
    /// of the location as its file name.
    ///
    /// # Errors
    /// [`ErrorKind::File`] if the object does not exist or cannot be read.
    /// [`ErrorKind::Configuration`] outside of a tokio runtime.
    pub async fn open(
        store: Arc<dyn ObjectStore>,
        location: impl Into<Path>,
    ) -> Result<Self, Error> {
        let location = location.into();
        let bridge = Bridge::current(location.as_ref())?;
        let meta = store.head(&location).await.map_err(|error| {
            let what = match error {
                object_store::Error::NotFound { .. } => "there is no object at this location",
                object_store::Error::PermissionDenied { .. }
                | object_store::Error::Unauthenticated { .. } => {
                    "these credentials may not read it"
                }
                _ => "the object store returned an error",
            };
            Error::new(ErrorKind::File, format!("`{location}`: {what}")).with_source(error)
        })?;
        let name = location.filename().unwrap_or("video").to_owned();
        Ok(Self {
            store,
            meta,
            name,
            read_size: READ_SIZE,
            bridge,
        })
    }

    /// Sets the size of a read, and so of a GET, in bytes. Default: 8 MiB, which is one GET for each
    /// chunk. Larger reads take fewer requests, smaller ones less memory.
    #[must_use]
    pub fn with_read_size(mut self, bytes: usize) -> Self {
        self.read_size = bytes.clamp(1, MAX_READ_SIZE);
        self
    }

    /// Sets the maximum time of a read, including the store's own retries. Default: 60 s.
    #[must_use]
    pub fn with_timeout(mut self, timeout: Duration) -> Self {
        self.bridge.timeout = timeout;
        self
    }

    /// Sets the file name sent to the platform.
    #[must_use]
    pub fn with_name(mut self, name: impl Into<String>) -> Self {
        self.name = name.into();
        self
    }

    /// A GET of this range, of the version that was opened.
    fn get_options(&self, range: std::ops::Range<u64>) -> GetOptions {
        // A weak ETag never matches (RFC 9110, section 13.1.1).
        let strong = |etag: &&String| !etag.starts_with("W/");
        let if_match = self.meta.e_tag.as_ref().filter(strong).cloned();
        GetOptions {
            if_unmodified_since: if_match.is_none().then_some(self.meta.last_modified),
            if_match,
            range: Some(range.into()),
            ..GetOptions::default()
        }
    }
}

/// Reads a range of the object.
async fn get(
    store: Arc<dyn ObjectStore>,
    location: Path,
    options: GetOptions,
    size: u64,
) -> io::Result<bytes::Bytes> {
    const CHANGED: &str = "it was replaced while it was being sent";
    let failed = |error: object_store::Error| match error {
        object_store::Error::Precondition { .. } => io::Error::other(CHANGED),
        object_store::Error::NotFound { .. } => io::Error::new(
            io::ErrorKind::NotFound,
            "it was deleted while it was being sent",
        ),
        other => io::Error::other(other),
    };
    let result = store.get_opts(&location, options).await.map_err(failed)?;
    if result.meta.size != size {
        return Err(io::Error::other(CHANGED));
    }
    result.bytes().await.map_err(failed)
}

impl Source for ObjectSource {
    fn name(&self) -> &str {
        &self.name
    }

    fn len(&self) -> u64 {
        self.meta.size
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        let size = self.meta.size;
        let wanted = buffer.len().min(MAX_READ_SIZE) as u64;
        let end = offset.saturating_add(wanted).min(size);
        if offset >= end {
            return Ok(0);
        }
        let (store, location) = (Arc::clone(&self.store), self.meta.location.clone());
        let read = get(store, location, self.get_options(offset..end), size);
        let bytes = self.bridge.wait(read).map_err(|error| {
            let location = &self.meta.location;
            let text = format!("`{location}` cannot be read at byte {offset}: {error}");
            io::Error::new(error.kind(), text)
        })?;
        let count = bytes.len().min(buffer.len());
        buffer[..count].copy_from_slice(&bytes[..count]);
        Ok(count)
    }

    fn read_size(&self) -> Option<usize> {
        Some(self.read_size)
    }
}

// The store is left out: its settings may contain credentials.
impl fmt::Debug for ObjectSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ObjectSource")
            .field("location", &self.meta.location.as_ref())
            .field("len", &self.meta.size)
            .finish_non_exhaustive()
    }
}
