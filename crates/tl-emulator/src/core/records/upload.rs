//! The records of multipart uploads: a session, and its chunks.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use tl_model::{UploadStatus, UploadType, UserMetadata};

use super::MediaKey;

/// A session of a multipart upload.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct UploadRecord {
    pub(crate) id: String,
    pub(crate) number: u64,
    /// The asset that the upload will create.
    pub(crate) asset_id: String,
    pub(crate) filename: String,
    pub(crate) upload_type: UploadType,
    pub(crate) total_size: u64,
    pub(crate) chunk_size: u64,
    pub(crate) total_chunks: u32,
    pub(crate) created_at: Timestamp,
    pub(crate) updated_at: Timestamp,
    pub(crate) expires_at: Timestamp,
    /// The headers required with each chunk; they are part of the URL signatures.
    pub(crate) headers: BTreeMap<String, String>,
    pub(crate) enable_hls: bool,
    pub(crate) enable_thumbnail: bool,
    pub(crate) user_metadata: UserMetadata,
    /// The file that the chunks are written to, until it belongs to an asset.
    pub(crate) file: Option<MediaKey>,
    pub(crate) is_complete: bool,
}

impl UploadRecord {
    pub(crate) fn status(&self, now: Timestamp) -> UploadStatus {
        if self.is_complete {
            UploadStatus::Completed
        } else if now >= self.expires_at {
            UploadStatus::Expired
        } else {
            UploadStatus::Active
        }
    }

    /// The offset of chunk `index` in the file.
    pub(crate) fn offset(&self, index: u32) -> u64 {
        u64::from(index.saturating_sub(1)) * self.chunk_size
    }

    /// The size of chunk `index` in bytes; only the last one may be smaller than the others.
    pub(crate) fn len(&self, index: u32) -> u64 {
        self.total_size
            .saturating_sub(self.offset(index))
            .min(self.chunk_size)
    }

    pub(crate) fn has(&self, index: u32) -> bool {
        (1..=self.total_chunks).contains(&index)
    }
}

/// A chunk with presigned URLs.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct ChunkRecord {
    /// The MD5 of the stored bytes in hexadecimal digits; `None` if nothing is stored.
    pub(crate) etag: Option<String>,
    pub(crate) reported_at: Option<Timestamp>,
    /// The number of URLs created for the chunk. They are numbered from 1.
    pub(crate) urls: u32,
    /// The numbers of the used URLs.
    #[serde(rename = "spent")]
    pub(crate) used_urls: BTreeSet<u32>,
}

/// The key of a chunk in its table. Keys sort by upload, then by chunk number.
pub(crate) fn chunk_key(upload_id: &str, index: u32) -> String {
    format!("{upload_id}/{index:010}")
}
