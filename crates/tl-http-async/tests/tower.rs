//! The stack of another program under the transport: the client of hyper-util, with a layer.

#![cfg(feature = "tower")]

use std::{
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    task::{Context, Poll},
    time::Duration,
};

use http::Request;
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};
use tl_http::{Body, Delivery, HttpSettings, SetupError, Transport, TransportErrorKind};
use tl_http_async::{AsyncHttp, RequestBody, TowerClient};
use tl_testkit::{
    exchanges::{One, exchange, get},
    server::{Reaction, Reply, Server},
    source::PatternSource,
    streams::{Analyze, events, reply},
};
use tower_service::Service;

/// A layer as of tower: counts the requests.
#[derive(Clone)]
struct Counted<S>(S, Arc<AtomicU32>);

impl<S: Service<Request<RequestBody>>> Service<Request<RequestBody>> for Counted<S> {
    type Response = S::Response;
    type Error = S::Error;
    type Future = S::Future;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.0.poll_ready(cx)
    }

    fn call(&mut self, request: Request<RequestBody>) -> S::Future {
        self.1.fetch_add(1, Ordering::SeqCst);
        self.0.call(request)
    }
}

type Hyper = Client<HttpConnector, RequestBody>;

fn stack() -> (TowerClient<Counted<Hyper>>, Arc<AtomicU32>) {
    let hyper = Client::builder(TokioExecutor::new()).build_http();
    let count = Arc::<AtomicU32>::default();
    (TowerClient::new(Counted(hyper, Arc::clone(&count))), count)
}

fn transport() -> Result<(AsyncHttp, Arc<AtomicU32>), SetupError> {
    let (client, count) = stack();
    let client = client.max_response(1000);
    Ok((
        AsyncHttp::with_client(HttpSettings::default(), client)?,
        count,
    ))
}

#[tokio::test]
async fn requests_with_and_without_a_body_are_sent() {
    let server = Server::reacting(|_| Reaction::from(Reply::ok("ok")));
    let (transport, count) = transport().expect("no failure in this test");
    let source = Arc::new(PatternSource::new(3 << 20, 1));
    let bodies = [Body::empty(), Body::from("text"), Body::from_source(source)];
    let lengths = [0, 4, 3 << 20];
    for body in bodies {
        let sent = transport.run(One::new(exchange("POST", &server.url("/"), body)));
        assert_eq!(sent.await.expect("no failure in this test").body(), "ok");
    }
    let seen = server.seen();
    let received: Vec<u64> = seen.iter().map(|seen| seen.content_length()).collect();
    assert_eq!(received, lengths);
    assert!(seen.iter().all(|seen| seen.whole));
    assert_eq!(count.load(Ordering::SeqCst), 3);
}

#[tokio::test]
async fn time_and_size_limits_apply() {
    let server = Server::scripted([
        Reaction::from(Reply::ok("").filler(1001)),
        Reaction::never(),
        Reaction::close(),
    ]);
    let (transport, _) = transport().expect("no failure in this test");
    let short = |method| {
        exchange(method, &server.url("/"), "body").with_timeout(Duration::from_millis(300))
    };
    for kind in [
        TransportErrorKind::TooLarge,
        TransportErrorKind::TimedOut,
        TransportErrorKind::Lost,
    ] {
        let error = transport.run(One::new(short("POST"))).await.unwrap_err();
        assert_eq!((error.kind(), error.delivery()), (kind, Delivery::Unknown));
    }
}

#[tokio::test]
async fn source_error_and_closed_port_are_not_sent() {
    let server = Server::reacting(|_| Reaction::from(Reply::ok("ok")));
    let (transport, _) = transport().expect("no failure in this test");
    let source = Arc::new(PatternSource::new(3 << 20, 1).failing_at(1 << 20));
    let body = Body::from_source(source);
    let sent = transport.run(One::new(exchange("POST", &server.url("/"), body)));
    let error = sent.await.unwrap_err();
    let expected = (TransportErrorKind::SourceFailed, Delivery::NotSent);
    assert_eq!((error.kind(), error.delivery()), expected);
    let closed = std::net::TcpListener::bind("127.0.0.1:0").expect("no failure in this test");
    let url = format!(
        "http://{}/?signature=SECRET",
        closed.local_addr().expect("no failure in this test")
    );
    drop(closed);
    let error = transport
        .run(One::new(exchange("POST", &url, "body")))
        .await
        .unwrap_err();
    assert_eq!(error.delivery(), Delivery::NotSent);
    assert!(!format!("{error:?}").contains("SECRET"), "{error:?}");
}

#[tokio::test]
async fn private_address_from_the_server_is_not_followed() {
    let server = Server::reacting(|_| Reaction::from(Reply::ok("ok")));
    let base: url::Url = "https://api.twelvelabs.io/v1.3"
        .parse()
        .expect("no failure in this test");
    let key = tl_http::ApiKey::new("tlk_1").expect("no failure in this test");
    let settings =
        HttpSettings::new(tl_http::Credentials::new(key, base).expect("no failure in this test"));
    let (client, count) = stack();
    let transport = AsyncHttp::with_client(settings, client).expect("no failure in this test");
    let url = server
        .url("/")
        .replace("http://127.0.0.1", "https://localhost");
    let error = transport.run(One::new(get(&url))).await.unwrap_err();
    assert_eq!(error.kind(), TransportErrorKind::UnsafeUrl, "{error:?}");
    assert_eq!(count.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn events_are_streamed() {
    let lines = ["{\"type\":\"text\"}\n", "{\"type\":\"end\"}\n"];
    let streamed = reply(lines, tl_testkit::server::StreamEnd::Whole);
    let server = Server::scripted([Reaction::stream(streamed)]);
    let base: url::Url = server
        .url("/v1.3")
        .parse()
        .expect("no failure in this test");
    let key = tl_http::ApiKey::new("tlk_1").expect("no failure in this test");
    let settings = HttpSettings::new(
        tl_http::Credentials::new(key, base.clone()).expect("no failure in this test"),
    );
    let transport = AsyncHttp::with_client(settings, stack().0).expect("no failure in this test");
    let mut stream = transport.stream(events(&Analyze, &base));
    let mut count = 0;
    while let Some(event) = stream.next().await {
        event.expect("no failure in this test");
        count += 1;
    }
    assert_eq!(count, 2);
}
