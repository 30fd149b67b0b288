//! Other HTTP clients under the whole client: checks, routes, checkpoints and retries stay.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU32, Ordering},
    },
};

use async_trait::async_trait;
use http::{HeaderValue, Response};
use tl_client::{
    CancelHandle, ErrorKind, blocking,
    http_async::{self, BodyStream, ReqwestClient},
    http_blocking::{self, Part, UreqClient},
    protocol::{ExtraHeaders, Outcome, Prepared, TransportError},
    validate::Route,
};

use crate::{World, checker, good, poll_often, runtime, small};

/// Adds a header, counts requests by method, and lets a fixed number through at once.
#[derive(Clone, Default)]
struct Metrics(Arc<Counts>);

#[derive(Default)]
struct Counts {
    requests: Mutex<BTreeMap<String, u32>>,
    bytes: Mutex<u64>,
    in_flight: AtomicU32,
    most_in_flight: AtomicU32,
}

impl Metrics {
    fn begin(&self, request: &mut Prepared) {
        let headers = request.http.headers_mut();
        headers.insert("traceparent", HeaderValue::from_static("00-4bf9-01"));
        let method = request.http.method().to_string();
        *self
            .0
            .requests
            .lock()
            .expect("no failure in this test")
            .entry(method)
            .or_default() += 1;
        *self.0.bytes.lock().expect("no failure in this test") += request.http.body().len();
        let now = self.0.in_flight.fetch_add(1, Ordering::SeqCst) + 1;
        self.0.most_in_flight.fetch_max(now, Ordering::SeqCst);
    }

    fn end(&self) {
        self.0.in_flight.fetch_sub(1, Ordering::SeqCst);
    }

    fn count(&self, method: &str) -> u32 {
        let requests = self.0.requests.lock().expect("no failure in this test");
        requests.get(method).copied().unwrap_or_default()
    }
}

struct Async {
    inner: ReqwestClient,
    metrics: Metrics,
    permits: tokio::sync::Semaphore,
}

#[async_trait]
impl http_async::HttpClient for Async {
    async fn send(&self, mut request: Prepared) -> Outcome {
        let _permit = self.permits.acquire().await;
        self.metrics.begin(&mut request);
        let outcome = self.inner.send(request).await;
        self.metrics.end();
        outcome
    }

    async fn open(
        &self,
        request: Prepared,
    ) -> Result<Response<Box<dyn BodyStream>>, TransportError> {
        self.inner.open(request).await
    }
}

struct Blocking {
    inner: UreqClient,
    metrics: Metrics,
    permit: Mutex<()>,
}

impl http_blocking::HttpClient for Blocking {
    fn send(&self, mut request: Prepared, cancel: &CancelHandle) -> Outcome {
        let _permit = self.permit.lock();
        self.metrics.begin(&mut request);
        let outcome = self.inner.send(request, cancel);
        self.metrics.end();
        outcome
    }

    fn open(
        &self,
        request: Prepared,
        cancel: &CancelHandle,
        give: &mut dyn FnMut(Part) -> bool,
    ) -> Result<(), TransportError> {
        self.inner.open(request, cancel, give)
    }
}

fn async_client(world: &World, metrics: &Metrics) -> tl_client::ClientBuilder {
    tl_client::Client::builder()
        .config(world.config.clone())
        .http_client(Async {
            inner: ReqwestClient::new(&world.config.http).expect("valid settings"),
            metrics: metrics.clone(),
            permits: tokio::sync::Semaphore::new(1),
        })
}

fn blocking_client(world: &World, metrics: &Metrics) -> blocking::ClientBuilder {
    blocking::Client::builder()
        .config(world.config.clone())
        .http_client(Blocking {
            inner: UreqClient::new(&world.config.http).expect("valid settings"),
            metrics: metrics.clone(),
            permit: Mutex::new(()),
        })
}

