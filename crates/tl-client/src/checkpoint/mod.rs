//! Checkpoints on disk, to resume an upload in another process: one file per source and
//! destination. The module `ingest` uses them.
//!
//! ```text
//! open ──► lock ──► no checkpoint ──────────────► start
//!       │    │  └──► same source ───────────────► resume: session, chunks, asset, indexed asset
//!       │    │  └──► possibly modified ─────────► resume if the sent chunks still match, else error
//!       │    │  └──► different content, damaged, or another version: error; the file is kept
//!       │    └──► held by another upload: error
//!       └──► folder not writable: reported as an event, and no checkpoint is written
//! ```

mod compare;
mod default_folder;
mod fingerprint;
mod format;
mod lock;
mod regular_file;
mod writer;

use std::{
    fs, io,
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use sha2::{Digest, Sha256};
use tl_model::{AssetId, IndexId, IndexedAssetId, UploadId};
use tl_protocol::{Source, flow::upload::IngestRecord};

pub use default_folder::default_folder;

use tl_validate::descriptors::{RETRY_LIMIT, retry_open};

use crate::{Error, ErrorKind};
use compare::ChunkMatch;
use fingerprint::Comparison;
pub(crate) use fingerprint::Fingerprint;
pub use fingerprint::{SAMPLED_WHOLE, sampled_sha256};
pub(crate) use format::State;
use lock::Lock;
pub(crate) use writer::CheckpointWriter;

/// How long the platform keeps a session (API reference, "Create a multipart upload session": 24
/// hours).
const SESSION_LIFE: Duration = Duration::from_secs(24 * 3600);

/// A folder of checkpoints.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checkpoints {
    folder: PathBuf,
}

/// An entry of [`Checkpoints::list`].
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Checkpoint {
    /// Identifies the checkpoint in its folder.
    pub id: String,
    /// Path of the checkpoint.
    pub path: PathBuf,
    /// Whether a running upload uses it.
    pub in_use: bool,
    /// Its content, or why it cannot be used.
    pub upload: Result<CheckpointInfo, String>,
}

/// Content of a checkpoint.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct CheckpointInfo {
    /// Path of the file, or name of another source.
    pub source: PathBuf,
    /// Base URL of the API.
    pub base_url: String,
    /// Target index; `None` if the asset is not indexed.
    pub index_id: Option<IndexId>,
    /// Size of the source, in bytes.
    pub total_bytes: u64,
    /// Bytes already uploaded.
    pub sent_bytes: u64,
    /// Total number of chunks; 0 if the source is sent in one request.
    pub total_chunks: u32,
    /// Number of uploaded chunks.
    pub sent_chunks: u32,
    /// The upload session, if the source is sent in chunks.
    pub upload_id: Option<UploadId>,
    /// When the session was opened.
    pub began: SystemTime,
    /// When the platform discards the session: 24 hours after it was opened.
    pub expires: Option<SystemTime>,
    /// The asset, once the upload is complete.
    pub asset_id: Option<AssetId>,
    /// The indexed asset.
    pub indexed_asset_id: Option<IndexedAssetId>,
}

/// A source and its destination.
#[derive(Debug)]
pub(crate) struct Origin<'a> {
    pub(crate) base_url: &'a str,
    pub(crate) source: PathBuf,
    pub(crate) content: &'a dyn Source,
    pub(crate) fingerprint: Fingerprint,
    pub(crate) index_id: Option<&'a IndexId>,
}

/// A locked checkpoint that can be written, and the content found in it.
#[derive(Debug)]
pub(crate) struct Opened {
    pub(crate) writer: Arc<CheckpointWriter>,
    pub(crate) found: Option<Found>,
}

/// Progress of an earlier process.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Found {
    pub(crate) record: IngestRecord,
    /// The source may have been modified, and the sent chunks were found to match.
    pub(crate) is_compared: bool,
    /// Another upload of this folder has a source of the same name and size, so their assets cannot
    /// be told apart.
    pub(crate) has_namesake: bool,
}

impl Checkpoints {
    /// Uses the checkpoints in `folder`. The folder is created at the first write.
    pub fn in_folder(folder: impl Into<PathBuf>) -> Self {
        Self {
            folder: folder.into(),
        }
    }

