//! Uploads with both transports: with concurrency 1 the same requests in the same order; with more
//! concurrency or with faults the same requests in any order, each chunk stored once.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use tl_http_async::AsyncHttp;
use tl_http_blocking::BlockingHttp;
use tl_model::{NewUpload, UploadType};
use tl_protocol::{
    ApiKey, Credentials, HttpSettings, Policy, Proxy, Source,
    endpoint::CreateUpload,
    flow::{
        AssetPlan, AssetUpload, IngestAsset, Reconcile, WaitPolicy,
        upload::{Begin, Record, SentChunk, UploadJournal, UploadRecord, UploadSettings},
    },
};
use tl_testkit::{
    server::{Reaction, Reply, Seen, Server},
    source::PatternSource,
};
use url::Url;

use crate::{Drive, OnThreads, OnTokio, without_random_parts};

const CHUNK: u64 = 100_000;
const SIZE: u64 = 450_003;
const CHUNKS: u32 = 5;

/// The fault for a request and how often it came before.
type FaultRule = fn(&str, usize) -> Option<Reaction>;

fn no_faults(_: &str, _: usize) -> Option<Reaction> {
    None
}

fn some_faults(what: &str, times: usize) -> Option<Reaction> {
    match (what, times) {
        ("PUT /part/2", 1) => Some(Reply::status(500).body("<Error/>").into()),
        ("PUT /part/4", 1) => Some(Reaction::close().reading_only(30_000)),
        ("POST /v1.3/assets/multipart-uploads", 1) => {
            Some(Reply::status(503).header("Retry-After", "0").into())
        }
        ("POST /v1.3/assets/multipart-uploads/u1", 1) => Some(Reply::status(500).into()),
        ("GET /v1.3/assets/a1", 1) => Some(Reaction::close()),
        _ => None,
    }
}

/// URLs for every chunk, and for some that the file does not have.
fn urls(address: &str, signature: u32) -> String {
    let urls: Vec<String> = (1..=CHUNKS + 4)
        .map(|index| {
            format!(
                r#"{{"chunk_index": {index}, "url": "{address}/part/{index}?signature={signature}"}}"#
            )
        })
        .collect();
    urls.join(", ")
}

