//! Async streams: dropping a future of `next` loses nothing, and dropping a stream cancels its
//! exchange.

use std::{future::pending, time::Duration};

use async_trait::async_trait;
use serde_json::Value;
use tl_http::{HttpSettings, Outcome, Prepared, Proxy, Transport};
use tl_http_async::{AsyncHttp, AsyncStream, HttpClient};
use tl_protocol::{ApiKey, Credentials, Error, ErrorKind, flow::Events};
use tl_testkit::{
    server::{Reaction, Server, StreamEnd},
    streams::{Analyze, IDLE, events, reply},
};
use tokio::time::timeout;
use url::Url;

const TEXT: &str = "{\"type\":\"text\"}\n";
const END: &str = "{\"type\":\"end\"}\n";

fn settings(base: &Url) -> HttpSettings {
    let key = ApiKey::new("tlk_test").expect("a key");
    HttpSettings::new(Credentials::new(key, base.clone()).expect("loopback"))
        .with_proxy(Proxy::Direct)
}

fn stream(server: &Server) -> AsyncStream<Events<Analyze>> {
    let base: Url = server.url("/v1.3").parse().expect("a URL");
    let transport = AsyncHttp::new(settings(&base)).expect("the settings are valid");
    let stream = transport.stream(events(&Analyze, &base));
    // The stream needs only the shared state of the transport.
    drop(transport);
    stream
}

/// Requests each item repeatedly, and drops the future whenever it is not ready at once.
async fn poll_and_drop(
    stream: &mut AsyncStream<Events<Analyze>>,
) -> (Vec<Result<Value, Error>>, u32) {
    let (mut items, mut dropped) = (Vec::new(), 0);
    loop {
        match timeout(Duration::from_millis(1), stream.next()).await {
            Ok(Some(item)) => items.push(item),
            Ok(None) => return (items, dropped),
            Err(_) => dropped += 1,
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn dropped_next_loses_nothing() {
    let mut slow = reply([TEXT, TEXT, "{\"type\":", "\"end\"}"], StreamEnd::Whole);
    for (pause, _) in &mut slow.pieces {
        *pause = Duration::from_millis(30);
    }
    let late = Reaction::stream(slow).after(Duration::from_millis(100));
    let server = Server::scripted([late]);
    let (items, dropped) = poll_and_drop(&mut stream(&server)).await;
    assert!(
        items.len() == 3 && items.iter().all(Result::is_ok),
        "{items:?}"
    );
    assert!(dropped > 20, "it was dropped {dropped} times");
    assert_eq!(server.seen().len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn idle_timeout_continues_while_next_is_dropped() {
    let server = Server::scripted([Reaction::stream(reply([TEXT], StreamEnd::Silence))]);
    let mut stream = stream(&server);
    let ended = timeout(IDLE * 10, poll_and_drop(&mut stream)).await;
    let (items, _) = ended.expect("the limit ends it");
    let error = items[1].as_ref().expect_err("silence");
    assert_eq!((items.len(), error.kind()), (2, ErrorKind::Interrupted));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn stream_dropped_before_head_closes_connection() {
    let server = Server::reacting(|_| Reaction::never());
    let mut stream = stream(&server);
    let ended = timeout(Duration::from_millis(300), stream.next()).await;
    assert!(ended.is_err(), "the server never answers");
    assert_eq!(server.seen().len(), 1);
    drop(stream);
    tokio::task::block_in_place(|| server.wait_for_close(1));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_sent_after_the_end() {
    let server = Server::scripted([Reaction::stream(reply([END], StreamEnd::Whole))]);
    let mut stream = stream(&server);
    assert!(stream.next().await.is_some_and(|item| item.is_ok()));
    for _ in 0..3 {
        assert!(stream.next().await.is_none());
    }
    assert_eq!(server.seen().len(), 1);
}

/// A client without streaming.
struct NoStreaming(&'static str);

#[async_trait]
impl HttpClient for NoStreaming {
    async fn send(&self, _: Prepared) -> Outcome {
        let answer = http::Response::builder().header("content-length", self.0.len());
        Ok(answer.body(self.0.into()).expect("an answer"))
    }
}

/// A client that never responds.
struct Silent;

#[async_trait]
impl HttpClient for Silent {
    async fn send(&self, _: Prepared) -> Outcome {
        pending().await
    }
}

#[tokio::test]
async fn client_without_streaming_yields_all_events() {
    let base: Url = "http://127.0.0.1:1/v1.3".parse().expect("a URL");
    let body = "{\"type\":\"text\"}\n{\"type\":\"end\"}";
    let transport =
        AsyncHttp::with_client(settings(&base), NoStreaming(body)).expect("the settings are valid");
    let mut stream = transport.stream(events(&Analyze, &base));
    let mut count = 0;
    while let Some(item) = stream.next().await {
        item.expect("an event");
        count += 1;
    }
    assert_eq!(count, 2);
    let silent = AsyncHttp::with_client(settings(&base), Silent).expect("the settings are valid");
    let mut stream = silent.stream(events(&Analyze, &base));
    assert!(
        timeout(Duration::from_millis(50), stream.next())
            .await
            .is_err()
    );
}

#[cfg(feature = "stream")]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn implements_futures_stream() {
    use futures_util::StreamExt;

    let server = Server::scripted([Reaction::stream(reply([TEXT, END], StreamEnd::Whole))]);
    let items: Vec<_> = StreamExt::collect(stream(&server)).await;
    assert!(
        items.len() == 2 && items.iter().all(Result::is_ok),
        "{items:?}"
    );
}
