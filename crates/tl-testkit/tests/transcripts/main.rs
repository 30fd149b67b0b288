//! The same scenario with both transports: the server sees the same requests, byte for byte of
//! every body. Tasks and related calls are here, asset uploads in `upload.rs`.

mod upload;

use std::{sync::Arc, time::Duration};

use tl_http_async::AsyncHttp;
use tl_http_blocking::BlockingHttp;
use tl_model::{IndexId, NewIndex, TaskStatus, UserMetadata};
use tl_protocol::{
    ApiKey, Body, Credentials, Endpoint, ErrorKind, Flow, HttpSettings, Policy, Proxy, Transport,
    endpoint::{
        CreateIndex, CreateTask, DeleteTask, GetTask, ListTasks, Media, NumberFilter, PageRequest,
        RenameIndex,
    },
    flow::{Call, IngestTask, WaitPolicy},
};
use tl_testkit::{
    exchanges::{One, exchange},
    server::{Reaction, Reply, Seen, Server},
    source::PatternSource,
};
use tokio::runtime::Builder;
use url::Url;

/// The platform in this scenario; its response depends on how often it got the same request before.
fn platform() -> Server {
    let counts = std::sync::Mutex::new(Vec::<String>::new());
    Server::reacting(move |seen: &Seen| {
        let what = format!(
            "{} {}",
            seen.method,
            seen.target.split('?').next().unwrap_or_default()
        );
        let mut counts = counts.lock().expect("no reaction panicked");
        counts.push(what.clone());
        let times = counts.iter().filter(|other| **other == what).count();
        match (what.as_str(), times) {
            ("POST /v1.3/indexes", _) => Reply::status(201).body(r#"{"_id": "i1"}"#).into(),
            ("PUT /v1.3/indexes/i1", _) | ("DELETE /v1.3/tasks/t1", 2) => Reply::status(204).into(),
            ("DELETE /v1.3/tasks/t1", _) => Reply::status(500).into(),
            ("POST /v1.3/tasks", 1) => Reply::status(503).header("Retry-After", "0").into(),
            ("POST /v1.3/tasks", 2) => Reaction::close().reading_only(100_000),
            ("POST /v1.3/tasks", _) => Reply::status(201)
                .chunked(r#"{"_id": "t1", "video_id": "v1"}"#)
                .into(),
            ("GET /v1.3/tasks", _) => Reply::ok(r#"{"data": [], "page_info": {}}"#).into(),
            ("GET /v1.3/tasks/t1", 1) => Reaction::close(),
            ("GET /v1.3/tasks/t1", 2) => Reply::ok(r#"{"_id": "t1", "status": "indexing"}"#).into(),
            ("GET /v1.3/tasks/t1", _) => Reply::ok(r#"{"_id": "t1", "status": "ready"}"#).into(),
            ("PUT /part", _) => Reply::status(200).header("ETag", "\"1\"").into(),
            (other, _) => panic!("the scenario does not ask for {other}"),
        }
    })
}

/// Runs the scenario with `drive` and returns the requests that the platform got.
fn scenario<T: Transport>(make: impl FnOnce(HttpSettings) -> T, drive: &impl Drive<T>) -> String {
    let server = platform();
    let base: Url = server.url("/v1.3").parse().expect("a URL");
    let key = ApiKey::new("tlk_transcript").expect("a key");
    let credentials = Credentials::new(key, base.clone()).expect("loopback may have the key");
    let transport = make(HttpSettings::new(credentials).with_proxy(Proxy::Direct));
    let policy = Policy::default().with_base_delay(Duration::ZERO);

    let create = CreateIndex::new(NewIndex::new("sport", Vec::new()));
    let created = drive
        .drive(&transport, call(create, &base, &policy))
        .expect("an index");
    let rename = RenameIndex::new(created.id.clone(), "spört \"1\"".to_owned());
    drive
        .drive(&transport, call(rename, &base, &policy))
        .expect("another name");

    let media = Media::File(Arc::new(PatternSource::new(5_000_003, 11)));
    let mut create = CreateTask::new(created.id, media);
    create.enable_video_stream = Some(false);
    create.user_metadata =
        Some(UserMetadata::try_from(serde_json::json!({"round": 3})).expect("metadata"));
    let wait = WaitPolicy::default().with_first_interval(Duration::from_millis(1));
    let ingest = IngestTask::new(create, &base, policy.clone(), Some(wait), true, 5);
    let ingested = drive.drive(&transport, ingest).expect("a task");
    assert_eq!(
        ingested.task.and_then(|task| task.status),
        Some(TaskStatus::Ready)
    );

    let list = ListTasks::default()
        .page(PageRequest::default().with_page(2).with_page_limit(50))
        .index_id(Some(IndexId::from("i1")))
        .status(vec![TaskStatus::Ready, TaskStatus::Failed])
        .filename(Some("a b&c=ü.mp4".to_owned()))
        .width(NumberFilter::default());
    drive
        .drive(&transport, call(list, &base, &policy))
        .expect("a page");
    let task_id = ingested.created.id;
    drive
        .drive(
            &transport,
            call(GetTask::new(task_id.clone()), &base, &policy),
        )
        .expect("the task");
    drive
        .drive(&transport, call(DeleteTask::new(task_id), &base, &policy))
        .expect("no task");

    let part = Body::from_range(
        Arc::new(PatternSource::new(3_000_000, 12)),
        1_000_001,
        1_999_999,
    );
    let mut part = exchange("PUT", &server.url("/part?signature=1"), part);
    part.http
        .headers_mut()
        .insert("accept", "*/*".parse().expect("a value"));
    let answer = drive.drive(&transport, One::new(part));
    assert_eq!(answer.expect("an answer").headers()["etag"], "\"1\"");
    let refused = call(GetTask::new(".."), &base, &policy);
    let error = drive.drive(&transport, refused).expect_err("no request");
    assert_eq!(error.kind(), ErrorKind::InvalidRequest);
    server.transcript()
}

fn call<E: Endpoint>(endpoint: E, base: &Url, policy: &Policy) -> Call<E> {
    Call::new(endpoint, base, policy.clone(), 3)
}

trait Drive<T> {
    fn drive<F: Flow>(&self, transport: &T, flow: F) -> F::Output;
}

struct OnThreads;

impl Drive<BlockingHttp> for OnThreads {
    fn drive<F: Flow>(&self, transport: &BlockingHttp, flow: F) -> F::Output {
        transport.run(flow)
    }
}

struct OnTokio(tokio::runtime::Runtime);

impl Drive<AsyncHttp> for OnTokio {
    fn drive<F: Flow>(&self, transport: &AsyncHttp, flow: F) -> F::Output {
        self.0.block_on(transport.run(flow))
    }
}

#[test]
fn both_transports_send_the_same() {
    let blocking = scenario(
        |settings| BlockingHttp::new(settings).expect("a transport"),
        &OnThreads,
    );
    let runtime = Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .expect("a runtime");
    let asynchronous = scenario(
        |settings| AsyncHttp::new(settings).expect("a transport"),
        &OnTokio(runtime),
    );
    assert_eq!(blocking, asynchronous);
    insta::assert_snapshot!(without_random_parts(&blocking));
}

/// The transcript without random parts: the boundary of a form, and the fingerprint of its body.
fn without_random_parts(transcript: &str) -> String {
    let line = |line: &str| match (line.split_once("boundary="), line.split_once(" bytes, ")) {
        (Some((before, _)), _) => format!("{before}boundary=…\n"),
        (_, Some((before, after))) => {
            format!(
                "{before} bytes{}\n",
                after.trim_start_matches(|c: char| c.is_ascii_hexdigit())
            )
        }
        _ => format!("{line}\n"),
    };
    transcript.lines().map(line).collect()
}
