//! The storage behind presigned URLs, as far as it is a matter of rules: signing, refusing as S3 does, and what a stored chunk
//! means. The bytes are the shell's.
//!
//! Codes, statuses and messages are those of S3 (its API reference, error responses, and the reference of query-string
//! authentication). Where S3 is laxer than the platform's documents (URLs that work once, chunks of one size) the emulator
//! takes the platform's word.

use std::{collections::BTreeMap, time::Duration};

use base64::{Engine, prelude::BASE64_STANDARD};
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, Response, StatusCode, header, request::Parts};
use jiff::Timestamp;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use ring::hmac;
use tl_model::{UploadStatus, UploadUrl};
use tl_protocol::{Now, credentials::API_KEY_HEADER};
use url::form_urlencoded;

use super::{
    Delivery, MediaKey, Operation, Platform, moment, quirks,
    uploads::{ChunkRecord, UploadRecord, chunk_key},
    wire,
};

/// The path under which the storage answers.
pub(crate) const PREFIX: &str = "/_storage";
/// How long a URL lives (documented).
const URL_LIFE: u64 = 3600;
/// The number of a URL among those of its chunk, in the place where S3 has the token of a role.
const NUMBER: &str = "X-Amz-Security-Token";
const ALGORITHM: &str = "AWS4-HMAC-SHA256";

/// A URL for one chunk, which works once and for an hour.
pub(super) fn sign(
    platform: &mut Platform,
    upload: &UploadRecord,
    index: u32,
    now: Timestamp,
    host: &str,
) -> UploadUrl {
    let key = chunk_key(&upload.id, index);
    let mut chunk = platform.state.chunks.get(&key).cloned().unwrap_or_default();
    chunk.urls += 1;
    let number = chunk.urls;
    platform.state.chunks.insert(key, chunk);

    // S3's dates have no parts of a second.
    let now = Timestamp::from_second(now.as_second()).unwrap_or(now);
    let date = now.strftime("%Y%m%dT%H%M%SZ").to_string();
    let names: Vec<String> = upload
        .headers
        .keys()
        .map(|name| name.to_ascii_lowercase())
        .collect();
    let query = [
        ("X-Amz-Algorithm", ALGORITHM.to_owned()),
        (
            "X-Amz-Credential",
            format!("EMULATOR/{}/us-east-1/s3/aws4_request", &date[..8]),
        ),
        ("X-Amz-Date", date),
        ("X-Amz-Expires", URL_LIFE.to_string()),
        (NUMBER, number.to_string()),
        ("X-Amz-SignedHeaders", names.join(";")),
    ];
    let path = format!("{PREFIX}/{}/{index}", upload.id);
    let query: BTreeMap<String, String> = query
        .into_iter()
        .map(|(name, value)| (name.to_owned(), value))
        .collect();
    let headers = upload.headers.iter().map(|(name, value)| {
        let name = name.to_ascii_lowercase();
        (name, value.trim().to_owned())
    });
    let signature = signature(
        platform.settings.seed,
        &path,
        &query,
        &headers.collect::<BTreeMap<_, _>>(),
    );
    let mut url = format!("http://{host}{path}?");
    for (name, value) in &query {
        let value = utf8_percent_encode(value, NON_ALPHANUMERIC);
        url.push_str(&format!("{name}={value}&"));
    }
    url.push_str(&format!("X-Amz-Signature={signature}"));
    let mut signed = UploadUrl::new(index, url);
    signed.expires_at = Some(wire(super::lifecycle::after(
        now,
        Duration::from_secs(URL_LIFE),
    )));
    signed
}

