//! The journal of an upload or an ingestion: the records that a later process needs to resume it.
//! The caller stores them.

use std::{
    collections::BTreeMap,
    fmt,
    sync::Arc,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use serde::{Deserialize, Serialize};
use tl_model::{AssetId, IndexId, IndexedAssetId, UploadId};

use crate::with_fields::with_fields;

/// An upload, as a later process resumes it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct UploadRecord {
    /// The session.
    pub upload_id: UploadId,
    /// The asset that is reserved for it.
    pub asset_id: AssetId,
    /// Size of each chunk except the last, in bytes.
    pub chunk_size: u64,
    /// Total number of chunks.
    pub total_chunks: u32,
    /// Size of the file, in bytes.
    pub total_size: u64,
    /// Headers to send with each chunk.
    pub upload_headers: BTreeMap<String, String>,
    /// The chunks that the storage has received, by number from 1.
    pub sent: BTreeMap<u32, SentChunk>,
}

/// A chunk that the storage has received.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct SentChunk {
    /// The storage's ETag, without quotation marks.
    pub etag: String,
    /// Size of the chunk, in bytes.
    pub chunk_size: u64,
}

with_fields!(UploadRecord {
    with_upload_headers(upload_headers: BTreeMap<String, String>);
    with_sent(sent: BTreeMap<u32, SentChunk>);
});

impl SentChunk {
    /// A chunk of `chunk_size` bytes that the storage has received.
    #[must_use]
    pub fn new(etag: impl Into<String>, chunk_size: u64) -> Self {
        Self {
            etag: etag.into(),
            chunk_size,
        }
    }
}

impl UploadRecord {
    /// The record of a session in which nothing has been sent.
    #[must_use]
    pub fn new(
        upload_id: impl Into<UploadId>,
        asset_id: impl Into<AssetId>,
        chunk_size: u64,
        total_chunks: u32,
        total_size: u64,
    ) -> Self {
        Self {
            upload_id: upload_id.into(),
            asset_id: asset_id.into(),
            chunk_size,
            total_chunks,
            total_size,
            upload_headers: BTreeMap::new(),
            sent: BTreeMap::new(),
        }
    }

    /// Applies `change` to the record.
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

/// A change that a later process needs to know.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Record {
    /// The request that creates an asset is about to be sent. Until [`Record::Asset`] follows, it
    /// is unknown whether it arrived.
    Creating(Intent),
    /// That request failed and certainly created nothing.
    NotCreated,
    /// A session was created.
    Session(UploadRecord),
    /// The storage has received this chunk.
    Sent(u32, SentChunk),
    /// The API has accepted a report of these chunks.
    Reported(Vec<u32>),
    /// The API rejected these chunks: they must be sent again.
    Forgotten(Vec<u32>),
    /// The upload is complete.
    Complete,
    /// The asset exists, uploaded in one request or in chunks.
    Asset(AssetId),
    /// The request that indexes the asset in this index is about to be sent. Until
    /// [`Record::Indexed`] follows, it is unknown whether it arrived.
    Indexing(IndexId),
    /// That request failed and certainly did nothing.
    NotIndexed,
    /// The asset was added to an index.
    Indexed {
        /// The index.
        index_id: IndexId,
        /// The indexed asset.
        indexed_asset_id: IndexedAssetId,
    },
}

/// A request that was about to be sent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Intent {
    /// The time of the request by the wall clock of that process, in seconds since 1970.
    pub since: u64,
    /// The metadata key and value that identify the created resource, if it has such a marker.
    pub mark: Option<(String, String)>,
}

impl Intent {
    /// A request at the time `wall`. The seconds since 1970 are stored.
    #[must_use]
    pub fn new(wall: SystemTime, mark: Option<(String, String)>) -> Self {
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

/// The combined state of all records of an ingestion.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct IngestRecord {
    /// The session of a chunked upload, with every chunk that the storage has received.
    pub upload: Option<UploadRecord>,
    /// The request that creates the asset was about to be sent, and its outcome is unknown.
    #[serde(default)]
    pub creating: Option<Intent>,
    /// The asset, once the upload is complete.
    pub asset_id: Option<AssetId>,
    /// The request that indexes the asset was about to be sent, and its outcome is unknown.
    #[serde(default)]
    pub is_indexing: bool,
    /// The indexed asset, once the platform has accepted the request.
    pub indexed_asset_id: Option<IndexedAssetId>,
}

impl IngestRecord {
    /// Applies `change` to the record.
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

/// Stores records. It is called inside the driver before the flow continues: when it returns, the
/// record should survive the end of this process.
#[derive(Clone, Default)]
pub struct UploadJournal(Option<Arc<CheckpointWriter>>);

type CheckpointWriter = dyn Fn(&Record) + Send + Sync;

impl UploadJournal {
    /// Passes records to `keep`.
    pub fn new(keep: impl Fn(&Record) + Send + Sync + 'static) -> Self {
        Self(Some(Arc::new(keep)))
    }

    /// Stores nothing: another process cannot resume the upload.
    #[must_use]
    pub fn none() -> Self {
        Self(None)
    }

    /// Stores `record`.
    pub(crate) fn write(&self, record: &Record) {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forgotten_chunks_leave_the_record() {
        let mut record = UploadRecord::new("u", "a", 5, 4, 18);
        for index in 1..=4 {
            record.apply(&Record::Sent(index, SentChunk::new("e", 5)));
        }
        record.apply(&Record::Reported(vec![1]));
        record.apply(&Record::Forgotten(vec![2, 4, 9]));
        assert_eq!(record.sent.keys().copied().collect::<Vec<_>>(), [1, 3]);
    }

    #[test]
    fn only_another_asset_has_to_be_indexed_again() {
        let indexed = || IngestRecord {
            creating: Some(Intent::new(UNIX_EPOCH, None)),
            asset_id: Some("a".into()),
            is_indexing: true,
            indexed_asset_id: Some("x".into()),
            upload: None,
        };
        let mut same = indexed();
        same.apply(&Record::Asset("a".into()));
        assert_eq!(same.indexed_asset_id, Some("x".into()));
        assert!(same.is_indexing && same.creating.is_none());
        let mut other = indexed();
        other.apply(&Record::Asset("b".into()));
        let expected = IngestRecord {
            asset_id: Some("b".into()),
            ..IngestRecord::default()
        };
        assert_eq!(other, expected);
    }

    #[test]
    fn debug_of_a_journal_shows_whether_it_keeps_records() {
        let kept = UploadJournal::new(|_| {});
        assert_eq!(format!("{kept:?}"), "UploadJournal(kept)");
        assert_eq!(
            format!("{:?}", UploadJournal::none()),
            "UploadJournal(none)"
        );
    }
}
