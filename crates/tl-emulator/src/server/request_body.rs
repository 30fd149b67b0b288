//! Reads request bodies: JSON into bounded memory, files of a form to disk while they arrive. All
//! other bodies are discarded.

use std::{
    collections::BTreeMap,
    io::Write,
    pin::Pin,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    task::{Context, Poll},
    time::Duration,
};

use axum::body::{Body, BodyDataStream};
use bytes::{Bytes, BytesMut};
use futures_util::{Stream, StreamExt};
use http::{HeaderMap, header};
use tl_protocol::endpoint::{Field, FieldValue};
use tokio::sync::mpsc;

use super::{
    Runtime,
    media_store::{StoredFile, plain_name},
};
use crate::platform::{BodyError, BodyRule, Payload, Upload};

/// Maximum size of a JSON document, and of all text parts of a form together, in bytes.
const MAX_TEXT: u64 = 1024 * 1024;
/// Maximum number of parts of a form.
const MAX_PARTS: usize = 64;
/// Maximum number of bytes that the form parser may buffer: the head of a part, or the preamble.
const MAX_BUFFERED: u64 = 256 * 1024;
/// Maximum number of pieces that wait for the disk.
const WRITE_QUEUE: usize = 4;

/// Time limits of the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct TimeLimits {
    /// From the first byte of a connection or request to the end of its head. Default: 10 s.
    pub head: Duration,
    /// Maximum gap between two pieces of a body. Default: 30 s.
    pub idle: Duration,
    /// For a body that is not a form. Default: 30 s.
    pub text: Duration,
    /// For a form with its files. Default: 1 h.
    pub form: Duration,
    /// For fetching a video from a URL. Default: 10 min.
    pub fetch: Duration,
    /// For rendering the stream and the thumbnails of a video. Default: 10 min.
    pub render: Duration,
    /// Delay before the second attempt of a webhook; doubled for each further attempt. Default: 1
    /// s.
    pub webhook_retry: Duration,
}

impl Default for TimeLimits {
    fn default() -> Self {
        Self {
            head: Duration::from_secs(10),
            idle: Duration::from_secs(30),
            text: Duration::from_secs(30),
            form: Duration::from_secs(3600),
            fetch: Duration::from_secs(600),
            render: Duration::from_secs(600),
            webhook_retry: Duration::from_secs(1),
        }
    }
}

impl TimeLimits {
    /// Sets the maximum gap between two pieces of a body.
    #[must_use]
    pub fn with_idle(mut self, idle: Duration) -> Self {
        self.idle = idle;
        self
    }

    /// Sets the delay before the second attempt of a webhook.
    #[must_use]
    pub fn with_webhook_retry(mut self, wait: Duration) -> Self {
        self.webhook_retry = wait;
        self
    }

    /// Sets the limit for a body that is not a form.
    #[must_use]
    pub fn with_text(mut self, limit: Duration) -> Self {
        self.text = limit;
        self
    }

    /// Sets the limit for a form with its files.
    #[must_use]
    pub fn with_form(mut self, limit: Duration) -> Self {
        self.form = limit;
        self
    }

    /// Sets the limit for rendering a stream.
    #[must_use]
    pub fn with_render(mut self, limit: Duration) -> Self {
        self.render = limit;
        self
    }

    /// Sets the limit for the head of a request.
    #[must_use]
    pub fn with_head(mut self, head: Duration) -> Self {
        self.head = head;
        self
    }
}

/// The form uploads in progress, for the page.
#[derive(Debug, Default)]
pub(crate) struct FormUploads(Arc<Mutex<BTreeMap<u64, ActiveUpload>>>);

#[derive(Debug)]
struct ActiveUpload {
    filename: Option<String>,
    received: Arc<AtomicU64>,
    total: Option<u64>,
}

/// Progress of a form upload.
#[derive(Debug)]
#[cfg_attr(not(feature = "page"), expect(dead_code, reason = "the page shows it"))]
pub(crate) struct UploadProgress {
    /// Name of the most recent file part.
    pub(crate) filename: Option<String>,
    /// Bytes received so far.
    pub(crate) received: u64,
    /// The `Content-Length`, if the client sent one.
    pub(crate) total: Option<u64>,
}

