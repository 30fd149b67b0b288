//! The observer receives each finished exchange: status, bytes, and time in virtual time.

#![allow(clippy::unwrap_used, reason = "a test fails by a panic")]

use std::{
    io::Read,
    sync::{Arc, Mutex},
    time::Duration,
};

use bytes::Bytes;
use http::{Method, Response};
use tl_model::{
    AssetId, ChunkReceipt, NewUpload, UploadId, UploadSession, UploadType, UploadUrl, UploadUrls,
};
use tl_protocol::{
    BytesSource, Client, ClientSettings, Endpoint, Exchange, FinishedExchange, Now, Observer,
    Policy, Source, TransportErrorKind,
    endpoint::{CreateUpload, GetAsset, ReportChunks, RequestUploadUrls},
    flow::{
        AssetPlan, AssetUpload, WaitPolicy,
        upload::{Begin, UploadSettings},
    },
};
use tl_testkit::{
    script::Script,
    sim::{Planned, Sim, World},
};

use super::{TASK, at_once, base, create_task, get_task, task};

/// The path, the query and the header of presigned URLs are secrets.
pub(super) const SECRETS: [&str; 3] = ["secret-path", "secret-signature", "secret-header"];

/// A platform that takes an asset of two chunks. The storage fails once, at chunk 2.
#[derive(Debug, Default)]
pub(super) struct Storage {
    has_failed: bool,
    /// Number of chunks reported.
    reported: u32,
}

const CHUNK: u64 = 4;

/// The upload of two chunks, one at a time, to [`Storage`].
pub(super) fn two_chunks() -> AssetPlan {
    let source: Arc<dyn Source> = Arc::new(BytesSource::new("a.mp4", &b"seven b"[..]));
    let upload = NewUpload::new("a.mp4", UploadType::Video, 7_u64);
    let mut settings = UploadSettings::default();
    settings.concurrency = 1;
    AssetPlan::new(AssetUpload::Chunks {
        source,
        begin: Box::new(Begin::New(CreateUpload::new(upload))),
        settings,
    })
}

fn url(chunk: u32) -> UploadUrl {
    let [path, signature, _] = SECRETS;
    UploadUrl::new(
        chunk,
        format!("https://storage.example/{path}/{chunk}?X-Amz-Signature={signature}"),
    )
}

