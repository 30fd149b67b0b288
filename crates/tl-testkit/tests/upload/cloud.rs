//! A simulated platform with a storage behind presigned URLs, and a network whose faults depend on
//! a seed. It asserts what a client must never do.

use std::{
    collections::{BTreeMap, BTreeSet},
    io::Read,
    sync::{Arc, Mutex},
    time::{Duration, SystemTime},
};

use bytes::Bytes;
use http::{Method, Response, StatusCode, header};
use md5::{Digest, Md5};
use serde_json::Value;
use tl_model::{
    AssetId, ChunkReceipt, ChunkState, ChunkStatus, PageInfo, Timestamp, UploadId, UploadSession,
    UploadState, UploadStatus, UploadUrl, UploadUrls,
};
use tl_protocol::{
    Auth, Delivery, Endpoint, Exchange, Now, Outcome, TransportError, TransportErrorKind,
    endpoint::{
        Codec, CreateUpload, GetUpload, Received, ReceivedBody, ReportChunks, RequestUploadUrls,
        match_path,
    },
    rng::Rng,
};
use tl_testkit::sim::{Planned, World};

pub(crate) const API: &str = "https://api.example/v1.3";
const STORAGE: &str = "https://bucket.example";
const START: u64 = 1_798_761_600;
const SESSION_LIFE: Duration = Duration::from_secs(24 * 3600);

/// The chunks of each session that the client knows to be stored and must not send again.
pub(crate) type Finished = Arc<Mutex<BTreeMap<UploadId, BTreeSet<u32>>>>;

pub(crate) struct Cloud {
    rng: Rng,
    /// Probability of a fault, 0 to 1.
    pub(crate) fault_rate: f64,
    content: Vec<u8>,
    chunk_size: u64,
    url_life: Duration,
    sessions: BTreeMap<UploadId, Session>,
    urls: BTreeMap<String, PresignedUrl>,
    finished: Finished,
    not_before: BTreeMap<String, Duration>,
    wall_error: i64,
    pub(crate) puts: u32,
}

struct Session {
    made: Duration,
    parts: BTreeMap<u32, (String, Vec<u8>)>,
    reported: BTreeSet<u32>,
}

struct PresignedUrl {
    upload_id: UploadId,
    chunk: u32,
    expires: Duration,
    used: bool,
}

enum NetworkOutcome {
    Good,
    LostBefore(Delivery),
    LostAfter,
    Answer(u16, Option<String>),
    Slow(Duration),
    Stalled,
    Damaged,
}

impl Cloud {
    pub(crate) fn new(
        seed: u64,
        content: Vec<u8>,
        chunk_size: u64,
        fault_rate: f64,
        finished: Finished,
    ) -> Self {
        let mut rng = Rng::new(seed);
        let url_life = [90, 300, 3600][usize::try_from(rng.bits() % 3).unwrap()];
        Self {
            rng,
            fault_rate,
            content,
            chunk_size,
            url_life: Duration::from_secs(url_life),
            sessions: BTreeMap::new(),
            urls: BTreeMap::new(),
            finished,
            not_before: BTreeMap::new(),
            wall_error: 0,
            puts: 0,
        }
    }

    /// The bytes of a session whose chunks are all reported.
    pub(crate) fn asset(&self, upload_id: &UploadId) -> Option<Vec<u8>> {
        let session = self.sessions.get(upload_id)?;
        (session.reported.len() == usize::try_from(self.total()).unwrap()).then(|| {
            session
                .parts
                .values()
                .flat_map(|(_, bytes)| bytes.clone())
                .collect()
        })
    }

    /// A new process starts, which was not asked to wait.
    pub(crate) fn reset_waits(&mut self) {
        self.not_before.clear();
    }

    fn total(&self) -> u32 {
        u32::try_from((self.content.len() as u64).div_ceil(self.chunk_size)).unwrap()
    }

    fn below(&mut self, limit: u64) -> u64 {
        self.rng.bits() % limit
    }

    fn network_outcome(&mut self, now: Now) -> NetworkOutcome {
        if self.rng.fraction() >= self.fault_rate {
            return NetworkOutcome::Good;
        }
        let truth = SystemTime::UNIX_EPOCH + Duration::from_secs(START) + now.mono;
        match self.below(12) {
            0 => NetworkOutcome::LostBefore(Delivery::NotSent),
            1 => NetworkOutcome::LostBefore(Delivery::Unknown),
            2 | 3 => NetworkOutcome::LostAfter,
            4 => NetworkOutcome::Answer(500, None),
            5 => NetworkOutcome::Answer(502, None),
            6 => NetworkOutcome::Answer(503, Some(self.below(40).to_string())),
            7 => NetworkOutcome::Answer(429, Some(self.below(90).to_string())),
            8 => NetworkOutcome::Answer(
                429,
                Some(http_date(truth + Duration::from_secs(self.below(90)))),
            ),
            9 => NetworkOutcome::Slow(Duration::from_secs(self.below(200))),
            10 => NetworkOutcome::Stalled,
            _ => NetworkOutcome::Damaged,
        }
    }

