//! Cases about timeouts and unreachable hosts.

use std::{
    net::TcpListener,
    sync::Arc,
    time::{Duration, Instant},
};

use tl_protocol::{Body, Delivery, Exchange, TransportErrorKind};

use super::{Harness, SECRET, expect_failure, expect_time, plain, send, settings, with};
use crate::{
    exchanges::{LONG, exchange, get},
    server::{Reaction, Reply, Server},
    source::PatternSource,
};

const SHORT: Duration = Duration::from_millis(300);
const SLACK: Duration = Duration::from_secs(5);

fn within(timeout: Duration, exchange: Exchange) -> Exchange {
    exchange.with_timeout(timeout)
}

/// A server that never responds causes a timeout, and the connection is closed.
pub fn request_without_response_times_out<H: Harness>(harness: &H) {
    let server = Server::reacting(|_| Reaction::never());
    let transport = plain(harness);
    for (connection, method, body) in [(1, "GET", ""), (2, "POST", "body")] {
        let started = Instant::now();
        let uri = server.url(&format!("/?signature={SECRET}"));
        let outcome = send(
            harness,
            &transport,
            within(SHORT, exchange(method, &uri, body)),
        );
        expect_failure(outcome, TransportErrorKind::TimedOut, Delivery::Unknown);
        expect_time(started.elapsed(), SHORT, SHORT + SLACK);
        server.wait_for_close(connection);
    }
}

/// The timeout covers the whole response, not only its first byte.
pub fn timeout_covers_reading_the_response<H: Harness>(harness: &H) {
    let part = Reaction::cut(Reply::ok("0123456789"), 50).then_hang(Duration::ZERO);
    let server = Server::scripted([part]);
    let started = Instant::now();
    let outcome = send(
        harness,
        &plain(harness),
        within(SHORT, get(&server.url("/"))),
    );
    expect_failure(outcome, TransportErrorKind::TimedOut, Delivery::Unknown);
    expect_time(started.elapsed(), SHORT, SHORT + SLACK);
    server.wait_for_close(1);
}

/// The timeout ends an upload that is too slow; an incomplete request was not sent.
pub fn timeout_covers_sending_the_body<H: Harness>(harness: &H) {
    let slow = Reaction::from(Reply::ok("")).reading_slowly(64 << 10, Duration::from_millis(20));
    let server = Server::scripted([slow]);
    let body = Body::from_source(Arc::new(PatternSource::new(256 << 20, 1)));
    let started = Instant::now();
    let outcome = send(
        harness,
        &plain(harness),
        within(SHORT, exchange("POST", &server.url("/"), body)),
    );
    expect_failure(outcome, TransportErrorKind::TimedOut, Delivery::NotSent);
    expect_time(started.elapsed(), SHORT, SHORT + SLACK);
}

/// The connect timeout includes the TLS handshake: here the kernel accepts the connection, but
/// nobody responds.
pub fn connect_timeout_covers_the_tls_handshake<H: Harness>(harness: &H) {
    let deaf = TcpListener::bind("127.0.0.1:0").expect("a loopback port is free");
    let address = deaf.local_addr().expect("a bound socket has an address");
    let transport = with(harness, settings().with_connect_timeout(SHORT));
    let started = Instant::now();
    let uri = format!("https://{address}/?signature={SECRET}");
    let outcome = send(harness, &transport, exchange("POST", &uri, "body"));
    expect_failure(outcome, TransportErrorKind::Unreachable, Delivery::NotSent);
    expect_time(started.elapsed(), SHORT, SHORT + SLACK);
}

/// A refused connection is reported at once as not sent.
pub fn refused_connection_is_unreachable_and_not_sent<H: Harness>(harness: &H) {
    let address = {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a loopback port is free");
        listener
            .local_addr()
            .expect("a bound socket has an address")
    };
    for scheme in ["http", "https"] {
        let uri = format!("{scheme}://{address}/?signature={SECRET}");
        let outcome = send(harness, &plain(harness), exchange("POST", &uri, "body"));
        let text = expect_failure(outcome, TransportErrorKind::Unreachable, Delivery::NotSent);
        assert!(
            text.contains("refused") && text.contains(&address.to_string()),
            "{text}"
        );
    }
}

/// A name without an address (RFC 6761 reserves `.invalid`).
pub fn unknown_host_is_unreachable_and_not_sent<H: Harness>(harness: &H) {
    let uri = format!("https://no-such-host.invalid/?signature={SECRET}");
    let outcome = send(harness, &plain(harness), exchange("POST", &uri, "body"));
    let text = expect_failure(outcome, TransportErrorKind::Unreachable, Delivery::NotSent);
    assert!(text.contains("no-such-host.invalid"), "{text}");
}

/// Anything but an http(s) URL is rejected before sending.
pub fn invalid_address_is_refused<H: Harness>(harness: &H) {
    let transport = plain(harness);
    for uri in [
        "/tasks",
        "ftp://127.0.0.1/tasks",
        &format!("http://me:{SECRET}@127.0.0.1/"),
    ] {
        let outcome = send(harness, &transport, within(LONG, get(uri)));
        expect_failure(outcome, TransportErrorKind::Refused, Delivery::NotSent);
    }
}
