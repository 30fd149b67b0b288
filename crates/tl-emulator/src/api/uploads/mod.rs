//! `/assets/multipart-uploads`: sessions of multipart uploads. The chunks themselves are handled in
//! `storage.rs`.

mod reports;

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use http::StatusCode;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use tl_model::{
    ChunkState, ChunkStatus, ErrorCode, IncompleteUpload, Page, SortOption, UploadSession,
    UploadState, UploadStatus, UploadType, UploadUrls, UserMetadata, Value,
};
use tl_protocol::endpoint::{CreateUpload, GetUpload, ListUploads, RequestUploadUrls, Sort};
use tl_validate::Route;

use crate::platform::{
    Effect, MediaKey, Platform, Refusal, api_timestamp, assets,
    handle::handle,
    lifecycle::after,
    listing::{self, SortKey},
    presign, quirks,
    static_file::MAX_IMAGE_BYTES,
    videos,
};

handle!(CreateUpload, |call, request| create(
    call.platform,
    call.now,
    call.host,
    request,
    call.effects
));
handle!(ListUploads, |call, request| list(
    call.platform,
    call.now,
    &request
));
handle!(GetUpload, |call, request| retrieve(
    call.platform,
    call.now,
    &request
));
handle!(RequestUploadUrls, |call, request| request_urls(
    call.platform,
    call.now,
    call.host,
    &request
));

/// The lifetime of a session (documented).
const SESSION_LIFETIME: Duration = Duration::from_secs(24 * 3600);
/// The maximum number of chunks of a file; larger files get larger chunks. The limit is the one of
/// S3 (its user guide, multipart upload limits).
const MAX_CHUNKS: u64 = 10_000;
/// The maximum number of URLs per request (OpenAPI description of February 2026).
const MAX_URLS: u32 = 50;

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

fn chunks<'a>(platform: &'a Platform, upload_id: &str) -> impl Iterator<Item = &'a ChunkRecord> {
    platform.state.chunks.with_prefix(&format!("{upload_id}/"))
}

pub(crate) fn reported(platform: &Platform, upload_id: &str) -> u32 {
    let count = chunks(platform, upload_id).filter(|chunk| chunk.reported_at.is_some());
    u32::try_from(count.count()).unwrap_or(u32::MAX)
}

/// The number of stored chunks of an upload, and their size in bytes.
pub(crate) fn stored(platform: &Platform, upload: &UploadRecord) -> (u32, u64) {
    let is_stored = |index: &u32| {
        let chunk = platform.state.chunks.get(&chunk_key(&upload.id, *index));
        chunk.is_some_and(|chunk| chunk.etag.is_some())
    };
    let stored = (1..=upload.total_chunks).filter(is_stored);
    stored.fold((0, 0), |(count, bytes), index| {
        (count + 1, bytes + upload.len(index))
    })
}

pub(crate) fn create(
    platform: &mut Platform,
    now: Timestamp,
    host: &str,
    create: CreateUpload,
    effects: &mut Vec<Effect>,
) -> Result<UploadSession, Refusal> {
    let upload = create.upload;
    let limit = match upload.upload_type {
        UploadType::Image => Some(MAX_IMAGE_BYTES),
        _ => assets::max_file(Route::Multipart, &platform.settings.rules),
    };
    let size = upload.total_size;
    if size == 0 {
        return Err(Refusal::invalid("total_size", "`0` is less than 1"));
    }
    if let Some(limit) = limit.filter(|limit| size > *limit) {
        let detail = format!("`{size}` is more than {limit} bytes");
        return Err(Refusal::invalid("total_size", &detail));
    }
    let user_metadata = videos::initial_metadata(
        upload.user_metadata.unwrap_or_default(),
        &platform.settings.quirks,
    )?;
    delete_expired_files(platform, now, effects);
    let chunk_size = platform
        .settings
        .chunk_size
        .max(1)
        .max(size.div_ceil(MAX_CHUNKS));
    let total_chunks = u32::try_from(size.div_ceil(chunk_size)).unwrap_or(u32::MAX);
    let id = platform.next_id(now);
    let asset_id = platform.next_id(now);
    let record = UploadRecord {
        id: id.clone(),
        number: platform.ids.counter,
        asset_id: asset_id.clone(),
        headers: headers(platform),
        filename: upload.filename,
        upload_type: upload.upload_type,
        total_size: size,
        chunk_size,
        total_chunks,
        created_at: now,
        updated_at: now,
        expires_at: after(now, SESSION_LIFETIME),
        enable_hls: upload.enable_hls.unwrap_or(false),
        enable_thumbnail: upload.enable_thumbnail.unwrap_or(false),
        user_metadata,
        file: Some(MediaKey::new(format!("upload-{id}"))),
        is_complete: false,
    };
    let first = platform.settings.initial_urls.min(total_chunks);
    let urls = (1..=first).map(|index| presign::sign(platform, &record, index, now, host));
    let mut session = UploadSession::new(id.clone(), chunk_size, total_chunks);
    session.upload_urls = urls.collect();
    if first == 0 {
        let none = Value::Array(Vec::new());
        session.extra.insert("upload_urls".to_owned(), none);
    }
    session.asset_id = Some(asset_id.into());
    session.upload_headers = record.headers.clone();
    session.expires_at = Some(api_timestamp(record.expires_at));
    platform.state.uploads.insert(id, record);
    Ok(session)
}

