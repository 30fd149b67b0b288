//! Blocking streams: any thread can cancel one at any time, a canceled response never looks
//! complete, and no thread is leaked.

use std::{
    io,
    panic::{AssertUnwindSafe, catch_unwind},
    thread,
    time::{Duration, Instant},
};

use bytes::Bytes;
use serde_json::Value;
use tl_http::{
    Auth, Body, Exchange, Feed, FeedStep, Head, HttpSettings, Now, Outcome, Piece, Prepared, Proxy,
    Source, Transport, TransportError, TransportErrorKind,
};
use tl_http_blocking::{BlockingHttp, BlockingStream, CancelHandle, HttpClient, Part};
use tl_protocol::{ApiKey, Credentials, Error, ErrorKind, flow::Events};
use tl_testkit::{
    exchanges::{One, get},
    server::{Coding, Reaction, Reply, Server, StreamEnd},
    streams::{Analyze, Results, events, reply},
};
use url::Url;

const TEXT: &str = "{\"type\":\"text\"}\n";

fn settings(base: &Url) -> HttpSettings {
    let key = ApiKey::new("tlk_test").expect("a key");
    HttpSettings::new(Credentials::new(key, base.clone()).expect("loopback"))
        .with_proxy(Proxy::Direct)
}

fn base(server: &Server) -> Url {
    server.url("/v1.3").parse().expect("a URL")
}

fn stream(server: &Server) -> BlockingStream<Events<Analyze>> {
    let base = base(server);
    let transport = BlockingHttp::new(settings(&base)).expect("the settings are valid");
    let feed = events(&Analyze, &base)
        .idle_limit(Duration::from_secs(60))
        .head_limit(Duration::from_secs(60));
    transport.stream(feed)
}

/// Reads `stream` to its end while another thread cancels it after 300 ms, and checks that it ended
/// soon with `Canceled`.
fn check_canceled<F>(stream: BlockingStream<F>) -> usize
where
    F: Feed<Item = Result<Value, Error>>,
{
    let cancel = stream.canceler();
    let canceling = thread::spawn(move || {
        thread::sleep(Duration::from_millis(300));
        cancel.cancel();
    });
    let started = Instant::now();
    let items: Vec<_> = stream.collect();
    let took = started.elapsed();
    canceling.join().expect("a cancel does not panic");
    assert!(took < Duration::from_secs(10), "{took:?}");
    let error = items
        .last()
        .expect("an item")
        .as_ref()
        .expect_err("canceled");
    assert_eq!(error.kind(), ErrorKind::Canceled, "{error}");
    items.len() - 1
}

#[test]
fn cancel_before_the_head() {
    let server = Server::reacting(|_| Reaction::never());
    assert_eq!(check_canceled(stream(&server)), 0);
    server.wait_for_close(1);
    assert_eq!(server.seen().len(), 1, "nothing is sent after the cancel");
}

#[test]
fn cancel_between_two_attempts() {
    let busy = Server::reacting(|_| {
        let mut busy = reply([""; 0], StreamEnd::Whole);
        busy.status = 429;
        busy.headers
            .push(("retry-after".to_owned(), "40".to_owned()));
        Reaction::stream(busy)
    });
    assert_eq!(check_canceled(stream(&busy)), 0);
    assert_eq!(busy.seen().len(), 1, "nothing is sent after the cancel");
}

#[test]
fn canceled_response_is_never_complete() {
    for coding in [Coding::Chunked, Coding::UntilClose] {
        let mut silent = reply(["{\"id\":1}\n"], StreamEnd::Silence);
        silent.coding = coding;
        let server = Server::scripted([Reaction::stream(silent)]);
        let base = base(&server);
        let transport = BlockingHttp::new(settings(&base)).expect("the settings are valid");
        let feed = events(&Results, &base).idle_limit(Duration::from_secs(60));
        assert_eq!(check_canceled(transport.stream(feed)), 1, "{coding:?}");
        server.wait_for_close(1);
    }
}

#[test]
fn cancel_before_the_start_sends_nothing() {
    let server = Server::reacting(|_| Reaction::never());
    let stream = stream(&server);
    stream.canceler().cancel();
    let items: Vec<_> = stream.collect();
    let error = items[0].as_ref().expect_err("canceled");
    assert_eq!((items.len(), error.kind()), (1, ErrorKind::Canceled));
    assert_eq!(server.connections(), 0);
}

#[test]
fn late_cancel_does_not_affect_the_next_request() {
    let whole = Reaction::stream(reply([TEXT, "{\"type\":\"end\"}\n"], StreamEnd::Whole));
    let late = Reaction::from(Reply::ok("late")).after(Duration::from_millis(400));
    let server = Server::scripted([whole, late]);
    let base = base(&server);
    let transport = BlockingHttp::new(settings(&base)).expect("the settings are valid");
    let stream = transport.stream(events(&Analyze, &base));
    let cancel = stream.canceler();
    assert_eq!(stream.count(), 2);
    let canceling = thread::spawn(move || {
        thread::sleep(Duration::from_millis(150));
        cancel.cancel();
    });
    let answer = transport.run(One::new(get(&server.url("/"))));
    canceling.join().expect("a cancel does not panic");
    assert_eq!(&answer.expect("an answer").body()[..], b"late");
    assert_eq!(server.connections(), 1, "both used one connection");
}

