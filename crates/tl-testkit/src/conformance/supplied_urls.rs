//! Cases about URLs supplied by a server: which addresses they may use.

use std::net::SocketAddr;

use tl_protocol::{
    ApiKey, Credentials, Delivery, Exchange, HttpSettings, Proxy, SuppliedUrls, TransportErrorKind,
};

use super::{Harness, SECRET, expect_failure, send, send_well, settings, with};
use crate::{
    exchanges::exchange,
    proxy::{ProxyBehavior, TestProxy},
    server::{Reply, Server},
};

const PUBLIC_BASE: &str = "https://api.example/v1.3";

/// A storage host name that resolves to this machine.
const STORAGE: &str = "storage.example";

fn settings_for(base: &str) -> HttpSettings {
    let key = ApiKey::new(&format!("tlk_{SECRET}")).expect("a key");
    let credentials = Credentials::new(key, base.parse().expect("a URL")).expect("a base");
    settings().with_credentials(Some(credentials))
}

/// A TLS storage server, and settings that resolve its name to it.
fn storage(base: &str) -> (Server, HttpSettings) {
    let server = Server::tls(&[STORAGE], [Reply::ok("here").into()]);
    let settings = settings_for(base)
        .with_addresses(vec![(STORAGE.to_owned(), vec![server.address()])])
        .with_extra_roots(vec![server.root()]);
    (server, settings)
}

fn chunk(host: &str, port: u16) -> Exchange {
    let mut chunk = exchange(
        "PUT",
        &format!("https://{host}:{port}/1?signature={SECRET}"),
        "bytes of the file",
    );
    let value = SECRET.parse().expect("a value");
    chunk.http.headers_mut().insert("x-session", value);
    chunk
}

#[track_caller]
fn expect_unsafe<H: Harness>(harness: &H, transport: &H::Transport, chunk: Exchange, part: &str) {
    let outcome = send(harness, transport, chunk);
    let text = expect_failure(outcome, TransportErrorKind::UnsafeUrl, Delivery::NotSent);
    assert!(text.contains(part), "{part}: {text}");
}

/// Nothing is sent to a loopback or private address, in any notation.
pub fn private_address_is_not_followed<H: Harness>(harness: &H) {
    let server = Server::reacting(|_| Reply::ok("").into());
    let port = server.address().port();
    let transport = with(harness, settings_for(PUBLIC_BASE));
    for host in ["127.0.0.1", "[::ffff:127.0.0.1]", "2130706433", "127.1"] {
        expect_unsafe(harness, &transport, chunk(host, port), "public network");
    }
    for host in ["10.0.0.1", "192.168.1.1", "169.254.169.254", "[fd00::1]"] {
        expect_unsafe(harness, &transport, chunk(host, port), "public network");
    }
    expect_unsafe(
        harness,
        &transport,
        chunk("localhost", port),
        "this machine",
    );
    assert_eq!(server.connections(), 0);
}

/// The addresses of a name are checked before connecting; one private address is enough to reject
/// it.
pub fn name_with_a_private_address_is_not_followed<H: Harness>(harness: &H) {
    let (server, settings) = storage(PUBLIC_BASE);
    let port = server.address().port();
    let transport = with(harness, settings.clone());
    expect_unsafe(harness, &transport, chunk(STORAGE, port), "127.0.0.1");
    let public: SocketAddr = "8.8.8.8:443".parse().expect("an address");
    let transport = with(
        harness,
        settings.with_addresses(vec![(STORAGE.to_owned(), vec![public, server.address()])]),
    );
    expect_unsafe(harness, &transport, chunk(STORAGE, port), "127.0.0.1");
    assert_eq!(server.connections(), 0);
}

/// If the base URL is https, an http URL is rejected.
pub fn http_url_is_not_followed_from_https<H: Harness>(harness: &H) {
    let server = Server::reacting(|_| Reply::ok("").into());
    let url = server.url(&format!("/1?signature={SECRET}"));
    for base in [
        PUBLIC_BASE,
        "https://localhost/v1.3",
        "https://127.0.0.1/v1.3",
    ] {
        let transport = with(harness, settings_for(base));
        expect_unsafe(harness, &transport, exchange("PUT", &url, "x"), "not https");
    }
    assert_eq!(server.connections(), 0);
}

/// A private base URL allows private storage URLs, and a setting allows all URLs.
pub fn private_url_is_followed_if_allowed<H: Harness>(harness: &H) {
    let (server, settings) = storage("https://127.0.0.1/v1.3");
    let port = server.address().port();
    let transport = with(harness, settings);
    let answer = send_well(harness, &transport, chunk(STORAGE, port));
    assert_eq!(answer.body(), "here");

    let (server, settings) = storage(PUBLIC_BASE);
    let port = server.address().port();
    let transport = with(
        harness,
        settings.with_supplied_urls(SuppliedUrls::Unchecked),
    );
    let answer = send_well(harness, &transport, chunk(STORAGE, port));
    assert_eq!(answer.body(), "here");
    assert_eq!(server.seen()[0].header("x-api-key"), None);
}

/// A proxy resolves names itself, and may have a private address: only the text of the URL is
/// checked.
pub fn url_text_is_checked_behind_a_proxy<H: Harness>(harness: &H) {
    let (server, settings) = storage(PUBLIC_BASE);
    let proxy = TestProxy::start(ProxyBehavior::TunnelTo(server.address()));
    let transport = with(
        harness,
        settings
            .with_addresses(Vec::new())
            .with_proxy(Proxy::Url(proxy.url())),
    );
    expect_unsafe(
        harness,
        &transport,
        chunk("10.0.0.1", 443),
        "public network",
    );
    assert_eq!(proxy.requests(), Vec::<String>::new());
    let answer = send_well(harness, &transport, chunk(STORAGE, 443));
    assert_eq!(answer.body(), "here");
    assert_eq!(proxy.requests().len(), 1);
}
