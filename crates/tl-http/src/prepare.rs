//! Completes a request before it is sent, the same for asynchronous and blocking drivers: key,
//! length, host and `User-Agent`. Nothing is sent here.

use std::{fmt, time::Duration};

use http::{HeaderValue, Method, Uri, header, uri::Scheme};

use crate::{
    Auth, Body, Delivery, Exchange, HttpSettings, TransportError, TransportErrorKind, address,
    credentials::API_KEY_HEADER, settings::NO_TLS,
};

/// A request with all its headers, ready for an HTTP client.
///
/// It has an absolute URI without dot segments, `Host`, `Accept`, `User-Agent`, the key if
/// required, and `Content-Length` if there is a body or the method expects one. A client adds no
/// headers.
#[non_exhaustive]
pub struct Prepared {
    /// The request with an absolute URI.
    pub http: http::Request<Body>,
    /// Timeout from the first host lookup to the last byte of the response. For a streamed
    /// response: to the end of its head.
    pub timeout: Duration,
    /// Stall timeout: the longest time without progress while the body is sent.
    pub stall: Duration,
    /// Whether the host name of the request may resolve to public addresses only. A client that
    /// resolves the name checks the addresses with [`all_public`](crate::address::all_public) and
    /// connects to one of them, or fails with [`UnsafeUrl`](TransportErrorKind::UnsafeUrl). Names
    /// of requests through a proxy are not resolved.
    pub only_public: bool,
}

impl Prepared {
    /// For an HTTP client without TLS: checks that the URL is not https.
    ///
    /// # Errors
    /// [`Refused`](TransportErrorKind::Refused) if it is.
    pub fn refuse_https(&self) -> Result<(), TransportError> {
        match self.http.uri().scheme() {
            Some(scheme) if *scheme == Scheme::HTTPS => Err(refused(NO_TLS)),
            _ => Ok(()),
        }
    }
}

/// Omits headers and the query, because they contain the key and the signature of presigned URLs.
impl fmt::Debug for Prepared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let uri = self.http.uri().to_string();
        f.debug_struct("Prepared")
            .field("method", self.http.method())
            .field("uri", &uri.split('?').next().unwrap_or_default())
            .field("body", self.http.body())
            .field("timeout", &self.timeout)
            .field("stall", &self.stall)
            .field("only_public", &self.only_public)
            .finish()
    }
}

impl Exchange {
    /// Adds the final headers.
    ///
    /// # Errors
    /// [`Refused`](TransportErrorKind::Refused) if the request has no absolute http(s) URL or a
    /// password in it, or if the key is missing or would go to another host than the API's;
    /// [`UnsafeUrl`](TransportErrorKind::UnsafeUrl) if the server supplied a URL that is not
    /// allowed.
    pub fn prepare(self, settings: &HttpSettings) -> Result<Prepared, TransportError> {
        let mut http = self.http;
        let host = host_header(http.uri())?;
        let only_public = match self.auth {
            Auth::ApiKey => false,
            Auth::None => address::only_public(settings, http.uri())?,
        };
        match (&settings.credentials, self.auth) {
            (_, Auth::None) if http.headers().contains_key(API_KEY_HEADER) => {
                return Err(refused(
                    "a request that must not carry the API key has a header for it",
                ));
            }
            (_, Auth::None) => {}
            (Some(credentials), Auth::ApiKey) => {
                credentials.authorize(&mut http, self.auth)?;
                settings.headers.add_to(http.headers_mut());
            }
            (None, Auth::ApiKey) => {
                return Err(refused(
                    "the request needs an API key, and this transport has none",
                ));
            }
        }
        let len = http.body().len();
        let expects_body = matches!(*http.method(), Method::POST | Method::PUT | Method::PATCH);
        let headers = http.headers_mut();
        headers.remove(header::TRANSFER_ENCODING);
        headers.remove(header::CONTENT_LENGTH);
        if len > 0 || expects_body {
            headers.insert(header::CONTENT_LENGTH, HeaderValue::from(len));
        }
        headers.insert(header::HOST, host);
        headers
            .entry(header::ACCEPT)
            .or_insert(HeaderValue::from_static("*/*"));
        headers.insert(header::USER_AGENT, settings.user_agent_header()?);
        Ok(Prepared {
            http,
            timeout: self.timeout,
            stall: self.stall,
            only_public,
        })
    }
}

