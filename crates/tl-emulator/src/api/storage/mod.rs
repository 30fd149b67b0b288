//! The rules of the storage behind presigned URLs: which chunk may be uploaded, and what a stored
//! chunk changes.
//!
//! URLs are signed in `presign.rs`, errors are in `errors.rs`, and the server stores the
//! bytes.
//!
//! Codes, statuses and messages are those of S3 (API reference, error responses, and query string
//! authentication). If S3 is more lenient than the platform documentation (URLs that work once,
//! chunks of equal size), the emulator follows the documentation.

pub(crate) mod errors;
pub(crate) mod presign;

use std::{collections::BTreeMap, time::Duration};

use base64::{Engine, prelude::BASE64_STANDARD};
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, Response, StatusCode, header, request::Parts};
use tl_http::credentials::API_KEY_HEADER;
use tl_model::UploadStatus;
use url::form_urlencoded;

use crate::core::{
    Env, State,
    faults::{Delivery, Injection},
    lifecycle::after,
    quirks,
    records::{ChunkRecord, MediaKey, UploadRecord, chunk_key},
};
use errors::{NotStored, ObjectRefusal, to_xml};
use presign::{PREFIX, URL_LIFETIME, URL_NUMBER, signature};

/// An accepted upload of a chunk.
#[derive(Debug)]
pub struct Put {
    /// The upload session.
    pub upload_id: String,
    /// The chunk number, from 1.
    pub chunk: u32,
    /// The file that the chunk is a part of.
    pub file: MediaKey,
    /// The offset of the chunk in the file.
    pub offset: u64,
    /// The size of the chunk, in bytes.
    pub bytes: u64,
    /// The MD5 of the bytes already stored for the chunk, in hexadecimal digits.
    pub stored: Option<String>,
    /// The `Content-MD5` header of the request.
    content_md5: Option<String>,
    url: u32,
    reply: ObjectReply,
}

impl Put {
    /// Whether this MD5 matches the `Content-MD5` header, if there is one.
    #[must_use]
    pub fn md5_matches(&self, md5: &[u8; 16]) -> bool {
        self.content_md5
            .as_ref()
            .is_none_or(|meant| *meant == BASE64_STANDARD.encode(md5))
    }
}

