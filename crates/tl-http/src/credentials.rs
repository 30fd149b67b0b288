//! The API key and the only host that it may be sent to. The key is never printed: not by `Debug`,
//! in errors or in logs.

use std::{fmt, net::IpAddr, str::FromStr};

use http::{HeaderValue, Request, Uri};
use url::{Host, Url};

use crate::{Auth, Delivery, SetupError, TransportError, TransportErrorKind};

/// The header that carries the key (API reference, "Authentication").
pub const API_KEY_HEADER: &str = "x-api-key";

/// The base URL of the platform, version included (API reference; read 2026-11-21).
pub const DEFAULT_BASE_URL: &str = "https://api.twelvelabs.io/v1.3";

/// The prefix of emulator keys. Such a key is sent to loopback hosts only.
pub const EMULATOR_KEY_PREFIX: &str = "tlk_emulator";

/// An API key. `Debug` shows at most its first letters, and there is no `Display`.
#[derive(Clone, PartialEq, Eq)]
pub struct ApiKey(HeaderValue);

impl ApiKey {
    /// Parses a key. Surrounding white space is removed.
    ///
    /// # Errors
    /// The text is empty or contains a character that is not allowed in HTTP headers.
    pub fn new(text: &str) -> Result<Self, SetupError> {
        let text = text.trim();
        if text.is_empty() {
            return Err(SetupError::new("the API key is empty"));
        }
        let mut value = HeaderValue::from_str(text)
            .ok()
            .filter(|_| text.is_ascii())
            .ok_or_else(|| {
                SetupError::new(
                    "invalid API key: contains a character that HTTP headers do not allow",
                )
            })?;
        value.set_sensitive(true);
        Ok(Self(value))
    }

    /// Whether this is an emulator key, which is not valid on the platform.
    #[must_use]
    pub fn is_for_emulator(&self) -> bool {
        self.0
            .as_bytes()
            .starts_with(EMULATOR_KEY_PREFIX.as_bytes())
    }
}

impl FromStr for ApiKey {
    type Err = SetupError;

    fn from_str(text: &str) -> Result<Self, SetupError> {
        Self::new(text)
    }
}

impl fmt::Debug for ApiKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ApiKey(…)")
    }
}

/// A key and the base URL that it belongs to. Ensures that the key is sent nowhere else.
#[derive(Debug, Clone)]
pub struct Credentials {
    key: ApiKey,
    base: Url,
}

impl Credentials {
    /// `key` for the API at `base`, for example `https://api.twelvelabs.io/v1.3`.
    ///
    /// # Errors
    /// `base` is not an http(s) URL, or uses plain http on a host other than loopback; or the key
    /// is an emulator key and the host is not loopback.
    pub fn new(key: ApiKey, base: Url) -> Result<Self, SetupError> {
        if !matches!(base.scheme(), "http" | "https") || base.host().is_none() {
            return Err(SetupError::new(format!(
                "invalid base URL `{}`: not an http or https URL such as {DEFAULT_BASE_URL}",
                without_password(&base)
            )));
        }
        if base.scheme() == "http" && !is_loopback(&base) {
            return Err(SetupError::new(format!(
                "unsafe base URL `{}`: the API key would be sent unencrypted; use https, or http on a loopback address",
                without_password(&base)
            )));
        }
        if key.is_for_emulator() && !is_loopback(&base) {
            return Err(SetupError::new(format!(
                "the emulator key is not sent to `{}`: it is for loopback addresses only",
                base.host_str().unwrap_or_default()
            )));
        }
        Ok(Self { key, base })
    }

    /// The base URL of the API, version included.
    #[must_use]
    pub fn base(&self) -> &Url {
        &self.base
    }

    /// Adds the key to `request` if `auth` requires it.
    ///
    /// Every driver calls this and adds the key nowhere else.
    ///
    /// # Errors
    /// [`Refused`](TransportErrorKind::Refused) if the request goes to another host than the API's.
    pub fn authorize<B>(&self, request: &mut Request<B>, auth: Auth) -> Result<(), TransportError> {
        if auth == Auth::None {
            return Ok(());
        }
        if !same_origin(&self.base, request.uri()) {
            return Err(
                TransportError::new(TransportErrorKind::Refused, Delivery::NotSent).with_source(
                    format!(
                        "the API key is for {}, but the request goes to {}",
                        self.base.host_str().unwrap_or_default(),
                        request.uri().host().unwrap_or("no host"),
                    ),
                ),
            );
        }
        request
            .headers_mut()
            .insert(API_KEY_HEADER, self.key.0.clone());
        Ok(())
    }
}

