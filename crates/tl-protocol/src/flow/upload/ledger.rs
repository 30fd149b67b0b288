//! What a later process must know of an upload: the session, and each chunk that the storage has. Where it is kept is the
//! business of who owns the disk.

use std::{collections::BTreeMap, fmt, sync::Arc};

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
            Record::Reported(_) | Record::Complete | Record::Asset(_) | Record::Indexed { .. } => {}
        }
    }
}

/// Something that a later process must know.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Record {
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
    /// The asset was given to an index.
    Indexed {
        /// The index.
        index_id: IndexId,
        /// What was made of the asset there.
        indexed_asset_id: IndexedAssetId,
    },
}

/// Where records go. Called from inside the driver, before the flow goes on: when it returns, the record should be safe
/// from the end of this process.
#[derive(Clone, Default)]
pub struct Ledger(Option<Arc<Keeper>>);

type Keeper = dyn Fn(&Record) + Send + Sync;

impl Ledger {
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

impl fmt::Debug for Ledger {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_some() {
            "Ledger(kept)"
        } else {
            "Ledger(none)"
        })
    }
}
