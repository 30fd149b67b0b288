//! Cases about streamed responses: the result for each server behavior, and cleanup on drop.

use std::{
    thread,
    time::{Duration, Instant},
};

use bytes::Bytes;
use serde_json::Value;
use tl_protocol::{ApiKey, Credentials, Error, ErrorKind, TransportErrorKind, endpoint::Streamed};
use url::Url;

use super::{Harness, connections::expect_one_connection, plain, settings, with};
use crate::{
    exchanges::get,
    server::{Coding, Reaction, Reply, Server, StreamEnd},
    streams::{
        Act, Analyze, Behavior, EndpointKind, Respond, Results, behaviors, events, format_items,
        reply,
    },
};

const TEXT: &str = "{\"type\":\"text\"}\n";
const END: &str = "{\"type\":\"end\"}\n";

/// Reads at most `most` items of the response, then drops the stream.
fn read<H: Harness, E: Streamed>(
    harness: &H,
    server: &Server,
    endpoint: &E,
    most: usize,
) -> Vec<Result<E::Event, Error>> {
    let base: Url = server.url("/v1.3").parse().expect("a URL");
    let transport = for_server(harness, server);
    harness.take(&transport, events(endpoint, &base), most)
}

pub(super) fn for_server<H: Harness>(harness: &H, server: &Server) -> H::Transport {
    let base: Url = server.url("/v1.3").parse().expect("a URL");
    let key = ApiKey::new("tlk_test").expect("a key");
    let credentials = Credentials::new(key, base).expect("loopback may have the key");
    let mut settings = settings().with_credentials(Some(credentials));
    if server.url("").starts_with("https") {
        settings.extra_roots = vec![server.root()];
    }
    with(harness, settings)
}

fn transcript<H: Harness>(harness: &H, behavior: &Behavior) -> String {
    let server = Server::scripted(behavior.acts.iter().map(Act::reaction));
    let items: Vec<Result<Value, Error>> = match behavior.endpoint {
        EndpointKind::Analyze => read(harness, &server, &Analyze, usize::MAX),
        EndpointKind::Respond => read(harness, &server, &Respond, usize::MAX),
        EndpointKind::Results => read(harness, &server, &Results, usize::MAX),
    };
    format_items(&items, server.seen().len())
}

/// The transcripts are those of the simulator, and thus equal for all transports.
pub fn each_server_behavior_has_its_transcript<H: Harness>(harness: &H) {
    for behavior in behaviors() {
        let transcript = transcript(harness, &behavior);
        assert_eq!(transcript, behavior.expected, "{}", behavior.name);
    }
}

/// An event is yielded when it arrives, not when the response ends. Dropping the stream closes its
/// connection.
pub fn dropped_stream_closes_its_connection<H: Harness>(harness: &H) {
    let silent = reply([TEXT], StreamEnd::Silence);
    let server = Server::scripted([Reaction::stream(silent)]);
    let started = Instant::now();
    let items = read(harness, &server, &Analyze, 1);
    assert!(items[0].is_ok(), "{items:?}");
    server.wait_for_close(1);
    let took = started.elapsed();
    assert!(took < Duration::from_secs(5), "{took:?}");
}

/// A stream that is never polled sends nothing.
pub fn unread_stream_sends_nothing<H: Harness>(harness: &H) {
    let server = Server::scripted([Reaction::stream(reply([TEXT], StreamEnd::Whole))]);
    assert!(read(harness, &server, &Analyze, 0).is_empty());
    thread::sleep(Duration::from_millis(100));
    assert_eq!(server.connections(), 0);
}