    /// Uses the checkpoints in [`default_folder`].
    ///
    /// # Errors
    /// [`ErrorKind::Checkpoint`] if the environment does not define that folder.
    pub fn standard() -> Result<Self, Error> {
        default_folder().map(Self::in_folder).ok_or_else(|| {
            Error::new(
                ErrorKind::Checkpoint,
                "no checkpoint directory: set XDG_STATE_HOME or HOME to an absolute path, or pass a directory",
            )
        })
    }

    /// The folder.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Lists all checkpoints, sorted by id. A missing folder is an empty list.
    ///
    /// # Errors
    /// [`ErrorKind::Checkpoint`] if the folder cannot be read. A checkpoint that cannot be used is
    /// listed with the reason.
    pub fn list(&self) -> Result<Vec<Checkpoint>, Error> {
        let mut list: Vec<Checkpoint> = self.paths()?.into_iter().map(entry).collect();
        list.sort_by(|a, b| a.id.cmp(&b.id));
        Ok(list)
    }

    /// Paths of all checkpoints.
    fn paths(&self) -> Result<Vec<PathBuf>, Error> {
        let unreadable = |error: io::Error| {
            Error::new(
                ErrorKind::Checkpoint,
                format!(
                    "failed to read the checkpoint directory {}",
                    self.folder.display()
                ),
            )
            .with_source(error)
        };
        let entries = match fs::read_dir(&self.folder) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            entries => entries.map_err(unreadable)?,
        };
        let mut paths = Vec::new();
        for entry in entries {
            let path = entry.map_err(unreadable)?.path();
            if path
                .extension()
                .is_some_and(|extension| extension == "json")
            {
                paths.push(path);
            }
        }
        Ok(paths)
    }

    /// Removes a checkpoint, so that its upload cannot be resumed. `id` is the id of the checkpoint
    /// or of its session. The platform has no request to end a session; it discards the session
    /// after 24 hours. A checkpoint that cannot be used is renamed in its folder instead of
    /// deleted.
    ///
    /// # Errors
    /// [`ErrorKind::Checkpoint`] if there is none with this id, or if its upload is running.
    pub fn abandon(&self, id: &str) -> Result<Checkpoint, Error> {
        let list = self.list()?;
        let is_meant = |checkpoint: &&Checkpoint| {
            let session = checkpoint
                .upload
                .as_ref()
                .ok()
                .and_then(|upload| upload.upload_id.as_ref());
            checkpoint.id == id || session.is_some_and(|session| session.as_str() == id)
        };
        let Some(checkpoint) = list.iter().find(is_meant) else {
            return Err(Error::new(
                ErrorKind::Checkpoint,
                format!(
                    "there is no checkpoint and no session `{id}` in {}: {} there",
                    self.folder.display(),
                    match list.len() {
                        0 => "none is".to_owned(),
                        1 => "one other is".to_owned(),
                        others => format!("{others} others are"),
                    }
                ),
            ));
        };
        let lock = self.lock(&checkpoint.id)?;
        let Some(_lock) = lock else {
            return Err(busy(&checkpoint.path));
        };
        match &checkpoint.upload {
            Ok(_) => writer::remove(&checkpoint.path),
            Err(_) => set_aside(&checkpoint.path)?,
        }
        Ok(checkpoint.clone())
    }

    fn lock(&self, id: &str) -> Result<Option<Lock>, Error> {
        let path = self.folder.join(format!("{id}.lock"));
        Lock::take(&path).map_err(|error| {
            Error::new(
                ErrorKind::Checkpoint,
                format!("failed to lock {}", path.display()),
            )
            .with_source(error)
        })
    }

    /// Opens the checkpoint of `origin`. With `restart`, ignores the progress of an earlier
    /// process. Returns `None` if the folder is not writable, and calls `on_failure` with the
    /// reason.
    ///
    /// # Errors
    /// [`ErrorKind::Checkpoint`] if another process runs the upload, or if the file cannot be read
    /// or locked. [`ErrorKind::SourceChanged`] if the source differs from the one that the upload
    /// started with. The file is kept.
    pub(crate) fn open(
        &self,
        origin: &Origin<'_>,
        restart: bool,
        on_failure: impl Fn(String) + Send + Sync + 'static,
    ) -> Result<Option<Opened>, Error> {
        let id = origin.id();
        let path = self.folder.join(format!("{id}.json"));
        if let Err(error) = make_folder(&self.folder) {
            on_failure(format!(
                "failed to create the checkpoint directory {} ({error})",
                self.folder.display()
            ));
            return Ok(None);
        }
        let lock = match self.lock(&id) {
            Ok(Some(lock)) => lock,
            Ok(None) => return Err(busy(&origin.source)),
            // An existing checkpoint must not be ignored only because the folder is not writable
            // now.
            Err(error) if path.symlink_metadata().is_ok() => return Err(error),
            Err(error) => {
                let cause = std::error::Error::source(&error).map(ToString::to_string);
                on_failure(match cause {
                    Some(cause) => format!("{error} ({cause})"),
                    None => error.to_string(),
                });
                return Ok(None);
            }
        };
        let found = match read(&path) {
            Ok(None) => None,
            Ok(Some(_)) if restart => {
                writer::remove(&path);
                None
            }
            Err(_) if restart => {
                set_aside(&path)?;
                None
            }
            Ok(Some(state)) => Some((origin.compare(&state, &id)?, state)),
            Err(why) => {
                return Err(Error::new(
                    ErrorKind::Checkpoint,
                    format!(
                        "the checkpoint {} of `{}` is unusable: {why}; abandon checkpoint {id} or start over, which renames it",
                        path.display(),
                        origin.source.display()
                    ),
                ));
            }
        };
        let (found, state) = match found {
            Some((is_compared, mut state)) => {
                state.fingerprint = origin.fingerprint.clone();
                let is_in_doubt = state.record.creating.is_some();
                let found = Found {
                    record: state.record.clone(),
                    is_compared,
                    has_namesake: is_in_doubt && self.has_namesake(&path, &state)?,
                };
                (Some(found), state)
            }
            None => (
                None,
                State {
                    base_url: origin.base_url.to_owned(),
                    source: origin.source.to_string_lossy().into_owned(),
                    fingerprint: origin.fingerprint.clone(),
                    index_id: origin.index_id.cloned(),
                    began: writer::now(),
                    record: IngestRecord::default(),
                },
            ),
        };
        Ok(Some(Opened {
            writer: Arc::new(CheckpointWriter::new(
                path,
                state,
                lock,
                Box::new(on_failure),
            )),
            found,
        }))
    }

    /// Whether another upload of this folder sends a source of the same name and size to the same
    /// platform. An unreadable checkpoint counts as one. Locks are not read: that could disturb an
    /// upload that is just starting.
    fn has_namesake(&self, own: &Path, state: &State) -> Result<bool, Error> {
        let is_namesake = |path: &PathBuf| {
            path != own
                && match read(path) {
                    Ok(Some(other)) => {
                        other.base_url == state.base_url
                            && other.fingerprint.size == state.fingerprint.size
                            && Path::new(&other.source).file_name()
                                == Path::new(&state.source).file_name()
                    }
                    Ok(None) => false,
                    Err(_) => true,
                }
        };
        Ok(self.paths()?.iter().any(is_namesake))
    }
}

