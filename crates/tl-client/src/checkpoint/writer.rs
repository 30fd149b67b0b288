//! Writes the checkpoint of a running upload: each record is on disk before the upload continues.
//! The format is in `format.rs`.

use std::{
    fmt,
    fs::{self, File, OpenOptions},
    io::{self, Write},
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        mpsc::{SyncSender, TrySendError, sync_channel},
    },
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use tl_protocol::flow::upload::{IngestRecord, Record, UploadJournal};
use tl_validate::descriptors::retry_open;

use super::{
    format::{self, State},
    lock::Lock,
};

/// How long to retry a write if no file descriptor is available. The flow, and possibly others on
/// its thread, wait meanwhile.
const RETRY_LIMIT: Duration = Duration::from_secs(5);

/// Called with the reason if the state cannot be written. The upload continues.
type OnFailure = Box<dyn Fn(String) + Send + Sync>;

/// Writes the state of one upload.
pub(crate) struct CheckpointWriter {
    path: PathBuf,
    inner: Mutex<Inner>,
    on_failure: OnFailure,
    /// Sends files to the thread that syncs appended lines to the disk. The thread ends when this
    /// is dropped.
    syncer: Mutex<Option<SyncSender<Arc<File>>>>,
    /// Held until the upload ends.
    _lock: Lock,
}

struct Inner {
    state: State,
    /// The current file; lines are appended to it.
    out: Option<Arc<File>>,
    is_removed: bool,
    is_failing: bool,
}

impl CheckpointWriter {
    /// Creates a writer for `path`. The file is created at the first record.
    pub(super) fn new(path: PathBuf, state: State, lock: Lock, on_failure: OnFailure) -> Self {
        Self {
            path,
            inner: Mutex::new(Inner {
                state,
                out: None,
                is_removed: false,
                is_failing: false,
            }),
            on_failure,
            syncer: Mutex::default(),
            _lock: lock,
        }
    }

    /// The journal to pass to an upload flow.
    pub(crate) fn journal(self: &Arc<Self>) -> UploadJournal {
        let writer = Arc::clone(self);
        UploadJournal::new(move |record| writer.record(record))
    }

    /// The current state.
    pub(crate) fn state(&self) -> State {
        self.lock().state.clone()
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Writes `record`.
    pub(super) fn record(&self, record: &Record) {
        let mut inner = self.lock();
        if inner.is_removed {
            return;
        }
        inner.state.apply(record);
        if matches!(record, Record::Session(_)) {
            inner.state.began = now();
        }
        let written = match (record, inner.out.clone()) {
            // Reports contain nothing new, and the record after `Complete` repeats it with the
            // asset. Fewer writes between chunks means less waiting.
            (Record::Complete | Record::Reported(_), _) => Ok(()),
            // Nothing left to resume.
            (Record::NotCreated, _) if inner.state.record == IngestRecord::default() => {
                inner.out = None;
                remove(&self.path);
                Ok(())
            }
            // A written line survives the end of this process at once, and a power failure soon
            // after.
            (
                Record::Sent(..) | Record::Forgotten(_) | Record::Indexing(_) | Record::NotIndexed,
                Some(out),
            ) => {
                let written = (&*out).write_all(format::to_line(record).as_bytes());
                if written.is_ok() {
                    self.sync_later(&out);
                } else {
                    // The file may end with an incomplete line; the next record rewrites it.
                    inner.out = None;
                }
                written
            }
            _ => replace(&self.path, inner.state.to_line().as_bytes())
                .map(|file| inner.out = Some(Arc::new(file))),
        };
        // After the upload the flow only waits for the platform. Keep no file and no thread open.
        if inner.state.record.asset_id.is_some() {
            inner.out = None;
            *self.syncer() = None;
        }
        let was_failing = std::mem::replace(&mut inner.is_failing, written.is_err());
        drop(inner);
        if let Err(error) = written
            && !was_failing
        {
            (self.on_failure)(format!(
                "the checkpoint {} cannot be written ({error})",
                self.path.display()
            ));
        }
    }

    fn syncer(&self) -> MutexGuard<'_, Option<SyncSender<Arc<File>>>> {
        self.syncer.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Syncs `file` to the disk in the background.
    fn sync_later(&self, file: &Arc<File>) {
        let mut syncer = self.syncer();
        if syncer.is_none() {
            // A queue of one is enough: a sync covers everything written before it.
            let (sender, receiver) = sync_channel::<Arc<File>>(1);
            *syncer = std::thread::Builder::new()
                .name("tl-checkpoint".to_owned())
                .spawn(move || {
                    for file in receiver {
                        // If the disk is broken, the next full write reports it.
                        let _ = file.sync_data();
                    }
                })
                .ok()
                .map(|_| sender);
        }
        if let Some(sender) = &*syncer
            && !matches!(
                sender.try_send(Arc::clone(file)),
                Err(TrySendError::Disconnected(_))
            )
        {
            return;
        }
        let _ = file.sync_data();
    }

    /// Removes the checkpoint: there is nothing left to resume.
    pub(crate) fn remove(&self) {
        let mut inner = self.lock();
        inner.is_removed = true;
        inner.out = None;
        drop(inner);
        remove(&self.path);
    }

    /// Removes the indexed asset from the state, so that a later run indexes the asset again.
    pub(crate) fn remove_indexed(&self) {
        let mut inner = self.lock();
        if inner.state.record.indexed_asset_id.take().is_none() || inner.is_removed {
            return;
        }
        // If this write fails, the later run detects the situation itself.
        inner.out = None;
        let _ = replace(&self.path, inner.state.to_line().as_bytes());
    }
}

impl fmt::Debug for CheckpointWriter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CheckpointWriter")
            .field("path", &self.path)
            .finish_non_exhaustive()
    }
}

/// Seconds since 1970.
pub(super) fn now() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_secs())
}

/// Removes the file at `path` and its temporary file.
pub(super) fn remove(path: &Path) {
    let _ = fs::remove_file(path);
    let _ = fs::remove_file(temporary(path));
    if let Some(folder) = path.parent() {
        let _ = sync_folder(folder);
    }
}

fn temporary(path: &Path) -> PathBuf {
    path.with_extension("tmp")
}

/// Atomically replaces the file at `path` with `bytes`: after a power failure, it has the old or
/// the new content.
fn replace(path: &Path, bytes: &[u8]) -> io::Result<File> {
    let temporary = temporary(path);
    // Never write to a file, pipe or link that someone else left there.
    match fs::remove_file(&temporary) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt;
        options.mode(0o600);
    }
    let mut file = retry_open(RETRY_LIMIT, || options.open(&temporary))?;
    file.write_all(bytes)?;
    file.sync_all()?;
    fs::rename(&temporary, path)?;
    if let Some(folder) = path.parent() {
        sync_folder(folder)?;
    }
    Ok(file)
}

#[cfg(unix)]
fn sync_folder(folder: &Path) -> io::Result<()> {
    retry_open(RETRY_LIMIT, || File::open(folder))?.sync_all()
}

#[cfg(not(unix))]
fn sync_folder(_: &Path) -> io::Result<()> {
    Ok(())
}
