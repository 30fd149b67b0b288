//! The storage behind presigned URLs: accepted chunks and every kind of error.

use std::{
    io::{Read, Write},
    time::Duration,
};

use base64::{Engine, prelude::BASE64_STANDARD};
use md5::{Digest, Md5};
use serde_json::{Value, json};
use tl_emulator::{ClockMode, Emulator, JournalEntry};

use crate::raw::{RawResponse, builder, connect, exchange, get, read_response, send_json};

const CHUNK: usize = 1000;

/// Creates a session of three chunks: 1000, 1000 and 500 bytes.
struct Session {
    emulator: Emulator,
    id: String,
    urls: Vec<String>,
}

fn begin(emulator: Emulator) -> Session {
    let body = json!({ "filename": "a.mp4", "type": "video", "total_size": 2500 });
    let created = send_json(&emulator, "POST", "/v1.3/assets/multipart-uploads", &body);
    assert_eq!(created.status, 201, "{created:?}");
    let created = created.json();
    assert_eq!(
        (&created["chunk_size"], &created["total_chunks"]),
        (&json!(CHUNK), &json!(3))
    );
    let urls = created["upload_urls"].as_array().unwrap();
    let urls = urls.iter().map(|url| path_of(&url["url"])).collect();
    let id = created["upload_id"].as_str().unwrap().to_owned();
    Session { emulator, id, urls }
}

fn strict() -> Session {
    let builder = builder().clock(ClockMode::Manual).chunk_size(CHUNK as u64);
    begin(
        builder
            .quirk("upload-headers", "extra")
            .unwrap()
            .start_blocking()
            .unwrap(),
    )
}

fn path_of(url: &Value) -> String {
    let url = url.as_str().unwrap();
    let rest = url.strip_prefix("http://127.0.0.1").unwrap();
    rest[rest.find('/').unwrap()..].to_owned()
}

const HEADERS: [(&str, &str); 2] = [
    ("content-type", "application/octet-stream"),
    ("x-amz-server-side-encryption", "AES256"),
];

fn put_head(method: &str, path: &str, headers: &[(&str, &str)], length: Option<usize>) -> String {
    let mut head = format!("{method} {path} HTTP/1.1\r\nhost: 127.0.0.1\r\n");
    for (name, value) in headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    if let Some(length) = length {
        head.push_str(&format!("content-length: {length}\r\n"));
    }
    head + "\r\n"
}

fn put(emulator: &Emulator, path: &str, headers: &[(&str, &str)], body: &[u8]) -> RawResponse {
    let head = put_head("PUT", path, headers, Some(body.len()));
    exchange(emulator, &head, body).unwrap()
}

fn code(raw: &RawResponse) -> String {
    let text = String::from_utf8_lossy(&raw.body).into_owned();
    let rest = text
        .split_once("<Code>")
        .map_or("", |(_, rest)| rest)
        .to_owned();
    rest.split_once("</Code>")
        .map_or("", |(code, _)| code)
        .to_owned()
}

fn etag(raw: &RawResponse) -> String {
    let line = raw
        .head
        .lines()
        .find_map(|line| line.strip_prefix("etag: "))
        .unwrap_or_else(|| panic!("{raw:?}"));
    line.trim_matches('"').to_owned()
}

