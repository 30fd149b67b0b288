//! The storage behind presigned URLs. Writes each chunk at its offset in the file of the upload
//! while it arrives.
//!
//! [`crate::platform`] decides which requests are allowed.

use std::{
    collections::HashMap,
    fs::OpenOptions,
    io::{self, Seek, SeekFrom, Write},
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
    time::Instant,
};

use axum::{
    Extension,
    body::BodyDataStream,
    extract::{Request, State},
    response::Response,
};
use bytes::Bytes;
use futures_util::StreamExt;
use md5::{Digest, Md5};
use tokio::sync::mpsc;

use super::{
    JournalChunk, JournalEntry, Runtime, connection::FaultInjector, expects_continue,
    media_store::StoredFile, request_body, send_reply,
};
use crate::platform::{
    BodyRule, NotStored, ObjectReply, Operation, Put, PutDecision, format_timestamp,
};

/// Maximum number of pieces of a chunk that wait for the disk.
const WRITE_QUEUE: usize = 4;

/// The current writer of each chunk: the most recent request. An older request, whose client has
/// given up, must not overwrite it.
#[derive(Debug, Default)]
pub(crate) struct Leases(Mutex<Holders>);

#[derive(Debug, Default)]
struct Holders {
    last: u64,
    by_chunk: HashMap<(String, u32), Arc<Mutex<u64>>>,
}

/// The right to write a chunk, until another request takes it.
#[derive(Debug)]
struct Lease {
    holder: Arc<Mutex<u64>>,
    number: u64,
}

impl Leases {
    fn take(&self, put: &Put) -> Lease {
        let mut holders = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // A lease without other owners has ended.
        holders
            .by_chunk
            .retain(|_, holder| Arc::strong_count(holder) > 1);
        holders.last += 1;
        let number = holders.last;
        let key = (put.upload_id.clone(), put.chunk);
        let holder = Arc::clone(holders.by_chunk.entry(key).or_default());
        drop(holders);
        *holder.lock().unwrap_or_else(PoisonError::into_inner) = number;
        Lease { holder, number }
    }
}

impl Lease {
    /// Runs `work` while the lease is held. Returns `None` if another request holds it.
    fn hold<T>(&self, work: impl FnOnce() -> T) -> Option<T> {
        let holder = self.holder.lock().unwrap_or_else(PoisonError::into_inner);
        (*holder == self.number).then(work)
    }
}

/// Handles a request to the storage.
pub(super) async fn object(
    State(runtime): State<Arc<Runtime>>,
    Extension(injector): Extension<FaultInjector>,
    request: Request,
) -> Response {
    let started = Instant::now();
    let (head, body) = request.into_parts();
    let mut entry = JournalEntry::new(&head);
    // The query of a presigned URL is a credential.
    entry.query = None;
    entry.operation = Some(Operation::STORAGE_PUT.to_string());
    let admitted = {
        let mut platform = runtime.platform();
        let admitted = platform.begin_put(runtime.clock.now(), &head);
        let written = runtime.persist(&mut platform);
        match (admitted, written) {
            // Hold the lock so that no other request for the chunk can intervene.
            (PutDecision::Take(put), Ok(())) => Ok((runtime.leases.take(&put), put)),
            (PutDecision::Take(put), Err(detail)) => Err(Box::new(
                platform.finish_put(*put, Err(NotStored::Failed(detail))),
            )),
            (PutDecision::Answer(reply), _) => Err(reply),
        }
    };
    let reply = match admitted {
        Err(reply) => {
            if !expects_continue(&head) {
                let read = request_body::read(&runtime, BodyRule::None, &head.headers, body).await;
                entry.bytes_received = read.bytes;
            }
            entry.chunk = chunk_of_path(head.uri.path(), entry.bytes_received);
            *reply
        }
        Ok((lease, put)) => {
            entry.chunk = Some(JournalChunk {
                upload_id: put.upload_id.clone(),
                chunk_index: put.chunk,
                bytes: 0,
                accepted: false,
                refusal: None,
            });
            let storing = store_chunk(Arc::clone(&runtime), *put, lease, body.into_data_stream());
            // Run in a separate task: a client that disconnects must not leave the chunk half
            // recorded.
            match tokio::spawn(storing).await {
                Ok((reply, bytes)) => {
                    entry.bytes_received = bytes;
                    reply
                }
                Err(_) => ObjectReply::default(),
            }
        }
    };
    if let Some(chunk) = &mut entry.chunk {
        chunk.bytes = entry.bytes_received;
        chunk.accepted = reply.is_stored;
        chunk.refusal = reply.refusal.as_ref().map(|(_, message)| message.clone());
    }
    entry.media_stored = reply.is_stored;
    entry.status = reply.response.status().as_u16();
    entry.code = reply.refusal.as_ref().map(|(code, _)| (*code).to_owned());
    entry.at = format_timestamp(runtime.clock.now());
    entry.took_ms = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
    entry.faults.clone_from(&reply.faults);
    let close = reply
        .refusal
        .as_ref()
        .is_some_and(|(code, _)| matches!(*code, "RequestTimeout" | "IncompleteBody"));
    runtime.record(entry);
    send_reply(
        (reply.response, None, reply.delivery),
        close,
        &runtime,
        &injector,
    )
    .await
}

/// The chunk of a refused request, according to its path.
fn chunk_of_path(path: &str, bytes: u64) -> Option<JournalChunk> {
    let mut parts = path.rsplit('/');
    let chunk_index = parts.next()?.parse().ok()?;
    Some(JournalChunk {
        upload_id: parts.next()?.chars().take(60).collect(),
        chunk_index,
        bytes,
        accepted: false,
        refusal: None,
    })
}