#[cfg(target_os = "linux")]
#[test]
fn dropped_stream_leaks_no_thread() {
    // The system truncates thread names to 15 bytes.
    let threads = || {
        let tasks = std::fs::read_dir("/proc/self/task")
            .expect("tasks")
            .flatten();
        let names = tasks.map(|task| std::fs::read_to_string(task.path().join("comm")));
        names
            .flatten()
            .filter(|name| name.trim() == "tl-http-stream")
            .count()
    };
    let server =
        Server::reacting(|_| Reaction::stream(reply(vec![TEXT; 20_000], StreamEnd::Silence)));
    let mut streams: Vec<_> = (0..8).map(|_| stream(&server)).collect();
    for stream in &mut streams {
        assert!(stream.next().is_some_and(|item| item.is_ok()));
    }
    assert_eq!(threads(), 8, "one thread reads each open stream");
    drop(streams);
    let deadline = Instant::now() + Duration::from_secs(10);
    while threads() > 0 {
        assert!(Instant::now() < deadline, "{} threads are left", threads());
        thread::sleep(Duration::from_millis(10));
    }
}

/// A client without streaming.
struct NoStreaming;

impl HttpClient for NoStreaming {
    fn send(&self, _: Prepared, _: &CancelHandle) -> Outcome {
        let body = Bytes::from("{\"type\":\"text\"}\n{\"type\":\"end\"}");
        let answer = http::Response::builder().header("content-length", body.len());
        Ok(answer.body(body).expect("an answer"))
    }
}

#[test]
fn client_without_streaming_yields_all_events() {
    let base: Url = "http://127.0.0.1:1/v1.3".parse().expect("a URL");
    let transport =
        BlockingHttp::with_client(settings(&base), NoStreaming).expect("the settings are valid");
    let items: Vec<_> = transport.stream(events(&Analyze, &base)).collect();
    assert!(
        items.len() == 2 && items.iter().all(Result::is_ok),
        "{items:?}"
    );
}

/// A client that ends a response normally when it is canceled.
struct EndsNormally;

impl HttpClient for EndsNormally {
    fn send(&self, _: Prepared, _: &CancelHandle) -> Outcome {
        panic!("the answer is streamed")
    }

    fn open(
        &self,
        _: Prepared,
        cancel: &CancelHandle,
        give: &mut dyn FnMut(Part) -> bool,
    ) -> Result<(), TransportError> {
        let head = http::Response::builder().header("content-length", 9);
        give(Part::Head(head.body(()).expect("a head")));
        give(Part::Piece("{\"id\":1}\n".into()));
        while !cancel.is_canceled() {
            thread::sleep(Duration::from_millis(5));
        }
        Ok(())
    }
}

#[test]
fn canceled_response_of_a_client_is_never_complete() {
    let base: Url = "http://127.0.0.1:1/v1.3".parse().expect("a URL");
    let transport =
        BlockingHttp::with_client(settings(&base), EndsNormally).expect("the settings are valid");
    let feed = events(&Results, &base).idle_limit(Duration::from_secs(60));
    assert_eq!(check_canceled(transport.stream(feed)), 1);
}

#[derive(Debug)]
struct Panicking;

impl Source for Panicking {
    fn name(&self) -> &str {
        "clip.mp4"
    }

    fn len(&self) -> u64 {
        1 << 20
    }

    fn read_at(&self, _: u64, _: &mut [u8]) -> io::Result<usize> {
        panic!("the source is faulty")
    }
}

/// Sends a body that panics.
struct Upload(Option<Exchange>);

impl Feed for Upload {
    type Item = TransportErrorKind;

    fn step(&mut self, _: Now) -> FeedStep<TransportErrorKind> {
        self.0.take().map_or(FeedStep::End, FeedStep::Open)
    }

    fn on_head(&mut self, _: Now, _: Head) {}

    fn on_piece(&mut self, _: Now, _: Piece) {}
}

#[test]
fn source_panic_reaches_the_caller() {
    let server = Server::reacting(|_| Reaction::never());
    let base = base(&server);
    let transport = BlockingHttp::new(settings(&base)).expect("the settings are valid");
    let body = Body::from_source(std::sync::Arc::new(Panicking));
    let exchange = Exchange::new(
        http::Request::post(server.url("/"))
            .body(body)
            .expect("a request"),
        Auth::None,
        Duration::from_secs(30),
        Duration::from_secs(30),
    );
    let run = || transport.stream(Upload(Some(exchange))).count();
    let panic = catch_unwind(AssertUnwindSafe(run)).expect_err("the source panics");
    assert_eq!(panic.downcast_ref::<&str>(), Some(&"the source is faulty"));
}
