//! Cases about TLS: trusted roots and the classification of failures.

use std::{
    io::{Read, Write},
    net::TcpListener,
    thread,
};

use bytes::Bytes;
use tl_protocol::{Delivery, Proxy, TransportErrorKind};

use super::{Harness, SECRET, expect_failure, plain, send, send_well, settings, with};
use crate::{
    exchanges::{exchange, get},
    proxy::{ProxyBehavior, TestProxy},
    server::{Reply, Server},
};

/// An unknown authority is a TLS failure, not an unreachable host, and nothing is sent.
pub fn unknown_authority_is_refused<H: Harness>(harness: &H) {
    let server = Server::tls(&[], [Reply::ok("").into()]);
    let uri = server.url(&format!("/?signature={SECRET}"));
    let outcome = send(harness, &plain(harness), exchange("POST", &uri, "body"));
    let text = expect_failure(outcome, TransportErrorKind::Tls, Delivery::NotSent);
    assert!(
        text.contains("UnknownIssuer") || text.contains("certificate"),
        "{text}"
    );
    assert!(server.seen().is_empty());
}

/// A company's own authority, alone or in a file with others.
pub fn configured_authority_is_trusted<H: Harness>(harness: &H) {
    let (server, other) = (
        Server::tls(&[], [Reply::ok("1").into(), Reply::ok("2").into()]),
        Server::tls(&[], []),
    );
    let both: Bytes = [other.root(), server.root()].concat().into();
    for (roots, expected) in [(vec![other.root(), server.root()], "1"), (vec![both], "2")] {
        let transport = with(harness, settings().with_extra_roots(roots));
        assert_eq!(
            &send_well(harness, &transport, get(&server.url("/"))).body()[..],
            expected.as_bytes()
        );
    }
}

/// A trusted authority, but the wrong name.
pub fn certificate_for_another_name_is_refused<H: Harness>(harness: &H) {
    let server = Server::tls(&["right.example"], [Reply::ok("").into()]);
    let proxy = TestProxy::start(ProxyBehavior::TunnelTo(server.address()));
    let own = settings()
        .with_extra_roots(vec![server.root()])
        .with_proxy(Proxy::Url(proxy.url()));
    let transport = with(harness, own);
    let outcome = send(harness, &transport, get("https://wrong.example/"));
    expect_failure(outcome, TransportErrorKind::Tls, Delivery::NotSent);
    assert_eq!(
        send_well(harness, &transport, get("https://right.example/")).status(),
        200
    );
}

/// Plain HTTP instead of TLS.
pub fn server_without_tls_is_a_tls_failure<H: Harness>(harness: &H) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a loopback port is free");
    let uri = format!(
        "https://{}/",
        listener
            .local_addr()
            .expect("a bound socket has an address")
    );
    thread::spawn(move || {
        let (mut stream, _) = listener.accept()?;
        let _ = stream.read(&mut [0; 2048])?;
        stream.write_all(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")
    });
    let outcome = send(harness, &plain(harness), get(&uri));
    expect_failure(outcome, TransportErrorKind::Tls, Delivery::NotSent);
}

/// Reported when the transport is created, not at the first request.
pub fn invalid_certificate_is_refused_at_setup<H: Harness>(harness: &H) {
    let no_certificate = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    for pem in [
        "",
        "not a certificate",
        no_certificate,
        "-----BEGIN CERTIFICATE-----\n!!!",
    ] {
        let error = harness
            .build(settings().with_extra_roots(vec![pem.into()]))
            .err();
        let error = error.unwrap_or_else(|| panic!("{pem:?} is no certificate"));
        assert!(error.to_string().contains("root certificate 1"), "{error}");
    }
    let error = harness
        .build(settings().with_user_agent("a\nb".to_owned()))
        .err()
        .expect("an error");
    assert!(error.to_string().contains("user agent"), "{error}");
}

/// System roots are used in addition to the configured ones.
pub fn system_roots_can_be_loaded<H: Harness>(harness: &H) {
    let server = Server::tls(&[], [Reply::ok("").into()]);
    let own = settings()
        .with_system_roots(true)
        .with_extra_roots(vec![server.root()]);
    assert_eq!(
        send_well(harness, &with(harness, own), get(&server.url("/"))).status(),
        200
    );
}
