//! Cases about proxies. Which proxy handles which request is tested in tl-protocol.

use std::{
    env,
    process::{self, Command},
    time::{Duration, Instant},
};

use tl_protocol::{ApiKey, Auth, Credentials, Delivery, Proxy, TransportErrorKind};

use super::{Harness, SECRET, expect_failure, expect_time, send, send_well, settings, with};
use crate::{
    exchanges::{exchange, get},
    proxy::{ProxyBehavior, TestProxy},
    server::{Reply, Server},
};

const HOST: &str = "api.fake.example";

/// The tunnel is opened once, and the API key is only sent inside it.
pub fn proxy_handles_requests_to_other_hosts<H: Harness>(harness: &H) {
    let server = Server::tls(&[HOST], [Reply::ok("1").into(), Reply::ok("2").into()]);
    let proxy = TestProxy::start(ProxyBehavior::TunnelTo(server.address()));
    let mut url = proxy.url();
    url.set_username("me").expect("an address with a host");
    url.set_password(Some("p@ss"))
        .expect("an address with a host");
    let key = ApiKey::new(&format!("tlk_{SECRET}")).expect("a key");
    let base = format!("https://{HOST}/v1.3").parse().expect("a URL");
    let own = settings()
        .with_credentials(Some(
            Credentials::new(key, base).expect("https may have the key"),
        ))
        .with_proxy(Proxy::Url(url))
        .with_extra_roots(vec![server.root()]);
    let transport = with(harness, own);
    for expected in ["1", "2"] {
        let exchange =
            exchange("POST", &format!("https://{HOST}/v1.3/tasks"), "body").with_auth(Auth::ApiKey);
        assert_eq!(
            &send_well(harness, &transport, exchange).body()[..],
            expected.as_bytes()
        );
    }
    let expected = format!(
        "CONNECT {HOST}:443 HTTP/1.1\nHost: {HOST}:443\nProxy-Authorization: Basic bWU6cEBzcw=="
    );
    let requests = proxy.requests();
    let most = if H::OWNS_ITS_CONNECTIONS { 1 } else { 2 };
    assert!((1..=most).contains(&requests.len()), "{requests:?}");
    assert!(
        requests.iter().all(|line| *line == expected),
        "{requests:?}"
    );
    let seen = server.seen();
    assert_eq!(seen[1].header("host"), Some(HOST));
    assert_eq!(
        seen[1].header("x-api-key"),
        Some(format!("tlk_{SECRET}").as_str())
    );
    assert_eq!(seen[1].header("proxy-authorization"), None);
}

/// A request to this machine bypasses the proxy.
pub fn proxy_is_bypassed_for_loopback_hosts<H: Harness>(harness: &H) {
    let server = Server::scripted([Reply::ok("").into(), Reply::ok("").into()]);
    let proxy = TestProxy::start(ProxyBehavior::Refuse(403));
    let transport = with(harness, settings().with_proxy(Proxy::Url(proxy.url())));
    for uri in [
        server.url("/"),
        format!("http://localhost:{}/", server.address().port()),
    ] {
        assert_eq!(send_well(harness, &transport, get(&uri)).status(), 200);
    }
    assert!(proxy.requests().is_empty());
}

/// A refusal by the proxy is not taken for the platform's response.
pub fn refusing_proxy_is_unreachable_and_its_password_hidden<H: Harness>(harness: &H) {
    for status in [403, 407, 502] {
        let proxy = TestProxy::start(ProxyBehavior::Refuse(status));
        let mut url = proxy.url();
        url.set_username("me").expect("an address with a host");
        url.set_password(Some(SECRET))
            .expect("an address with a host");
        let transport = with(harness, settings().with_proxy(Proxy::Url(url)));
        let outcome = send(
            harness,
            &transport,
            exchange("POST", &format!("https://{HOST}/"), "body"),
        );
        let text = expect_failure(outcome, TransportErrorKind::Unreachable, Delivery::NotSent);
        assert!(text.contains("proxy"), "{text}");
    }
}

/// The connect timeout includes the tunnel.
pub fn silent_proxy_ends_at_the_connect_timeout<H: Harness>(harness: &H) {
    let limit = Duration::from_millis(300);
    let proxy = TestProxy::start(ProxyBehavior::Silent);
    let own = settings()
        .with_proxy(Proxy::Url(proxy.url()))
        .with_connect_timeout(limit);
    let started = Instant::now();
    let outcome = send(
        harness,
        &with(harness, own),
        get(&format!("https://{HOST}/")),
    );
    expect_failure(outcome, TransportErrorKind::Unreachable, Delivery::NotSent);
    expect_time(started.elapsed(), limit, limit + Duration::from_secs(5));
}

/// Environment variables are respected. Each case runs in its own process, because the environment
/// is per process.
pub fn proxy_and_exceptions_from_the_environment<H: Harness>(harness: &H) {
    const CHILD: &str = "TL_TEST_ROOT_CERTIFICATE";
    const NAME: &str = "proxy_and_exceptions_from_the_environment";
    if let Ok(root) = env::var(CHILD) {
        let own = settings()
            .with_proxy(Proxy::Environment)
            .with_extra_roots(vec![root.into()]);
        let outcome = send(
            harness,
            &with(harness, own),
            get(&format!("https://{HOST}/")),
        );
        // This host can only be reached through the proxy.
        process::exit(if outcome.is_ok() { 0 } else { 3 });
    }
    let check = |variables: &[(&str, &str)], expected: i32| {
        let server = Server::tls(&[HOST], [Reply::ok("").into()]);
        let proxy = TestProxy::start(ProxyBehavior::TunnelTo(server.address()));
        let mut child = Command::new(env::current_exe().expect("a test is a program"));
        for name in ["https_proxy", "http_proxy", "all_proxy", "no_proxy"] {
            child.env_remove(name).env_remove(name.to_uppercase());
        }
        for (name, value) in variables {
            child.env(name, value.replace("PROXY", proxy.url().as_str()));
        }
        child.env(CHILD, &*String::from_utf8_lossy(&server.root()));
        let output = child.arg(NAME).output().expect("a test can be started");
        assert_eq!(
            output.status.code(),
            Some(expected),
            "{variables:?}: {output:?}"
        );
        assert_eq!(
            proxy.requests().len(),
            usize::from(expected == 0),
            "{variables:?}"
        );
    };
    check(&[("HTTPS_PROXY", "PROXY")], 0);
    check(&[("all_proxy", "PROXY")], 0);
    check(&[("HTTP_PROXY", "PROXY")], 3);
    check(&[("HTTPS_PROXY", "PROXY"), ("NO_PROXY", "fake.example")], 3);
    check(&[], 3);
}