/// Signs the request, its query without the signature, and the headers that must come as they were told.
fn signature(
    seed: u64,
    path: &str,
    query: &BTreeMap<String, String>,
    headers: &BTreeMap<String, String>,
) -> String {
    let mut text = format!("PUT\n{path}\n");
    for (name, value) in query {
        text.push_str(&format!("{name}={value}&"));
    }
    for (name, value) in headers {
        text.push_str(&format!("\n{name}:{value}"));
    }
    let key = hmac::Key::new(hmac::HMAC_SHA256, format!("storage {seed}").as_bytes());
    let tag = hmac::sign(&key, text.as_bytes());
    tag.as_ref()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

/// A chunk that may come in.
#[derive(Debug)]
pub struct Put {
    /// Its session.
    pub upload_id: String,
    /// Its number, from 1.
    pub chunk: u32,
    /// The file that it is a part of.
    pub file: MediaKey,
    /// Where it begins in the file.
    pub offset: u64,
    /// Its size, in bytes.
    pub bytes: u64,
    /// The MD5 of the bytes that are stored for it already, in hexadecimal digits.
    pub stored: Option<String>,
    /// The `Content-MD5` that came along.
    content_md5: Option<String>,
    url: u32,
    reply: ObjectReply,
}

impl Put {
    /// Whether bytes with this MD5 are those that the client meant.
    #[must_use]
    pub fn is_meant(&self, md5: &[u8; 16]) -> bool {
        self.content_md5
            .as_ref()
            .is_none_or(|meant| *meant == BASE64_STANDARD.encode(md5))
    }
}

/// Why the bytes of a chunk were not stored.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum NotStored {
    /// The connection ended before they had all come.
    Cut,
    /// The rest did not come in time.
    Stalled,
    /// They are not those that the client meant.
    BadDigest,
    /// The same chunk came again while they were on their way.
    Overtaken,
    /// The emulator could not write them.
    Failed(String),
}

/// What the storage answers.
#[derive(Debug, Default)]
pub struct ObjectReply {
    /// The response.
    pub response: Response<Bytes>,
    /// What the connection has to suffer on purpose.
    pub delivery: Delivery,
    /// The faults that struck, for the journal.
    pub faults: Vec<String>,
    /// S3's code and its message, where the request was refused.
    pub refusal: Option<(&'static str, String)>,
    /// Whether the chunk is stored, whatever is answered.
    pub is_stored: bool,
    /// An answer in the place of the storage's.
    instead: Option<Response<Bytes>>,
}

/// What is decided of a request from its head.
#[derive(Debug)]
pub enum PutBegin {
    /// The bytes may come.
    Take(Box<Put>),
    /// The answer, whatever the bytes are.
    Answer(Box<ObjectReply>),
}

impl Platform {
    /// Decides from its head whether a request to the storage may bring a chunk. Its URL is used up by that.
    pub fn put_begins(&mut self, now: Now, head: &Parts) -> PutBegin {
        let now = moment(now);
        let verdict = self.faults.judge(Operation::StoragePut);
        let mut reply = ObjectReply {
            delivery: verdict.delivery,
            faults: verdict.told,
            instead: verdict.answer,
            ..ObjectReply::default()
        };
        if verdict.is_idle {
            return PutBegin::Answer(Box::new(reply.answering(Response::default())));
        }
        match self.check_put(now, head) {
            Err(refusal) => {
                reply.refusal = Some((refusal.code, refusal.message.clone()));
                PutBegin::Answer(Box::new(reply.answering(refusal.response(head.uri.path()))))
            }
            Ok(mut put) => {
                put.reply = reply;
                if self.settings.quirks.get(&quirks::URL_SPENT) == "attempt" {
                    self.spend(&put);
                }
                PutBegin::Take(Box::new(put))
            }
        }
    }

    /// Forgets the bytes that are stored for a chunk, because others are about to take their place. `false` where the chunk
    /// was reported with them, so that they have to stay.
    pub fn put_replaces(&mut self, put: &Put) -> bool {
        let key = chunk_key(&put.upload_id, put.chunk);
        match self.state.chunks.change(&key) {
            Some(chunk) if chunk.reported_at.is_none() => {
                chunk.etag = None;
                true
            }
            _ => false,
        }
    }