    fn stamp(at: Duration) -> Timestamp {
        let truth = SystemTime::UNIX_EPOCH + Duration::from_secs(START) + at;
        jiff::Timestamp::try_from(truth).unwrap().into()
    }

    fn sign(&mut self, upload_id: &UploadId, chunk: u32, now: Duration) -> UploadUrl {
        let url = format!(
            "{STORAGE}/{upload_id}/{chunk}?signature={:016x}",
            self.rng.bits()
        );
        let expires = now + self.url_life;
        self.urls.insert(
            url.clone(),
            PresignedUrl {
                upload_id: upload_id.clone(),
                chunk,
                expires,
                used: false,
            },
        );
        let mut signed = UploadUrl::new(chunk, url);
        signed.expires_at = Some(Self::stamp(expires));
        signed
    }

    fn api(&mut self, now: Now, exchange: &Exchange) -> Outcome {
        let path = exchange
            .http
            .uri()
            .path()
            .strip_prefix("/v1.3")
            .unwrap()
            .to_owned();
        let mut bytes = Vec::new();
        exchange
            .http
            .body()
            .reader()
            .read_to_end(&mut bytes)
            .unwrap();
        let body = match bytes.is_empty() {
            true => ReceivedBody::Empty,
            false => ReceivedBody::Json(serde_json::from_slice::<Value>(&bytes).unwrap()),
        };
        let query =
            url::form_urlencoded::parse(exchange.http.uri().query().unwrap_or_default().as_bytes());
        let request = |template| {
            Received::new(
                match_path(template, &path).unwrap(),
                query.into_owned().collect(),
                body.clone(),
            )
        };
        let method = exchange.http.method();
        if *method == Method::POST && match_path(CreateUpload::PATH, &path).is_some() {
            return self.create(
                now,
                &CreateUpload::decode(&request(CreateUpload::PATH)).unwrap(),
            );
        }
        if *method == Method::POST && match_path(RequestUploadUrls::PATH, &path).is_some() {
            return self.more_urls(
                now,
                &RequestUploadUrls::decode(&request(RequestUploadUrls::PATH)).unwrap(),
            );
        }
        if *method == Method::POST && match_path(ReportChunks::PATH, &path).is_some() {
            return self.report(
                now,
                &ReportChunks::decode(&request(ReportChunks::PATH)).unwrap(),
            );
        }
        if *method == Method::GET && match_path(GetUpload::PATH, &path).is_some() {
            return self.state(now, &GetUpload::decode(&request(GetUpload::PATH)).unwrap());
        }
        panic!("the client asked for {method} {path}");
    }

    fn create(&mut self, now: Now, create: &CreateUpload) -> Outcome {
        assert_eq!(create.upload.total_size, self.content.len() as u64);
        let upload_id = UploadId::new(format!("u{}", self.sessions.len()));
        self.sessions.insert(
            upload_id.clone(),
            Session {
                made: now.mono,
                parts: BTreeMap::new(),
                reported: BTreeSet::new(),
            },
        );
        let mut session = UploadSession::new(upload_id.clone(), self.chunk_size, self.total());
        session.asset_id = Some(AssetId::new(format!("a-{upload_id}")));
        session
            .upload_headers
            .insert("x-amz-acl".into(), "private".into());
        let first = self.below(u64::from(self.total()) + 1).min(60);
        for chunk in 1..=u32::try_from(first).unwrap() {
            session
                .upload_urls
                .push(self.sign(&upload_id, chunk, now.mono));
        }
        session.expires_at = Some(Self::stamp(now.mono + SESSION_LIFE));
        answer(201, CreateUpload::encode_response(&session).unwrap(), now)
    }

    fn alive(&self, now: Now, upload_id: &UploadId) -> bool {
        self.sessions
            .get(upload_id)
            .is_some_and(|session| now.mono < session.made + SESSION_LIFE)
    }

