//! Async readers as sources.

use std::{
    fmt,
    io::{self, SeekFrom},
    pin::Pin,
    sync::Arc,
    time::Duration,
};

use tl_protocol::{MAX_READ_SIZE, Source};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncSeek, AsyncSeekExt},
    sync::Mutex,
};

use super::bridge::Bridge;
use crate::{Error, ErrorKind};

/// Default read size. Each read starts a task, and a seek of some readers is slow.
const READ_SIZE: usize = 1 << 20;

/// An async reader that can seek, as a [`Source`]: for example a `tokio::fs::File` or a reader of
/// another storage.
///
/// The reader has one position, so reads of concurrent chunks take turns. Each read runs as a task
/// of the tokio runtime in which the source was created, and fails after the
/// [timeout](Self::with_timeout). One read is in memory at a time, of at most the
/// [read size](Self::with_read_size). With the blocking client, the runtime must run on other threads
/// than the caller's.
///
/// If an upload is canceled during a read, the read ends in the background, within the timeout, and
/// its bytes are dropped. After an incomplete read the reader is positioned again. The reader is
/// dropped with the source.
///
/// The source does not notice if the content changes while it is sent; a
/// [`FileSource`](crate::FileSource) does.
///
/// ```no_run
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// use tl_client::{Client, source::AsyncSource};
///
/// let file = tokio::fs::File::open("match.mp4").await?;
/// let source = AsyncSource::new("match.mp4", file).await?;
/// let uploaded = Client::from_env()?.upload(source).run().await?;
/// # Ok(()) }
/// ```
pub struct AsyncSource {
    name: String,
    len: u64,
    read_size: usize,
    bridge: Bridge,
    reader: Arc<Mutex<Reader>>,
}

/// What a source needs of a reader.
trait AsyncReadSeek: AsyncRead + AsyncSeek + Send {}

impl<R: AsyncRead + AsyncSeek + Send> AsyncReadSeek for R {}

struct Reader {
    inner: Pin<Box<dyn AsyncReadSeek>>,
    /// `None` before the first read, and after one that was not completed.
    position: Option<u64>,
}

impl AsyncSource {
    /// Uses `reader` as a source with the file name `name`. Its length is that of now.
    ///
    /// # Errors
    /// [`ErrorKind::File`] if the reader cannot seek to its end. [`ErrorKind::Configuration`]
    /// outside of a tokio runtime.
    pub async fn new<R>(name: impl Into<String>, reader: R) -> Result<Self, Error>
    where
        R: AsyncRead + AsyncSeek + Send + 'static,
    {
        let name = name.into();
        let bridge = Bridge::current(&name)?;
        let mut inner: Pin<Box<dyn AsyncReadSeek>> = Box::pin(reader);
        let len = inner.seek(SeekFrom::End(0)).await.map_err(|error| {
            Error::new(
                ErrorKind::File,
                format!("`{name}` cannot be read: seek to its end failed"),
            )
            .with_source(error)
        })?;
        Ok(Self {
            name,
            len,
            read_size: READ_SIZE,
            bridge,
            reader: Arc::new(Mutex::new(Reader {
                inner,
                position: None,
            })),
        })
    }

    /// Sets the size of a read in bytes. Default: 1 MiB.
    #[must_use]
    pub fn with_read_size(mut self, bytes: usize) -> Self {
        self.read_size = bytes.clamp(1, MAX_READ_SIZE);
        self
    }

    /// Sets the maximum time of a read, including the time that it waits for earlier reads. Default:
    /// 60 s.
    #[must_use]
    pub fn with_timeout(mut self, timeout: Duration) -> Self {
        self.bridge.timeout = timeout;
        self
    }
}

impl Reader {
    async fn read(&mut self, offset: u64, wanted: usize) -> io::Result<Vec<u8>> {
        if self.position.take() != Some(offset) {
            self.inner.seek(SeekFrom::Start(offset)).await?;
        }
        let mut bytes = vec![0; wanted];
        let mut filled = 0;
        while filled < wanted {
            match self.inner.read(&mut bytes[filled..]).await {
                Ok(0) => break,
                Ok(count) => filled += count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        bytes.truncate(filled);
        self.position = Some(offset + filled as u64);
        Ok(bytes)
    }
}

impl Source for AsyncSource {
    fn name(&self) -> &str {
        &self.name
    }

    fn len(&self) -> u64 {
        self.len
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        let left = usize::try_from(self.len.saturating_sub(offset)).unwrap_or(usize::MAX);
        let wanted = buffer.len().min(MAX_READ_SIZE).min(left);
        if wanted == 0 {
            return Ok(0);
        }
        let reader = Arc::clone(&self.reader);
        let read = async move { reader.lock().await.read(offset, wanted).await };
        let bytes = self.bridge.wait(read).map_err(|error| {
            let text = format!("`{}` cannot be read at byte {offset}: {error}", self.name);
            io::Error::new(error.kind(), text)
        })?;
        buffer[..bytes.len()].copy_from_slice(&bytes);
        Ok(bytes.len())
    }

    fn read_size(&self) -> Option<usize> {
        Some(self.read_size)
    }
}

impl fmt::Debug for AsyncSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AsyncSource")
            .field("name", &self.name)
            .field("len", &self.len)
            .finish_non_exhaustive()
    }
}