fn host_header(uri: &Uri) -> Result<HeaderValue, TransportError> {
    let default = match uri.scheme() {
        Some(scheme) if *scheme == Scheme::HTTPS => 443,
        Some(scheme) if *scheme == Scheme::HTTP => 80,
        _ => return Err(refused("the request has no absolute http or https address")),
    };
    let authority = uri
        .authority()
        .ok_or_else(|| refused("the address of the request has no host"))?;
    if authority.as_str().contains('@') {
        return Err(refused(
            "the address of the request holds a user name or a password, which are not sent",
        ));
    }
    let mut segments = uri.path().split('/');
    if segments.any(|segment| matches!(segment, "." | "..")) {
        return Err(refused(
            "the path of the request has a dot segment, which would name another resource",
        ));
    }
    let text = match authority.port_u16() {
        Some(port) if port != default => format!("{}:{port}", authority.host()),
        _ => authority.host().to_owned(),
    };
    if authority.host().is_empty() {
        return Err(refused("the address of the request has no host"));
    }
    HeaderValue::try_from(text)
        .map_err(|error| refused("the host cannot stand in a header").with_source(error))
}

fn refused(why: &'static str) -> TransportError {
    TransportError::new(TransportErrorKind::Refused, Delivery::NotSent).with_source(why)
}

#[cfg(test)]
mod tests {
    use http::Request;
    use url::Url;

    use super::*;
    use crate::{ApiKey, Credentials};

    fn settings() -> HttpSettings {
        let base = Url::parse("https://api.twelvelabs.io/v1.3").unwrap();
        HttpSettings::new(Credentials::new(ApiKey::new("tlk_SECRET").unwrap(), base).unwrap())
    }

    fn exchange(method: &str, uri: &str, body: &'static str, auth: Auth) -> Exchange {
        let http = Request::builder()
            .method(method)
            .uri(uri)
            .body(Body::from(body))
            .unwrap();
        Exchange {
            http,
            auth,
            timeout: Duration::from_secs(1),
            stall: Duration::from_secs(1),
        }
    }

    fn headers(prepared: &Prepared) -> Vec<String> {
        let line = |(name, value): (&header::HeaderName, &HeaderValue)| {
            format!("{name}: {}", value.to_str().unwrap())
        };
        let mut lines: Vec<String> = prepared.http.headers().iter().map(line).collect();
        lines.sort();
        lines
    }

