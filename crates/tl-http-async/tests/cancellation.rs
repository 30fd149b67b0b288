//! Dropping the future of a flow cancels its exchanges: the server sees the connection close.

use std::{sync::Arc, time::Duration};

use tl_http::{Body, Exchange, HttpSettings, Proxy, Transport};
use tl_http_async::AsyncHttp;
use tl_testkit::{
    exchanges::{Many, exchange, get},
    server::{Reaction, Server},
    source::PatternSource,
};
use tokio::time::timeout;

fn transport() -> AsyncHttp {
    let settings = HttpSettings::default().with_proxy(Proxy::Direct);
    AsyncHttp::new(settings).expect("the settings are valid")
}

async fn check(server: &Server, exchanges: Vec<Exchange>) {
    let count = exchanges.len();
    let transport = transport();
    let run = transport.run(Many::new(exchanges, count));
    let ended = timeout(Duration::from_millis(300), run).await;
    assert!(ended.is_err(), "the server never answers");
    assert_eq!(server.seen().len(), count, "every request was under way");
    // Wait on another thread, so that the runtime keeps running as in a program.
    tokio::task::block_in_place(|| {
        for seen in server.seen() {
            server.wait_for_close(seen.connection);
        }
    });
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn dropping_cancels_waiting_requests() {
    let server = Server::reacting(|_| Reaction::never());
    check(&server, (0..3).map(|_| get(&server.url("/"))).collect()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn dropping_cancels_a_running_upload() {
    let slowly = || Reaction::never().reading_slowly(64 << 10, Duration::from_millis(5));
    let server = Server::reacting(move |_| slowly());
    let source = Arc::new(PatternSource::new(256 << 20, 1));
    let body = Body::from_source(Arc::<PatternSource>::clone(&source));
    check(&server, vec![exchange("POST", &server.url("/"), body)]).await;
    assert!(
        !server.seen()[0].whole && source.furthest_read() < 128 << 20,
        "the whole body was sent"
    );
}