/// A response of the storage.
#[derive(Debug, Default)]
pub struct ObjectReply {
    /// The response.
    pub response: Response<Bytes>,
    /// Faults of the connection.
    pub delivery: Delivery,
    /// Descriptions of the injected faults, for the journal.
    pub faults: Vec<String>,
    /// S3's error code and message, if the request was refused.
    pub refusal: Option<(&'static str, String)>,
    /// Whether the chunk is stored, whatever the response is.
    pub is_stored: bool,
    /// The response of a fault, sent instead of the real one.
    fault_response: Option<Response<Bytes>>,
}

/// What to do with a request, decided from its head.
#[derive(Debug)]
pub enum PutDecision {
    /// Read and store the bytes.
    Take(Box<Put>),
    /// Send this response, whatever the bytes are.
    Answer(Box<ObjectReply>),
}

/// Decides from the head of a storage request whether it may upload a chunk. An accepted
/// request uses up its URL.
pub(crate) fn begin_put(
    state: &mut State,
    env: &Env<'_>,
    injection: Injection,
    head: &Parts,
) -> PutDecision {
    let mut reply = ObjectReply {
        delivery: injection.delivery,
        faults: injection.descriptions,
        fault_response: injection.response,
        ..ObjectReply::default()
    };
    if injection.skip_work {
        return PutDecision::Answer(Box::new(reply.with_response(Response::default())));
    }
    match check_put(state, env, head) {
        Err(refusal) => {
            reply.refusal = Some((refusal.code, refusal.message.clone()));
            PutDecision::Answer(Box::new(
                reply.with_response(refusal.response(head.uri.path())),
            ))
        }
        Ok(mut put) => {
            put.reply = reply;
            if env.quirk(&quirks::URL_SPENT) == "attempt" {
                mark_url_used(state, &put);
            }
            PutDecision::Take(Box::new(put))
        }
    }
}

/// Clears the stored bytes of a chunk before they are overwritten. Returns `false` if the chunk
/// was already reported and must be kept.
pub(crate) fn begin_overwrite(state: &mut State, put: &Put) -> bool {
    let key = chunk_key(&put.upload_id, put.chunk);
    match state.chunks.get_mut(&key) {
        Some(chunk) if chunk.reported_at.is_none() => {
            chunk.etag = None;
            true
        }
        _ => false,
    }
}

/// Responds to a request whose bytes were stored (with their MD5) or not.
pub(crate) fn finish_put(
    state: &mut State,
    put: Put,
    stored: Result<[u8; 16], NotStored>,
) -> ObjectReply {
    let key = chunk_key(&put.upload_id, put.chunk);
    let path = format!("{PREFIX}/{}/{}", put.upload_id, put.chunk);
    let stored = stored.map_err(ObjectRefusal::from).and_then(|md5| {
        let chunk = state.chunks.get_mut(&key);
        let chunk = chunk.ok_or_else(|| ObjectRefusal::no_upload("it is gone"))?;
        let etag: String = md5.iter().map(|byte| format!("{byte:02x}")).collect();
        chunk.etag = Some(etag.clone());
        Ok(etag)
    });
    let mut response = Response::default();
    match stored {
        Ok(etag) => {
            mark_url_used(state, &put);
            if let Ok(etag) = HeaderValue::from_str(&format!("\"{etag}\"")) {
                response.headers_mut().insert(header::ETAG, etag);
            }
            let mut reply = put.reply;
            reply.is_stored = true;
            reply.with_response(response)
        }
        Err(refusal) => {
            let mut reply = put.reply;
            reply.refusal = Some((refusal.code, refusal.message.clone()));
            reply.with_response(refusal.response(&path))
        }
    }
}

fn mark_url_used(state: &mut State, put: &Put) {
    let key = chunk_key(&put.upload_id, put.chunk);
    if let Some(chunk) = state.chunks.get_mut(&key) {
        chunk.used_urls.insert(put.url);
    }
}

fn check_put(state: &State, env: &Env<'_>, head: &Parts) -> Result<Put, ObjectRefusal> {
    let headers = &head.headers;
    if headers.contains_key(API_KEY_HEADER) {
        return Err(ObjectRefusal::new(
            StatusCode::BAD_REQUEST,
            "InvalidArgument",
            "The API key was sent to the storage. A presigned URL is the whole permission: never send the header x-api-key to it.",
        ));
    }
    if headers.contains_key(header::AUTHORIZATION) {
        return Err(ObjectRefusal::new(
            StatusCode::BAD_REQUEST,
            "InvalidArgument",
            "Only one auth mechanism allowed; only the X-Amz-Algorithm query parameter, Signature query string parameter or the Authorization header should be specified",
        ));
    }
    if head.method != Method::PUT {
        return Err(ObjectRefusal::new(
            StatusCode::METHOD_NOT_ALLOWED,
            "MethodNotAllowed",
            "The specified method is not allowed against this resource.",
        ));
    }
    let path = head.uri.path();
    let (upload, index) = find_chunk(state, path)?;
    let query = read_query(head)?;
    let chunk = state.chunks.get(&chunk_key(&upload.id, index));
    let chunk = chunk.cloned().unwrap_or_default();
    let url = check_signature(env, path, &query, headers, upload)?;
    check_unused(&chunk, url)?;
    match upload.status(env.now) {
        UploadStatus::Completed => {
            return Err(ObjectRefusal::no_upload("it was completed"));
        }
        UploadStatus::Expired => return Err(ObjectRefusal::no_upload("it has expired")),
        _ => {}
    }
    if chunk.reported_at.is_some() {
        return Err(ObjectRefusal::denied(
            "The chunk was reported as complete and cannot be changed any more",
        ));
    }
    let bytes = upload.len(index);
    check_length(headers, bytes)?;
    let file = upload.file.clone();
    Ok(Put {
        upload_id: upload.id.clone(),
        chunk: index,
        file: file.ok_or_else(|| ObjectRefusal::no_upload("it has no file"))?,
        offset: upload.offset(index),
        bytes,
        stored: chunk.etag,
        content_md5: content_md5(headers)?,
        url,
        reply: ObjectReply::default(),
    })
}

/// The upload and the chunk number in a path.
fn find_chunk<'a>(state: &'a State, path: &str) -> Result<(&'a UploadRecord, u32), ObjectRefusal> {
    let named = path.strip_prefix(PREFIX).and_then(|rest| {
        let (upload, index) = rest.strip_prefix('/')?.split_once('/')?;
        Some((upload, index.parse::<u32>().ok()?))
    });
    let (id, index) = named.ok_or_else(|| ObjectRefusal::no_upload("the path names none"))?;
    let upload = state.uploads.get(id);
    let upload = upload.ok_or_else(|| ObjectRefusal::no_upload("it was never started"))?;
    Ok((upload, index))
}