    #[test]
    fn request_headers_are_exact() {
        let check = |method: &str, uri: &str, body: &'static str, auth: Auth, expected: &[&str]| {
            let prepared = exchange(method, uri, body, auth)
                .prepare(&settings())
                .unwrap();
            let agent = concat!("user-agent: tl/", env!("CARGO_PKG_VERSION"));
            let mut all = vec!["accept: */*", agent];
            all.extend(expected);
            all.sort_unstable();
            assert_eq!(headers(&prepared), all, "{method} {uri}");
        };
        let (api, key) = (
            "https://api.twelvelabs.io/v1.3/tasks",
            "x-api-key: tlk_SECRET",
        );
        check(
            "GET",
            api,
            "",
            Auth::ApiKey,
            &["host: api.twelvelabs.io", key],
        );
        check(
            "POST",
            api,
            "abc",
            Auth::ApiKey,
            &["content-length: 3", "host: api.twelvelabs.io", key],
        );
        check(
            "POST",
            api,
            "",
            Auth::ApiKey,
            &["content-length: 0", "host: api.twelvelabs.io", key],
        );
        check(
            "DELETE",
            api,
            "",
            Auth::ApiKey,
            &["host: api.twelvelabs.io", key],
        );
        check(
            "PUT",
            "https://[2606:4700::1111]:81/a?b=c",
            "x",
            Auth::None,
            &["content-length: 1", "host: [2606:4700::1111]:81"],
        );
        check(
            "PUT",
            "https://Bucket.example:443/a",
            "x",
            Auth::None,
            &["content-length: 1", "host: Bucket.example"],
        );
    }

    #[test]
    fn extra_headers_go_to_the_api_only_and_replace_nothing() {
        let mut settings = settings();
        settings.headers = crate::ExtraHeaders::new()
            .with("x-team", "search")
            .and_then(|headers| headers.with("x-team", "video"))
            .and_then(|headers| headers.with("x-set", "extra"))
            .unwrap();
        let sent = |uri, auth| {
            let mut exchange = exchange("GET", uri, "", auth);
            let own = HeaderValue::from_static("own");
            exchange.http.headers_mut().insert("x-set", own);
            let prepared = exchange.prepare(&settings).unwrap();
            let lines = headers(&prepared).into_iter();
            let extra =
                lines.filter(|line| line.starts_with("x-team") || line.starts_with("x-set"));
            extra.collect::<Vec<_>>().join(", ")
        };
        assert_eq!(
            sent("https://api.twelvelabs.io/v1.3/tasks", Auth::ApiKey),
            "x-set: own, x-team: search, x-team: video"
        );
        assert_eq!(sent("https://bucket.example/a", Auth::None), "x-set: own");
        // Without the key, the API host is a third party too.
        assert_eq!(
            sent("https://api.twelvelabs.io/v1.3/tasks", Auth::None),
            "x-set: own"
        );
    }

    #[test]
    fn client_without_tls_refuses_https() {
        let prepared = |uri| exchange("GET", uri, "", Auth::None).prepare(&HttpSettings::default());
        assert!(
            prepared("http://bucket.example/")
                .unwrap()
                .refuse_https()
                .is_ok()
        );
        let refused = prepared("https://bucket.example/")
            .unwrap()
            .refuse_https()
            .unwrap_err();
        assert_eq!(refused.kind(), TransportErrorKind::Refused);
        let refused = settings().refuse_https().unwrap_err().to_string();
        assert!(refused.contains("`tls-ring`"), "{refused}");
        HttpSettings::default().refuse_https().unwrap();
    }

    #[test]
    fn invalid_requests_are_refused() {
        let check = |exchange: Exchange, settings: &HttpSettings, expected: &str| {
            let error = exchange.prepare(settings).unwrap_err();
            let cause = std::error::Error::source(&error).unwrap().to_string();
            assert_eq!(
                (error.kind(), error.delivery()),
                (TransportErrorKind::Refused, Delivery::NotSent),
                "{cause}"
            );
            assert!(cause.contains(expected), "{cause}");
            assert!(!cause.contains("SECRET"), "{cause}");
        };
        check(
            exchange("GET", "/tasks", "", Auth::None),
            &settings(),
            "absolute",
        );
        check(
            exchange("GET", "ftp://host/tasks", "", Auth::None),
            &settings(),
            "absolute",
        );
        check(
            exchange("GET", "https://me:SECRET@host/", "", Auth::None),
            &settings(),
            "password",
        );
        check(
            exchange("GET", "https://elsewhere.example/", "", Auth::ApiKey),
            &settings(),
            "elsewhere.example",
        );
        check(
            exchange("GET", "https://api.twelvelabs.io/", "", Auth::ApiKey),
            &HttpSettings::default(),
            "has none",
        );
        let mut smuggled = exchange("PUT", "https://bucket.example/", "", Auth::None);
        smuggled
            .http
            .headers_mut()
            .insert(API_KEY_HEADER, HeaderValue::from_static("tlk_SECRET"));
        check(smuggled, &settings(), "must not carry");
    }
}