impl Storage {
    fn api(&mut self, exchange: &Exchange) -> (u16, Bytes) {
        let path = exchange.http.uri().path().trim_start_matches("/v1.3");
        let is = |template| tl_protocol::endpoint::match_path(template, path).is_some();
        if is(CreateUpload::PATH) {
            let mut session = UploadSession::new(UploadId::from("u"), CHUNK, 2_u32);
            session.asset_id = Some(AssetId::from("a"));
            let header = ("x-amz-meta-a".to_owned(), SECRETS[2].to_owned());
            session.upload_headers.extend([header]);
            session.upload_urls = vec![url(1), url(2)];
            (201, CreateUpload::encode_response(&session).unwrap())
        } else if is(RequestUploadUrls::PATH) {
            let mut urls = UploadUrls::default();
            urls.upload_urls = vec![url(2)];
            (200, RequestUploadUrls::encode_response(&urls).unwrap())
        } else if is(GetAsset::PATH) {
            let asset = Bytes::from_static(br#"{"_id": "a", "status": "ready"}"#);
            (200, asset)
        } else {
            assert!(is(ReportChunks::PATH), "{path}");
            let mut body = String::new();
            exchange
                .http
                .body()
                .reader()
                .read_to_string(&mut body)
                .unwrap();
            let count = u32::try_from(body.matches("chunk_index").count()).unwrap();
            self.reported += count;
            let mut receipt = ChunkReceipt::default();
            receipt.processed_chunks = Some(count);
            receipt.duplicate_chunks = Some(0);
            receipt.total_completed = Some(self.reported);
            receipt.url = (self.reported == 2).then(|| "https://assets.example/1".into());
            (200, ReportChunks::encode_response(&receipt).unwrap())
        }
    }
}

impl World for Storage {
    fn answer(&mut self, _: Now, exchange: &Exchange) -> Planned {
        let mut response = Response::builder();
        let is_last = exchange.http.body().len() < CHUNK;
        let body = if exchange.http.method() == Method::PUT {
            if is_last && !self.has_failed {
                self.has_failed = true;
                response = response.status(500);
            } else {
                response = response.header("etag", "\"receipt\"");
            }
            Bytes::new()
        } else {
            let (status, body) = self.api(exchange);
            response = response.status(status);
            body
        };
        Planned::new(Duration::from_secs(3), Ok(response.body(body).unwrap()))
    }
}

/// A client whose observer records all exchanges.
fn recorded<W: World>(world: W) -> (Client<Sim<W>>, Arc<Mutex<Vec<FinishedExchange>>>) {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let record = Arc::clone(&seen);
    let observer = Observer::none()
        .with_exchanges(move |exchange| record.lock().unwrap().push(exchange.clone()));
    let settings = ClientSettings::new(base(), 7)
        .with_policy(at_once())
        .with_observer(observer);
    (Client::new(Sim::new(world), settings), seen)
}

fn lines(seen: &Mutex<Vec<FinishedExchange>>) -> Vec<String> {
    let line = |exchange: &FinishedExchange| {
        format!(
            "{}: {} {} {} #{} {} sent {} received {} in {} s",
            exchange.operation,
            exchange.method,
            exchange.host,
            exchange.template.unwrap_or("-"),
            exchange.attempt,
            match exchange.result {
                Ok(status) => status.as_u16().to_string(),
                Err(kind) => format!("{kind:?}"),
            },
            exchange.bytes_sent,
            exchange.bytes_received,
            exchange.duration.as_secs_f64()
        )
    };
    seen.lock().unwrap().iter().map(line).collect()
}

#[test]
fn each_attempt_of_a_call_is_reported() {
    let ready = task("ready");
    let bytes = ready.len() - "200 ".len();
    let script = ["@2s 429 retry-after=7", "@5s lost", &format!("@1s {ready}")];
    let (client, seen) = recorded(Script::new(script));
    client.call(get_task()).unwrap();
    let call = "retrieve the task: GET api.twelvelabs.io /tasks/{task_id}";
    assert_eq!(
        lines(&seen),
        [
            format!("{call} #1 429 sent 0 received 0 in 2 s"),
            format!("{call} #2 Lost sent 0 received 0 in 5 s"),
            format!("{call} #3 200 sent 0 received {bytes} in 1 s"),
        ]
    );
}

#[test]
fn a_timeout_is_reported_with_its_time() {
    let (client, seen) = recorded(Script::new(["@9000s 200 {}"]));
    let policy = Policy::default().with_attempts(1);
    let limit = policy.attempt_timeout;
    let settings = client.settings().clone().with_policy(policy);
    let client: Client<_> = Client::new(Sim::new(Script::new(["@9000s 200 {}"])), settings);
    client.call(get_task()).unwrap_err();
    let seen = seen.lock().unwrap();
    assert_eq!(seen[0].result, Err(TransportErrorKind::TimedOut));
    assert_eq!((seen.len(), seen[0].duration), (1, limit));
}

#[test]
fn the_client_wide_listener_receives_operations_with_an_observer_of_their_own() {
    let created = format!(r#"201 {{"_id": "{TASK}", "video_id": "v"}}"#);
    let (client, seen) = recorded(Script::new([created, task("pending"), task("ready")]));
    let own = Arc::new(Mutex::new(0));
    let count = Arc::clone(&own);
    let observer = Observer::none().with_exchanges(move |_| *count.lock().unwrap() += 1);
    let wait = Some(WaitPolicy::default());
    client
        .ingest_task(create_task(), wait.clone(), observer)
        .unwrap();
    assert_eq!((lines(&seen).len(), *own.lock().unwrap()), (3, 3));
    // The same listener twice is called once.
    let same = client.settings().observer.clone();
    client.ingest_task(create_task(), None, same).unwrap();
    let seen = seen.lock().unwrap();
    assert!(seen[0].bytes_sent > 5, "the form with the media: {seen:?}");
    assert_eq!(seen.len(), 4, "{seen:?}");
}

#[test]
fn chunks_are_reported_without_their_secret_urls() {
    let (client, seen) = recorded(Storage::default());
    client.ingest_asset(two_chunks(), Observer::none()).unwrap();
    let text = format!("{:?}", seen.lock().unwrap());
    for secret in SECRETS {
        assert!(!text.contains(secret), "{text}");
    }
    let chunk = "send a chunk: PUT storage.example -";
    let puts: Vec<String> = lines(&seen)
        .into_iter()
        .filter(|line| line.contains("PUT"))
        .collect();
    assert_eq!(
        puts,
        [
            format!("{chunk} #1 200 sent 4 received 0 in 3 s"),
            format!("{chunk} #1 500 sent 3 received 0 in 3 s"),
            format!("{chunk} #2 200 sent 3 received 0 in 3 s"),
        ]
    );
    let api: Vec<_> = seen
        .lock()
        .unwrap()
        .iter()
        .filter_map(|seen| seen.template)
        .collect();
    for template in [
        CreateUpload::PATH,
        RequestUploadUrls::PATH,
        ReportChunks::PATH,
    ] {
        assert!(api.contains(&template), "{template} in {api:?}");
    }
}

#[cfg(feature = "conformance")]
#[test]
fn a_stream_is_reported_when_its_body_ends() {
    let events = "200 {\"type\":\"text\"}\n{\"type\":\"end\"}\n";
    let (client, seen) = recorded(Script::new(["@1s lost-unsent", &format!("@4s {events}")]));
    let mut stream = client.stream(&tl_testkit::streams::Analyze);
    assert!(stream.next().unwrap().is_ok());
    let call = "read the events: POST api.twelvelabs.io /analyze";
    let lost = format!("{call} #1 Lost sent 15 received 0 in 1 s");
    assert_eq!(lines(&seen)[..], *std::slice::from_ref(&lost));
    assert_eq!(stream.count(), 1);
    let complete = format!("{call} #2 200 sent 15 received 31 in 4 s");
    assert_eq!(lines(&seen), [lost, complete]);
}
