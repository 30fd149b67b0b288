//! Chunked uploads of large files: sessions, presigned URLs, reports and state
//! (`/assets/multipart-uploads`).
//!
//! Chunks are numbered from 1. The workflow is in `tl-protocol`; this module has its messages only.

use std::{collections::BTreeMap, fmt};

use serde::{Deserialize, Serialize};

use crate::{AssetId, PageInfo, Timestamp, UploadId, UserMetadata};

open_enum! {
    /// The type of a file uploaded in chunks.
    pub enum UploadType {
        /// A video.
        Video = "video",
        /// Audio without video. Since July 2026.
        Audio = "audio",
        /// An image. Since July 2026.
        Image = "image",
    }
}

object! {
    /// The request body that creates an upload session.
    pub struct NewUpload {
        required {
            /// The name of the file, 1 to 255 characters.
            filename: String,
            /// The type of the file.
            upload_type: UploadType = "type",
            /// Size of the file, in bytes, at least 1.
            total_size: u64,
        }
        /// Whether the platform creates an HLS stream of the asset. The platform's default is no.
        optional enable_hls: Option<bool>,
        /// Whether the platform creates a thumbnail of the asset. The platform's default is no.
        optional enable_thumbnail: Option<bool>,
        /// User metadata of the asset.
        optional user_metadata: Option<UserMetadata>,
    }
}

object! {
    /// A new upload session. It expires after 24 hours.
    pub struct UploadSession {
        required {
            /// Identifies the session.
            upload_id: UploadId,
            /// Size of every chunk, in bytes, except the last one, which may be smaller. The
            /// platform chooses it; 5242880 is only the example in the documentation.
            chunk_size: u64,
            /// Number of chunks: `total_size` divided by `chunk_size`, rounded up.
            total_chunks: u32,
        }
        /// The reserved identifier of the asset. The asset exists when the upload is complete.
        optional asset_id: Option<AssetId>,
        /// The first URLs, not necessarily one for every chunk.
        list upload_urls: Vec<UploadUrl>,
        /// Headers to send with each chunk.
        defaulted upload_headers: BTreeMap<String, String>,
        /// When the session expires. The API description says that the URLs expire then, but they
        /// live only one hour.
        lenient expires_at: Option<Timestamp>,
    }
}

object! {
    /// The presigned URL of one chunk. It works once, for one hour, without the API key.
    pub struct UploadUrl {
        required {
            /// The chunk number, from 1.
            chunk_index: u32,
            /// The presigned URL for the `PUT` request.
            url: PresignedUrl,
        }
        /// When the URL expires.
        lenient expires_at: Option<Timestamp>,
    }
}

/// A presigned URL. Anyone who has it can use it, so `Debug` omits the query, which contains the
/// signature.
#[derive(Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct PresignedUrl(String);

impl PresignedUrl {
    /// The URL with its signature, for sending a request.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<String> for PresignedUrl {
    fn from(url: String) -> Self {
        Self(url)
    }
}

impl From<&str> for PresignedUrl {
    fn from(url: &str) -> Self {
        Self(url.to_owned())
    }
}

impl fmt::Debug for PresignedUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.split_once('?') {
            Some((place, _)) => write!(f, "PresignedUrl({place}?…)"),
            None => write!(f, "PresignedUrl({})", self.0),
        }
    }
}

open_enum! {
    /// The type of proof that a chunk was uploaded.
    pub enum ProofType {
        /// The `ETag` of the storage's response.
        Etag = "etag",
    }
}

object! {
    /// A chunk that the storage has received.
    pub struct CompletedChunk {
        required {
            /// The chunk number, from 1.
            chunk_index: u32,
            /// The `ETag` of the storage's response.
            proof: String,
            /// The type of the proof.
            proof_type: ProofType,
            /// Number of bytes sent.
            chunk_size: u64,
        }
    }
}

impl CompletedChunk {
    /// A chunk with the `ETag` header of the storage's response. Quotation marks are removed,
    /// because the platform's own clients send it without them.
    pub fn from_etag(chunk_index: u32, etag: &str, chunk_size: u64) -> Self {
        let proof = etag
            .strip_prefix('"')
            .and_then(|etag| etag.strip_suffix('"'))
            .unwrap_or(etag);
        Self::new(chunk_index, proof, ProofType::Etag, chunk_size)
    }
}

object! {
    /// The request body that reports uploaded chunks: 1 to 50, in any order. Repeated chunks are
    /// allowed.
    pub struct ChunkReport {
        required {
            /// The chunks.
            completed_chunks: Vec<CompletedChunk>,
        }
    }
}

object! {
    /// The response to a report.
    pub struct ChunkReceipt {
        /// The URL of the asset. Only if this report completed the upload.
        lenient url: Option<String>,
        /// The asset that the upload creates.
        optional asset_id: Option<AssetId>,
        /// Number of chunks in the report that were new.
        whole processed_chunks: Option<u32>,
        /// Number of chunks in the report that were already known.
        whole duplicate_chunks: Option<u32>,
        /// Number of chunks reported so far, in all reports.
        whole total_completed: Option<u32>,
    }
}