/// The platform with its storage.
fn platform(fault_rule: FaultRule) -> Server {
    let counts = Mutex::new(BTreeMap::<String, usize>::new());
    let signed = AtomicU32::new(0);
    Server::reacting(move |seen: &Seen| {
        let path = seen.target.split('?').next().unwrap_or_default();
        let what = format!("{} {path}", seen.method);
        let times = {
            let mut counts = counts.lock().expect("no reaction panicked");
            let times = counts.entry(what.clone()).or_default();
            *times += 1;
            *times
        };
        if let Some(reaction) = fault_rule(&what, times) {
            return reaction;
        }
        let address = format!("http://{}", seen.header("host").unwrap_or_default());
        let sign = || urls(&address, signed.fetch_add(1, Ordering::Relaxed));
        let reply = match what.as_str() {
            "POST /v1.3/assets/multipart-uploads" => Reply::status(201).body(format!(
                r#"{{"upload_id": "u1", "asset_id": "a1", "chunk_size": {CHUNK}, "total_chunks": {CHUNKS}, "upload_headers": {{"x-amz-acl": "private"}}, "upload_urls": [{}]}}"#,
                sign()
            )),
            "GET /v1.3/assets/multipart-uploads/u1" => Reply::ok(
                r#"{"upload_id": "u1", "status": "active", "uploaded_chunks": [{"index": 1, "status": "completed"}], "page_info": {"total_page": 1}}"#,
            ),
            "POST /v1.3/assets/multipart-uploads/u1/presigned-urls" => {
                Reply::ok(format!(r#"{{"upload_urls": [{}]}}"#, sign()))
            }
            "POST /v1.3/assets/multipart-uploads/u1" => Reply::ok(r#"{"total_completed": 5}"#),
            "GET /v1.3/assets/a1" if times < 3 => {
                Reply::ok(r#"{"_id": "a1", "status": "processing"}"#)
            }
            "GET /v1.3/assets/a1" => Reply::ok(r#"{"_id": "a1", "status": "ready"}"#),
            "GET /v1.3/assets/a1/indexed-assets" => {
                Reply::ok(r#"{"data": [], "page_info": {"total_page": 1}}"#)
            }
            "POST /v1.3/indexes/i1/indexed-assets" => {
                Reply::status(202).body(r#"{"_id": "x1", "asset_id": "a1"}"#)
            }
            "GET /v1.3/indexes/i1/indexed-assets/x1" if times < 2 => {
                Reply::ok(r#"{"_id": "x1", "status": "indexing"}"#)
            }
            "GET /v1.3/indexes/i1/indexed-assets/x1" => {
                Reply::ok(r#"{"_id": "x1", "status": "ready"}"#)
            }
            part if part.starts_with("PUT /part/") => {
                Reply::ok("").header("ETag", "\"etag\"")
            }
            other => panic!("the scenario does not ask for {other}"),
        };
        reply.header("content-type", "application/json").into()
    })
}

/// The record of an earlier process: two chunks, of which the platform knows one.
fn earlier_record() -> UploadRecord {
    let chunk = || SentChunk::new("etag".to_owned(), CHUNK);
    UploadRecord::new("u1", "a1", CHUNK, CHUNKS, SIZE)
        .with_sent(BTreeMap::from([(1, chunk()), (2, chunk())]))
}

/// Runs the whole upload with `drive`. Returns the requests that the platform got, and the records
/// of the journal.
fn scenario<T: tl_protocol::Transport>(
    make: impl FnOnce(HttpSettings) -> T,
    drive: &impl Drive<T>,
    fault_rule: FaultRule,
    concurrency: usize,
    record: Option<UploadRecord>,
) -> (Vec<Seen>, Vec<String>) {
    let server = platform(fault_rule);
    let base: Url = server.url("/v1.3").parse().expect("a URL");
    let key = ApiKey::new("tlk_transcript").expect("a key");
    let transport = make(
        HttpSettings::new(Credentials::new(key, base.clone()).expect("loopback"))
            .with_proxy(Proxy::Direct),
    );
    let policy = Policy::default().with_base_delay(Duration::ZERO);
    let source: Arc<dyn Source> = Arc::new(PatternSource::new(SIZE, 17));
    let create = CreateUpload::new(NewUpload::new(source.name(), UploadType::Video, SIZE));
    let begin = match record {
        None => Begin::New(create),
        Some(record) => Begin::Resume(record, create),
    };
    let journal: Arc<Mutex<Vec<String>>> = Arc::default();
    let sink = Arc::clone(&journal);
    let plan = AssetPlan::new(AssetUpload::Chunks {
        source,
        begin: Box::new(begin),
        settings: UploadSettings::default().with_concurrency(concurrency),
    })
    .with_index(Some("i1".into()))
    .with_video_stream(Some(true))
    .with_metadata(None)
    .with_wait(Some(
        WaitPolicy::default().with_first_interval(Duration::from_millis(1)),
    ))
    .with_reconcile(Reconcile::default())
    .with_journal(UploadJournal::new(move |record: &Record| {
        let line = match record {
            Record::Sent(index, _) => format!("sent {index}"),
            Record::Session(_) => "session".to_owned(),
            other => format!("{other:?}"),
        };
        sink.lock().expect("no panic before").push(line);
    }));
    let flow = IngestAsset::new(plan, &base, policy, 5);
    let ingested = drive.drive(&transport, flow).expect("it is indexed");
    assert_eq!(ingested.indexed_asset_id, Some("x1".into()));
    let journal = journal.lock().expect("no panic before").clone();
    (server.seen(), journal)
}

/// Both transports, blocking first.
fn both(
    fault_rule: FaultRule,
    concurrency: usize,
    record: Option<UploadRecord>,
) -> [(Vec<Seen>, Vec<String>); 2] {
    let blocking = scenario(
        |settings| BlockingHttp::new(settings).expect("a transport"),
        &OnThreads,
        fault_rule,
        concurrency,
        record.clone(),
    );
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .expect("a runtime");
    let asynchronous = scenario(
        |settings| AsyncHttp::new(settings).expect("a transport"),
        &OnTokio(runtime),
        fault_rule,
        concurrency,
        record,
    );
    [blocking, asynchronous]
}

fn text(seen: &[Seen]) -> String {
    let transcripts: Vec<String> = seen.iter().map(Seen::transcript).collect();
    transcripts.join("\n")
}

/// The requests without their order and signatures. How often URLs were requested depends on
/// timing.
fn unordered(seen: &[Seen]) -> Vec<String> {
    let mut lines: Vec<String> = seen
        .iter()
        .filter(|seen| !seen.target.ends_with("/presigned-urls"))
        .map(|seen| {
            let text = seen.transcript();
            match text.split_once("?signature=") {
                Some((before, after)) => {
                    let rest = after.trim_start_matches(|c: char| c.is_ascii_digit());
                    format!("{before}{rest}")
                }
                None => text,
            }
        })
        .collect();
    lines.sort();
    lines
}

/// The API key is in every request to the API, and in none to the storage.
fn check_keys(seen: &[Seen]) {
    for request in seen {
        let is_api = request.target.starts_with("/v1.3/");
        assert_eq!(
            request.header("x-api-key").is_some(),
            is_api,
            "{}",
            request.transcript()
        );
    }
}

#[test]
fn both_transports_send_the_same_in_order() {
    let [(blocking, journal), (asynchronous, other_journal)] = both(no_faults, 1, None);
    assert_eq!(text(&blocking), text(&asynchronous));
    assert_eq!(journal, other_journal);
    check_keys(&blocking);
    insta::assert_snapshot!(without_random_parts(&text(&blocking)));
    insta::assert_snapshot!("sequential_journal", journal.join("\n"));
}

#[test]
fn both_transports_resume_with_the_same_requests() {
    let [(blocking, journal), (asynchronous, other_journal)] =
        both(no_faults, 1, Some(earlier_record()));
    assert_eq!(unordered(&blocking), unordered(&asynchronous));
    assert_eq!(journal.last(), other_journal.last());
    let puts: Vec<&str> = blocking
        .iter()
        .filter(|seen| seen.method == "PUT")
        .map(|seen| seen.target.split('?').next().unwrap_or_default())
        .collect();
    assert_eq!(puts, ["/part/3", "/part/4", "/part/5"], "1 and 2 are there");
}

#[test]
fn both_transports_send_the_same_after_faults() {
    for concurrency in [1, 8] {
        let [(blocking, mut journal), (asynchronous, mut other_journal)] =
            both(some_faults, concurrency, None);
        // A connection that is closed in the middle of a body may deliver more or less of it.
        let whole = |seen: &[Seen]| -> Vec<Seen> {
            seen.iter().filter(|seen| seen.whole).cloned().collect()
        };
        assert_eq!(
            unordered(&whole(&blocking)),
            unordered(&whole(&asynchronous)),
            "{concurrency} concurrency"
        );
        journal.sort();
        other_journal.sort();
        assert_eq!(
            journal, other_journal,
            "{concurrency} concurrency: each chunk is finished once"
        );
        for seen in [&blocking, &asynchronous] {
            check_keys(seen);
            // No signature is used twice for the same chunk.
            let mut targets: Vec<&str> = seen
                .iter()
                .filter(|seen| seen.method == "PUT")
                .map(|seen| seen.target.as_str())
                .collect();
            let all = targets.len();
            targets.sort_unstable();
            targets.dedup();
            assert_eq!(targets.len(), all, "{concurrency} concurrency");
        }
    }
}

#[test]
fn both_transports_send_the_same_concurrently() {
    let [(blocking, _), (asynchronous, _)] = both(no_faults, 8, None);
    assert_eq!(unordered(&blocking), unordered(&asynchronous));
    let puts = |seen: &[Seen]| seen.iter().filter(|seen| seen.method == "PUT").count();
    assert_eq!((puts(&blocking), puts(&asynchronous)), (5, 5));
}