/// Checks the signature and the expiry of the URL, and returns its number.
fn check_signature(
    env: &Env<'_>,
    path: &str,
    query: &BTreeMap<String, String>,
    headers: &HeaderMap,
    upload: &UploadRecord,
) -> Result<u32, ObjectRefusal> {
    let mut signed = query.clone();
    let given = signed.remove("X-Amz-Signature").unwrap_or_default();
    let mut received = BTreeMap::new();
    let mut changed = Vec::new();
    for (name, wanted) in &upload.headers {
        let name = name.to_ascii_lowercase();
        let value = headers.get(&name).and_then(|value| value.to_str().ok());
        let value = value.unwrap_or_default().trim().to_owned();
        if value != wanted.trim() {
            let problem = if value.is_empty() {
                "missing"
            } else {
                "changed"
            };
            changed.push(format!("{name} ({problem}; it must be {wanted})"));
        }
        received.insert(name, value);
    }
    if signature(env.settings.seed, path, &signed, &received) != given {
        let mut message = "The request signature we calculated does not match the signature you provided. Check your key and signing method.".to_owned();
        if !changed.is_empty() {
            // S3 returns the canonical request instead; this is what a developer would look for
            // in it.
            message.push_str(" Headers that are not those of upload_headers: ");
            message.push_str(&changed.join(", "));
            message.push('.');
        }
        return Err(ObjectRefusal::new(
            StatusCode::FORBIDDEN,
            "SignatureDoesNotMatch",
            message,
        ));
    }
    let date = &signed["X-Amz-Date"];
    let malformed = || ObjectRefusal::query_error(&format!("X-Amz-Date is `{date}`"));
    let date = jiff::civil::DateTime::strptime("%Y%m%dT%H%M%SZ", date)
        .ok()
        .and_then(|date| date.to_zoned(jiff::tz::TimeZone::UTC).ok())
        .ok_or_else(malformed)?;
    let expires = after(date.timestamp(), Duration::from_secs(URL_LIFETIME));
    if env.now >= expires {
        let mut refusal = ObjectRefusal::denied("Request has expired");
        refusal.details = vec![
            ("X-Amz-Expires", URL_LIFETIME.to_string()),
            ("Expires", format!("{expires:.0}")),
            ("ServerTime", format!("{:.0}", env.now)),
        ];
        return Err(refusal);
    }
    signed[URL_NUMBER]
        .parse()
        .map_err(|_| ObjectRefusal::query_error("the token is no number"))
}

fn read_query(head: &Parts) -> Result<BTreeMap<String, String>, ObjectRefusal> {
    let query = head.uri.query().unwrap_or_default();
    let query: BTreeMap<String, String> = form_urlencoded::parse(query.as_bytes())
        .into_owned()
        .collect();
    let needed = [
        "X-Amz-Algorithm",
        "X-Amz-Credential",
        "X-Amz-Date",
        "X-Amz-Expires",
        URL_NUMBER,
        "X-Amz-SignedHeaders",
        "X-Amz-Signature",
    ];
    let missing: Vec<_> = needed
        .into_iter()
        .filter(|name| !query.contains_key(*name))
        .collect();
    if missing.len() == needed.len() {
        return Err(ObjectRefusal::denied("Access Denied"));
    }
    match missing.first() {
        Some(name) => Err(ObjectRefusal::query_error(&format!("{name} is missing"))),
        None => Ok(query),
    }
}

fn check_unused(chunk: &ChunkRecord, url: u32) -> Result<(), ObjectRefusal> {
    if !chunk.used_urls.contains(&url) {
        return Ok(());
    }
    Err(ObjectRefusal::denied(
        "The presigned URL was used before: each works once. Request a new one",
    ))
}

fn check_length(headers: &HeaderMap, bytes: u64) -> Result<(), ObjectRefusal> {
    let length = headers.get(header::CONTENT_LENGTH);
    let length = length.and_then(|length| length.to_str().ok()?.parse::<u64>().ok());
    let Some(length) = length else {
        return Err(ObjectRefusal::new(
            StatusCode::LENGTH_REQUIRED,
            "MissingContentLength",
            "You must provide the Content-Length HTTP header.",
        ));
    };
    let (code, word) = match length.cmp(&bytes) {
        std::cmp::Ordering::Equal => return Ok(()),
        std::cmp::Ordering::Greater => ("EntityTooLarge", "exceeds"),
        std::cmp::Ordering::Less => ("EntityTooSmall", "is smaller than"),
    };
    let mut refusal = ObjectRefusal::new(
        StatusCode::BAD_REQUEST,
        code,
        format!("Your proposed upload {word} the size of this chunk"),
    );
    refusal.details = vec![
        ("ProposedSize", length.to_string()),
        ("ChunkSize", bytes.to_string()),
    ];
    Err(refusal)
}

fn content_md5(headers: &HeaderMap) -> Result<Option<String>, ObjectRefusal> {
    let Some(value) = headers.get("content-md5") else {
        return Ok(None);
    };
    let text = value.to_str().unwrap_or_default().trim().to_owned();
    match BASE64_STANDARD.decode(&text) {
        Ok(bytes) if bytes.len() == 16 => Ok(Some(text)),
        _ => Err(ObjectRefusal::new(
            StatusCode::BAD_REQUEST,
            "InvalidDigest",
            "The Content-MD5 you specified was invalid.",
        )),
    }
}

impl ObjectReply {
    /// Sets the response, unless a fault replaces it.
    fn with_response(mut self, response: Response<Bytes>) -> Self {
        self.response = match self.fault_response.take() {
            None => response,
            Some(response) => to_xml(response),
        };
        self
    }

    /// The reply if the result could not be stored.
    #[must_use]
    pub(crate) fn not_persisted(mut self, detail: &str) -> Self {
        let refusal = ObjectRefusal::from(NotStored::Failed(detail.to_owned()));
        self.refusal = Some((refusal.code, refusal.message.clone()));
        self.is_stored = false;
        self.response = refusal.response(PREFIX);
        self
    }
}