/// Whether the host of `url` is loopback: `localhost`, `127.0.0.0/8`, `::1`.
#[must_use]
pub fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name.eq_ignore_ascii_case("localhost"),
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => IpAddr::from(address).is_loopback(),
        None => false,
    }
}

pub(crate) fn same_origin(base: &Url, uri: &Uri) -> bool {
    let Some(host) = uri.host() else { return false };
    let default = match uri.scheme_str() {
        Some("https") => 443,
        _ => 80,
    };
    uri.scheme_str() == Some(base.scheme())
        && base
            .host_str()
            .is_some_and(|own| own.eq_ignore_ascii_case(host))
        && base.port_or_known_default() == Some(uri.port_u16().unwrap_or(default))
}

fn without_password(url: &Url) -> String {
    let mut display = url.clone();
    // These calls fail only on a URL without a host, which has nothing to hide.
    let _ = display.set_password(None);
    let _ = display.set_username("");
    display.set_query(None);
    display.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "tlk_0123456789SECRET";

    fn credentials(key: &str, base: &str) -> Result<Credentials, SetupError> {
        Credentials::new(ApiKey::new(key).unwrap(), Url::parse(base).unwrap())
    }

    #[test]
    fn key_is_never_printed() {
        let display = format!("{:?}", credentials(KEY, DEFAULT_BASE_URL).unwrap());
        assert!(
            !display.contains("SECRET") && !display.contains("0123"),
            "{display}"
        );
        let mut request = Request::get("https://api.twelvelabs.io/v1.3/tasks")
            .body(())
            .unwrap();
        credentials(KEY, DEFAULT_BASE_URL)
            .unwrap()
            .authorize(&mut request, Auth::ApiKey)
            .unwrap();
        let display = format!("{request:?}");
        assert!(!display.contains("SECRET"), "{display}");
    }

    #[test]
    fn key_is_sent_to_the_api_host_only() {
        let check = |uri: &str, expected: bool| {
            let mut request = Request::get(uri).body(()).unwrap();
            let result = credentials(KEY, DEFAULT_BASE_URL)
                .unwrap()
                .authorize(&mut request, Auth::ApiKey);
            assert_eq!(result.is_ok(), expected, "{uri}");
            assert_eq!(
                request.headers().contains_key(API_KEY_HEADER),
                expected,
                "{uri}"
            );
        };
        check("https://api.twelvelabs.io/v1.3/tasks", true);
        check("https://API.twelvelabs.io:443/v1.3/tasks", true);
        check("https://api.twelvelabs.io:8443/v1.3/tasks", false);
        check("http://api.twelvelabs.io/v1.3/tasks", false);
        check("https://api.twelvelabs.io.evil.example/v1.3/tasks", false);
        check(
            "https://bucket.s3.amazonaws.com/part?X-Amz-Signature=1",
            false,
        );
    }

    #[test]
    fn requests_without_key_go_to_any_host() {
        let mut request = Request::put("https://bucket.s3.amazonaws.com/part")
            .body(())
            .unwrap();
        credentials(KEY, DEFAULT_BASE_URL)
            .unwrap()
            .authorize(&mut request, Auth::None)
            .unwrap();
        assert!(request.headers().is_empty());
    }

    #[test]
    fn unsafe_base_urls_are_rejected() {
        let check = |key: &str, base: &str, expected: Option<&str>| {
            let result = credentials(key, base).err().map(|error| error.to_string());
            match expected {
                None => assert_eq!(result, None, "{base}"),
                Some(part) => assert!(
                    result.as_deref().is_some_and(|text| text.contains(part)),
                    "{base}: {result:?}"
                ),
            }
        };
        check(KEY, "http://127.0.0.1:8080/v1.3", None);
        check(KEY, "http://[::1]:8080/v1.3", None);
        check(KEY, "http://api.twelvelabs.io/v1.3", Some("unencrypted"));
        check(
            KEY,
            "ftp://api.twelvelabs.io/v1.3",
            Some("not an http or https URL"),
        );
        check("tlk_emulator_1", "http://localhost:1/v1.3", None);
        check(
            "tlk_emulator_1",
            DEFAULT_BASE_URL,
            Some("loopback addresses only"),
        );
        check(
            "tlk_emulator_1",
            "https://localhost.example.com/v1.3",
            Some("loopback addresses only"),
        );
    }

    #[test]
    fn invalid_keys_are_rejected_without_printing() {
        for text in ["", "  ", "tlk_\nSECRET", "tlk_SECRÊT"] {
            let error = ApiKey::new(text).unwrap_err().to_string();
            assert!(
                error.contains("API key") && !error.contains("SECR"),
                "{error}"
            );
        }
    }
}
