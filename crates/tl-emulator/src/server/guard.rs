//! Access control for the API, the storage and the control API: allows programs on this machine
//! that address it by a loopback name, and rejects pages of other sites.
//!
//! The socket is bound to loopback, but a browser on this machine can reach it on behalf of any
//! page: directly, or under a name that the page's owner points to 127.0.0.1 (DNS rebinding).

use axum::{
    extract::Request,
    middleware::Next,
    response::{IntoResponse, Response},
};
use http::{
    HeaderMap, HeaderValue, Method, StatusCode, Uri, header,
    uri::{Authority, Scheme},
};
use serde_json::json;
use url::Host;

/// Middleware that rejects requests that are not allowed.
pub(super) async fn guard(request: Request, next: Next) -> Response {
    match check(request.method(), request.uri(), request.headers()) {
        Ok(()) => next.run(request).await,
        Err(rejection) => rejection.into_response(),
    }
}

/// The reason why a request is rejected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Rejection {
    /// There is not exactly one `Host` header (RFC 9112, 3.2).
    InvalidHost,
    /// The host is not a loopback name.
    HostNotAllowed,
    /// The request comes from a page of another origin.
    OriginNotAllowed,
}

impl IntoResponse for Rejection {
    fn into_response(self) -> Response {
        let (status, code, message) = match self {
            Self::InvalidHost => (
                StatusCode::BAD_REQUEST,
                "host_invalid",
                "The request must have exactly one Host header.",
            ),
            Self::HostNotAllowed => (
                StatusCode::FORBIDDEN,
                "host_not_allowed",
                "The emulator answers under 127.0.0.1, localhost and [::1] only.",
            ),
            Self::OriginNotAllowed => (
                StatusCode::FORBIDDEN,
                "origin_not_allowed",
                "A page of another site cannot change the emulator.",
            ),
        };
        let body = axum::Json(json!({ "code": code, "message": message }));
        // The client may still be sending a body that nobody reads.
        let closes = [(header::CONNECTION, HeaderValue::from_static("close"))];
        (status, closes, body).into_response()
    }
}

fn check(method: &Method, uri: &Uri, headers: &HeaderMap) -> Result<(), Rejection> {
    let mut hosts = headers.get_all(header::HOST).iter();
    let (Some(host), None) = (hosts.next(), hosts.next()) else {
        return Err(Rejection::InvalidHost);
    };
    let host = host.to_str().map_err(|_| Rejection::HostNotAllowed)?;
    // A request in absolute form (`GET http://…`) names the host twice.
    let is_ours = is_loopback(host)
        && uri
            .authority()
            .is_none_or(|named| is_loopback(named.as_str()));
    if !is_ours {
        return Err(Rejection::HostNotAllowed);
    }
    let is_reading = matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS);
    if is_reading || is_same_origin(headers, host) {
        Ok(())
    } else {
        Err(Rejection::OriginNotAllowed)
    }
}

fn is_loopback(host: &str) -> bool {
    let Ok(authority) = host.parse::<Authority>() else {
        return false;
    };
    if host.contains('@') {
        return false;
    }
    match Host::parse(authority.host()) {
        Ok(Host::Ipv4(address)) => address.is_loopback(),
        Ok(Host::Ipv6(address)) => address.is_loopback(),
        Ok(Host::Domain(name)) => name == "localhost",
        Err(_) => false,
    }
}

fn is_same_origin(headers: &HeaderMap, host: &str) -> bool {
    let site = headers.get_all("sec-fetch-site").iter();
    let mut site = site.map(HeaderValue::as_bytes);
    let mut origins = headers.get_all(header::ORIGIN).iter();
    site.all(|site| matches!(site, b"same-origin" | b"none"))
        && origins.all(|origin| {
            let origin = origin
                .to_str()
                .ok()
                .and_then(|origin| origin.parse::<Uri>().ok());
            origin.is_some_and(|origin| {
                origin.scheme() == Some(&Scheme::HTTP)
                    && origin
                        .authority()
                        .is_some_and(|named| named.as_str().eq_ignore_ascii_case(host))
            })
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn checked(method: &str, uri: &str, headers: &[(&'static str, &str)]) -> Result<(), Rejection> {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(*name, HeaderValue::from_str(value).unwrap());
        }
        let method = method.parse::<Method>().unwrap();
        check(&method, &uri.parse::<Uri>().unwrap(), &map)
    }

    #[test]
    fn only_loopback_hosts_are_allowed() {
        for (host, allowed) in [
            ("127.0.0.1:8080", true),
            ("127.0.0.1", true),
            ("localhost:1", true),
            ("LOCALHOST", true),
            ("[::1]:8080", true),
            ("evil.example", false),
            ("127.0.0.1.evil.example", false),
            ("localhost.evil.example:8080", false),
            ("127.0.0.1@evil.example", false),
            ("evil.example@127.0.0.1", false),
            ("192.168.1.2:8080", false),
            ("0.0.0.0:8080", false),
            ("127.0.0.1, evil.example", false),
            ("", false),
        ] {
            let expected = if allowed {
                Ok(())
            } else {
                Err(Rejection::HostNotAllowed)
            };
            assert_eq!(
                checked("GET", "/v1.3/tasks", &[("host", host)]),
                expected,
                "{host}"
            );
        }
        let ours = ("host", "127.0.0.1:1");
        assert_eq!(checked("GET", "/", &[]), Err(Rejection::InvalidHost));
        assert_eq!(
            checked("GET", "/", &[ours, ours]),
            Err(Rejection::InvalidHost)
        );
        assert_eq!(
            checked("GET", "/", &[ours, ("host", "evil.example")]),
            Err(Rejection::InvalidHost)
        );
        assert_eq!(
            checked("GET", "http://evil.example/v1.3/tasks", &[ours]),
            Err(Rejection::HostNotAllowed)
        );
        assert_eq!(
            checked("GET", "http://127.0.0.1:1/v1.3/tasks", &[ours]),
            Ok(())
        );
    }

    #[test]
    fn other_origins_may_read_but_not_write() {
        let ours = ("host", "127.0.0.1:1");
        for (more, allowed) in [
            (&[][..], true),
            (&[("origin", "http://127.0.0.1:1")], true),
            (
                &[
                    ("origin", "http://127.0.0.1:1"),
                    ("sec-fetch-site", "same-origin"),
                ],
                true,
            ),
            (&[("sec-fetch-site", "none")], true),
            (&[("origin", "http://127.0.0.1:2")], false),
            (&[("origin", "https://127.0.0.1:1")], false),
            (&[("origin", "https://evil.example")], false),
            (
                &[
                    ("origin", "http://127.0.0.1:1"),
                    ("origin", "https://evil.example"),
                ],
                false,
            ),
            (&[("origin", "null")], false),
            (&[("sec-fetch-site", "cross-site")], false),
            (&[("sec-fetch-site", "same-site")], false),
        ] {
            let headers = [&[ours], more].concat();
            for method in ["POST", "PUT", "PATCH", "DELETE"] {
                let expected = if allowed {
                    Ok(())
                } else {
                    Err(Rejection::OriginNotAllowed)
                };
                assert_eq!(
                    checked(method, "/v1.3/tasks", &headers),
                    expected,
                    "{method} {more:?}"
                );
            }
            assert_eq!(checked("GET", "/v1.3/tasks", &headers), Ok(()), "{more:?}");
        }
    }
}