    fn more_urls(&mut self, now: Now, ask: &RequestUploadUrls) -> Outcome {
        let (start, count) = (ask.request.start, ask.request.count);
        assert!(
            (1..=50).contains(&count) && start >= 1 && start + count - 1 <= self.total(),
            "{start} + {count}"
        );
        if !self.alive(now, &ask.upload_id) {
            return refused(404, "not_found", now);
        }
        let mut urls = UploadUrls::default();
        urls.upload_urls = (start..start + count)
            .map(|chunk| self.sign(&ask.upload_id, chunk, now.mono))
            .collect();
        urls.generated_at = Some(Self::stamp(now.mono));
        answer(200, RequestUploadUrls::encode_response(&urls).unwrap(), now)
    }

    fn report(&mut self, now: Now, ask: &ReportChunks) -> Outcome {
        let chunks = &ask.report.completed_chunks;
        assert!(
            (1..=50).contains(&chunks.len()),
            "a report of {} chunks",
            chunks.len()
        );
        if !self.alive(now, &ask.upload_id) {
            return refused(404, "not_found", now);
        }
        let total = self.total();
        let session = self.sessions.get_mut(&ask.upload_id).unwrap();
        let (mut processed, mut duplicate) = (0, 0);
        for chunk in chunks {
            let known = session.parts.get(&chunk.chunk_index);
            assert_eq!(
                known.map(|(etag, _)| etag.as_str()),
                Some(chunk.proof.as_str()),
                "chunk {}",
                chunk.chunk_index
            );
            assert_eq!(
                known.map(|(_, bytes)| bytes.len() as u64),
                Some(chunk.chunk_size)
            );
            if session.reported.insert(chunk.chunk_index) {
                processed += 1;
            } else {
                duplicate += 1;
            }
        }
        let mut receipt = ChunkReceipt::default();
        receipt.processed_chunks = Some(processed);
        receipt.duplicate_chunks = Some(duplicate);
        let completed = u32::try_from(session.reported.len()).unwrap();
        receipt.total_completed = Some(completed);
        if completed == total {
            receipt.url = Some("https://assets.example/1".into());
        }
        answer(200, ReportChunks::encode_response(&receipt).unwrap(), now)
    }

    fn state(&mut self, now: Now, ask: &GetUpload) -> Outcome {
        let Some(session) = self.sessions.get(&ask.upload_id) else {
            return refused(404, "not_found", now);
        };
        let total = self.total();
        let mut state = UploadState::new(ask.upload_id.clone());
        state.status = Some(if session.reported.len() == total as usize {
            UploadStatus::Completed
        } else if self.alive(now, &ask.upload_id) {
            UploadStatus::Active
        } else {
            UploadStatus::Expired
        });
        let (page, limit) = (
            ask.page.page.unwrap_or(1),
            ask.page.page_limit.unwrap_or(10),
        );
        for index in ((page - 1) * limit + 1)..=(page * limit).min(total) {
            let mut chunk = ChunkState::new(index);
            let complete = session.reported.contains(&index);
            chunk.status = Some(if complete {
                ChunkStatus::Completed
            } else {
                ChunkStatus::Pending
            });
            state.uploaded_chunks.push(chunk);
        }
        let mut info = PageInfo::default();
        info.total_page = Some(u64::from(total.div_ceil(limit)));
        state.page_info = info;
        answer(200, GetUpload::encode_response(&state).unwrap(), now)
    }

    fn put(&mut self, now: Now, exchange: &Exchange, damaged: bool) -> Outcome {
        let request = &exchange.http;
        assert_eq!(
            exchange.auth,
            Auth::None,
            "the key must not go to the storage"
        );
        assert!(!request.headers().contains_key("x-api-key"));
        assert_eq!(
            request.headers()["x-amz-acl"],
            "private",
            "the headers of the session go along"
        );
        let url = self
            .urls
            .get_mut(&request.uri().to_string())
            .expect("a URL that was signed");
        assert!(!url.used, "a URL is used once");
        assert!(now.mono < url.expires, "a URL is not used after its time");
        url.used = true;
        let (upload_id, chunk) = (url.upload_id.clone(), url.chunk);
        let done = self
            .finished
            .lock()
            .unwrap()
            .get(&upload_id)
            .is_some_and(|chunks| chunks.contains(&chunk));
        assert!(
            !done,
            "chunk {chunk} of {upload_id} was finished and is sent again"
        );
        let mut bytes = Vec::new();
        request.body().reader().read_to_end(&mut bytes).unwrap();
        let start = usize::try_from(u64::from(chunk - 1) * self.chunk_size).unwrap();
        let end = (start + usize::try_from(self.chunk_size).unwrap()).min(self.content.len());
        assert_eq!(
            bytes,
            self.content[start..end],
            "the bytes of chunk {chunk}"
        );
        if damaged {
            bytes[0] ^= 1;
        }
        self.puts += 1;
        let etag: String = Md5::digest(&bytes)
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect();
        self.sessions
            .get_mut(&upload_id)
            .unwrap()
            .parts
            .insert(chunk, (etag.clone(), bytes));
        let answer = Response::builder()
            .status(200)
            .header(header::ETAG, format!("\"{etag}\""));
        Ok(answer.body(Bytes::new()).unwrap())
    }

