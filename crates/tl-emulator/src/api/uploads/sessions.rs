//! `/assets/multipart-uploads`: sessions of multipart uploads. The chunks themselves are handled in
//! `api/storage`.

use std::{collections::BTreeMap, time::Duration};

use http::StatusCode;
use tl_model::{
    ChunkState, ChunkStatus, ErrorCode, IncompleteUpload, Page, SortOption, UploadSession,
    UploadState, UploadStatus, UploadType, UploadUrls, Value,
};
use tl_protocol::endpoint::{CreateUpload, GetUpload, ListUploads, RequestUploadUrls, Sort};
use tl_validate::Route;

use crate::{
    api::{
        handle::handle,
        listing::{self, SortKey},
        metadata,
        storage::presign,
    },
    core::{
        Env, Refusal, State,
        effect::Effect,
        lifecycle::after,
        quirks,
        records::{ChunkRecord, MediaKey, UploadRecord, chunk_key},
        static_file::MAX_IMAGE_BYTES,
        time::api_timestamp,
    },
    media::validation,
};

handle!(CreateUpload, |state, env, request| create(
    state, env, request
));
handle!(ListUploads, |state, env, request| list(
    state, env, &request
));
handle!(GetUpload, |state, env, request| retrieve(
    state, env, &request
));
handle!(RequestUploadUrls, |state, env, request| request_urls(
    state, env, &request
));

/// The lifetime of a session (documented).
const SESSION_LIFETIME: Duration = Duration::from_secs(24 * 3600);
/// The maximum number of chunks of a file; larger files get larger chunks. The limit is the one of
/// S3 (its user guide, multipart upload limits).
const MAX_CHUNKS: u64 = 10_000;
/// The maximum number of URLs per request (OpenAPI description of February 2026).
const MAX_URLS: u32 = 50;

fn chunks<'a>(state: &'a State, upload_id: &str) -> impl Iterator<Item = &'a ChunkRecord> {
    state.chunks.with_prefix(&format!("{upload_id}/"))
}

pub(crate) fn reported(state: &State, upload_id: &str) -> u32 {
    let count = chunks(state, upload_id).filter(|chunk| chunk.reported_at.is_some());
    u32::try_from(count.count()).unwrap_or(u32::MAX)
}

/// The number of stored chunks of an upload, and their size in bytes.
pub(crate) fn stored(state: &State, upload: &UploadRecord) -> (u32, u64) {
    let is_stored = |index: &u32| {
        let chunk = state.chunks.get(&chunk_key(&upload.id, *index));
        chunk.is_some_and(|chunk| chunk.etag.is_some())
    };
    let stored = (1..=upload.total_chunks).filter(is_stored);
    stored.fold((0, 0), |(count, bytes), index| {
        (count + 1, bytes + upload.len(index))
    })
}

pub(crate) fn create(
    state: &mut State,
    env: &mut Env<'_>,
    create: CreateUpload,
) -> Result<UploadSession, Refusal> {
    let upload = create.upload;
    let limit = match upload.upload_type {
        UploadType::Image => Some(MAX_IMAGE_BYTES),
        _ => validation::max_asset_file(Route::Multipart, &env.settings.rules),
    };
    let size = upload.total_size;
    if size == 0 {
        return Err(Refusal::invalid("total_size", "`0` is less than 1"));
    }
    if let Some(limit) = limit.filter(|limit| size > *limit) {
        let detail = format!("`{size}` is more than {limit} bytes");
        return Err(Refusal::invalid("total_size", &detail));
    }
    let user_metadata = metadata::initial(
        upload.user_metadata.unwrap_or_default(),
        &env.settings.quirks,
    )?;
    delete_expired_files(state, env);
    let chunk_size = env
        .settings
        .chunk_size
        .max(1)
        .max(size.div_ceil(MAX_CHUNKS));
    let total_chunks = u32::try_from(size.div_ceil(chunk_size)).unwrap_or(u32::MAX);
    let id = env.next_id(state);
    let asset_id = env.next_id(state);
    let record = UploadRecord {
        id: id.clone(),
        number: state.last_number(),
        asset_id: asset_id.clone(),
        headers: headers(env),
        filename: upload.filename,
        upload_type: upload.upload_type,
        total_size: size,
        chunk_size,
        total_chunks,
        created_at: env.now,
        updated_at: env.now,
        expires_at: after(env.now, SESSION_LIFETIME),
        enable_hls: upload.enable_hls.unwrap_or(false),
        enable_thumbnail: upload.enable_thumbnail.unwrap_or(false),
        user_metadata,
        file: Some(MediaKey::new(format!("upload-{id}"))),
        is_complete: false,
    };
    let first = env.settings.initial_urls.min(total_chunks);
    let urls = (1..=first).map(|index| presign::sign(state, env, &record, index));
    let mut session = UploadSession::new(id.clone(), chunk_size, total_chunks);
    session.upload_urls = urls.collect();
    if first == 0 {
        let none = Value::Array(Vec::new());
        session.extra.insert("upload_urls".to_owned(), none);
    }
    session.asset_id = Some(asset_id.into());
    session.upload_headers = record.headers.clone();
    session.expires_at = Some(api_timestamp(record.expires_at));
    state.uploads.insert(id, record);
    Ok(session)
}