/// Removes the upload from the list on drop.
pub(crate) struct UploadGuard {
    all: Arc<Mutex<BTreeMap<u64, ActiveUpload>>>,
    number: u64,
}

impl FormUploads {
    fn start(&self, headers: &HeaderMap, received: &Arc<AtomicU64>) -> UploadGuard {
        let length = headers
            .get(header::CONTENT_LENGTH)
            .and_then(|length| length.to_str().ok());
        let upload = ActiveUpload {
            filename: None,
            received: Arc::clone(received),
            total: length.and_then(|length| length.parse().ok()),
        };
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let number = all.last_key_value().map_or(0, |(number, _)| number + 1);
        all.insert(number, upload);
        UploadGuard {
            all: Arc::clone(&self.0),
            number,
        }
    }

    /// All uploads, oldest first.
    #[cfg_attr(not(feature = "page"), expect(dead_code, reason = "the page shows it"))]
    pub(crate) fn all(&self) -> Vec<UploadProgress> {
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let progress = |upload: &ActiveUpload| UploadProgress {
            filename: upload.filename.clone(),
            received: upload.received.load(Ordering::Relaxed),
            total: upload.total,
        };
        all.values().map(progress).collect()
    }
}

impl UploadGuard {
    fn set_filename(&self, filename: &str) {
        let mut all = self.all.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(upload) = all.get_mut(&self.number) {
            upload.filename = Some(filename.to_owned());
        }
    }
}

impl Drop for UploadGuard {
    fn drop(&mut self) {
        let mut all = self.all.lock().unwrap_or_else(PoisonError::into_inner);
        all.remove(&self.number);
    }
}

/// A body that was read.
pub(crate) struct ReceivedBody {
    pub(crate) payload: Payload,
    /// The received files. A file that is not kept is deleted on drop.
    pub(crate) files: Vec<Arc<StoredFile>>,
    /// Bytes received.
    pub(crate) bytes: u64,
}

/// Reads the body as `rule` requires.
pub(crate) async fn read(
    runtime: &Runtime,
    rule: BodyRule,
    headers: &HeaderMap,
    body: Body,
) -> ReceivedBody {
    let counter = Arc::new(AtomicU64::new(0));
    let is_form = matches!(rule, BodyRule::Form { .. });
    let entry = is_form.then(|| runtime.uploads.start(headers, &counter));
    let limits = runtime.settings.time_limits;
    let pieces = BodyPieces {
        body: body.into_data_stream(),
        counter: Arc::clone(&counter),
        idle: limits.idle,
        timer: None,
    };
    let (limit, work): (Duration, Pin<Box<dyn Future<Output = _> + Send>>) = match rule {
        BodyRule::None => (limits.text, Box::pin(discard(pieces))),
        BodyRule::Json => (limits.text, Box::pin(json(pieces))),
        BodyRule::Form {
            max_file,
            takes_static,
            url,
        } => (
            limits.form,
            Box::pin(form(
                runtime,
                headers,
                pieces,
                (max_file, takes_static, url),
                entry.as_ref(),
            )),
        ),
    };
    let outcome = tokio::time::timeout(limit, work)
        .await
        .unwrap_or(Err(BodyError::Stalled));
    let bytes = counter.load(Ordering::Relaxed);
    match outcome {
        Ok((payload, files)) => ReceivedBody {
            payload,
            files,
            bytes,
        },
        Err(error) => ReceivedBody {
            payload: Payload::Invalid(error),
            files: Vec::new(),
            bytes,
        },
    }
}

type Outcome = Result<(Payload, Vec<Arc<StoredFile>>), BodyError>;

/// Reads to the end, so that the client can read the response: closing a connection with unread
/// bytes resets it.
async fn discard(mut pieces: BodyPieces) -> Outcome {
    while let Some(piece) = pieces.next().await {
        piece?;
    }
    Ok((Payload::None, Vec::new()))
}