    /// What `Retry-After` applies to: an operation of the API, or a chunk.
    fn subject(exchange: &Exchange) -> String {
        let uri = exchange.http.uri();
        format!("{} {}", exchange.http.method(), uri.path())
    }

    fn work(&mut self, now: Now, exchange: &Exchange, damaged: bool) -> Outcome {
        match exchange.http.uri().host() {
            Some("api.example") => {
                assert_eq!(exchange.auth, Auth::ApiKey);
                self.api(now, exchange)
            }
            Some("bucket.example") => self.put(now, exchange, damaged),
            other => panic!("a request to {other:?}"),
        }
    }
}

impl World for Cloud {
    fn answer(&mut self, now: Now, exchange: &Exchange) -> Planned {
        let subject = Self::subject(exchange);
        if let Some(not_before) = self.not_before.remove(&subject) {
            assert!(
                now.mono >= not_before,
                "{subject} at {:?}, before {not_before:?}",
                now.mono
            );
        }
        if self.below(50) == 0 {
            self.wall_error = i64::try_from(self.below(20_000)).unwrap() - 10_000;
        }
        let mut after = Duration::from_millis(5 + self.below(400));
        let outcome = match self.network_outcome(now) {
            NetworkOutcome::Good => self.work(now, exchange, false),
            NetworkOutcome::Damaged => self.work(now, exchange, true),
            NetworkOutcome::Slow(more) => {
                after += more;
                self.work(now, exchange, false)
            }
            NetworkOutcome::LostBefore(delivery) => {
                Err(TransportError::new(TransportErrorKind::Lost, delivery))
            }
            NetworkOutcome::Stalled => {
                after = exchange.stall;
                self.mark_url_used(exchange);
                Err(TransportError::new(
                    TransportErrorKind::Stalled,
                    Delivery::NotSent,
                ))
            }
            NetworkOutcome::LostAfter => {
                drop(self.work(now, exchange, false));
                Err(TransportError::new(
                    TransportErrorKind::Lost,
                    Delivery::Unknown,
                ))
            }
            NetworkOutcome::Answer(status, retry_after) => {
                self.mark_url_used(exchange);
                let mut answer = Response::builder()
                    .status(status)
                    .header(header::DATE, date(now));
                if let Some(text) = retry_after {
                    let wait = text.parse().map_or(Duration::ZERO, Duration::from_secs);
                    if after <= exchange.timeout {
                        self.not_before.insert(subject, now.mono + after + wait);
                    }
                    answer = answer.header(header::RETRY_AFTER, text);
                }
                Ok(answer
                    .body(Bytes::from_static(b"<html><title>busy</title></html>"))
                    .unwrap())
            }
        };
        Planned::new(after, outcome)
    }

    fn wall_error(&mut self, _: Duration) -> i64 {
        self.wall_error
    }
}

impl Cloud {
    /// A URL that was tried counts as used, whatever the outcome.
    fn mark_url_used(&mut self, exchange: &Exchange) {
        if let Some(url) = self.urls.get_mut(&exchange.http.uri().to_string()) {
            assert!(!url.used, "a URL is used once");
            url.used = true;
        }
    }
}

fn date(now: Now) -> String {
    http_date(SystemTime::UNIX_EPOCH + Duration::from_secs(START) + now.mono)
}

fn http_date(time: SystemTime) -> String {
    let time = jiff::Timestamp::try_from(time).unwrap();
    time.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string()
}

fn answer(status: u16, body: Bytes, now: Now) -> Outcome {
    let answer = Response::builder()
        .status(StatusCode::from_u16(status).unwrap())
        .header(header::CONTENT_TYPE, "application/json")
        .header(header::DATE, date(now));
    Ok(answer.body(body).unwrap())
}

fn refused(status: u16, code: &str, now: Now) -> Outcome {
    answer(
        status,
        Bytes::from(format!(
            r#"{{"code":"{code}","message":"no such session"}}"#
        )),
        now,
    )
}
