//! The storage behind presigned URLs: chunks onto the disk, each at its place in the file of its upload, while they come.
//! Who may bring which bytes is decided in [`crate::platform`].

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
    JournalChunk, JournalEntry, Shell, expects_continue, intake, send_reply, vault::StoredFile,
    wire::FaultInjector,
};
use crate::platform::{BodyRule, NotStored, ObjectReply, Operation, Put, PutBegin, printed};

/// How many pieces of a chunk may wait for the disk.
const PIECES_IN_FLIGHT: usize = 4;

/// Who writes which chunk: the newest request for it. An older one whose client has given up must not write over it.
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
        // A lease that nobody else knows of has ended.
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
    /// Does `work` while the right is held; `None` where another request has it.
    fn hold<T>(&self, work: impl FnOnce() -> T) -> Option<T> {
        let holder = self.holder.lock().unwrap_or_else(PoisonError::into_inner);
        (*holder == self.number).then(work)
    }
}

/// Answers a request to the storage.
pub(super) async fn object(
    State(shell): State<Arc<Shell>>,
    Extension(knife): Extension<FaultInjector>,
    request: Request,
) -> Response {
    let started = Instant::now();
    let (head, body) = request.into_parts();
    let mut entry = JournalEntry::of(&head);
    // The query is the permission.
    entry.query = None;
    entry.operation = Some(Operation::STORAGE_PUT.to_string());
    let begun = {
        let mut platform = shell.platform();
        let begun = platform.put_begins(shell.clock.now(), &head);
        let written = shell.write_down(&mut platform);
        match (begun, written) {
            // Under the lock, so that no other request for the chunk comes between.
            (PutBegin::Take(put), Ok(())) => Ok((shell.leases.take(&put), put)),
            (PutBegin::Take(put), Err(detail)) => Err(Box::new(
                platform.put_ends(*put, Err(NotStored::Failed(detail))),
            )),
            (PutBegin::Answer(reply), _) => Err(reply),
        }
    };
    let reply = match begun {
        Err(reply) => {
            if !expects_continue(&head) {
                let taken = intake::take(&shell, BodyRule::None, &head.headers, body).await;
                entry.bytes_received = taken.bytes;
            }
            entry.chunk = named(head.uri.path(), entry.bytes_received);
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
            let taking = take(Arc::clone(&shell), *put, lease, body.into_data_stream());
            // A client that goes away must not leave the chunk half noted.
            match tokio::spawn(taking).await {
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
    entry.at = printed(shell.clock.now());
    entry.took_ms = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
    entry.faults.clone_from(&reply.faults);
    let closes = reply
        .refusal
        .as_ref()
        .is_some_and(|(code, _)| matches!(*code, "RequestTimeout" | "IncompleteBody"));
    shell.note(entry);
    send_reply(reply.response, reply.delivery, closes, &shell, &knife).await
}

/// The chunk that a refused request was about, as far as its path says.
fn named(path: &str, bytes: u64) -> Option<JournalChunk> {
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

/// Takes the bytes of a chunk in, and gives the answer and their number.
async fn take(
    shell: Arc<Shell>,
    put: Put,
    lease: Lease,
    body: BodyDataStream,
) -> (ObjectReply, u64) {
    let mut bytes = 0;
    let lease = Arc::new(lease);
    let received = receive(&shell, &put, &lease, body, &mut bytes).await;
    let received = match received {
        Ok(received) => place(&shell, &put, &lease, received).await,
        Err(not_stored) => Err(not_stored),
    };
    let mut platform = shell.platform();
    let ended = lease.hold(|| ());
    let stored = match (received, ended) {
        (Ok(_), None) => Err(NotStored::Overtaken),
        (received, _) => received,
    };
    let reply = platform.put_ends(put, stored);
    match shell.write_down(&mut platform) {
        Ok(()) => (reply, bytes),
        Err(detail) => (reply.not_written_down(&detail), bytes),
    }
}

/// Bytes that came in whole.
struct Received {
    md5: [u8; 16],
    /// Where they are, if not in their place.
    aside: Option<Arc<StoredFile>>,
}

/// Writes the pieces while they come: in their place where nothing is stored yet, and aside where something is.
async fn receive(
    shell: &Arc<Shell>,
    put: &Put,
    lease: &Arc<Lease>,
    mut body: BodyDataStream,
    bytes: &mut u64,
) -> Result<Received, NotStored> {
    let aside = match put.stored {
        None => None,
        Some(_) => {
            let opened = shell.vault.receive(String::new());
            let (file, _) = opened.map_err(|error| NotStored::Failed(error.to_string()))?;
            Some(file)
        }
    };
    let (path, offset) = match &aside {
        None => (shell.vault.path_of(&put.file), put.offset),
        Some(file) => (file.path().to_owned(), 0),
    };
    let (queue, pieces) = mpsc::channel::<Bytes>(PIECES_IN_FLIGHT);
    let writer = {
        let lease = Arc::clone(lease);
        tokio::task::spawn_blocking(move || write(&path, offset, &lease, pieces))
    };
    let idle = shell.settings.time_limits.idle;
    let ended = loop {
        match tokio::time::timeout(idle, body.next()).await {
            Err(_) => break Err(NotStored::Stalled),
            Ok(None) if *bytes < put.bytes => break Err(NotStored::Cut),
            Ok(None) => break Ok(()),
            Ok(Some(Err(_))) => break Err(NotStored::Cut),
            Ok(Some(Ok(piece))) => {
                *bytes += piece.len() as u64;
                // A writer that is gone has failed or was overtaken: what it says comes below.
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
        Ok(None) => Err(NotStored::Overtaken),
        Ok(Some(md5)) if !put.is_meant(&md5) => Err(NotStored::BadDigest),
        Ok(Some(md5)) => Ok(Received { md5, aside }),
    }
}

/// Writes from `offset` on, and gives the MD5 of it all; `None` where another request took the chunk over.
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

/// Brings bytes that were written aside into their place, unless the same ones are there.
async fn place(
    shell: &Arc<Shell>,
    put: &Put,
    lease: &Arc<Lease>,
    received: Received,
) -> Result<[u8; 16], NotStored> {
    let Some(aside) = received.aside else {
        return Ok(received.md5);
    };
    let digits: String = received
        .md5
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    if put.stored.as_ref() == Some(&digits) {
        return Ok(received.md5);
    }
    {
        // What is half replaced when the emulator ends must not count as stored.
        let mut platform = shell.platform();
        if !platform.put_replaces(put) {
            return Err(NotStored::Overtaken);
        }
        let written = shell.write_down(&mut platform);
        written.map_err(NotStored::Failed)?;
    }
    let (to, offset) = (shell.vault.path_of(&put.file), put.offset);
    let lease = Arc::clone(lease);
    let from = aside.path().to_owned();
    let copied = tokio::task::spawn_blocking(move || lease.hold(|| copy(&from, &to, offset)));
    let copied = match copied.await {
        Ok(Some(copied)) => copied,
        Ok(None) => return Err(NotStored::Overtaken),
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
