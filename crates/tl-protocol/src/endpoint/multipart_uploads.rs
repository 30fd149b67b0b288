//! `/assets/multipart-uploads`: the upload of a large file in chunks, as far as the API itself is concerned. The chunks go to
//! presigned URLs of a storage, which are no endpoints of the API.

use http::{Method, StatusCode};
use serde_json::Value;
use tl_model::{
    ChunkReceipt, ChunkReport, IncompleteUpload, NewUpload, Page, ProofType, UploadId,
    UploadSession, UploadState, UploadType, UploadUrls, UrlRequest,
};

use super::{
    Endpoint, Outgoing, PageRequest, Received, Rejection,
    asset_metadata::metadata_of,
    assets::check_filename,
    json_response,
    members::{flag, from_object, kind_of, required, text, whole, word_of},
    paged,
};
use crate::Repeat;

/// The most chunks in one report, and the most URLs in one request (API description of February 2026).
const BATCH_MAX: u32 = 50;

/// Opens an upload session. A repetition opens another one; the first costs nothing, makes no asset, and ends by itself after
/// 24 hours.
#[derive(Debug, Clone, PartialEq)]
pub struct CreateUpload {
    /// What will be uploaded.
    pub upload: NewUpload,
}

impl Endpoint for CreateUpload {
    type Response = UploadSession;

    const OPERATION: &'static str = "open an upload session";
    const METHOD: Method = Method::POST;
    const PATH: &'static str = "/assets/multipart-uploads";
    // A session that nobody knows of harms nobody, and no list tells whose it is: it is not looked after.
    const REPEAT: Repeat = Repeat::Freely;
    const SUCCESS: StatusCode = StatusCode::CREATED;

    fn encode(&self) -> Outgoing {
        Outgoing::new().json(&self.upload)
    }

    fn decode(request: &Received) -> Result<Self, Rejection> {
        request.query().finish()?;
        let object = request.json_with(&[
            "filename",
            "type",
            "total_size",
            "enable_hls",
            "enable_thumbnail",
            "user_metadata",
        ])?;
        check_filename(text(object, "filename")?)?;
        word_of::<UploadType>(object, "type", UploadType::KNOWN)?;
        whole(object, "total_size", u64::MAX)?;
        let enable_hls = flag(object, "enable_hls")?;
        let enable_thumbnail = flag(object, "enable_thumbnail")?;
        let user_metadata = metadata_of(object)?;
        let mut upload: NewUpload = from_object(object)?;
        upload.enable_hls = enable_hls;
        upload.enable_thumbnail = enable_thumbnail;
        upload.user_metadata = user_metadata;
        // A `null` says the same as absence: it is not kept.
        upload.extra.clear();
        Ok(Self { upload })
    }

    json_response!();
}

/// Lists the upload sessions of the account that are not complete.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ListUploads {
    /// Which page.
    pub page: PageRequest,
}

impl Endpoint for ListUploads {
    type Response = Page<IncompleteUpload>;

    const OPERATION: &'static str = "list the incomplete uploads";
    const METHOD: Method = Method::GET;
    const PATH: &'static str = "/assets/multipart-uploads";
    const REPEAT: Repeat = Repeat::Freely;
    const SUCCESS: StatusCode = StatusCode::OK;

    fn encode(&self) -> Outgoing {
        self.page.encode(Outgoing::new())
    }

    fn decode(request: &Received) -> Result<Self, Rejection> {
        let mut params = request.query();
        let list = Self {
            page: PageRequest::decode(&mut params)?,
        };
        params.finish()?;
        Ok(list)
    }

    json_response!();
}

paged!(ListUploads, IncompleteUpload);

/// Retrieves the state of an upload session with one page of its chunks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GetUpload {
    /// The session.
    pub upload_id: UploadId,
    /// Which page of the chunks.
    pub page: PageRequest,
}

impl GetUpload {
    /// The state with the first page of chunks.
    #[must_use]
    pub fn new(upload_id: UploadId) -> Self {
        Self {
            upload_id,
            page: PageRequest::default(),
        }
    }
}

impl Endpoint for GetUpload {
    type Response = UploadState;

    const OPERATION: &'static str = "retrieve the state of the upload";
    const METHOD: Method = Method::GET;
    const PATH: &'static str = "/assets/multipart-uploads/{upload_id}";
    const REPEAT: Repeat = Repeat::Freely;
    const SUCCESS: StatusCode = StatusCode::OK;

    fn encode(&self) -> Outgoing {
        self.page.encode(Outgoing::new().param(&self.upload_id))
    }

    fn decode(request: &Received) -> Result<Self, Rejection> {
        let mut params = request.query();
        let get = Self {
            upload_id: request.param(0).into(),
            page: PageRequest::decode(&mut params)?,
        };
        params.finish()?;
        Ok(get)
    }

    json_response!();
}

/// Reports chunks that the storage has: 1 to 50, in any order. When the last one is reported the platform makes the asset.
#[derive(Debug, Clone, PartialEq)]
pub struct ReportChunks {
    /// The session.
    pub upload_id: UploadId,
    /// The chunks.
    pub report: ChunkReport,
}

impl Endpoint for ReportChunks {
    type Response = ChunkReceipt;

    const OPERATION: &'static str = "report uploaded chunks";
    const METHOD: Method = Method::POST;
    const PATH: &'static str = "/assets/multipart-uploads/{upload_id}";
    // The platform counts a repeated chunk as a duplicate and ignores it: once or twice is the same.
    const REPEAT: Repeat = Repeat::Freely;
    const SUCCESS: StatusCode = StatusCode::OK;

    fn encode(&self) -> Outgoing {
        Outgoing::new().param(&self.upload_id).json(&self.report)
    }

    fn decode(request: &Received) -> Result<Self, Rejection> {
        request.query().finish()?;
        let object = request.json_with(&["completed_chunks"])?;
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
        Ok(Self {
            upload_id: request.param(0).into(),
            report: from_object(object)?,
        })
    }

    json_response!();
}

/// Asks for presigned URLs: for chunks that have none yet, whose URL has ended, or whose upload failed.
#[derive(Debug, Clone, PartialEq)]
pub struct RequestUploadUrls {
    /// The session.
    pub upload_id: UploadId,
    /// Which chunks.
    pub request: UrlRequest,
}

impl RequestUploadUrls {
    /// URLs for `count` chunks, 1 to 50, from number `start` on, where the first chunk of a file is 1.
    #[must_use]
    pub fn new(upload_id: UploadId, start: u32, count: u32) -> Self {
        Self {
            upload_id,
            request: UrlRequest::new(start, count),
        }
    }
}

impl Endpoint for RequestUploadUrls {
    type Response = UploadUrls;

    const OPERATION: &'static str = "request presigned URLs";
    const METHOD: Method = Method::POST;
    const PATH: &'static str = "/assets/multipart-uploads/{upload_id}/presigned-urls";
    // It only signs URLs and changes nothing: a repetition gives others for the same chunks.
    const REPEAT: Repeat = Repeat::Freely;
    const SUCCESS: StatusCode = StatusCode::OK;

    fn encode(&self) -> Outgoing {
        Outgoing::new().param(&self.upload_id).json(&self.request)
    }

    fn decode(request: &Received) -> Result<Self, Rejection> {
        request.query().finish()?;
        let object = request.json_with(&["start", "count"])?;
        whole(object, "start", u32::MAX.into())?;
        whole(object, "count", BATCH_MAX.into())?;
        Ok(Self {
            upload_id: request.param(0).into(),
            request: from_object(object)?,
        })
    }

    json_response!();
}