/// The headers required with each chunk. The official clients send this content type whatever the
/// session requires, so it is the only default. The value `extra` detects clients that ignore the
/// required headers.
fn headers(platform: &Platform) -> BTreeMap<String, String> {
    let mut headers = BTreeMap::new();
    let mode = platform.settings.quirks.get(&quirks::UPLOAD_HEADERS);
    let mut add = |name: &str, value: &str| headers.insert(name.to_owned(), value.to_owned());
    if mode != "none" {
        add("Content-Type", "application/octet-stream");
    }
    if mode == "extra" {
        add("x-amz-server-side-encryption", "AES256");
    }
    headers
}

/// Deletes the files of expired sessions.
fn delete_expired_files(platform: &mut Platform, now: Timestamp, effects: &mut Vec<Effect>) {
    let uploads = platform.state.uploads.values();
    let ended = uploads.filter(|upload| upload.status(now) == UploadStatus::Expired);
    let ended: Vec<String> = ended
        .filter(|upload| upload.file.is_some())
        .map(|upload| upload.id.clone())
        .collect();
    for id in ended {
        if let Some(upload) = platform.state.uploads.get_mut(&id) {
            effects.extend(upload.file.take().map(Effect::Discard));
        }
    }
}

pub(crate) fn list(
    platform: &Platform,
    now: Timestamp,
    list: &ListUploads,
) -> Result<Page<IncompleteUpload>, Refusal> {
    let uploads = platform.state.uploads.values();
    let items = uploads.filter(|upload| !upload.is_complete).map(|upload| {
        let sort_key = SortKey {
            created: upload.created_at,
            updated: upload.updated_at,
            number: upload.number,
        };
        (sort_key, upload)
    });
    listing::page(
        items.collect(),
        &Sort::default(),
        list.page,
        &platform.settings.quirks,
        |upload| {
            let mut view = IncompleteUpload::new(upload.id.as_str());
            view.status = Some(upload.status(now));
            view.total_size = Some(upload.total_size);
            view.chunk_size = Some(upload.chunk_size);
            view.total_chunks = Some(upload.total_chunks);
            view.created_at = Some(api_timestamp(upload.created_at));
            view.expires_at = Some(api_timestamp(upload.expires_at));
            view
        },
    )
}

pub(crate) fn retrieve(
    platform: &Platform,
    now: Timestamp,
    get: &GetUpload,
) -> Result<UploadState, Refusal> {
    let upload = find(platform, get.upload_id.as_str())?;
    let sort_key = |index: u32| SortKey {
        created: upload.created_at,
        updated: upload.created_at,
        number: index.into(),
    };
    let ascending = Sort {
        by: None,
        option: Some(SortOption::Asc),
    };
    let items = (1..=upload.total_chunks).map(|index| (sort_key(index), index));
    let page = listing::page(
        items.collect(),
        &ascending,
        get.page,
        &platform.settings.quirks,
        |index| chunk_state(platform, upload, index),
    )?;
    let completed = reported(platform, &upload.id);
    let mut state = UploadState::new(upload.id.as_str());
    state.status = Some(upload.status(now));
    if page.data.is_empty() {
        // A page after the last one still has an empty list.
        let none = Value::Array(Vec::new());
        state.extra.insert("uploaded_chunks".to_owned(), none);
    }
    state.uploaded_chunks = page.data;
    state.page_info = page.page_info;
    state.chunks_completed = Some(completed);
    state.chunks_failed = Some(0);
    state.chunks_pending = Some(upload.total_chunks.saturating_sub(completed));
    state.total_size = Some(upload.total_size);
    state.uploaded_size = Some(uploaded_size(platform, upload));
    state.total_chunks = Some(upload.total_chunks);
    state.created_at = Some(api_timestamp(upload.created_at));
    state.updated_at = Some(api_timestamp(upload.updated_at));
    Ok(state)
}

