//! One checkpoint while its upload runs: each record goes to the disk before the upload goes on. What stands in the file lives
//! in `format.rs`.

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

/// How long a record is retried when no file descriptor is free. The flow waits for it, and so may others on its thread.
const RETRY_LIMIT: Duration = Duration::from_secs(5);

/// Told why the state is not on the disk; the upload goes on.
type Trouble = Box<dyn Fn(String) + Send + Sync>;

/// Keeps the state of one upload.
pub(crate) struct CheckpointWriter {
    path: PathBuf,
    inner: Mutex<Inner>,
    trouble: Trouble,
    /// To the thread that brings single lines through the system to the medium. It ends when this is dropped.
    medium: Mutex<Option<SyncSender<Arc<File>>>>,
    /// Held until the upload ends, however it ends.
    _lock: Lock,
}

struct Inner {
    state: State,
    /// The file as it is now; lines are added to it.
    out: Option<Arc<File>>,
    is_removed: bool,
    is_failing: bool,
}

impl CheckpointWriter {
    /// Keeps `state` at `path` from the first record on.
    pub(super) fn new(path: PathBuf, state: State, lock: Lock, trouble: Trouble) -> Self {
        Self {
            path,
            inner: Mutex::new(Inner {
                state,
                out: None,
                is_removed: false,
                is_failing: false,
            }),
            trouble,
            medium: Mutex::default(),
            _lock: lock,
        }
    }

    /// The ledger that a flow tells.
    pub(crate) fn journal(self: &Arc<Self>) -> UploadJournal {
        let keeper = Arc::clone(self);
        UploadJournal::new(move |record| keeper.record(record))
    }

    /// The state as it is now.
    pub(crate) fn state(&self) -> State {
        self.lock().state.clone()
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes down `record`.
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
            // Reports say nothing new, and what follows an upload says it again, with the asset. The less is written between
            // the chunks, the fewer of them wait here to be written down.
            (Record::Complete | Record::Reported(_), _) => Ok(()),
            // Nothing is left to be taken up.
            (Record::NotCreated, _) if inner.state.record == IngestRecord::default() => {
                inner.out = None;
                remove(&self.path);
                Ok(())
            }
            // A line is safe from the end of this process as soon as it is written, and is on the medium soon after.
            (
                Record::Sent(..) | Record::Forgotten(_) | Record::Indexing(_) | Record::NotIndexed,
                Some(out),
            ) => {
                let written = (&*out).write_all(format::to_line(record).as_bytes());
                if written.is_ok() {
                    self.to_medium(&out);
                } else {
                    // The file may end in half a line: the next record writes it anew.
                    inner.out = None;
                }
                written
            }
            _ => replace(&self.path, inner.state.to_line().as_bytes())
                .map(|file| inner.out = Some(Arc::new(file))),
        };
        // What follows an upload is a wait for the platform: it keeps no file open and no thread.
        if inner.state.record.asset_id.is_some() {
            inner.out = None;
            *self.medium() = None;
        }
        let was_failing = std::mem::replace(&mut inner.is_failing, written.is_err());
        drop(inner);
        if let Err(error) = written
            && !was_failing
        {
            (self.trouble)(format!(
                "the checkpoint {} cannot be written ({error})",
                self.path.display()
            ));
        }
    }

    fn medium(&self) -> MutexGuard<'_, Option<SyncSender<Arc<File>>>> {
        self.medium.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Has the system write what it holds of `file`. Whoever writes lines does not wait for the medium.
    fn to_medium(&self, file: &Arc<File>) {
        let mut medium = self.medium();
        if medium.is_none() {
            // One in the queue is enough: when it is done, everything that was written before is done.
            let (sender, receiver) = sync_channel::<Arc<File>>(1);
            *medium = std::thread::Builder::new()
                .name("tl-checkpoint".to_owned())
                .spawn(move || {
                    for file in receiver {
                        // The next whole writing of the file tells of a broken medium.
                        let _ = file.sync_data();
                    }
                })
                .ok()
                .map(|_| sender);
        }
        if let Some(sender) = &*medium
            && !matches!(
                sender.try_send(Arc::clone(file)),
                Err(TrySendError::Disconnected(_))
            )
        {
            return;
        }
        let _ = file.sync_data();
    }

    /// Ends it: nothing is left to be taken up.
    pub(crate) fn remove(&self) {
        let mut inner = self.lock();
        inner.is_removed = true;
        inner.out = None;
        drop(inner);
        remove(&self.path);
    }

    /// Forgets what was made of the asset in the index, so that a later run makes it again.
    pub(crate) fn forget_indexed(&self) {
        let mut inner = self.lock();
        if inner.state.record.indexed_asset_id.take().is_none() || inner.is_removed {
            return;
        }
        // Where it cannot be written, the later run finds out by itself.
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

/// Removes the file at `path` and what its writing may have left.
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

/// Puts `bytes` in the place of the file at `path`: after a power cut, the old or the new ones are there, whole.
fn replace(path: &Path, bytes: &[u8]) -> io::Result<File> {
    let temporary = temporary(path);
    // Whatever an earlier process or somebody else left there, a pipe or a link included, is not written to.
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
