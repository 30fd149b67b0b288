//! What a later process must know of an upload or an ingestion: what was begun, what the platform has. Where it is kept is
//! the business of who owns the disk.

use std::{
    collections::BTreeMap,
    fmt,
    sync::Arc,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use serde::{Deserialize, Serialize};
use tl_model::{AssetId, IndexId, IndexedAssetId, UploadId};

/// An upload as a later process takes it up.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UploadRecord {
    /// The session.
    pub upload_id: UploadId,
    /// The asset that is reserved for it.
    pub asset_id: AssetId,
    /// The bytes of each chunk but the last.
    pub chunk_size: u64,
    /// How many chunks there are.
    pub total_chunks: u32,
    /// The bytes of the file.
    pub total_size: u64,
    /// What the storage wants to see with each chunk.
    pub upload_headers: BTreeMap<String, String>,
    /// The chunks that the storage has, by their number from 1.
    pub sent: BTreeMap<u32, SentChunk>,
}

/// A chunk that the storage has.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SentChunk {
    /// The storage's ETag, without quotation marks.
    pub etag: String,
    /// The bytes of the chunk.
    pub chunk_size: u64,
}

impl UploadRecord {
    /// The record after `change`.
    pub fn apply(&mut self, change: &Record) {
        match change {
            Record::Session(record) => *self = record.clone(),
            Record::Sent(index, chunk) => {
                self.sent.insert(*index, chunk.clone());
            }
            Record::Forgotten(indexes) => self.sent.retain(|index, _| !indexes.contains(index)),
            _ => {}
        }
    }
}

/// Something that a later process must know.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Record {
    /// The request that makes an asset is about to be sent: until [`Record::Asset`] follows, nobody knows whether it
    /// arrived.
    Creating(Intent),
    /// That request failed, and surely made nothing.
    NotCreated,
    /// A session was made.
    Session(UploadRecord),
    /// The storage has this chunk.
    Sent(u32, SentChunk),
    /// The API knows of these chunks.
    Reported(Vec<u32>),
    /// The API refused these chunks: they must be sent again.
    Forgotten(Vec<u32>),
    /// The API has the whole file.
    Complete,
    /// The platform has this asset, uploaded whole or in chunks.
    Asset(AssetId),
    /// The request that brings the asset into this index is about to be sent: until [`Record::Indexed`] follows, nobody
    /// knows whether it arrived.
    Indexing(IndexId),
    /// That request failed, and surely did nothing.
    NotIndexed,
    /// The asset was given to an index.
    Indexed {
        /// The index.
        index_id: IndexId,
        /// What was made of the asset there.
        indexed_asset_id: IndexedAssetId,
    },
}

/// A request that was about to be sent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Intent {
    /// When, by the wall clock of the process that sent it: seconds since 1970.
    pub since: u64,
    /// The key and the value by which what it makes can be told from everything else, where it has such a mark.
    pub mark: Option<(String, String)>,
}

impl Intent {
    pub(crate) fn new(wall: SystemTime, mark: Option<(String, String)>) -> Self {
        let since = wall.duration_since(UNIX_EPOCH).unwrap_or_default();
        Self {
            since: since.as_secs(),
            mark,
        }
    }

    pub(crate) fn since(&self) -> SystemTime {
        UNIX_EPOCH
            .checked_add(Duration::from_secs(self.since))
            .unwrap_or(UNIX_EPOCH)
    }
}

/// Everything that the records of an ingestion come to.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct IngestRecord {
    /// The session, where the file is sent in chunks, with every chunk that the storage has.
    pub upload: Option<UploadRecord>,
    /// The request that makes the asset was about to be sent, and its answer is not known.
    #[serde(default)]
    pub creating: Option<Intent>,
    /// The asset, as soon as the platform has it whole.
    pub asset_id: Option<AssetId>,
    /// The request that brings the asset into the index was about to be sent, and its answer is not known.
    #[serde(default)]
    pub is_indexing: bool,
    /// The asset in the index, as soon as the platform has taken it.
    pub indexed_asset_id: Option<IndexedAssetId>,
}

impl IngestRecord {
    /// The record after `change`.
    pub fn apply(&mut self, change: &Record) {
        match change {
            Record::Creating(intent) => {
                *self = Self {
                    creating: Some(intent.clone()),
                    ..Self::default()
                };
            }
            Record::Session(session) => {
                *self = Self {
                    upload: Some(session.clone()),
                    ..Self::default()
                };
            }
            Record::Asset(asset_id) => {
                if self.asset_id.as_ref() != Some(asset_id) {
                    self.indexed_asset_id = None;
                    self.is_indexing = false;
                }
                self.creating = None;
                self.asset_id = Some(asset_id.clone());
            }
            Record::NotCreated => self.creating = None,
            Record::Indexing(_) => {
                self.indexed_asset_id = None;
                self.is_indexing = true;
            }
            Record::NotIndexed => self.is_indexing = false,
            Record::Indexed {
                indexed_asset_id, ..
            } => {
                self.is_indexing = false;
                self.indexed_asset_id = Some(indexed_asset_id.clone());
            }
            Record::Sent(..) | Record::Reported(_) | Record::Forgotten(_) | Record::Complete => {
                if let Some(upload) = &mut self.upload {
                    upload.apply(change);
                }
            }
        }
    }
}

/// Where records go. Called from inside the driver, before the flow goes on: when it returns, the record should be safe
/// from the end of this process.
#[derive(Clone, Default)]
pub struct UploadJournal(Option<Arc<CheckpointWriter>>);

type CheckpointWriter = dyn Fn(&Record) + Send + Sync;

impl UploadJournal {
    /// Records go to `keep`.
    pub fn new(keep: impl Fn(&Record) + Send + Sync + 'static) -> Self {
        Self(Some(Arc::new(keep)))
    }

    /// Nothing is kept: the upload cannot be resumed by another process.
    #[must_use]
    pub fn none() -> Self {
        Self(None)
    }

    /// Tells `record`.
    pub(crate) fn tell(&self, record: &Record) {
        if let Some(keep) = &self.0 {
            keep(record);
        }
    }
}

impl fmt::Debug for UploadJournal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_some() {
            "UploadJournal(kept)"
        } else {
            "UploadJournal(none)"
        })
    }
}