    /// Answers a request whose bytes are stored, with their MD5, or are not.
    pub fn put_ends(&mut self, put: Put, stored: Result<[u8; 16], NotStored>) -> ObjectReply {
        let key = chunk_key(&put.upload_id, put.chunk);
        let path = format!("{PREFIX}/{}/{}", put.upload_id, put.chunk);
        let stored = stored.map_err(ObjectRefusal::from).and_then(|md5| {
            let chunk = self.state.chunks.change(&key);
            let chunk = chunk.ok_or_else(|| ObjectRefusal::no_upload("it is gone"))?;
            let etag: String = md5.iter().map(|byte| format!("{byte:02x}")).collect();
            chunk.etag = Some(etag.clone());
            Ok(etag)
        });
        let mut response = Response::default();
        match stored {
            Ok(etag) => {
                self.spend(&put);
                if let Ok(etag) = HeaderValue::from_str(&format!("\"{etag}\"")) {
                    response.headers_mut().insert(header::ETAG, etag);
                }
                let mut reply = put.reply;
                reply.is_stored = true;
                reply.answering(response)
            }
            Err(refusal) => {
                let mut reply = put.reply;
                reply.refusal = Some((refusal.code, refusal.message.clone()));
                reply.answering(refusal.response(&path))
            }
        }
    }

    fn spend(&mut self, put: &Put) {
        let key = chunk_key(&put.upload_id, put.chunk);
        if let Some(chunk) = self.state.chunks.change(&key) {
            chunk.spent.insert(put.url);
        }
    }