object! {
    /// The request body that requests presigned URLs.
    pub struct UrlRequest {
        required {
            /// The first chunk, from 1.
            start: u32,
            /// Number of chunks from `start` on, 1 to 50.
            count: u32,
        }
    }
}

object! {
    /// The response with presigned URLs.
    pub struct UploadUrls {
        /// The session.
        optional upload_id: Option<UploadId>,
        /// The first chunk.
        whole start_index: Option<u32>,
        /// Number of URLs.
        whole count: Option<u32>,
        /// The URLs.
        list upload_urls: Vec<UploadUrl>,
        /// When the URLs were signed. They expire one hour later.
        lenient generated_at: Option<Timestamp>,
        /// When the URLs expire.
        lenient expires_at: Option<Timestamp>,
    }
}

open_enum! {
    /// Status of an upload session.
    pub enum UploadStatus {
        /// Accepts chunks and reports.
        Active = "active",
        /// All chunks are reported. Since July 2026 the asset is then still `processing`; before
        /// that it was ready.
        Completed = "completed",
        /// Failed on the platform: create a new session.
        Failed = "failed",
        /// Older than 24 hours: create a new session.
        Expired = "expired",
    }
}

impl UploadStatus {
    /// Whether the session accepts no more chunks: `completed`, `failed` or `expired`. An unknown
    /// status is not terminal.
    pub fn is_terminal(&self) -> bool {
        matches!(self, Self::Completed | Self::Failed | Self::Expired)
    }
}

open_enum! {
    /// Status of a chunk.
    pub enum ChunkStatus {
        /// Uploaded and reported.
        Completed = "completed",
        /// Not reported; it may have been uploaded.
        Pending = "pending",
        /// Failed: upload it again.
        Failed = "failed",
    }
}

object! {
    /// The state of one chunk.
    pub struct ChunkState {
        required {
            /// The chunk number, from 1. Other objects call it `chunk_index`.
            index: u32,
        }
        /// Status of the chunk.
        optional status: Option<ChunkStatus>,
        /// When it was reported. `None` if it is pending or failed: the platform then sends `null`.
        lenient uploaded_at: Option<Timestamp>,
        /// When its status last changed.
        lenient updated_at: Option<Timestamp>,
        /// Why it failed.
        lenient error: Option<String>,
    }
}

object! {
    /// The state of an upload session, with one page of its chunks.
    pub struct UploadState {
        required {
            /// Identifies the session.
            upload_id: UploadId,
        }
        /// Status of the session.
        optional status: Option<UploadStatus>,
        /// The chunks of this page, at most `page_limit` of them.
        list uploaded_chunks: Vec<ChunkState>,
        /// Number of completed chunks in the whole upload.
        whole chunks_completed: Option<u32>,
        /// Number of failed chunks in the whole upload.
        whole chunks_failed: Option<u32>,
        /// Number of missing chunks in the whole upload.
        whole chunks_pending: Option<u32>,
        /// The position of this page in the list of chunks. Every member is `None` if the platform
        /// sent no `page_info`.
        lenient_default page_info: PageInfo,
        /// Size of the file, in bytes.
        whole total_size: Option<u64>,
        /// Number of bytes uploaded and reported.
        whole uploaded_size: Option<u64>,
        /// Number of chunks of the file. The API description mentions it but does not list it.
        whole total_chunks: Option<u32>,
        /// When the session was created.
        lenient created_at: Option<Timestamp>,
        /// When the session last changed.
        lenient updated_at: Option<Timestamp>,
    }
}

object! {
    /// An upload session that is not complete, as listed. The list does not include the file name.
    pub struct IncompleteUpload {
        required {
            /// Identifies the session.
            upload_id: UploadId,
        }
        /// Status of the session.
        optional status: Option<UploadStatus>,
        /// Size of the file, in bytes.
        whole total_size: Option<u64>,
        /// Size of every chunk except the last, in bytes.
        whole chunk_size: Option<u64>,
        /// Number of chunks of the file.
        whole total_chunks: Option<u32>,
        /// When the session was created.
        lenient created_at: Option<Timestamp>,
        /// When the session expires.
        lenient expires_at: Option<Timestamp>,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_omits_the_signature() {
        let mut session = UploadSession::new("u", 5_u64, 1_u32);
        let url = "https://bucket.example/part?X-Amz-Signature=SECRET";
        session.upload_urls = vec![UploadUrl::new(1_u32, url)];
        let debug = format!("{session:?}");
        assert!(debug.contains("bucket.example/part?…"), "{debug}");
        assert!(!debug.contains("SECRET"), "{debug}");
        assert_eq!(session.upload_urls[0].url.as_str(), url);
    }
}