impl Origin<'_> {
    /// Id of the checkpoint: a hash of source and destination.
    fn id(&self) -> String {
        let mut hasher = Sha256::new();
        let index = self.index_id.map_or("", |id| id.as_str());
        for part in [
            self.base_url.as_bytes(),
            self.source.as_os_str().as_encoded_bytes(),
            index.as_bytes(),
        ] {
            hasher.update((part.len() as u64).to_le_bytes());
            hasher.update(part);
        }
        fingerprint::hex(&hasher.finalize()[..12])
    }

    /// Checks that the upload of `state` can resume with this source. Returns whether the sent
    /// chunks had to be compared.
    fn compare(&self, state: &State, id: &str) -> Result<bool, Error> {
        let changed = |what: &str| {
            Error::new(
                ErrorKind::SourceChanged,
                format!(
                    "`{}` has changed since its upload was started: {what}; abandon checkpoint {id} or start over",
                    self.source.display()
                ),
            )
        };
        let record = &state.record;
        let what = match state.fingerprint.compare(&self.fingerprint) {
            Comparison::Same => return Ok(false),
            Comparison::Content(what) => return Err(changed(&what)),
            // The platform has the complete content, so nothing of the current file is added to it.
            Comparison::Unknown if record.asset_id.is_some() || record.upload.is_none() => {
                return Ok(false);
            }
            Comparison::Unknown => "other bytes are in it".to_owned(),
            Comparison::Status(what) => what,
        };
        let uncertain = |why: &str| changed(&format!("{what}, and {why}"));
        let Some(upload) = &record.upload else {
            return match (&record.asset_id, &record.creating) {
                (None, None) => Ok(false),
                _ => Err(uncertain(
                    "nobody can tell whether its bytes are still those that were sent",
                )),
            };
        };
        let is_whole = (1..=upload.total_chunks).all(|index| upload.sent.contains_key(&index));
        if record.asset_id.is_some() && !is_whole {
            return Err(uncertain(
                "its checkpoint does not name every chunk that was sent",
            ));
        }
        match compare::sent_chunks(self.content, upload) {
            Ok(ChunkMatch::Same) => Ok(true),
            Ok(ChunkMatch::Changed(chunk)) => Err(uncertain(&format!(
                "chunk {chunk} was sent with other bytes"
            ))),
            Ok(ChunkMatch::Unknown(chunk)) => Err(uncertain(&format!(
                "the storage gave no MD5 for chunk {chunk}, by which its bytes could be compared"
            ))),
            Err(error) => Err(Error::new(
                ErrorKind::File,
                format!("`{}` cannot be read", self.source.display()),
            )
            .with_source(error)),
        }
    }
}