async fn json(mut pieces: BodyPieces) -> Outcome {
    let mut bytes = BytesMut::new();
    let mut is_too_large = false;
    while let Some(piece) = pieces.next().await {
        let piece = piece?;
        is_too_large |= (bytes.len() + piece.len()) as u64 > MAX_TEXT;
        if !is_too_large {
            bytes.extend_from_slice(&piece);
        } else if pieces.received() > 64 * MAX_TEXT {
            break;
        }
    }
    if is_too_large {
        return Err(BodyError::TooLarge { limit: MAX_TEXT });
    }
    Ok((Payload::Json(bytes.freeze()), Vec::new()))
}

async fn form(
    runtime: &Runtime,
    headers: &HeaderMap,
    pieces: BodyPieces,
    (max_file, takes_static, url): (Option<u64>, bool, &str),
    entry: Option<&UploadGuard>,
) -> Outcome {
    let content_type = headers
        .get(header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok());
    let boundary = multer::parse_boundary(content_type.unwrap_or_default())
        .map_err(|error| BodyError::Malformed(error.to_string()))?;
    let buffered = Arc::new(AtomicU64::new(0));
    let pieces = PacedBody {
        pieces,
        buffered: Arc::clone(&buffered),
        has_yielded: false,
    };
    let mut form = multer::Multipart::new(pieces, boundary);
    let (mut fields, mut uploads, mut files) = (Vec::new(), Vec::new(), Vec::new());
    let mut text_bytes = 0;
    while let Some(mut part) = form.next_field().await.map_err(form_error)? {
        buffered.store(0, Ordering::Relaxed);
        if fields.len() == MAX_PARTS {
            return Err(BodyError::Malformed(format!(
                "it has more than {MAX_PARTS} parts"
            )));
        }
        let name = part
            .name()
            .map(str::to_owned)
            .ok_or_else(|| BodyError::Malformed("a part of the form has no name".to_owned()))?;
        // Python clients before 1.0 send a URL twice: as a text part and as a file part with the
        // same text.
        let is_url_as_file = name == url && part.file_name().is_some();
        let filename = part.file_name().map(plain_name);
        let Some(filename) = filename.filter(|_| !is_url_as_file) else {
            let mut text = Vec::new();
            while let Some(piece) = part.chunk().await.map_err(form_error)? {
                buffered.store(0, Ordering::Relaxed);
                text_bytes += piece.len() as u64;
                if text_bytes > MAX_TEXT {
                    return Err(BodyError::TooLarge { limit: MAX_TEXT });
                }
                text.extend_from_slice(&piece);
            }
            let text = String::from_utf8(text).map_err(|_| {
                BodyError::Malformed(format!("the part `{name}` is not UTF-8 text"))
            })?;
            let is_duplicate = fields.iter().any(|field: &Field| {
                field.name == name
                    && matches!(&field.value, FieldValue::Text(known) if *known == text)
            });
            if is_url_as_file && is_duplicate {
                continue;
            }
            fields.push(Field::new(name, FieldValue::Text(text)));
            continue;
        };
        if let Some(entry) = entry {
            entry.set_filename(&filename);
        }
        let mut disk = FileWriter::open(runtime, filename, max_file)?;
        while let Some(piece) = part.chunk().await.map_err(form_error)? {
            buffered.store(0, Ordering::Relaxed);
            disk.write(piece).await;
        }
        let file = disk.finish().await?;
        let (probe, static_file) = runtime.inspect(&file, takes_static).await;
        uploads.push(Upload {
            field: name.clone(),
            filename: file.filename().to_owned(),
            key: file.key.clone(),
            bytes: file.bytes(),
            probe,
            content: file.content().map(str::to_owned),
            static_file,
        });
        files.push(Arc::clone(&file));
        fields.push(Field::new(name, FieldValue::File(file)));
    }
    Ok((Payload::Form { fields, uploads }, files))
}

/// Recovers our own error, which the form parser wraps in its own.
fn form_error(error: multer::Error) -> BodyError {
    match error {
        multer::Error::StreamReadFailed(inner) => match inner.downcast::<BodyError>() {
            Ok(error) => *error,
            Err(other) => BodyError::Malformed(format!("the connection broke ({other})")),
        },
        other => BodyError::Malformed(format!("it is no complete form: {other}")),
    }
}

/// Writes one file on a blocking thread.
pub(crate) struct FileWriter {
    file: Arc<StoredFile>,
    queue: mpsc::Sender<Bytes>,
    writer: tokio::task::JoinHandle<std::io::Result<()>>,
    limit: Option<u64>,
    received: u64,
}

