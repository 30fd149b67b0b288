//! What a later process needs to take up an upload, on this machine's disk: the folder of checkpoints, one file for each
//! source and place that it goes to. What is done with it lives in `ingest`.
//!
//! ```text
//! open ──► lock ──► nothing there ─────────────► begin anew
//!       │    │  └──► the same source ──────────► take up: session, chunks, asset, indexed asset
//!       │    │  └──► it may have changed ───────► take up, where the chunks that were sent are still in it; else an error
//!       │    │  └──► another content, damaged, or another version: an error; the file stays as it is
//!       │    └──► held by another upload: an error
//!       └──► nothing can be written there: that is told, and no checkpoint is kept
//! ```

mod compare;
mod fingerprint;
mod format;
mod keeper;
mod lock;
mod place;
mod regular;

use std::{
    fs, io,
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use sha2::{Digest, Sha256};
use tl_model::{AssetId, IndexId, IndexedAssetId, UploadId};
use tl_protocol::{Source, flow::upload::IngestRecord};

pub use place::default_folder;

use tl_validate::descriptors::{RETRY_LIMIT, retry_open};

use crate::{Error, ErrorKind};
use compare::Sent;
use fingerprint::Comparison;
pub(crate) use fingerprint::Fingerprint;
pub(crate) use format::State;
pub(crate) use keeper::CheckpointWriter;
use lock::Lock;

/// How long the platform keeps a session (API reference, "Create a multipart upload session": 24 hours).
const SESSION_LIFE: Duration = Duration::from_secs(24 * 3600);

/// A folder of checkpoints.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checkpoints {
    folder: PathBuf,
}

/// A checkpoint as it lies in the folder.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Kept {
    /// Names it in its folder.
    pub id: String,
    /// The file.
    pub path: PathBuf,
    /// Whether an upload is under way that writes it.
    pub in_use: bool,
    /// What it says, or why it cannot be used.
    pub upload: Result<CheckpointInfo, String>,
}

/// What a checkpoint says.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct CheckpointInfo {
    /// The file, or the name of a source that is no file.
    pub source: PathBuf,
    /// The address of the API that it goes to.
    pub base_url: String,
    /// The index that it goes into; `None` where it stays an asset.
    pub index_id: Option<IndexId>,
    /// The size of the source, in bytes.
    pub total_bytes: u64,
    /// The bytes that the storage has.
    pub sent_bytes: u64,
    /// How many chunks there are; 0 where it goes up in one request.
    pub total_chunks: u32,
    /// How many of them the storage has.
    pub sent_chunks: u32,
    /// The session, where it goes up in chunks.
    pub upload_id: Option<UploadId>,
    /// When the session was opened.
    pub began: SystemTime,
    /// When the platform drops the session: 24 hours after it was opened.
    pub expires: Option<SystemTime>,
    /// The asset, as soon as it is there whole.
    pub asset_id: Option<AssetId>,
    /// The asset in the index.
    pub indexed_asset_id: Option<IndexedAssetId>,
}

/// What a source is, and where it goes.
#[derive(Debug)]
pub(crate) struct Origin<'a> {
    pub(crate) base_url: &'a str,
    pub(crate) source: PathBuf,
    pub(crate) content: &'a dyn Source,
    pub(crate) fingerprint: Fingerprint,
    pub(crate) index_id: Option<&'a IndexId>,
}

/// A checkpoint that is ready to be written, and what an earlier process left in it.
#[derive(Debug)]
pub(crate) struct Opened {
    pub(crate) keeper: Arc<CheckpointWriter>,
    pub(crate) found: Option<Found>,
}

/// What an earlier process left.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Found {
    pub(crate) record: IngestRecord,
    /// The source may have been written to since, and the chunks that were sent were found in it.
    pub(crate) is_compared: bool,
    /// Another upload of this folder is of a file of the same name and size: what it makes cannot be told from what this one
    /// makes.
    pub(crate) has_namesake: bool,
}

impl Checkpoints {
    /// The checkpoints in `folder`, which is made when the first one is written.
    pub fn in_folder(folder: impl Into<PathBuf>) -> Self {
        Self {
            folder: folder.into(),
        }
    }

