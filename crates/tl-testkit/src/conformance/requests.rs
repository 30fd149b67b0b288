//! Cases about requests: the bytes sent, and where the API key goes.

use tl_protocol::{
    ApiKey, Auth, Credentials, Delivery, Exchange, HttpSettings, TransportErrorKind,
};

use super::{Harness, SECRET, expect_failure, plain, send, send_well, settings, with};
use crate::{
    exchanges::{exchange, get},
    server::{Reply, Server},
};

fn settings_for(server: &Server) -> HttpSettings {
    let base = server.url("/v1.3").parse().expect("a URL");
    let key = ApiKey::new(&format!("tlk_{SECRET}")).expect("a key");
    let credentials = Credentials::new(key, base).expect("loopback may have the key");
    settings().with_credentials(Some(credentials))
}

fn with_key(exchange: Exchange) -> Exchange {
    exchange.with_auth(Auth::ApiKey)
}

/// A host with a known address is not resolved: the request connects to that address and names the
/// host.
pub fn known_address_is_used_without_lookup<H: Harness>(harness: &H) {
    let server = Server::reacting(|_| Reply::ok("here").into());
    let port = server.address().port();
    let transport = with(
        harness,
        settings().with_addresses(vec![("nowhere.invalid".to_owned(), vec![server.address()])]),
    );
    let answer = send_well(
        harness,
        &transport,
        get(&format!("http://nowhere.invalid:{port}/file")),
    );
    assert_eq!(answer.body(), "here");
    assert_eq!(
        server.seen()[0].header("host"),
        Some(format!("nowhere.invalid:{port}").as_str())
    );
}

/// No headers are added.
pub fn request_has_exactly_its_headers<H: Harness>(harness: &H) {
    let server = Server::reacting(|_| Reply::ok("").into());
    let transport = with(
        harness,
        settings_for(&server).with_user_agent("tester/1".to_owned()),
    );
    let mut first = with_key(get(&server.url("/v1.3/tasks")));
    first
        .http
        .headers_mut()
        .insert("accept", "application/json".parse().expect("a value"));
    send_well(harness, &transport, first);
    send_well(
        harness,
        &transport,
        exchange("GET", &server.url("/presigned"), ""),
    );
    send_well(
        harness,
        &transport,
        with_key(exchange("POST", &server.url("/v1.3/tasks"), "body")),
    );
    send_well(
        harness,
        &transport,
        exchange("POST", &server.url("/empty"), ""),
    );
    send_well(
        harness,
        &transport,
        exchange("PUT", &server.url("/part"), "12345678"),
    );
    send_well(
        harness,
        &transport,
        exchange("PATCH", &server.url("/"), "{}"),
    );
    send_well(
        harness,
        &transport,
        exchange("DELETE", &server.url("/v1.3/tasks/1"), ""),
    );
    let host = format!("host: {}", server.address());
    let key = format!("x-api-key: tlk_{SECRET}");
    let expected: [&[&str]; 7] = [
        &[
            "accept: application/json",
            &host,
            "user-agent: tester/1",
            &key,
        ],
        &["accept: */*", &host, "user-agent: tester/1"],
        &[
            "accept: */*",
            "content-length: 4",
            &host,
            "user-agent: tester/1",
            &key,
        ],
        &[
            "accept: */*",
            "content-length: 0",
            &host,
            "user-agent: tester/1",
        ],
        &[
            "accept: */*",
            "content-length: 8",
            &host,
            "user-agent: tester/1",
        ],
        &[
            "accept: */*",
            "content-length: 2",
            &host,
            "user-agent: tester/1",
        ],
        &["accept: */*", &host, "user-agent: tester/1"],
    ];
    let seen = server.seen();
    assert_eq!(seen.len(), expected.len());
    for (seen, expected) in seen.iter().zip(expected) {
        let lines: Vec<String> = seen
            .headers
            .iter()
            .map(|(name, value)| format!("{name}: {value}"))
            .collect();
        assert_eq!(lines, expected, "{} {}", seen.method, seen.target);
    }
}

/// Path and query may be signed, so they are sent unchanged.
pub fn target_is_sent_unchanged<H: Harness>(harness: &H) {
    let server = Server::reacting(|_| Reply::ok("").into());
    let transport = plain(harness);
    let targets = [
        "/",
        "/?",
        "/a%20b/%2F//c?x=%2f&y=a+b&&z",
        "/v1.3/..tasks?filename=a%3Db;c",
        "/%E2%82%AC?%",
    ];
    for target in targets {
        send_well(harness, &transport, get(&server.url(target)));
    }
    let seen: Vec<String> = server.seen().into_iter().map(|seen| seen.target).collect();
    assert_eq!(seen, targets);
}

/// The API key is sent only to the API host. A request to another host that requires it is not
/// sent.
pub fn key_is_sent_to_the_api_host_only<H: Harness>(harness: &H) {
    let (api, other) = (
        Server::reacting(|_| Reply::ok("").into()),
        Server::reacting(|_| Reply::ok("").into()),
    );
    let transport = with(harness, settings_for(&api));
    let outcome = send(
        harness,
        &transport,
        with_key(get(&other.url("/v1.3/tasks"))),
    );
    expect_failure(outcome, TransportErrorKind::Refused, Delivery::NotSent);
    assert_eq!(other.connections(), 0);
    send_well(harness, &transport, get(&other.url("/presigned")));
    assert_eq!(other.seen()[0].header("x-api-key"), None);
    send_well(harness, &transport, with_key(get(&api.url("/v1.3/tasks"))));
    assert_eq!(
        api.seen()[0].header("x-api-key"),
        Some(format!("tlk_{SECRET}").as_str())
    );
}

/// Without credentials, a request that requires them is not sent.
pub fn request_without_required_key_is_refused<H: Harness>(harness: &H) {
    let server = Server::reacting(|_| Reply::ok("").into());
    let outcome = send(harness, &plain(harness), with_key(get(&server.url("/"))));
    let text = expect_failure(outcome, TransportErrorKind::Refused, Delivery::NotSent);
    assert!(text.contains("API key"), "{text}");
    assert_eq!(server.connections(), 0);
}