/// The headers required with each chunk. The official clients send this content type whatever the
/// session requires, so it is the only default. The value `extra` detects clients that ignore the
/// required headers.
fn headers(env: &Env<'_>) -> BTreeMap<String, String> {
    let mut headers = BTreeMap::new();
    let mode = env.quirk(&quirks::UPLOAD_HEADERS);
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
fn delete_expired_files(state: &mut State, env: &mut Env<'_>) {
    let uploads = state.uploads.values();
    let ended = uploads.filter(|upload| upload.status(env.now) == UploadStatus::Expired);
    let ended: Vec<String> = ended
        .filter(|upload| upload.file.is_some())
        .map(|upload| upload.id.clone())
        .collect();
    for id in ended {
        if let Some(upload) = state.uploads.get_mut(&id) {
            env.effects.extend(upload.file.take().map(Effect::Discard));
        }
    }
}

pub(crate) fn list(
    state: &State,
    env: &Env<'_>,
    list: &ListUploads,
) -> Result<Page<IncompleteUpload>, Refusal> {
    let uploads = state.uploads.values();
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
        &env.settings.quirks,
        |upload| {
            let mut view = IncompleteUpload::new(upload.id.as_str());
            view.status = Some(upload.status(env.now));
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
    state: &State,
    env: &Env<'_>,
    get: &GetUpload,
) -> Result<UploadState, Refusal> {
    let upload = state.upload(get.upload_id.as_str())?;
    let sort_key = |index: u32| SortKey {
        created: upload.created_at,
        updated: upload.created_at,
        number: index.into(),
    };
    let ascending = Sort::default().with_option(SortOption::Asc);
    let items = (1..=upload.total_chunks).map(|index| (sort_key(index), index));
    let page = listing::page(
        items.collect(),
        &ascending,
        get.page,
        &env.settings.quirks,
        |index| chunk_state(state, upload, index),
    )?;
    let completed = reported(state, &upload.id);
    let mut view = UploadState::new(upload.id.as_str());
    view.status = Some(upload.status(env.now));
    if page.data.is_empty() {
        // A page after the last one still has an empty list.
        let none = Value::Array(Vec::new());
        view.extra.insert("uploaded_chunks".to_owned(), none);
    }
    view.uploaded_chunks = page.data;
    view.page_info = page.page_info;
    view.chunks_completed = Some(completed);
    view.chunks_failed = Some(0);
    view.chunks_pending = Some(upload.total_chunks.saturating_sub(completed));
    view.total_size = Some(upload.total_size);
    view.uploaded_size = Some(uploaded_size(state, upload));
    view.total_chunks = Some(upload.total_chunks);
    view.created_at = Some(api_timestamp(upload.created_at));
    view.updated_at = Some(api_timestamp(upload.updated_at));
    Ok(view)
}

fn uploaded_size(state: &State, upload: &UploadRecord) -> u64 {
    let is_reported = |index: &u32| {
        let chunk = state.chunks.get(&chunk_key(&upload.id, *index));
        chunk.is_some_and(|chunk| chunk.reported_at.is_some())
    };
    (1..=upload.total_chunks)
        .filter(is_reported)
        .map(|index| upload.len(index))
        .sum()
}

fn chunk_state(state: &State, upload: &UploadRecord, index: u32) -> ChunkState {
    let chunk = state.chunks.get(&chunk_key(&upload.id, index));
    let reported_at = chunk.and_then(|chunk| chunk.reported_at);
    let mut view = ChunkState::new(index);
    view.updated_at = Some(api_timestamp(reported_at.unwrap_or(upload.created_at)));
    match reported_at {
        Some(at) => {
            view.status = Some(ChunkStatus::Completed);
            view.uploaded_at = Some(api_timestamp(at));
        }
        None => {
            view.status = Some(ChunkStatus::Pending);
            // Documented: null until the chunk is completed.
            view.extra.insert("uploaded_at".to_owned(), Value::Null);
        }
    }
    view
}

pub(crate) fn request_urls(
    state: &mut State,
    env: &Env<'_>,
    wanted: &RequestUploadUrls,
) -> Result<UploadUrls, Refusal> {
    let upload = state.upload(wanted.upload_id.as_str())?.clone();
    refuse_expired(env, &upload)?;
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
    let urls = (start..=last).map(|index| presign::sign(state, env, &upload, index));
    let urls: Vec<_> = urls.collect();
    let mut response = UploadUrls::default();
    response.upload_id = Some(upload.id.as_str().into());
    response.start_index = Some(start);
    response.count = Some(last - start + 1);
    response.generated_at = Some(api_timestamp(env.now));
    response.expires_at = urls.first().and_then(|url| url.expires_at.clone());
    response.upload_urls = urls;
    Ok(response)
}

pub(crate) fn refuse_expired(env: &Env<'_>, upload: &UploadRecord) -> Result<(), Refusal> {
    if upload.status(env.now) != UploadStatus::Expired {
        return Ok(());
    }
    let quirk = env.quirk(&quirks::EXPIRED_UPLOAD);
    let detail = format!(
        "the session expired at {}",
        api_timestamp(upload.expires_at)
    );
    Err(match quirk {
        "404" => Refusal::not_found(),
        "403" => Refusal::new(
            StatusCode::FORBIDDEN,
            ErrorCode::ApiNotAllowed,
            format!("The upload cannot continue: {detail}."),
        ),
        _ => Refusal::invalid("upload_id", &detail),
    })
}