    fn check_put(&self, now: Timestamp, head: &Parts) -> Result<Put, ObjectRefusal> {
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
        let (upload, index) = self.named(path)?;
        let query = read_query(head)?;
        let chunk = self.state.chunks.get(&chunk_key(&upload.id, index));
        let chunk = chunk.cloned().unwrap_or_default();
        let url = self.check_signature(now, path, &query, headers, upload)?;
        check_unspent(&chunk, url)?;
        match upload.status(now) {
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

    /// The chunk that a path names.
    fn named(&self, path: &str) -> Result<(&UploadRecord, u32), ObjectRefusal> {
        let named = path.strip_prefix(PREFIX).and_then(|rest| {
            let (upload, index) = rest.strip_prefix('/')?.split_once('/')?;
            Some((upload, index.parse::<u32>().ok()?))
        });
        let (id, index) = named.ok_or_else(|| ObjectRefusal::no_upload("the path names none"))?;
        let upload = self.state.uploads.get(id);
        let upload = upload.ok_or_else(|| ObjectRefusal::no_upload("it was never begun"))?;
        Ok((upload, index))
    }

    /// The number of the URL, where its signature is right and its time not over.
    fn check_signature(
        &self,
        now: Timestamp,
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
                let seen = if value.is_empty() {
                    "missing"
                } else {
                    "changed"
                };
                changed.push(format!("{name} ({seen}; it must be {wanted})"));
            }
            received.insert(name, value);
        }
        if signature(self.settings.seed, path, &signed, &received) != given {
            let mut message = "The request signature we calculated does not match the signature you provided. Check your key and signing method.".to_owned();
            if !changed.is_empty() {
                // S3 shows the canonical request instead; this is what one would look for in it.
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
        let expires = super::lifecycle::after(date.timestamp(), Duration::from_secs(URL_LIFE));
        if now >= expires {
            let mut refusal = ObjectRefusal::denied("Request has expired");
            refusal.more = vec![
                ("X-Amz-Expires", URL_LIFE.to_string()),
                ("Expires", format!("{expires:.0}")),
                ("ServerTime", format!("{now:.0}")),
            ];
            return Err(refusal);
        }
        signed[NUMBER]
            .parse()
            .map_err(|_| ObjectRefusal::query_error("the token is no number"))
    }
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
        NUMBER,
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

fn check_unspent(chunk: &ChunkRecord, url: u32) -> Result<(), ObjectRefusal> {
    if !chunk.spent.contains(&url) {
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
    refusal.more = vec![
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
    /// With the storage's own answer, where no fault has another.
    fn answering(mut self, own: Response<Bytes>) -> Self {
        self.response = match self.instead.take() {
            None => own,
            Some(instead) => in_xml(instead),
        };
        self
    }

    /// The answer where the emulator could not write down what it was to answer.
    #[must_use]
    pub(crate) fn not_written_down(mut self, detail: &str) -> Self {
        let refusal = ObjectRefusal::from(NotStored::Failed(detail.to_owned()));
        self.refusal = Some((refusal.code, refusal.message.clone()));
        self.is_stored = false;
        self.response = refusal.response(PREFIX);
        self
    }
}

/// A fault's answer in the form of the storage: the platform's errors are in JSON.
fn in_xml(answer: Response<Bytes>) -> Response<Bytes> {
    let is_json = answer
        .headers()
        .get(header::CONTENT_TYPE)
        .is_some_and(|kind| kind == "application/json");
    if !is_json || answer.status().is_success() {
        return answer;
    }
    let code = match answer.status().as_u16() {
        503 | 429 => "SlowDown",
        403 => "AccessDenied",
        400..=499 => "InvalidRequest",
        _ => "InternalError",
    };
    let refusal = ObjectRefusal::new(answer.status(), code, "An error occurred on purpose.");
    let mut response = refusal.response(PREFIX);
    for (name, value) in answer.headers() {
        if name != header::CONTENT_TYPE {
            response.headers_mut().insert(name, value.clone());
        }
    }
    response
}

/// Why the storage refuses.
#[derive(Debug)]
struct ObjectRefusal {
    status: StatusCode,
    code: &'static str,
    message: String,
    more: Vec<(&'static str, String)>,
}

impl ObjectRefusal {
    fn new(status: StatusCode, code: &'static str, message: impl Into<String>) -> Self {
        Self {
            status,
            code,
            message: message.into(),
            more: Vec::new(),
        }
    }

    fn denied(message: &str) -> Self {
        Self::new(StatusCode::FORBIDDEN, "AccessDenied", message)
    }

    fn query_error(detail: &str) -> Self {
        Self::new(
            StatusCode::BAD_REQUEST,
            "AuthorizationQueryParametersError",
            format!("Error parsing the query of the presigned URL: {detail}."),
        )
    }

    fn no_upload(why: &str) -> Self {
        Self::new(
            StatusCode::NOT_FOUND,
            "NoSuchUpload",
            format!("The specified multipart upload does not exist: {why}."),
        )
    }

    fn response(&self, resource: &str) -> Response<Bytes> {
        let mut xml = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error>".to_owned();
        let members = [
            ("Code", self.code.to_owned()),
            ("Message", self.message.clone()),
        ];
        let more = self.more.iter().cloned();
        let resource = [("Resource", resource.to_owned())];
        for (name, value) in members.into_iter().chain(more).chain(resource) {
            xml.push_str(&format!("<{name}>{}</{name}>", escaped(&value)));
        }
        xml.push_str("</Error>");
        let mut response = Response::new(Bytes::from(xml));
        *response.status_mut() = self.status;
        response.headers_mut().insert(
            header::CONTENT_TYPE,
            HeaderValue::from_static("application/xml"),
        );
        response
    }
}

impl From<NotStored> for ObjectRefusal {
    fn from(not_stored: NotStored) -> Self {
        let bad = |code, message: &str| Self::new(StatusCode::BAD_REQUEST, code, message);
        match not_stored {
            NotStored::Cut => bad(
                "IncompleteBody",
                "You did not provide the number of bytes specified by the Content-Length HTTP header",
            ),
            NotStored::Stalled => bad(
                "RequestTimeout",
                "Your socket connection to the server was not read from or written to within the timeout period.",
            ),
            NotStored::BadDigest => bad(
                "BadDigest",
                "The Content-MD5 you specified did not match what we received.",
            ),
            NotStored::Overtaken => Self::new(
                StatusCode::CONFLICT,
                "OperationAborted",
                "A conflicting conditional operation is currently in progress against this resource. Try again.",
            ),
            NotStored::Failed(detail) => Self::new(
                StatusCode::INTERNAL_SERVER_ERROR,
                "InternalError",
                format!("The emulator could not store the chunk: {detail}."),
            ),
        }
    }
}

fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            // XML 1.0 cannot hold the others.
            character if character.is_control() => escaped.push('\u{fffd}'),
            character => escaped.push(character),
        }
    }
    escaped
}