/// The chunk route with a checkpoint, whose requests all pass through the decorated client.
#[test]
fn decorated_client_carries_a_whole_ingest() {
    let world = World::new(good);
    for is_async in [true, false] {
        let metrics = Metrics::default();
        macro_rules! ingest {
            ($client:expr) => {
                $client
                    .ingest(world.file.path())
                    .into_index(world.index_id.as_str())
                    .route(Route::Multipart)
                    .checkpoint(world.state.path())
                    .wait(poll_often())
                    .run()
            };
        }
        let video = if is_async {
            let client = async_client(&world, &metrics).checker(checker(good));
            runtime().block_on(async { ingest!(client.build().expect("a client")).await })
        } else {
            let client = blocking_client(&world, &metrics).checker(checker(good));
            ingest!(client.build().expect("a client"))
        };
        let video = video.expect("the video is indexed");
        assert_eq!(video.status(), Some("ready"));
        assert!(video.report.is_some(), "it was checked");
        // 1000 bytes in chunks of 100.
        assert_eq!(metrics.count("PUT"), 10);
        assert!(metrics.count("POST") >= 3 && metrics.count("GET") >= 1);
        assert!(*metrics.0.bytes.lock().expect("no failure in this test") > 1000);
        assert_eq!(metrics.0.most_in_flight.load(Ordering::SeqCst), 1);
    }
    let left = std::fs::read_dir(world.state.path())
        .expect("a folder")
        .count();
    assert_eq!(left, 0, "the checkpoint is removed at the end");
}

#[test]
fn refused_file_does_not_reach_the_http_client() {
    let world = World::new(good);
    let metrics = Metrics::default();
    let client = blocking_client(&world, &metrics).checker(checker(small));
    let error = client
        .build()
        .expect("a client")
        .ingest(world.file.path())
        .into_index(world.index_id.as_str())
        .run()
        .expect_err("too small");
    assert_eq!(error.kind(), ErrorKind::RefusedLocally);
    assert!(
        metrics
            .0
            .requests
            .lock()
            .expect("no failure in this test")
            .is_empty()
    );
}

/// A client that answers by itself, without any socket.
struct Canned;

impl http_blocking::HttpClient for Canned {
    fn send(&self, request: Prepared, _: &CancelHandle) -> Outcome {
        assert_eq!(request.http.headers()["x-api-key"], "tlk_canned");
        Ok(Response::new(
            "{\"_id\": \"6298d673f1090f1100476d4c\"}".into(),
        ))
    }
}

#[async_trait]
impl http_async::HttpClient for Canned {
    async fn send(&self, request: Prepared) -> Outcome {
        http_blocking::HttpClient::send(self, request, &CancelHandle::new())
    }
}

#[test]
fn http_client_without_a_socket_serves_both_clients() {
    let config = tl_client::Config::new("tlk_canned", "https://api.example/v1.3").expect("valid");
    let client = blocking::Client::builder()
        .config(config.clone())
        .http_client(Canned)
        .build()
        .expect("a client");
    let asset = client.assets().get("6298d673f1090f1100476d4c");
    assert_eq!(
        asset.expect("an asset").id.as_str(),
        "6298d673f1090f1100476d4c"
    );
    let client = tl_client::Client::builder()
        .config(config)
        .http_client(Canned)
        .build()
        .expect("a client");
    let asset = runtime().block_on(async { client.assets().get("6298d673f1090f1100476d4c").await });
    assert_eq!(
        asset.expect("an asset").id.as_str(),
        "6298d673f1090f1100476d4c"
    );
}

/// Records whether each request had the extra header and the key.
struct Recorder {
    inner: UreqClient,
    seen: Arc<Mutex<Vec<(String, bool, bool)>>>,
}

impl http_blocking::HttpClient for Recorder {
    fn send(&self, request: Prepared, cancel: &CancelHandle) -> Outcome {
        let headers = request.http.headers();
        let seen = (
            request.http.method().to_string(),
            headers.get("x-team").is_some_and(|value| value == "search"),
            headers.contains_key("x-api-key"),
        );
        self.seen
            .lock()
            .expect("no failure in this test")
            .push(seen);
        self.inner.send(request, cancel)
    }
}

#[test]
fn extra_headers_go_to_the_api_and_not_to_the_storage() {
    let world = World::new(good);
    let mut config = world.config.clone();
    config.http.headers = ExtraHeaders::new().with("x-team", "search").expect("valid");
    let seen = Arc::<Mutex<Vec<_>>>::default();
    let inner = UreqClient::new(&config.http).expect("valid settings");
    let client = blocking::Client::builder()
        .config(config)
        .http_client(Recorder {
            inner,
            seen: Arc::clone(&seen),
        })
        .checker(checker(good))
        .build()
        .expect("a client");
    client
        .upload(world.file.path())
        .route(Route::Multipart)
        .without_checkpoint()
        .wait(poll_often())
        .run()
        .expect("it is uploaded");
    let seen = seen.lock().expect("no failure in this test");
    assert!(seen.iter().any(|(method, ..)| method == "PUT"));
    for (method, has_header, has_key) in seen.iter() {
        // The chunks go to presigned URLs, and everything else to the API.
        let is_api = method != "PUT";
        assert_eq!((*has_header, *has_key), (is_api, is_api), "{method}");
    }
}