fn uploaded_size(platform: &Platform, upload: &UploadRecord) -> u64 {
    let is_reported = |index: &u32| {
        let chunk = platform.state.chunks.get(&chunk_key(&upload.id, *index));
        chunk.is_some_and(|chunk| chunk.reported_at.is_some())
    };
    (1..=upload.total_chunks)
        .filter(is_reported)
        .map(|index| upload.len(index))
        .sum()
}

fn chunk_state(platform: &Platform, upload: &UploadRecord, index: u32) -> ChunkState {
    let chunk = platform.state.chunks.get(&chunk_key(&upload.id, index));
    let reported_at = chunk.and_then(|chunk| chunk.reported_at);
    let mut state = ChunkState::new(index);
    state.updated_at = Some(api_timestamp(reported_at.unwrap_or(upload.created_at)));
    match reported_at {
        Some(at) => {
            state.status = Some(ChunkStatus::Completed);
            state.uploaded_at = Some(api_timestamp(at));
        }
        None => {
            state.status = Some(ChunkStatus::Pending);
            // Documented: null until the chunk is completed.
            state.extra.insert("uploaded_at".to_owned(), Value::Null);
        }
    }
    state
}

pub(crate) fn request_urls(
    platform: &mut Platform,
    now: Timestamp,
    host: &str,
    wanted: &RequestUploadUrls,
) -> Result<UploadUrls, Refusal> {
    let upload = find(platform, wanted.upload_id.as_str())?.clone();
    refuse_expired(platform, &upload, now)?;
    let (start, count) = (wanted.request.start, wanted.request.count);
    if upload.is_complete {
        let detail = "this upload is complete: no chunk is missing";
        return Err(Refusal::invalid("upload_id", detail));
    }
    if !upload.has(start) {
        let detail = format!(
            "`{start}`: this upload has the chunks 1 to {}",
            upload.total_chunks
        );
        return Err(Refusal::invalid("start", &detail));
    }
    if !(1..=MAX_URLS).contains(&count) {
        let detail = format!("`{count}` is not between 1 and {MAX_URLS}");
        return Err(Refusal::invalid("count", &detail));
    }
    let last = start.saturating_add(count - 1).min(upload.total_chunks);
    let urls = (start..=last).map(|index| presign::sign(platform, &upload, index, now, host));
    let urls: Vec<_> = urls.collect();
    let mut response = UploadUrls::default();
    response.upload_id = Some(upload.id.as_str().into());
    response.start_index = Some(start);
    response.count = Some(last - start + 1);
    response.generated_at = Some(api_timestamp(now));
    response.expires_at = urls.first().and_then(|url| url.expires_at.clone());
    response.upload_urls = urls;
    Ok(response)
}

pub(crate) fn refuse_expired(
    platform: &Platform,
    upload: &UploadRecord,
    now: Timestamp,
) -> Result<(), Refusal> {
    if upload.status(now) != UploadStatus::Expired {
        return Ok(());
    }
    let quirk = platform.settings.quirks.get(&quirks::EXPIRED_UPLOAD);
    let detail = format!(
        "the session expired at {}",
        api_timestamp(upload.expires_at)
    );
    Err(match quirk {
        "404" => Refusal::not_found(),
        "403" => Refusal::new(
            StatusCode::FORBIDDEN,
            ErrorCode::ApiNotAllowed,
            format!("The upload cannot go on: {detail}."),
        ),
        _ => Refusal::invalid("upload_id", &detail),
    })
}

/// Looks up a session. A malformed identifier is unknown as well: only 404 is documented.
pub(crate) fn find<'a>(platform: &'a Platform, id: &str) -> Result<&'a UploadRecord, Refusal> {
    platform
        .state
        .uploads
        .get(id)
        .ok_or_else(Refusal::not_found)
}