/// If the caller reads slowly, no more is read than the socket buffers hold.
pub fn slow_reader_applies_backpressure<H: Harness>(harness: &H) {
    let piece = Bytes::from(format!("{{\"type\":\"{}\"}}\n", "x".repeat(32 << 10)));
    let pieces = vec![piece; 4096];
    let all = pieces.iter().map(Bytes::len).sum::<usize>() as u64;
    let server = Server::scripted([Reaction::stream(reply(pieces, StreamEnd::Whole))]);
    let base: Url = server.url("/v1.3").parse().expect("a URL");
    let transport = for_server(harness, &server);
    let mut sent = Vec::new();
    let look = |item: &Result<Value, Error>| {
        assert!(item.is_ok(), "{item:?}");
        thread::sleep(Duration::from_millis(400));
        sent.push(server.sent());
    };
    harness.take_each(&transport, events(&Analyze, &base), 3, look);
    // By default, Linux loopback sockets buffer at most 4 MiB to send and 6 MiB received.
    assert!(sent[2] < all / 4, "{sent:?} of {all} bytes were sent");
    assert!(
        sent[2] - sent[1] < 8 << 20,
        "the server went on by itself: {sent:?}"
    );
}

/// The connection is reused after a complete response.
pub fn connection_is_reused_after_a_stream<H: Harness>(harness: &H) {
    let stream = || Reaction::stream(reply([TEXT, END], StreamEnd::Whole));
    let streams = 5;
    let script = (0..streams).map(|_| stream());
    let server = Server::scripted(script.chain([Reply::ok("").into()]));
    let base: Url = server.url("/v1.3").parse().expect("a URL");
    let transport = for_server(harness, &server);
    for _ in 0..streams {
        let items = harness.take(&transport, events(&Analyze, &base), usize::MAX);
        assert_eq!(items.len(), 2, "{items:?}");
    }
    harness
        .drive(
            &transport,
            crate::exchanges::One::new(get(&server.url("/"))),
        )
        .expect("an answer");
    expect_one_connection::<H>(&server);
}

/// TLS ends with `close_notify`; without it, the response was truncated.
pub fn tls_stream_ends_complete_or_truncated<H: Harness>(harness: &H) {
    let whole = Reaction::stream(reply([TEXT, END], StreamEnd::Whole));
    let server = Server::tls(&[], [whole]);
    let items = read(harness, &server, &Analyze, usize::MAX);
    assert!(
        items.len() == 2 && items.iter().all(Result::is_ok),
        "{items:?}"
    );
    for coding in [Coding::Chunked, Coding::UntilClose] {
        let mut cut = reply(["{\"id\":1}\n"], StreamEnd::Cut);
        cut.coding = coding;
        let server = Server::tls(&[], [Reaction::stream(cut)]);
        let items = read(harness, &server, &Results, usize::MAX);
        let error = items[1].as_ref().expect_err("the answer was cut");
        assert_eq!(
            (items.len(), error.kind()),
            (2, ErrorKind::Interrupted),
            "{coding:?}"
        );
    }
}

/// A refused connection is retried and then reported, as for any request.
pub fn stream_from_a_closed_port_is_unreachable<H: Harness>(harness: &H) {
    let base: Url = {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a loopback port is free");
        let address = listener
            .local_addr()
            .expect("a bound socket has an address");
        format!("http://{address}/v1.3").parse().expect("a URL")
    };
    let key = ApiKey::new("tlk_test").expect("a key");
    let credentials = Credentials::new(key, base.clone()).expect("loopback may have the key");
    let transport = with(harness, settings().with_credentials(Some(credentials)));
    let items = harness.take(&transport, events(&Analyze, &base), usize::MAX);
    let error = items[0].as_ref().expect_err("nobody listens");
    assert_eq!((items.len(), error.kind()), (1, ErrorKind::Unreachable));
    assert!(
        error.attempts() > 1,
        "nothing was sent, so that it was tried again"
    );
}

/// The key is not sent to another host, and no connection is made.
pub fn stream_without_a_key_is_refused<H: Harness>(harness: &H) {
    let server = Server::scripted([Reaction::stream(reply([TEXT], StreamEnd::Whole))]);
    let base: Url = server.url("/v1.3").parse().expect("a URL");
    let items = harness.take(&plain(harness), events(&Analyze, &base), usize::MAX);
    let error = items[0].as_ref().expect_err("there is no key");
    let failure = error.transport().expect("the transport refused");
    assert_eq!(failure.kind(), TransportErrorKind::Refused);
    assert_eq!(server.connections(), 0);
}