fn md5(bytes: &[u8]) -> String {
    Md5::digest(bytes)
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

fn chunks_of(journal: &[JournalEntry]) -> Vec<(u32, bool, u64)> {
    let chunks = journal.iter().filter_map(|entry| entry.chunk.as_ref());
    chunks
        .map(|chunk| (chunk.chunk_index, chunk.accepted, chunk.bytes))
        .collect()
}

#[test]
fn valid_chunk_is_stored_with_md5_etag() {
    let session = strict();
    let body = [7; CHUNK];
    let stored = put(&session.emulator, &session.urls[0], &HEADERS, &body);
    assert_eq!(
        (stored.status, etag(&stored)),
        (200, md5(&body)),
        "{stored:?}"
    );
    let journal = session.emulator.journal();
    assert_eq!(chunks_of(&journal), [(1, true, 1000)]);
    let entry = journal.last().unwrap();
    let chunk = entry.chunk.as_ref().unwrap();
    assert_eq!(
        (chunk.upload_id.as_str(), entry.operation.as_deref()),
        (session.id.as_str(), Some("storage.put"))
    );
    // The signature is a credential, so it is not recorded.
    assert!(!serde_json::to_string(&journal).unwrap().contains("X-Amz"));
}

/// An invalid request to the URL of the first chunk, and the expected error.
#[derive(Clone)]
struct Case {
    name: &'static str,
    method: &'static str,
    path: fn(&Session) -> String,
    headers: Vec<(&'static str, &'static str)>,
    body: usize,
    expect: (u16, &'static str),
}

impl Case {
    fn new(name: &'static str, status: u16, code: &'static str) -> Self {
        Self {
            name,
            method: "PUT",
            path: |session| session.urls[0].clone(),
            headers: HEADERS.to_vec(),
            body: CHUNK,
            expect: (status, code),
        }
    }

    fn path(mut self, path: fn(&Session) -> String) -> Self {
        self.path = path;
        self
    }

    fn with(mut self, name: &'static str, value: &'static str) -> Self {
        self.headers.retain(|(known, _)| *known != name);
        self.headers.push((name, value));
        self
    }

    fn without(mut self, name: &str) -> Self {
        self.headers.retain(|(known, _)| *known != name);
        self
    }
}

#[test]
fn invalid_requests_are_rejected_like_s3() {
    let session = strict();
    let cases = [
        Case::new("the API key", 400, "InvalidArgument").with("x-api-key", "tlk_emulator_x"),
        Case::new("another permission", 400, "InvalidArgument").with("authorization", "Bearer x"),
        Case::new("a missing header", 403, "SignatureDoesNotMatch")
            .without("x-amz-server-side-encryption"),
        Case::new("a missing content type", 403, "SignatureDoesNotMatch").without("content-type"),
        Case::new("a changed header", 403, "SignatureDoesNotMatch")
            .with("content-type", "video/mp4"),
        Case::new("another chunk's URL", 403, "SignatureDoesNotMatch")
            .path(|session| session.urls[0].replacen("/1?", "/2?", 1)),
        Case::new("a longer life", 403, "SignatureDoesNotMatch")
            .path(|session| session.urls[0].replace("Expires=3600", "Expires=9999")),
        Case::new("a changed signature", 403, "SignatureDoesNotMatch").path(|session| {
            let (rest, _) = session.urls[0].rsplit_once('=').unwrap();
            format!("{rest}={}", "0".repeat(64))
        }),
        Case::new("no signature", 403, "AccessDenied")
            .path(|session| session.urls[0].split_once('?').unwrap().0.to_owned()),
        Case::new("half of one", 400, "AuthorizationQueryParametersError")
            .path(|session| session.urls[0].rsplit_once('&').unwrap().0.to_owned()),
        Case::new("an unknown upload", 404, "NoSuchUpload")
            .path(|session| session.urls[0].replace(&session.id, "0123456789abcdef01234567")),
        Case::new("no upload at all", 404, "NoSuchUpload").path(|_| "/_storage/a/b/c".to_owned()),
        Case {
            method: "GET",
            body: 0,
            ..Case::new("reading", 405, "MethodNotAllowed")
        },
        Case {
            body: CHUNK + 1,
            ..Case::new("too many bytes", 400, "EntityTooLarge")
        },
        Case {
            body: CHUNK - 1,
            ..Case::new("too few bytes", 400, "EntityTooSmall")
        },
        Case::new("no digest", 400, "InvalidDigest").with("content-md5", "zzzz"),
    ];
    for case in cases {
        let path = (case.path)(&session);
        let head = put_head(case.method, &path, &case.headers, Some(case.body));
        let refused = exchange(&session.emulator, &head, &vec![1; case.body]).unwrap();
        assert_eq!(
            (refused.status, code(&refused).as_str()),
            case.expect,
            "{}: {refused:?}",
            case.name
        );
        let entry = session.emulator.journal().pop().unwrap();
        assert_eq!(
            (entry.status, entry.code.as_deref()),
            (case.expect.0, Some(case.expect.1)),
            "{}",
            case.name
        );
        assert!(!entry.media_stored, "{}", case.name);
    }
    let headless = put_head("PUT", &session.urls[0], &HEADERS, None);
    let refused = exchange(&session.emulator, &headless, b"").unwrap();
    assert_eq!(
        (refused.status, code(&refused).as_str()),
        (411, "MissingContentLength")
    );
    // None of these requests has used up the URL.
    let stored = put(&session.emulator, &session.urls[0], &HEADERS, &[1; CHUNK]);
    assert_eq!(stored.status, 200, "{stored:?}");
}

#[test]
fn errors_are_xml() {
    let session = strict();
    let refused = put(
        &session.emulator,
        &session.urls[0],
        &HEADERS[..1],
        &[1; CHUNK],
    );
    let text = String::from_utf8(refused.body)
        .unwrap()
        .replace(&session.id, "UPLOAD");
    insta::assert_snapshot!("storage_missing_header", text);
    session.emulator.advance(Duration::from_secs(3600));
    let expired = put(&session.emulator, &session.urls[0], &HEADERS, &[1; CHUNK]);
    let text = String::from_utf8(expired.body).unwrap();
    for part in [
        "<Code>AccessDenied</Code><Message>Request has expired</Message>",
        "<X-Amz-Expires>3600</X-Amz-Expires>",
        "<ServerTime>",
    ] {
        assert!(text.contains(part), "{text}");
    }
}

#[test]
fn url_expires_after_an_hour_and_works_once() {
    let session = strict();
    let emulator = &session.emulator;
    emulator.advance(Duration::from_secs(3590));
    assert_eq!(
        put(emulator, &session.urls[0], &HEADERS, &[1; CHUNK]).status,
        200
    );
    let spent = put(emulator, &session.urls[0], &HEADERS, &[1; CHUNK]);
    assert_eq!((spent.status, code(&spent).as_str()), (403, "AccessDenied"));
    assert!(
        String::from_utf8_lossy(&spent.body).contains("used before"),
        "{spent:?}"
    );
    emulator.advance(Duration::from_secs(10));
    let expired = put(emulator, &session.urls[1], &HEADERS, &[1; CHUNK]);
    assert_eq!(
        (expired.status, code(&expired).as_str()),
        (403, "AccessDenied")
    );
    let path = format!(
        "/v1.3/assets/multipart-uploads/{}/presigned-urls",
        session.id
    );
    let more = send_json(emulator, "POST", &path, &json!({ "start": 2, "count": 1 })).json();
    let url = path_of(&more["upload_urls"][0]["url"]);
    assert_eq!(put(emulator, &url, &HEADERS, &[1; CHUNK]).status, 200);
}

#[test]
fn wrong_digest_or_truncated_body_stores_nothing() {
    let session = strict();
    let emulator = &session.emulator;
    let wrong = BASE64_STANDARD.encode(Md5::digest(b"other bytes"));
    let headers = [HEADERS[0], HEADERS[1], ("content-md5", wrong.as_str())];
    let bad = put(emulator, &session.urls[0], &headers, &[1; CHUNK]);
    assert_eq!((bad.status, code(&bad).as_str()), (400, "BadDigest"));
    let right = BASE64_STANDARD.encode(Md5::digest([2; CHUNK]));
    let headers = [HEADERS[0], HEADERS[1], ("content-md5", right.as_str())];
    assert_eq!(
        put(emulator, &session.urls[1], &headers, &[2; CHUNK]).status,
        200
    );

    let mut stream = connect(emulator);
    let head = put_head("PUT", &session.urls[2], &HEADERS, Some(500));
    stream.write_all(head.as_bytes()).unwrap();
    stream.write_all(&[3; 200]).unwrap();
    drop(stream);
    let cut = (0..200).find_map(|_| {
        std::thread::sleep(Duration::from_millis(10));
        let journal = emulator.journal();
        let entry = journal.last().unwrap();
        (chunks_of(&journal).last()?.0 == 3).then(|| entry.clone())
    });
    let cut = cut.expect("a cut upload is written down");
    assert_eq!(cut.code.as_deref(), Some("IncompleteBody"));
    assert_eq!(
        chunks_of(&emulator.journal()),
        [(1, false, 1000), (2, true, 1000), (3, false, 200)]
    );
    // A chunk that was not stored cannot be reported, and its URL is used up nevertheless.
    let path = format!("/v1.3/assets/multipart-uploads/{}", session.id);
    let item = |index: u32, size: usize, proof: &str| json!({ "chunk_index": index, "proof": proof, "proof_type": "etag", "chunk_size": size });
    let report = json!({ "completed_chunks": [item(3, 500, &md5(&[3; 500]))] });
    assert_eq!(send_json(emulator, "POST", &path, &report).status, 400);
    assert_eq!(
        put(emulator, &session.urls[2], &HEADERS, &[3; 500]).status,
        403
    );
}

#[test]
fn quirk_allows_url_reuse_until_success() {
    let builder = builder().chunk_size(CHUNK as u64);
    let emulator = builder.quirk("url-spent", "success").unwrap();
    let session = begin(emulator.start_blocking().unwrap());
    let wrong = BASE64_STANDARD.encode(Md5::digest(b"other bytes"));
    let headers = [HEADERS[0], ("content-md5", wrong.as_str())];
    let send = |headers: &[(&str, &str)]| {
        put(&session.emulator, &session.urls[0], headers, &[1; CHUNK]).status
    };
    assert_eq!(send(&headers), 400);
    assert_eq!(send(&HEADERS[..1]), 200);
    assert_eq!(send(&HEADERS[..1]), 403);
}

#[test]
fn chunk_is_replaceable_until_reported() {
    let session = strict();
    let emulator = &session.emulator;
    let path = format!("/v1.3/assets/multipart-uploads/{}", session.id);
    let fresh = || {
        let payload = json!({ "start": 1, "count": 1 });
        let urls = send_json(
            emulator,
            "POST",
            &format!("{path}/presigned-urls"),
            &payload,
        );
        path_of(&urls.json()["upload_urls"][0]["url"])
    };
    let report = |bytes: &[u8]| {
        let item = json!({ "chunk_index": 1, "proof": md5(bytes), "proof_type": "etag", "chunk_size": CHUNK });
        send_json(
            emulator,
            "POST",
            &path,
            &json!({ "completed_chunks": [item] }),
        )
        .status
    };
    assert_eq!(put(emulator, &fresh(), &HEADERS, &[1; CHUNK]).status, 200);
    assert_eq!(put(emulator, &fresh(), &HEADERS, &[2; CHUNK]).status, 200);
    assert_eq!((report(&[1; CHUNK]), report(&[2; CHUNK])), (400, 200));
    let late = put(emulator, &fresh(), &HEADERS, &[3; CHUNK]);
    assert_eq!((late.status, code(&late).as_str()), (403, "AccessDenied"));
}

#[test]
fn newer_upload_of_a_chunk_wins() {
    let session = strict();
    let emulator = &session.emulator;
    let mut slow = connect(emulator);
    let headers = [&HEADERS as &[_], &[("expect", "100-continue")]].concat();
    let head = put_head("PUT", &session.urls[0], &headers, Some(CHUNK));
    slow.write_all(head.as_bytes()).unwrap();
    // The storage sends 100 Continue once it has started to receive the chunk.
    let mut received = [0; 25];
    slow.read_exact(&mut received).unwrap();
    assert_eq!(&received, b"HTTP/1.1 100 Continue\r\n\r\n");
    slow.write_all(&[1; 10]).unwrap();
    let path = format!(
        "/v1.3/assets/multipart-uploads/{}/presigned-urls",
        session.id
    );
    let urls = send_json(emulator, "POST", &path, &json!({ "start": 1, "count": 1 })).json();
    let url = path_of(&urls["upload_urls"][0]["url"]);
    assert_eq!(put(emulator, &url, &HEADERS, &[2; CHUNK]).status, 200);
    slow.write_all(&[1; CHUNK - 10]).unwrap();
    let overtaken = read_response(&mut slow).unwrap();
    assert_eq!(
        (overtaken.status, code(&overtaken).as_str()),
        (409, "OperationAborted")
    );
    let accepted: Vec<_> = chunks_of(&emulator.journal());
    assert_eq!(accepted, [(1, true, 1000), (1, false, 1000)]);
}

#[test]
fn storage_faults_return_s3_errors() {
    let session = strict();
    let emulator = &session.emulator;
    let plan = json!({ "faults": [
        { "operation": "storage.put", "nth": [1], "status": 503, "retry_after": 2 },
        { "operation": "storage.put", "nth": [2], "lose_answer": true },
    ] });
    assert_eq!(
        send_json(emulator, "PUT", "/_emulator/faults", &plan).status,
        204
    );
    let slow = put(emulator, &session.urls[0], &HEADERS, &[1; CHUNK]);
    assert_eq!((slow.status, code(&slow).as_str()), (503, "SlowDown"));
    assert!(slow.head.contains("retry-after: 2"), "{}", slow.head);
    let head = put_head("PUT", &session.urls[0], &HEADERS, Some(CHUNK));
    assert!(exchange(emulator, &head, &[1; CHUNK]).is_none());
    assert_eq!(
        chunks_of(&emulator.journal()),
        [(1, false, 1000), (1, true, 1000)]
    );
}

#[test]
fn session_expires_after_a_day() {
    let session = strict();
    let emulator = &session.emulator;
    emulator.advance(Duration::from_secs(24 * 3600));
    let path = format!("/v1.3/assets/multipart-uploads/{}", session.id);
    assert_eq!(get(emulator, &path).json()["status"], "expired");
    let payload = json!({ "start": 1, "count": 1 });
    let refused = send_json(
        emulator,
        "POST",
        &format!("{path}/presigned-urls"),
        &payload,
    );
    assert_eq!(
        (refused.status, refused.json()["code"].clone()),
        (400, json!("parameter_invalid"))
    );
}