    /// The checkpoints of this user: see [`default_folder`].
    ///
    /// # Errors
    /// [`ErrorKind::Checkpoint`] where the environment names no place for them.
    pub fn standard() -> Result<Self, Error> {
        default_folder().map(Self::in_folder).ok_or_else(|| {
            Error::new(
                ErrorKind::Checkpoint,
                "the environment names no place for checkpoints: set XDG_STATE_HOME or HOME to an absolute path, or name a folder",
            )
        })
    }

    /// The folder.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Every checkpoint, by its name. A folder that is not there holds none.
    ///
    /// # Errors
    /// [`ErrorKind::Checkpoint`] where the folder cannot be read. A file that cannot be used is listed with the reason.
    pub fn list(&self) -> Result<Vec<Kept>, Error> {
        let mut list: Vec<Kept> = self.paths()?.into_iter().map(kept).collect();
        list.sort_by(|a, b| a.id.cmp(&b.id));
        Ok(list)
    }

    /// The files of all checkpoints.
    fn paths(&self) -> Result<Vec<PathBuf>, Error> {
        let unreadable = |error: io::Error| {
            Error::new(
                ErrorKind::Checkpoint,
                format!(
                    "the folder of checkpoints {} cannot be read",
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

    /// Forgets an upload: it cannot be taken up any more. The platform has no request to end a session; it drops it after
    /// 24 hours by itself. `id` names the checkpoint or its session. A checkpoint that cannot be used is set aside in its
    /// folder and not deleted.
    ///
    /// # Errors
    /// [`ErrorKind::Checkpoint`] where there is none, or its upload is under way.
    pub fn abandon(&self, id: &str) -> Result<Kept, Error> {
        let list = self.list()?;
        let is_meant = |kept: &&Kept| {
            let session = kept
                .upload
                .as_ref()
                .ok()
                .and_then(|upload| upload.upload_id.as_ref());
            kept.id == id || session.is_some_and(|session| session.as_str() == id)
        };
        let Some(kept) = list.iter().find(is_meant) else {
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
        let lock = self.lock(&kept.id)?;
        let Some(_lock) = lock else {
            return Err(busy(&kept.path));
        };
        match &kept.upload {
            Ok(_) => keeper::remove(&kept.path),
            Err(_) => set_aside(&kept.path)?,
        }
        Ok(kept.clone())
    }

    fn lock(&self, id: &str) -> Result<Option<Lock>, Error> {
        let path = self.folder.join(format!("{id}.lock"));
        Lock::take(&path).map_err(|error| {
            Error::new(
                ErrorKind::Checkpoint,
                format!("no lock can be taken on {}", path.display()),
            )
            .with_source(error)
        })
    }

    /// Opens the checkpoint of `origin`; with `anew`, without what an earlier process left. `None` where nothing can be kept
    /// in the folder, which `trouble` is told.
    ///
    /// # Errors
    /// [`ErrorKind::Checkpoint`] where the upload is under way elsewhere, or the file cannot be read or locked;
    /// [`ErrorKind::SourceChanged`] where the source is not the one that the upload was begun with. The file stays.
    pub(crate) fn open(
        &self,
        origin: &Origin<'_>,
        anew: bool,
        trouble: impl Fn(String) + Send + Sync + 'static,
    ) -> Result<Option<Opened>, Error> {
        let id = origin.id();
        let path = self.folder.join(format!("{id}.json"));
        if let Err(error) = make_folder(&self.folder) {
            trouble(format!(
                "the folder of checkpoints {} cannot be made ({error})",
                self.folder.display()
            ));
            return Ok(None);
        }
        let lock = match self.lock(&id) {
            Ok(Some(lock)) => lock,
            Ok(None) => return Err(busy(&origin.source)),
            // What an earlier process left must not be passed over because the folder cannot be written to now.
            Err(error) if path.symlink_metadata().is_ok() => return Err(error),
            Err(error) => {
                let cause = std::error::Error::source(&error).map(ToString::to_string);
                trouble(match cause {
                    Some(cause) => format!("{error} ({cause})"),
                    None => error.to_string(),
                });
                return Ok(None);
            }
        };
        let found = match read(&path) {
            Ok(None) => None,
            Ok(Some(_)) if anew => {
                keeper::remove(&path);
                None
            }
            Err(_) if anew => {
                set_aside(&path)?;
                None
            }
            Ok(Some(state)) => Some((origin.compare(&state, &id)?, state)),
            Err(why) => {
                return Err(Error::new(
                    ErrorKind::Checkpoint,
                    format!(
                        "the checkpoint {} of `{}` cannot be used: {why}. It stays as it is; abandon it (checkpoint {id}) or begin anew, which sets it aside",
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
                    began: keeper::now(),
                    record: IngestRecord::default(),
                },
            ),
        };
        Ok(Some(Opened {
            keeper: Arc::new(CheckpointWriter::new(path, state, lock, Box::new(trouble))),
            found,
        }))
    }

    /// Whether another upload of this folder goes to the same platform with a file of the same name and size. One that cannot
    /// be read may. No lock is looked at: even that would be in the way of an upload that is just beginning.
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
    /// The name of its checkpoint: one for each source and place that it goes to.
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

    /// Whether the upload of `state` can go on with this source; whether the chunks that were sent had to be compared with it.
    fn compare(&self, state: &State, id: &str) -> Result<bool, Error> {
        let changed = |what: &str| {
            Error::new(
                ErrorKind::SourceChanged,
                format!(
                    "`{}` has changed since its upload was begun: {what}. The upload of the old content cannot go on with the new one: abandon it (checkpoint {id}), or begin anew",
                    self.source.display()
                ),
            )
        };
        let record = &state.record;
        let what = match state.fingerprint.compare(&self.fingerprint) {
            Comparison::Same => return Ok(false),
            Comparison::Content(what) => return Err(changed(&what)),
            // Where the platform has the whole content of then, nothing of now is added to it.
            Comparison::Unknown if record.asset_id.is_some() || record.upload.is_none() => {
                return Ok(false);
            }
            Comparison::Unknown => "other bytes are in it".to_owned(),
            Comparison::Status(what) => what,
        };
        let untold = |why: &str| changed(&format!("{what}, and {why}"));
        let Some(upload) = &record.upload else {
            return match (&record.asset_id, &record.creating) {
                (None, None) => Ok(false),
                _ => Err(untold(
                    "nobody can tell whether its bytes are still those that were sent",
                )),
            };
        };
        let is_whole = (1..=upload.total_chunks).all(|index| upload.sent.contains_key(&index));
        if record.asset_id.is_some() && !is_whole {
            return Err(untold(
                "its checkpoint does not name every chunk that was sent",
            ));
        }
        match compare::sent_chunks(self.content, upload) {
            Ok(Sent::Same) => Ok(true),
            Ok(Sent::Changed(chunk)) => {
                Err(untold(&format!("chunk {chunk} was sent with other bytes")))
            }
            Ok(Sent::Unknown(chunk)) => Err(untold(&format!(
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
            "`{}` is being uploaded to the same place by another process: wait until it ends",
            what.display()
        ),
    )
}

/// Reads the file at `path`, where there is one.
fn read(path: &Path) -> Result<Option<State>, String> {
    match retry_open(RETRY_LIMIT, || regular::read(path)) {
        Ok(bytes) => State::read(&bytes).map(Some).map_err(|why| why.to_string()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(format!("it cannot be read ({error})")),
    }
}

fn kept(path: PathBuf) -> Kept {
    let id = path
        .file_stem()
        .map_or_else(String::new, |stem| stem.to_string_lossy().into_owned());
    let upload = match read(&path) {
        Ok(Some(state)) => Ok(CheckpointInfo::of(&state)),
        Ok(None) => Err("it is gone".to_owned()),
        Err(why) => Err(why),
    };
    Kept {
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

/// Gives a file that cannot be used another name, so that nothing of it is lost.
fn set_aside(path: &Path) -> Result<(), Error> {
    let aside = path.with_extension(format!("unusable-{}", keeper::now()));
    fs::rename(path, &aside).map_err(|error| {
        Error::new(
            ErrorKind::Checkpoint,
            format!("{} cannot be set aside", path.display()),
        )
        .with_source(error)
    })
}

/// Paths and ids of a user's videos are nobody else's business.
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
