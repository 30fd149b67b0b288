//! Cases about connections: reuse, concurrency, and when they are closed.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use tl_protocol::{Body, TransportErrorKind};

use super::{Harness, plain, send, send_well, settings, with};
use crate::{
    exchanges::{Many, exchange, get},
    server::{Reaction, Reply, Server},
    source::PatternSource,
};

/// Sequential requests share a connection, with and without a body.
pub fn connection_serves_many_requests<H: Harness>(harness: &H) {
    let server = Server::reacting(|seen| match seen.method.as_str() {
        "GET" => Reply::ok("text").into(),
        "DELETE" => Reply::status(204).into(),
        _ => Reply::status(404).chunked("text").into(),
    });
    let transport = plain(harness);
    for _ in 0..20 {
        send_well(harness, &transport, get(&server.url("/")));
        send_well(
            harness,
            &transport,
            exchange("POST", &server.url("/"), "body"),
        );
        send_well(
            harness,
            &transport,
            exchange("DELETE", &server.url("/"), ""),
        );
    }
    assert_eq!(server.seen().len(), 60);
    expect_one_connection::<H>(&server);
}

pub(super) fn expect_one_connection<H: Harness>(server: &Server) {
    let requests = u32::try_from(server.seen().len()).expect("few");
    let most = if H::OWNS_ITS_CONNECTIONS {
        1
    } else {
        requests / 2
    };
    assert!(
        (1..=most).contains(&server.connections()),
        "{} connections",
        server.connections()
    );
}

/// The same over TLS, where session tickets may arrive at any time.
pub fn tls_connection_serves_many_requests<H: Harness>(harness: &H) {
    let server = Server::tls(&[], (0..20).map(|_| Reply::ok("text").into()));
    let transport = with(harness, settings().with_extra_roots(vec![server.root()]));
    for _ in 0..20 {
        assert_eq!(
            send_well(harness, &transport, get(&server.url("/"))).status(),
            200
        );
    }
    assert_eq!(server.seen().len(), 20);
    expect_one_connection::<H>(&server);
}

/// A connection is not reused after `Connection: close`.
pub fn closed_connection_is_not_reused<H: Harness>(harness: &H) {
    let announced = || {
        Reaction::from(Reply::ok("").header("Connection", "close"))
            .then_close(Duration::from_millis(200))
    };
    let server = Server::scripted([announced(), announced(), announced()]);
    let transport = plain(harness);
    for _ in 0..3 {
        assert_eq!(
            send_well(
                harness,
                &transport,
                exchange("POST", &server.url("/"), "body")
            )
            .status(),
            200
        );
    }
    assert_eq!(server.connections(), 3);
}

/// A server may close idle connections at any time; the next request uses a new one, even a `POST`.
pub fn idle_connection_may_be_closed_by_the_server<H: Harness>(harness: &H) {
    let server = Server::reacting(|_| Reaction::from(Reply::ok("")).then_close(Duration::ZERO));
    let transport = plain(harness);
    for number in 1..=10 {
        let post = || {
            let body = Body::from_source(Arc::new(PatternSource::new(1000, 1)));
            send(
                harness,
                &transport,
                exchange("POST", &server.url("/"), body),
            )
        };
        let answer = match post() {
            Err(lost) if !H::OWNS_ITS_CONNECTIONS => {
                // A library may use a connection at the moment it is closed. Then the error says
                // so, and the layer above decides whether to retry.
                assert_eq!(lost.kind(), TransportErrorKind::Lost, "{lost}");
                post()
            }
            outcome => outcome,
        };
        assert_eq!(answer.expect("an answer").status(), 200);
        server.wait_for_close(number);
    }
    assert_eq!(server.seen().len(), 10);
    let spare = if H::OWNS_ITS_CONNECTIONS { 0 } else { 10 };
    assert!(
        (10..=10 + spare).contains(&server.connections()),
        "{} connections",
        server.connections()
    );
}

/// A connection is not reused after part of a request body.
pub fn connection_is_not_reused_after_early_response<H: Harness>(harness: &H) {
    let server = Server::reacting(|seen| match seen.method.as_str() {
        "POST" => Reaction::from(Reply::status(413))
            .reading_only(1)
            .then_hang(Duration::from_millis(300)),
        _ => Reply::ok("").into(),
    });
    let transport = plain(harness);
    let body = Body::from_source(Arc::new(PatternSource::new(32 << 20, 1)));
    assert_eq!(
        send_well(
            harness,
            &transport,
            exchange("POST", &server.url("/"), body)
        )
        .status(),
        413
    );
    assert_eq!(
        send_well(harness, &transport, get(&server.url("/"))).status(),
        200
    );
    assert_eq!(server.connections(), 2);
}

/// Up to the flow's limit, exchanges run in parallel.
pub fn exchanges_run_in_parallel_up_to_the_limit<H: Harness>(harness: &H) {
    let pause = Duration::from_millis(100);
    let server =
        Server::reacting(move |seen| Reaction::from(Reply::ok(seen.target.clone())).after(pause));
    let transport = plain(harness);
    for (concurrency, rounds) in [(8, 3), (1, 4)] {
        let count = concurrency * rounds;
        let before = server.connections();
        let started = Instant::now();
        let exchanges =
            (0..count).map(|number| exchange("PUT", &server.url(&format!("/{number}")), "part"));
        let outcomes = harness.drive(&transport, Many::new(exchanges, concurrency));
        let took = started.elapsed();
        for (number, outcome) in outcomes.into_iter().enumerate() {
            let answer = outcome.expect("an outcome").expect("an answer");
            assert_eq!(&answer.body()[..], format!("/{number}").as_bytes());
        }
        let (rounds, count) = (
            u32::try_from(rounds).expect("few"),
            u32::try_from(count).expect("few"),
        );
        assert!(
            took >= pause * rounds,
            "{count} on {concurrency} concurrency took only {took:?}"
        );
        assert!(
            concurrency == 1 || took < pause * count / 2,
            "{count} on {concurrency} concurrency took {took:?}"
        );
        assert!(
            !H::OWNS_ITS_CONNECTIONS
                || server.connections() - before <= u32::try_from(concurrency).expect("few"),
            "connections are used again"
        );
    }
    assert_eq!(server.max_in_flight(), 8);
}

/// When the flow ends, exchanges in flight are dropped, not awaited.
pub fn exchanges_in_flight_are_dropped_at_the_end<H: Harness>(harness: &H) {
    let server = Server::reacting(|seen| match seen.target.as_str() {
        "/quick" => Reaction::from(Reply::ok("")).after(Duration::from_millis(200)),
        "/upload" => Reaction::never()
            .reading_only(1)
            .then_hang(Duration::from_millis(500)),
        _ => Reaction::never(),
    });
    let body = Body::from_source(Arc::new(PatternSource::new(64 << 20, 1)));
    let exchanges = [
        get(&server.url("/silent")),
        exchange("PUT", &server.url("/upload"), body),
        get(&server.url("/quick")),
    ];
    let started = Instant::now();
    let outcomes = harness.drive(
        &plain(harness),
        Many::new(exchanges, 3).ending_with_the_first(),
    );
    assert!(
        started.elapsed() < Duration::from_secs(3),
        "the flow's end took {:?}",
        started.elapsed()
    );
    assert!(
        outcomes[2].as_ref().is_some_and(Result::is_ok),
        "{outcomes:?}"
    );
    for seen in server.seen().iter().filter(|seen| seen.target != "/quick") {
        server.wait_for_close(seen.connection);
    }
}
