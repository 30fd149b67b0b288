//! Cases about request bodies: they arrive complete, in bounded memory, and a failed upload reports
//! its delivery exactly.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use http::Response;
use tl_protocol::{Body, Delivery, Exchange, Source, TransportErrorKind};

use super::{Harness, SECRET, expect_failure, expect_time, plain, send, send_well, settings, with};
use crate::{
    exchanges::exchange,
    server::{Reaction, Reply, Server},
    source::{Fingerprint, PatternSource},
};

const KIB: u64 = 1 << 10;
const MIB: u64 = 1 << 20;
const STALL: Duration = Duration::from_millis(400);
const SLACK: Duration = Duration::from_secs(5);

fn upload(server: &Server, source: Arc<PatternSource>) -> Exchange {
    exchange(
        "POST",
        &server.url(&format!("/?signature={SECRET}")),
        Body::from_source(source),
    )
}

fn stalling_after(time: Duration, exchange: Exchange) -> Exchange {
    exchange.with_stall(time)
}

/// Around every size at which a transport might split.
pub fn body_of_any_size_arrives_with_its_length<H: Harness>(harness: &H) {
    let server = Server::reacting(|_| Reply::ok("").into());
    let transport = plain(harness);
    let mut sizes = vec![0, 1, 7];
    for edge in [
        8 * KIB,
        16 * KIB,
        64 * KIB,
        128 * KIB,
        256 * KIB,
        512 * KIB,
        1024 * KIB,
    ] {
        sizes.extend([edge - 1, edge, edge + 1]);
    }
    for &size in &sizes {
        let source = Arc::new(PatternSource::new(size, size));
        let mut bytes = vec![0; usize::try_from(size).expect("small")];
        source
            .read_at(0, &mut bytes)
            .expect("a pattern can be read");
        send_well(harness, &transport, upload(&server, Arc::clone(&source)));
        send_well(
            harness,
            &transport,
            exchange("PUT", &server.url("/"), bytes),
        );
        for seen in &server.seen()[server.seen().len() - 2..] {
            assert_eq!(
                seen.body,
                source.fingerprint().text(),
                "{} of {size} bytes",
                seen.method
            );
            assert_eq!(
                seen.header("content-length"),
                Some(size.to_string().as_str())
            );
        }
    }
}

/// Bytes at hand are sent first, then those that block, wherever the boundary is.
pub fn body_partly_at_hand_arrives_complete<H: Harness>(harness: &H) {
    const SIZE: u64 = 700 * KIB + 3;
    let server = Server::reacting(|_| Reply::ok("").into());
    let transport = plain(harness);
    for at_hand in [
        0,
        1,
        128 * KIB - 1,
        128 * KIB,
        128 * KIB + 1,
        512 * KIB,
        SIZE - 1,
        SIZE,
    ] {
        let source = Arc::new(PatternSource::new(SIZE, 6).at_hand_up_to(at_hand));
        send_well(harness, &transport, upload(&server, Arc::clone(&source)));
        let seen = server.seen();
        let seen = seen.last().expect("one was sent");
        let fingerprint = source.fingerprint().text();
        assert_eq!(seen.body, fingerprint, "{at_hand} bytes are at hand");
    }
}

/// A form is text, a file, and text.
pub fn body_of_several_pieces_arrives_in_order<H: Harness>(harness: &H) {
    let server = Server::reacting(|_| Reply::ok("").into());
    let source = Arc::new(PatternSource::new(700 * KIB + 3, 5));
    let mut media = vec![0; 700 * 1024 + 3];
    source
        .read_at(0, &mut media)
        .expect("a pattern can be read");
    let body = Body::concat([
        Body::from("head"),
        Body::from_source(source),
        Body::empty(),
        Body::from("tail"),
    ]);
    send_well(
        harness,
        &plain(harness),
        exchange("POST", &server.url("/"), body),
    );
    let expected = [&b"head"[..], &media, b"tail"].concat();
    assert_eq!(server.seen()[0].body, Fingerprint::of(&expected).text());
}

/// The source is never read far ahead of the server.
pub fn large_body_streams_in_bounded_memory<H: Harness>(harness: &H) {
    for at_hand in [0, 64 * MIB] {
        stream_in_bounded_memory(
            harness,
            PatternSource::new(64 * MIB, 3).at_hand_up_to(at_hand),
        );
    }
}

