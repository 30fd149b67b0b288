//! The upload of a large file in chunks: session, presigned URLs, reports, state (`/assets/multipart-uploads`).
//!
//! Chunks are numbered from 1. The order of the steps is a flow of `tl-protocol`; here is only what they say.

use std::{collections::BTreeMap, fmt};

use serde::{Deserialize, Serialize};

use crate::{AssetId, PageInfo, Timestamp, UploadId, UserMetadata};

open_enum! {
    /// The kind of file that is uploaded in chunks.
    pub enum UploadType {
        /// A video.
        Video = "video",
        /// Sound without pictures. Since July 2026.
        Audio = "audio",
        /// An image. Since July 2026.
        Image = "image",
    }
}

object! {
    /// The request body that opens an upload session.
    pub struct NewUpload {
        required {
            /// The name of the file, 1 to 255 characters.
            filename: String,
            /// What kind of file it is.
            upload_type: UploadType = "type",
            /// Size of the file, in bytes, 1 and more.
            total_size: u64,
        }
        /// Whether the platform makes a stream of the asset. The platform's default is no.
        optional enable_hls: Option<bool>,
        /// Whether the platform makes a thumbnail of the asset. The platform's default is no.
        optional enable_thumbnail: Option<bool>,
        /// What the user says about the asset.
        optional user_metadata: Option<UserMetadata>,
    }
}

object! {
    /// An upload session, as it was opened. It lives 24 hours.
    pub struct UploadSession {
        required {
            /// Identifies the session.
            upload_id: UploadId,
            /// Size of every chunk but the last, which may be smaller, in bytes. The platform chooses it; 5242880 is only the
            /// documents' example.
            chunk_size: u64,
            /// How many chunks the file is divided into: `total_size` by `chunk_size`, rounded up.
            total_chunks: u32,
        }
        /// The asset that the upload makes. The identifier is reserved: the asset exists when the upload is complete.
        optional asset_id: Option<AssetId>,
        /// The first URLs, not necessarily one for every chunk.
        list upload_urls: Vec<UploadUrl>,
        /// Headers that must go with each chunk to its URL.
        defaulted upload_headers: BTreeMap<String, String>,
        /// When the session ends. The description calls it the end of the URLs, which live one hour only.
        lenient expires_at: Option<Timestamp>,
    }
}

object! {
    /// Where one chunk goes. The URL itself is the permission: it works once, for one hour, without the API key.
    pub struct UploadUrl {
        required {
            /// The chunk, from 1.
            chunk_index: u32,
            /// The presigned URL to `PUT` the bytes to.
            url: PresignedUrl,
        }
        /// When the URL ends.
        lenient expires_at: Option<Timestamp>,
    }
}

/// A URL that is a permission by itself. Whoever has it may use it: `Debug` leaves out the query, in which the signature is.
#[derive(Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct PresignedUrl(String);

impl PresignedUrl {
    /// The URL with its signature, to send a request to.
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
    /// How the upload of a chunk is proved.
    pub enum ProofType {
        /// By the `ETag` of the storage's answer.
        Etag = "etag",
    }
}

object! {
    /// One chunk that the storage has.
    pub struct CompletedChunk {
        required {
            /// The chunk, from 1.
            chunk_index: u32,
            /// The `ETag` of the storage's answer.
            proof: String,
            /// What the proof is.
            proof_type: ProofType,
            /// Bytes that were sent.
            chunk_size: u64,
        }
    }
}

impl CompletedChunk {
    /// A chunk with the `ETag` header of the storage's answer, whose quotation marks are taken off: the platform's own
    /// clients send it without them.
    pub fn from_etag(chunk_index: u32, etag: &str, chunk_size: u64) -> Self {
        let proof = etag
            .strip_prefix('"')
            .and_then(|etag| etag.strip_suffix('"'))
            .unwrap_or(etag);
        Self::new(chunk_index, proof, ProofType::Etag, chunk_size)
    }
}

object! {
    /// The request body that reports uploaded chunks: 1 to 50 of them, in any order. A repeated chunk does no harm.
    pub struct ChunkReport {
        required {
            /// The chunks.
            completed_chunks: Vec<CompletedChunk>,
        }
    }
}

object! {
    /// The answer to a report.
    pub struct ChunkReceipt {
        /// Where the asset can be had. Only when the report made the upload complete.
        lenient url: Option<String>,
        /// The asset that the upload makes.
        optional asset_id: Option<AssetId>,
        /// How many chunks of the report were new.
        whole processed_chunks: Option<u32>,
        /// How many chunks of the report were known already.
        whole duplicate_chunks: Option<u32>,
        /// How many chunks have been reported, all reports together.
        whole total_completed: Option<u32>,
    }
}

