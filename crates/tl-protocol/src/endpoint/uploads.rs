//! `/assets/multipart-uploads`: sessions that upload a large file in chunks. The workflow is in
//! `flow/upload`.

use serde_json::{Map, Value};
use tl_model::{
    ChunkReceipt, ChunkReport, IncompleteUpload, NewUpload, Page, ProofType, UploadId,
    UploadSession, UploadState, UploadType, UploadUrls, UrlRequest,
};

use super::{
    PageRequest, Rejection,
    assets::check_filename,
    endpoint,
    json::{JsonBody, flag, from_object, kind_of, optional, required, text, whole, word_of},
    resource,
};

/// The most chunks in one report, and the most URLs in one request (API description of February
/// 2026).
const BATCH_MAX: u32 = 50;

resource! {
    /// Operations on upload sessions.
    Uploads, uploads
}

endpoint! {
    /// Opens an upload session.
    // A repeat opens another session. The first one costs nothing, creates no asset and expires
    // after 24 hours. It cannot be looked up, because lists do not show its owner.
    CreateUpload: PartialEq {
        body {
            /// The file to upload.
            upload: NewUpload
        }
    }
    name: "multipart_upload.create";
    does: "open an upload session";
    POST "/assets/multipart-uploads" => CREATED UploadSession;
    repeat: Freely;
    client: Uploads::create;
}

impl JsonBody for NewUpload {
    const MEMBERS: &'static [&'static str] = &[
        "filename",
        "type",
        "total_size",
        "enable_hls",
        "enable_thumbnail",
        "user_metadata",
    ];

    fn read(object: &Map<String, Value>) -> Result<Self, Rejection> {
        check_filename(text(object, "filename")?)?;
        word_of::<UploadType>(object, "type", UploadType::KNOWN)?;
        whole(object, "total_size", u64::MAX)?;
        let enable_hls = flag(object, "enable_hls")?;
        let enable_thumbnail = flag(object, "enable_thumbnail")?;
        let user_metadata = optional(object, "user_metadata")?;
        let mut upload: Self = from_object(object)?;
        upload.enable_hls = enable_hls;
        upload.enable_thumbnail = enable_thumbnail;
        upload.user_metadata = user_metadata;
        // `null` means the same as absence: it is not kept.
        upload.extra.clear();
        Ok(upload)
    }
}

endpoint! {
    /// Lists the upload sessions of the account that are not complete.
    ListUploads: PartialEq, Eq, Default {
        query {
            /// The page to return.
            page: PageRequest,
        }
    }
    name: "multipart_upload.list_incomplete_uploads";
    does: "list the incomplete uploads";
    GET "/assets/multipart-uploads" => OK Page<IncompleteUpload>;
    repeat: Freely;
    client: Uploads::list;
    paged: IncompleteUpload;
}

endpoint! {
    /// Retrieves the state of an upload session with one page of its chunks.
    GetUpload: PartialEq, Eq {
        path {
            /// The session.
            upload_id: UploadId,
        }
        query {
            /// The page of chunks to return.
            page: PageRequest,
        }
    }
    name: "multipart_upload.get_status";
    does: "retrieve the state of the upload";
    GET "/assets/multipart-uploads/{upload_id}" => OK UploadState;
    repeat: Freely;
    client: Uploads::get;
}

endpoint! {
    /// Reports stored chunks: 1 to 50, in any order. When the last one is reported, the platform
    /// creates the asset.
    // The platform counts a repeated chunk as a duplicate and ignores it: a repeat is idempotent.
    ReportChunks: PartialEq {
        path {
            /// The session.
            upload_id: UploadId,
        }
        body {
            /// The chunks.
            report: ChunkReport
        }
    }
    name: "multipart_upload.report_chunk_batch";
    does: "report uploaded chunks";
    POST "/assets/multipart-uploads/{upload_id}" => OK ChunkReceipt;
    repeat: Freely;
    client: Uploads::report;
}

impl JsonBody for ChunkReport {
    const MEMBERS: &'static [&'static str] = &["completed_chunks"];

    fn read(object: &Map<String, Value>) -> Result<Self, Rejection> {
        let items = match required(object, "completed_chunks")? {
            Value::Array(items) => items,
            other => {
                let seen = kind_of(other);
                return Err(Rejection::invalid(
                    "completed_chunks",
                    format!("{seen}: an array is expected"),
                ));
            }
        };
        if items.is_empty() || items.len() > BATCH_MAX as usize {
            return Err(Rejection::invalid(
                "completed_chunks",
                format!("{} chunks: 1 to {BATCH_MAX} are allowed", items.len()),
            ));
        }
        for item in items {
            let chunk = item.as_object().ok_or_else(|| {
                let seen = kind_of(item);
                Rejection::invalid(
                    "completed_chunks",
                    format!("an item is {seen}: objects are expected"),
                )
            })?;
            whole(chunk, "chunk_index", u32::MAX.into())?;
            text(chunk, "proof")?;
            word_of::<ProofType>(chunk, "proof_type", ProofType::KNOWN)?;
            whole(chunk, "chunk_size", u64::MAX)?;
            let known = ["chunk_index", "proof", "proof_type", "chunk_size"];
            if let Some(key) = chunk.keys().find(|key| !known.contains(&key.as_str())) {
                return Err(Rejection::unknown(key));
            }
        }
        from_object(object)
    }
}

endpoint! {
    /// Requests presigned URLs: for chunks without one, whose URL has expired, or whose upload
    /// failed.
    // It only signs URLs and changes nothing: a repeat returns other URLs for the same chunks.
    RequestUploadUrls: PartialEq {
        path {
            /// The session.
            upload_id: UploadId,
        }
        body {
            /// The chunks: 1 to 50, starting at number `start`; the first chunk of a file is 1.
            request: UrlRequest
        }
    }
    name: "multipart_upload.get_additional_presigned_urls";
    does: "request presigned URLs";
    POST "/assets/multipart-uploads/{upload_id}/presigned-urls" => OK UploadUrls;
    repeat: Freely;
    client: Uploads::request_urls;
}

impl JsonBody for UrlRequest {
    const MEMBERS: &'static [&'static str] = &["start", "count"];

    fn read(object: &Map<String, Value>) -> Result<Self, Rejection> {
        whole(object, "start", u32::MAX.into())?;
        whole(object, "count", BATCH_MAX.into())?;
        from_object(object)
    }
}
