//! What a later process needs to take up an upload, on this machine's disk: the folder of checkpoints, one file for each
//! source and place that it goes to. What is done with it lives in `ingest`.
//!
//! ```text
//! open ──► lock ──► nothing there ─────────────► begin anew
//!            │  └──► the same source ──────────► take up: session, chunks, asset, indexed asset
//!            │  └──► another content, damaged, or another version: an error; the file stays as it is
//!            └──► held by another upload: an error
//! ```

mod fingerprint;
mod format;
mod keeper;
mod lock;
mod place;

use std::{
    fs, io,
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use sha2::{Digest, Sha256};
use tl_model::{AssetId, IndexId, IndexedAssetId, UploadId};

pub use place::default_folder;

use tl_validate::descriptors::{RETRY_LIMIT, retry_open};

use crate::{Error, ErrorKind};
pub(crate) use fingerprint::Fingerprint;
pub(crate) use format::State;
pub(crate) use keeper::Keeper;
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
    pub upload: Result<KeptUpload, String>,
}

/// What a checkpoint says.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct KeptUpload {
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
    pub(crate) fingerprint: Fingerprint,
    pub(crate) index_id: Option<&'a IndexId>,
}

/// A checkpoint that is ready to be written, and what an earlier process left in it.
#[derive(Debug)]
pub(crate) struct Opened {
    pub(crate) keeper: Arc<Keeper>,
    pub(crate) found: Option<State>,
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
        let unreadable = |error: io::Error| {
            Error::new(
                ErrorKind::Checkpoint,
                format!(
                    "the folder of checkpoints {} cannot be read",
                    self.folder.display()
                ),
            )
            .because(error)
        };
        let entries = match fs::read_dir(&self.folder) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            entries => entries.map_err(unreadable)?,
        };
        let mut list = Vec::new();
        for entry in entries {
            let path = entry.map_err(unreadable)?.path();
            if path
                .extension()
                .is_some_and(|extension| extension == "json")
            {
                list.push(kept(path));
            }
        }
        list.sort_by(|a, b| a.id.cmp(&b.id));
        Ok(list)
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
            .because(error)
        })
    }

    /// Opens the checkpoint of `origin`; with `anew`, without what an earlier process left.
    ///
    /// # Errors
    /// [`ErrorKind::Checkpoint`] where the folder cannot be used, the upload is under way elsewhere, or the file cannot be
    /// read; [`ErrorKind::SourceChanged`] where the source is not the one that the upload was begun with. The file stays.
    pub(crate) fn open(
        &self,
        origin: &Origin<'_>,
        anew: bool,
        trouble: impl Fn(String) + Send + Sync + 'static,
    ) -> Result<Opened, Error> {
        make_folder(&self.folder).map_err(|error| {
            Error::new(
                ErrorKind::Checkpoint,
                format!(
                    "the folder of checkpoints {} cannot be made",
                    self.folder.display()
                ),
            )
            .because(error)
        })?;
        let id = origin.id();
        let path = self.folder.join(format!("{id}.json"));
        let Some(lock) = self.lock(&id)? else {
            return Err(busy(&origin.source));
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
            Ok(Some(state)) => {
                if let Some(what) = state.fingerprint.difference(&origin.fingerprint) {
                    return Err(Error::new(
                        ErrorKind::SourceChanged,
                        format!(
                            "`{}` has changed since its upload was begun: {what}. The upload of the old content cannot go on with the new one: abandon it (checkpoint {id}), or begin anew",
                            origin.source.display()
                        ),
                    ));
                }
                Some(state)
            }
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
        let state = found.clone().unwrap_or_else(|| State {
            base_url: origin.base_url.to_owned(),
            source: origin.source.to_string_lossy().into_owned(),
            fingerprint: origin.fingerprint.clone(),
            index_id: origin.index_id.cloned(),
            began: keeper::now(),
            upload: None,
            asset_id: None,
            indexed_asset_id: None,
        });
        Ok(Opened {
            keeper: Arc::new(Keeper::new(path, state, lock, Box::new(trouble))),
            found,
        })
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
    match retry_open(RETRY_LIMIT, || fs::read(path)) {
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
        Ok(Some(state)) => Ok(KeptUpload::of(&state)),
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

impl KeptUpload {
    fn of(state: &State) -> Self {
        let upload = state.upload.as_ref();
        let is_whole = state.asset_id.is_some();
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
            asset_id: state.asset_id.clone(),
            indexed_asset_id: state.indexed_asset_id.clone(),
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
        .because(error)
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
