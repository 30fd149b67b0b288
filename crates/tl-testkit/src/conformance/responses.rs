//! Cases about responses: what counts as one, and how much of it is kept.

use std::time::{Duration, Instant};

use tl_http::MaxResponse;
use tl_protocol::{Delivery, TransportErrorKind};

use super::{Harness, SECRET, expect_failure, plain, send, send_well, settings, with};
use crate::{
    exchanges::{exchange, get},
    server::{Reaction, Reply, Server},
};

/// Any status is `Ok`, with headers and body.
pub fn any_status_is_a_response<H: Harness>(harness: &H) {
    let statuses = [
        200, 201, 202, 301, 308, 400, 401, 403, 404, 408, 409, 413, 418, 429, 500, 502, 503, 599,
    ];
    let script = statuses.map(|status| {
        Reply::status(status)
            .header("X-Seen", "yes")
            .body("text")
            .into()
    });
    let server = Server::scripted(script);
    let transport = plain(harness);
    for status in statuses {
        let answer = send_well(
            harness,
            &transport,
            exchange("POST", &server.url("/a"), "body"),
        );
        assert_eq!(
            (answer.status().as_u16(), &answer.body()[..]),
            (status, &b"text"[..])
        );
        assert_eq!(answer.headers()["x-seen"], "yes");
    }
    let server = Server::scripted([Reply::status(204).into()]);
    let answer = send_well(
        harness,
        &transport,
        exchange("DELETE", &server.url("/a"), ""),
    );
    assert_eq!((answer.status().as_u16(), answer.body().len()), (204, 0));
}

/// A gateway's HTML page is returned as it is.
pub fn gateway_html_page_is_a_response<H: Harness>(harness: &H) {
    let page = "<html><body><h1>502 Bad Gateway</h1></body></html>";
    let server = Server::scripted([Reply::status(502)
        .header("Content-Type", "text/html")
        .body(page)
        .into()]);
    let answer = send_well(harness, &plain(harness), get(&server.url("/")));
    assert_eq!(
        (answer.status().as_u16(), &answer.body()[..]),
        (502, page.as_bytes())
    );
}

/// A redirect is returned as a response; the other host receives no request.
pub fn redirect_is_not_followed<H: Harness>(harness: &H) {
    let other = Server::scripted([Reply::ok("other").into()]);
    let location = other.url("/stolen");
    for status in [301, 302, 303, 307, 308] {
        let elsewhere = location.clone();
        let server =
            Server::reacting(move |_| Reply::status(status).header("Location", &elsewhere).into());
        for (method, body) in [("GET", ""), ("POST", "body")] {
            let answer = send_well(
                harness,
                &plain(harness),
                exchange(method, &server.url("/first"), body),
            );
            assert_eq!(answer.status().as_u16(), status);
            assert_eq!(answer.headers()["location"], location.as_str());
        }
    }
    assert_eq!(other.connections(), 0, "a redirect was followed");
}

/// A body ends by its `Content-Length`, its last chunk, or the end of the connection.
pub fn every_response_framing_is_read<H: Harness>(harness: &H) {
    let text = "a body of some length";
    let server = Server::scripted([
        Reply::status(200).body(text).into(),
        Reply::status(200).chunked(text).into(),
        Reply::status(200).chunked("").into(),
        Reply::status(200).until_close(text).into(),
    ]);
    let transport = plain(harness);
    for expected in [text, text, "", text] {
        let answer = send_well(harness, &transport, get(&server.url("/")));
        assert_eq!(&answer.body()[..], expected.as_bytes());
    }
}

/// Without `Accept-Encoding`, nothing is decoded.
pub fn encoded_response_is_not_decoded<H: Harness>(harness: &H) {
    let server = Server::scripted([Reply::ok("not really gzip")
        .header("Content-Encoding", "gzip")
        .into()]);
    let answer = send_well(harness, &plain(harness), get(&server.url("/")));
    assert_eq!(&answer.body()[..], b"not really gzip");
    assert_eq!(answer.headers()["content-encoding"], "gzip");
}

/// `100 Continue` and `103 Early Hints` are not the response.
pub fn interim_responses_are_skipped<H: Harness>(harness: &H) {
    let last = "HTTP/1.1 201 Created\r\nContent-Length: 2\r\n\r\nok";
    for first in [
        "HTTP/1.1 100 Continue\r\n\r\n",
        "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n",
    ] {
        let server = Server::scripted([Reaction::raw(format!("{first}{last}"))]);
        let answer = send_well(
            harness,
            &plain(harness),
            exchange("POST", &server.url("/"), "body"),
        );
        assert_eq!(
            (answer.status().as_u16(), &answer.body()[..]),
            (201, &b"ok"[..]),
            "{first}"
        );
    }
}