object! {
    /// The request body that asks for presigned URLs.
    pub struct UrlRequest {
        required {
            /// The first chunk, from 1.
            start: u32,
            /// How many chunks from there on, 1 to 50.
            count: u32,
        }
    }
}

object! {
    /// The answer with presigned URLs.
    pub struct UploadUrls {
        /// The session.
        optional upload_id: Option<UploadId>,
        /// The first chunk.
        whole start_index: Option<u32>,
        /// How many URLs there are.
        whole count: Option<u32>,
        /// The URLs.
        list upload_urls: Vec<UploadUrl>,
        /// When they were signed; they live for one hour from then on.
        lenient generated_at: Option<Timestamp>,
        /// When they end.
        lenient expires_at: Option<Timestamp>,
    }
}

open_enum! {
    /// How far an upload session is.
    pub enum UploadStatus {
        /// Takes chunks and reports.
        Active = "active",
        /// All chunks are reported. Since July 2026 the asset is then still `processing`; before that it was ready.
        Completed = "completed",
        /// Given up by the platform: open a new session.
        Failed = "failed",
        /// Older than 24 hours: open a new session.
        Expired = "expired",
    }
}

impl UploadStatus {
    /// Whether the session takes no more chunks: `completed`, `failed` or `expired`. An unknown word is not terminal.
    pub fn is_terminal(&self) -> bool {
        matches!(self, Self::Completed | Self::Failed | Self::Expired)
    }
}

open_enum! {
    /// How far a chunk is.
    pub enum ChunkStatus {
        /// Uploaded and reported.
        Completed = "completed",
        /// Not reported; it may have been uploaded.
        Pending = "pending",
        /// To be uploaded again.
        Failed = "failed",
    }
}

object! {
    /// The state of one chunk.
    pub struct ChunkState {
        required {
            /// The chunk, from 1: what other objects call `chunk_index`.
            index: u32,
        }
        /// How far it is.
        optional status: Option<ChunkStatus>,
        /// When it was reported. `None` where it is pending or failed: the platform then sends `null`.
        lenient uploaded_at: Option<Timestamp>,
        /// When its state last changed.
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
        /// How far it is.
        optional status: Option<UploadStatus>,
        /// The chunks of this page, at most `page_limit` of them.
        list uploaded_chunks: Vec<ChunkState>,
        /// How many chunks of the whole upload are complete.
        whole chunks_completed: Option<u32>,
        /// How many chunks of the whole upload failed.
        whole chunks_failed: Option<u32>,
        /// How many chunks of the whole upload are missing.
        whole chunks_pending: Option<u32>,
        /// Where this page stands in the list of chunks. Every member is `None` where the platform sent no `page_info`.
        lenient_default page_info: PageInfo,
        /// Size of the file, in bytes.
        whole total_size: Option<u64>,
        /// Bytes that are uploaded and reported.
        whole uploaded_size: Option<u64>,
        /// How many chunks the file has. The description speaks of it, but does not list it.
        whole total_chunks: Option<u32>,
        /// When the session was opened.
        lenient created_at: Option<Timestamp>,
        /// When it last changed.
        lenient updated_at: Option<Timestamp>,
    }
}

object! {
    /// An upload session that is not complete, as listed. The list does not tell the file's name.
    pub struct IncompleteUpload {
        required {
            /// Identifies the session.
            upload_id: UploadId,
        }
        /// How far it is.
        optional status: Option<UploadStatus>,
        /// Size of the file, in bytes.
        whole total_size: Option<u64>,
        /// Size of every chunk but the last, in bytes.
        whole chunk_size: Option<u64>,
        /// How many chunks the file has.
        whole total_chunks: Option<u32>,
        /// When the session was opened.
        lenient created_at: Option<Timestamp>,
        /// When the session ends.
        lenient expires_at: Option<Timestamp>,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_signature_of_a_presigned_url_does_not_show() {
        let mut session = UploadSession::new("u", 5_u64, 1_u32);
        let url = "https://bucket.example/part?X-Amz-Signature=SECRET";
        session.upload_urls = vec![UploadUrl::new(1_u32, url)];
        let shown = format!("{session:?}");
        assert!(shown.contains("bucket.example/part?…"), "{shown}");
        assert!(!shown.contains("SECRET"), "{shown}");
        assert_eq!(session.upload_urls[0].url.as_str(), url);
    }
}