fn stream_in_bounded_memory<H: Harness>(harness: &H, source: PatternSource) {
    // Kernel buffers of both sides on loopback, plus some pieces of the transport.
    const AHEAD: u64 = 24 * MIB;
    let source = Arc::new(source);
    let watched = Arc::clone(&source);
    let server = Server::reacting(|_| {
        Reaction::from(Reply::ok("")).reading_slowly(
            usize::try_from(4 * MIB).expect("small"),
            Duration::from_millis(3),
        )
    });
    std::thread::scope(|scope| {
        let server = &server;
        let watcher = scope.spawn(move || {
            let mut furthest_ahead = 0;
            while server.received() < watched.len() {
                // The order matters: bytes received meanwhile only reduce the distance.
                let read = watched.furthest_read();
                furthest_ahead = furthest_ahead.max(read.saturating_sub(server.received()));
                if server.seen().iter().any(|seen| seen.whole) {
                    break;
                }
                std::thread::sleep(Duration::from_millis(1));
            }
            furthest_ahead
        });
        send_well(
            harness,
            &plain(harness),
            upload(server, Arc::clone(&source)),
        );
        let ahead = watcher.join().expect("the watcher ends");
        assert!(ahead < AHEAD, "{} MiB were read ahead", ahead / MIB);
    });
    assert_eq!(server.seen()[0].body, source.fingerprint().text());
}

/// The same over TLS.
pub fn large_body_streams_over_tls<H: Harness>(harness: &H) {
    let server = Server::tls(&[], [Reply::ok("done").into()]);
    let transport = with(harness, settings().with_extra_roots(vec![server.root()]));
    let source = Arc::new(PatternSource::new(8 * MIB + 1, 4));
    let answer = send_well(harness, &transport, upload(&server, Arc::clone(&source)));
    assert_eq!(&answer.body()[..], b"done");
    assert_eq!(server.seen()[0].body, source.fingerprint().text());
}

/// If the source cannot be read completely, the server cannot have the complete request.
pub fn source_error_ends_the_exchange_unsent<H: Harness>(harness: &H) {
    for at in [0, 1, 300 * KIB, MIB - 1] {
        let broken = PatternSource::new(MIB, 1).failing_at(at);
        let shorter = PatternSource::new(MIB, 1).ending_at(at);
        let broken_at_hand = PatternSource::new(MIB, 1).failing_at(at).at_hand_up_to(MIB);
        let shorter_at_hand = PatternSource::new(MIB, 1).ending_at(at).at_hand_up_to(MIB);
        for (source, cause) in [
            (broken, "the disk was pulled out"),
            (broken_at_hand, "the disk was pulled out"),
            (shorter, "became shorter"),
            (shorter_at_hand, "became shorter"),
        ] {
            let server = Server::reacting(|_| Reply::ok("").into());
            let outcome = send(harness, &plain(harness), upload(&server, Arc::new(source)));
            let text = expect_failure(outcome, TransportErrorKind::SourceFailed, Delivery::NotSent);
            assert!(text.contains(cause), "{text}");
            server.wait_until("the connection ends", |server| {
                server.seen().iter().all(|seen| !seen.whole)
            });
        }
    }
}

fn early(read: u64) -> Reaction {
    Reaction::from(Reply::status(413).body("too large")).reading_only(read)
}

fn expect_early_response(answer: &Response<bytes::Bytes>) {
    assert_eq!(
        (answer.status().as_u16(), &answer.body()[..]),
        (413, &b"too large"[..])
    );
}

/// Expects the response; or, if a library owns the connection, an error that the request did not
/// arrive completely.
fn expect_early_or_reset<H: Harness>(harness: &H, transport: &H::Transport, exchange: Exchange) {
    match send(harness, transport, exchange) {
        Ok(answer) => expect_early_response(&answer),
        lost if H::OWNS_ITS_CONNECTIONS => panic!("the answer is lost: {lost:?}"),
        lost => {
            expect_failure(lost, TransportErrorKind::Lost, Delivery::NotSent);
        }
    }
}

/// The server rejects after the head or the first bytes, and resets the connection while the body
/// is being sent.
pub fn early_response_before_a_reset_is_read<H: Harness>(harness: &H) {
    let transport = plain(harness);
    for read in [0, 1, 100 * KIB, 3 * MIB] {
        let server = Server::reacting(move |_| early(read).then_close(Duration::ZERO));
        for _ in 0..10 {
            let source = Arc::new(PatternSource::new(32 * MIB, 1));
            expect_early_or_reset(harness, &transport, upload(&server, source));
        }
    }
}

/// The same over TLS.
pub fn early_tls_response_before_a_reset_is_read<H: Harness>(harness: &H) {
    for read in [0, 1, 100 * KIB, 3 * MIB] {
        let server = Server::tls(&[], (0..5).map(|_| early(read).then_close(Duration::ZERO)));
        let transport = with(harness, settings().with_extra_roots(vec![server.root()]));
        for _ in 0..5 {
            let source = Arc::new(PatternSource::new(32 * MIB, 1));
            expect_early_or_reset(harness, &transport, upload(&server, source));
        }
    }
}