fn busy(what: &Path) -> Error {
    Error::new(
        ErrorKind::Checkpoint,
        format!(
            "another process is uploading `{}` to the same destination",
            what.display()
        ),
    )
}

/// Reads the checkpoint at `path`, if it exists.
fn read(path: &Path) -> Result<Option<State>, String> {
    match retry_open(RETRY_LIMIT, || regular_file::read(path)) {
        Ok(bytes) => State::read(&bytes).map(Some).map_err(|why| why.to_string()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(format!("it cannot be read ({error})")),
    }
}

fn entry(path: PathBuf) -> Checkpoint {
    let id = path
        .file_stem()
        .map_or_else(String::new, |stem| stem.to_string_lossy().into_owned());
    let upload = match read(&path) {
        Ok(Some(state)) => Ok(CheckpointInfo::of(&state)),
        Ok(None) => Err("it is gone".to_owned()),
        Err(why) => Err(why),
    };
    Checkpoint {
        in_use: Lock::is_taken(&path.with_extension("lock")),
        id,
        path,
        upload,
    }
}

impl CheckpointInfo {
    fn of(state: &State) -> Self {
        let upload = state.record.upload.as_ref();
        let is_whole = state.record.asset_id.is_some();
        let began = UNIX_EPOCH + Duration::from_secs(state.began);
        let sent = |upload: &tl_protocol::flow::upload::UploadRecord| {
            upload.sent.values().map(|chunk| chunk.chunk_size).sum()
        };
        Self {
            source: state.source.clone().into(),
            base_url: state.base_url.clone(),
            index_id: state.index_id.clone(),
            total_bytes: state.fingerprint.size,
            sent_bytes: match upload {
                _ if is_whole => state.fingerprint.size,
                Some(upload) => sent(upload),
                None => 0,
            },
            total_chunks: upload.map_or(0, |upload| upload.total_chunks),
            sent_chunks: upload.map_or(0, |upload| {
                u32::try_from(upload.sent.len()).unwrap_or(u32::MAX)
            }),
            upload_id: upload.map(|upload| upload.upload_id.clone()),
            began,
            expires: upload.filter(|_| !is_whole).map(|_| began + SESSION_LIFE),
            asset_id: state.record.asset_id.clone(),
            indexed_asset_id: state.record.indexed_asset_id.clone(),
        }
    }
}

/// Renames a checkpoint that cannot be used, so that it is not lost.
fn set_aside(path: &Path) -> Result<(), Error> {
    let aside = path.with_extension(format!("unusable-{}", writer::now()));
    fs::rename(path, &aside).map_err(|error| {
        Error::new(
            ErrorKind::Checkpoint,
            format!("failed to rename {}", path.display()),
        )
        .with_source(error)
    })
}

/// Paths and ids of a user's videos are private.
fn make_folder(folder: &Path) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::DirBuilderExt;
        builder.mode(0o700);
    }
    builder.create(folder)
}

#[cfg(test)]
mod tests;