impl FileWriter {
    pub(crate) fn open(
        runtime: &Runtime,
        filename: String,
        limit: Option<u64>,
    ) -> Result<Self, BodyError> {
        let opened = runtime.media.receive(filename);
        let (file, mut writer) = opened.map_err(|error| BodyError::NotStored(error.to_string()))?;
        let (queue, mut pieces) = mpsc::channel::<Bytes>(WRITE_QUEUE);
        let writer = tokio::task::spawn_blocking(move || {
            while let Some(piece) = pieces.blocking_recv() {
                writer.write_all(&piece)?;
            }
            Ok(())
        });
        Ok(Self {
            file,
            queue,
            writer,
            limit,
            received: 0,
        })
    }

    /// Queues a piece. Bytes beyond the limit are counted but not written.
    pub(crate) async fn write(&mut self, piece: Bytes) {
        self.received += piece.len() as u64;
        if !self.is_too_large() {
            // If the writer has failed, `finish` returns its error.
            _ = self.queue.send(piece).await;
        }
    }

    pub(crate) fn is_too_large(&self) -> bool {
        self.limit.is_some_and(|limit| self.received > limit)
    }

    /// Waits until everything is written.
    pub(crate) async fn finish(self) -> Result<Arc<StoredFile>, BodyError> {
        drop(self.queue);
        let written = match self.writer.await {
            Ok(written) => written.map_err(|error| error.to_string()),
            Err(error) => Err(error.to_string()),
        };
        if let Some(limit) = self.limit
            && self.received > limit
        {
            return Err(BodyError::FileTooLarge {
                limit,
                received: self.received,
            });
        }
        written.map_err(BodyError::NotStored)?;
        self.file.written(self.received);
        Ok(self.file)
    }
}

/// A body stream that counts its bytes and limits the gap between two pieces.
struct BodyPieces {
    body: BodyDataStream,
    counter: Arc<AtomicU64>,
    idle: Duration,
    timer: Option<Pin<Box<tokio::time::Sleep>>>,
}

impl BodyPieces {
    fn received(&self) -> u64 {
        self.counter.load(Ordering::Relaxed)
    }
}

impl Stream for BodyPieces {
    type Item = Result<Bytes, BodyError>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = &mut *self;
        match this.body.poll_next_unpin(cx) {
            Poll::Ready(Some(Ok(piece))) => {
                this.timer = None;
                this.counter
                    .fetch_add(piece.len() as u64, Ordering::Relaxed);
                Poll::Ready(Some(Ok(piece)))
            }
            Poll::Ready(Some(Err(error))) => Poll::Ready(Some(Err(BodyError::Malformed(format!(
                "the connection broke ({error})"
            ))))),
            Poll::Ready(None) => Poll::Ready(None),
            Poll::Pending => {
                let timer = this
                    .timer
                    .get_or_insert_with(|| Box::pin(tokio::time::sleep(this.idle)));
                match timer.as_mut().poll(cx) {
                    Poll::Ready(()) => Poll::Ready(Some(Err(BodyError::Stalled))),
                    Poll::Pending => Poll::Pending,
                }
            }
        }
    }
}

/// Passes one piece at a time to the form parser, which would otherwise buffer everything available
/// before it yields.
struct PacedBody {
    pieces: BodyPieces,
    /// Bytes passed to the parser since it last yielded.
    buffered: Arc<AtomicU64>,
    has_yielded: bool,
}

impl Stream for PacedBody {
    type Item = Result<Bytes, BodyError>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if std::mem::take(&mut self.has_yielded) {
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        let polled = self.pieces.poll_next_unpin(cx);
        if let Poll::Ready(Some(Ok(piece))) = &polled {
            self.has_yielded = true;
            let before = self
                .buffered
                .fetch_add(piece.len() as u64, Ordering::Relaxed);
            if before > MAX_BUFFERED {
                let detail = format!(
                    "more than {MAX_BUFFERED} bytes came without a part, or as the head of one"
                );
                return Poll::Ready(Some(Err(BodyError::Malformed(detail))));
            }
        }
        polled
    }
}