/// The response arrives although the upload is stalled, and the rest of the body is not sent.
pub fn early_response_ends_a_stalled_upload<H: Harness>(harness: &H) {
    let server = Server::reacting(|_| early(100 * KIB).then_hang(Duration::from_millis(2000)));
    let source = Arc::new(PatternSource::new(256 * MIB, 1));
    let started = Instant::now();
    expect_early_response(&send_well(
        harness,
        &plain(harness),
        upload(&server, Arc::clone(&source)),
    ));
    assert!(
        started.elapsed() < Duration::from_millis(1800),
        "the answer took {:?}",
        started.elapsed()
    );
    server.wait_for_close(1);
    assert!(
        !server.seen()[0].whole && source.furthest_read() < source.len(),
        "the whole body was sent"
    );
}

/// A truncated body cannot have been processed.
pub fn connection_cut_within_the_body_is_not_sent<H: Harness>(harness: &H) {
    for read in [0, 100 * KIB] {
        let server = Server::scripted([Reaction::close().reading_only(read)]);
        let outcome = send(
            harness,
            &plain(harness),
            upload(&server, Arc::new(PatternSource::new(64 * MIB, 1))),
        );
        expect_failure(outcome, TransportErrorKind::Lost, Delivery::NotSent);
        assert_eq!(server.seen().len(), 1, "nothing is sent twice");
    }
}

/// A body that was sent completely may have been processed, even if the server did not read all of
/// it.
pub fn connection_cut_after_the_body_is_in_doubt<H: Harness>(harness: &H) {
    for reaction in [Reaction::close(), Reaction::close().reading_only(1)] {
        let server = Server::scripted([reaction.after(Duration::from_millis(50))]);
        let outcome = send(
            harness,
            &plain(harness),
            upload(&server, Arc::new(PatternSource::new(200 * KIB, 1))),
        );
        expect_failure(outcome, TransportErrorKind::Lost, Delivery::Unknown);
    }
}

/// If the server stops reading, the upload fails after the stall limit.
pub fn stalled_upload_is_detected<H: Harness>(harness: &H) {
    let server = Server::scripted([Reaction::never()
        .reading_only(100 * KIB)
        .then_hang(Duration::from_secs(3))]);
    let started = Instant::now();
    let exchange = upload(&server, Arc::new(PatternSource::new(256 * MIB, 1)));
    let outcome = send(harness, &plain(harness), stalling_after(STALL, exchange));
    expect_failure(outcome, TransportErrorKind::Stalled, Delivery::NotSent);
    expect_time(started.elapsed(), STALL, Duration::from_millis(2900));
    server.wait_for_close(1);
}

/// A slow upload is not stalled.
pub fn slow_upload_is_not_stalled<H: Harness>(harness: &H) {
    let slowly = Reaction::from(Reply::ok("")).reading_slowly(512 << 10, Duration::from_millis(25));
    let server = Server::scripted([slowly]);
    let started = Instant::now();
    let exchange = upload(&server, Arc::new(PatternSource::new(24 * MIB, 1)));
    send_well(harness, &plain(harness), stalling_after(STALL, exchange));
    assert!(
        started.elapsed() > STALL,
        "the server was too fast for this test: {:?}",
        started.elapsed()
    );
}

/// After the body is sent, only the timeout of the exchange applies.
pub fn waiting_for_the_response_is_not_stalled<H: Harness>(harness: &H) {
    let server = Server::reacting(|_| Reaction::from(Reply::ok("")).after(3 * STALL));
    for body in ["", "body"] {
        let started = Instant::now();
        send_well(
            harness,
            &plain(harness),
            stalling_after(STALL, exchange("POST", &server.url("/"), body)),
        );
        expect_time(started.elapsed(), 3 * STALL, 3 * STALL + SLACK);
    }
}

/// Sending the same body again starts at its first byte.
pub fn resent_body_starts_at_its_first_byte<H: Harness>(harness: &H) {
    let server = Server::scripted([
        Reaction::close().reading_only(100 * KIB),
        Reply::ok("").into(),
    ]);
    let transport = plain(harness);
    let source = Arc::new(PatternSource::new(16 * MIB, 9));
    let exchange = upload(&server, Arc::clone(&source));
    let outcome = send(harness, &transport, exchange.clone());
    expect_failure(outcome, TransportErrorKind::Lost, Delivery::NotSent);
    send_well(harness, &transport, exchange);
    let seen = server.seen();
    assert!(!seen[0].whole);
    assert_eq!(seen[1].body, source.fingerprint().text());
}