/// Bytes that are not HTTP are distinguished from a broken connection.
pub fn garbage_is_not_http<H: Harness>(harness: &H) {
    for garbage in [
        "SSH-2.0-OpenSSH_9.2\r\n\r\n",
        "\0\u{1}\u{2}binary\r\n\r\n",
        "HTTP/1.1 two hundred\r\n\r\n",
    ] {
        let server = Server::scripted([Reaction::raw(garbage)]);
        let uri = server.url(&format!("/?signature={SECRET}"));
        let outcome = send(harness, &plain(harness), exchange("POST", &uri, "body"));
        expect_failure(outcome, TransportErrorKind::NotHttp, Delivery::Unknown);
    }
}

/// A complete request without a response is in doubt.
pub fn close_before_the_response_is_lost<H: Harness>(harness: &H) {
    for (method, body) in [("GET", ""), ("DELETE", ""), ("POST", "body")] {
        let server = Server::scripted([Reaction::close()]);
        let uri = server.url(&format!("/?signature={SECRET}"));
        let outcome = send(harness, &plain(harness), exchange(method, &uri, body));
        expect_failure(outcome, TransportErrorKind::Lost, Delivery::Unknown);
        assert_eq!(server.seen().len(), 1, "nothing is sent twice");
    }
}

/// A truncated response is an error, wherever it was cut.
pub fn truncated_response_is_lost<H: Harness>(harness: &H) {
    let reply = || Reply::ok("0123456789").header("X-Long", "0123456789");
    for len in [1, 9, 20, 40, 64, 65, 70, 74] {
        let server = Server::scripted([Reaction::cut(reply(), len)]);
        let outcome = send(
            harness,
            &plain(harness),
            exchange("POST", &server.url("/"), "body"),
        );
        expect_failure(outcome, TransportErrorKind::Lost, Delivery::Unknown);
    }
    let server = Server::scripted([Reaction::raw(
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n012",
    )]);
    let outcome = send(
        harness,
        &plain(harness),
        exchange("POST", &server.url("/"), "body"),
    );
    expect_failure(outcome, TransportErrorKind::Lost, Delivery::Unknown);
}

/// A response without a length ends with the connection, but a reset is an error.
pub fn response_without_length_ended_by_reset_is_lost<H: Harness>(harness: &H) {
    // Unread bytes turn the server's close into a reset.
    let resets = Reaction::from(Reply::status(200).until_close("half an ans")).reading_only(1);
    let server = Server::scripted([resets.after(Duration::from_millis(50))]);
    let body = vec![b'x'; 200 << 10];
    let outcome = send(
        harness,
        &plain(harness),
        exchange("POST", &server.url("/"), body),
    );
    expect_failure(outcome, TransportErrorKind::Lost, Delivery::Unknown);
}

/// An endless response uses neither memory nor time.
pub fn response_over_the_limit_is_refused<H: Harness>(harness: &H) {
    let limited = || with(harness, settings().with_max_response(100 << 10));
    let started = Instant::now();
    let replies = [
        Reply::status(200).filler(8 << 30),
        Reply::status(200).chunked(vec![b'x'; 300 << 10]),
        Reply::status(200).until_close(vec![b'x'; 300 << 10]),
    ];
    for reply in replies {
        let server = Server::scripted([reply.into()]);
        let outcome = send(
            harness,
            &limited(),
            get(&server.url(&format!("/?signature={SECRET}"))),
        );
        expect_failure(outcome, TransportErrorKind::TooLarge, Delivery::Unknown);
    }
    assert!(
        started.elapsed() < Duration::from_secs(10),
        "the whole answer was read: {:?}",
        started.elapsed()
    );
}

/// An endless response head is rejected too.
pub fn endless_response_head_is_refused<H: Harness>(harness: &H) {
    let head = format!("HTTP/1.1 200 OK\r\nX-Long: {}\r\n\r\n", "x".repeat(4 << 20));
    let server = Server::scripted([Reaction::raw(head)]);
    let outcome = send(
        harness,
        &plain(harness),
        exchange("POST", &server.url("/"), "body"),
    );
    expect_failure(outcome, TransportErrorKind::TooLarge, Delivery::Unknown);
}

/// A response of exactly the limit is accepted.
pub fn response_of_exactly_the_limit_is_accepted<H: Harness>(harness: &H) {
    let transport = with(harness, settings().with_max_response(5));
    for reply in [
        Reply::ok("12345"),
        Reply::status(200).chunked("12345"),
        Reply::status(200).until_close("12345"),
    ] {
        let server = Server::scripted([reply.into()]);
        assert_eq!(
            &send_well(harness, &transport, get(&server.url("/"))).body()[..],
            b"12345"
        );
        // A request can raise the limit, for an operation with larger responses.
        let server = Server::scripted([Reply::ok("123456").into(), Reply::ok("1234567").into()]);
        let large = || {
            let mut exchange = get(&server.url("/"));
            exchange.http.extensions_mut().insert(MaxResponse(6));
            exchange
        };
        let answer = send_well(harness, &transport, large());
        assert_eq!(&answer.body()[..], b"123456");
        let outcome = send(harness, &transport, large());
        expect_failure(outcome, TransportErrorKind::TooLarge, Delivery::Unknown);
    }
}