/// Stores the bytes of a chunk and returns the reply and the number of bytes received.
async fn store_chunk(
    runtime: Arc<Runtime>,
    put: Put,
    lease: Lease,
    body: BodyDataStream,
) -> (ObjectReply, u64) {
    let mut bytes = 0;
    let lease = Arc::new(lease);
    let received = receive(&runtime, &put, &lease, body, &mut bytes).await;
    let received = match received {
        Ok(received) => move_into_place(&runtime, &put, &lease, received).await,
        Err(not_stored) => Err(not_stored),
    };
    let mut platform = runtime.platform();
    let ended = lease.hold(|| ());
    let stored = match (received, ended) {
        (Ok(_), None) => Err(NotStored::Superseded),
        (received, _) => received,
    };
    let reply = platform.finish_put(put, stored);
    match runtime.persist(&mut platform) {
        Ok(()) => (reply, bytes),
        Err(detail) => (reply.not_persisted(&detail), bytes),
    }
}

/// A chunk that was received completely.
struct Received {
    md5: [u8; 16],
    /// The temporary file, if the chunk is not in its final place yet.
    staged: Option<Arc<StoredFile>>,
}

/// Writes the pieces while they arrive: directly to the final place if nothing is stored there yet,
/// otherwise to a temporary file.
async fn receive(
    runtime: &Arc<Runtime>,
    put: &Put,
    lease: &Arc<Lease>,
    mut body: BodyDataStream,
    bytes: &mut u64,
) -> Result<Received, NotStored> {
    let staged = match put.stored {
        None => None,
        Some(_) => {
            let opened = runtime.media.receive(String::new());
            let (file, _) = opened.map_err(|error| NotStored::Failed(error.to_string()))?;
            Some(file)
        }
    };
    let (path, offset) = match &staged {
        None => (runtime.media.path_of(&put.file), put.offset),
        Some(file) => (file.path().to_owned(), 0),
    };
    let (queue, pieces) = mpsc::channel::<Bytes>(WRITE_QUEUE);
    let writer = {
        let lease = Arc::clone(lease);
        tokio::task::spawn_blocking(move || write(&path, offset, &lease, pieces))
    };
    let idle = runtime.settings.time_limits.idle;
    let ended = loop {
        match tokio::time::timeout(idle, body.next()).await {
            Err(_) => break Err(NotStored::Stalled),
            Ok(None) if *bytes < put.bytes => break Err(NotStored::Cut),
            Ok(None) => break Ok(()),
            Ok(Some(Err(_))) => break Err(NotStored::Cut),
            Ok(Some(Ok(piece))) => {
                *bytes += piece.len() as u64;
                // If the writer failed or was overtaken, its result is checked below.
                _ = queue.send(piece).await;
            }
        }
    };
    drop(queue);
    let written = match writer.await {
        Ok(written) => written,
        Err(error) => Err(io::Error::other(error)),
    };
    ended?;
    match written {
        Err(error) => Err(NotStored::Failed(error.to_string())),
        Ok(None) => Err(NotStored::Superseded),
        Ok(Some(md5)) if !put.md5_matches(&md5) => Err(NotStored::BadDigest),
        Ok(Some(md5)) => Ok(Received { md5, staged }),
    }
}

/// Writes from `offset` on and returns the MD5 of the data. Returns `None` if another request took
/// over the chunk.
fn write(
    path: &Path,
    offset: u64,
    lease: &Lease,
    mut pieces: mpsc::Receiver<Bytes>,
) -> io::Result<Option<[u8; 16]>> {
    let mut file = OpenOptions::new()
        .create(true)
        .truncate(false)
        .write(true)
        .open(path)?;
    file.seek(SeekFrom::Start(offset))?;
    let mut md5 = Md5::new();
    while let Some(piece) = pieces.blocking_recv() {
        md5.update(&piece);
        match lease.hold(|| file.write_all(&piece)) {
            Some(written) => written?,
            None => return Ok(None),
        }
    }
    Ok(Some(md5.finalize().into()))
}

/// Copies a chunk from its temporary file to the final place, unless the same bytes are already
/// there.
async fn move_into_place(
    runtime: &Arc<Runtime>,
    put: &Put,
    lease: &Arc<Lease>,
    received: Received,
) -> Result<[u8; 16], NotStored> {
    let Some(staged) = received.staged else {
        return Ok(received.md5);
    };
    let hex: String = received
        .md5
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    if put.stored.as_ref() == Some(&hex) {
        return Ok(received.md5);
    }
    {
        // A chunk that is half replaced when the emulator is killed must not count as stored.
        let mut platform = runtime.platform();
        if !platform.begin_overwrite(put) {
            return Err(NotStored::Superseded);
        }
        let written = runtime.persist(&mut platform);
        written.map_err(NotStored::Failed)?;
    }
    let (to, offset) = (runtime.media.path_of(&put.file), put.offset);
    let lease = Arc::clone(lease);
    let from = staged.path().to_owned();
    let copied = tokio::task::spawn_blocking(move || lease.hold(|| copy(&from, &to, offset)));
    let copied = match copied.await {
        Ok(Some(copied)) => copied,
        Ok(None) => return Err(NotStored::Superseded),
        Err(error) => Err(io::Error::other(error)),
    };
    copied.map_err(|error| NotStored::Failed(error.to_string()))?;
    Ok(received.md5)
}

fn copy(from: &PathBuf, to: &PathBuf, offset: u64) -> io::Result<()> {
    let mut from = std::fs::File::open(from)?;
    let mut to = OpenOptions::new().write(true).open(to)?;
    to.seek(SeekFrom::Start(offset))?;
    io::copy(&mut from, &mut to)?;
    to.flush()
}
