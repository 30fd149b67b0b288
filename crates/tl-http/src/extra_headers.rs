//! Headers of the caller's own, sent to the API host only.

use std::fmt;

use http::{HeaderMap, HeaderName, HeaderValue};

use crate::{SetupError, credentials::API_KEY_HEADER};

/// Headers that are added to every request to the API, for example for a gateway in front of it.
///
/// They are not sent to other hosts, such as the storage behind presigned URLs. A header that a
/// request has anyway is not replaced. [`Debug`](fmt::Debug) shows the names only, because a value
/// may be a secret.
///
/// ```
/// use tl_http::{ExtraHeaders, HttpSettings};
///
/// # fn main() -> Result<(), tl_http::SetupError> {
/// let mut settings = HttpSettings::default();
/// settings.headers = ExtraHeaders::new()
///     .with("x-team", "search")?
///     .with("x-gateway-token", "…")?;
/// assert!(ExtraHeaders::new().with("x-api-key", "another key").is_err());
/// # Ok(()) }
/// ```
#[derive(Clone, Default, PartialEq, Eq)]
pub struct ExtraHeaders(HeaderMap);

/// Headers that the client sets itself: the key, and what frames a request (RFC 9110, 7.6.1; RFC
/// 9112, 6).
const RESERVED: &[&str] = &[
    API_KEY_HEADER,
    "host",
    "content-length",
    "content-type",
    "transfer-encoding",
    "connection",
    "keep-alive",
    "proxy-connection",
    "te",
    "trailer",
    "upgrade",
    "expect",
    "range",
    "accept",
    "accept-encoding",
    "user-agent",
];

impl ExtraHeaders {
    /// No headers.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a header. A name may be added several times.
    ///
    /// # Errors
    /// The name or the value is not valid in HTTP, or the client sets this header itself: the API
    /// key, `User-Agent` (another setting), and those that frame a request.
    pub fn with(mut self, name: &str, value: &str) -> Result<Self, SetupError> {
        let invalid = |what: &str| SetupError::new(format!("the extra header `{name}` {what}"));
        let name = name
            .parse::<HeaderName>()
            .map_err(|error| invalid("is no valid header name").with_source(error))?;
        if RESERVED.contains(&name.as_str()) {
            return Err(invalid("is set by the client itself"));
        }
        // The cause could contain the value.
        let mut value = HeaderValue::from_str(value)
            .map_err(|_| invalid("has a value with a character that no header can hold"))?;
        value.set_sensitive(true);
        self.0.append(name, value);
        Ok(self)
    }

    /// Adds them to the headers of a request.
    pub(crate) fn add_to(&self, headers: &mut HeaderMap) {
        for name in self.0.keys() {
            if !headers.contains_key(name) {
                for value in self.0.get_all(name) {
                    headers.append(name, value.clone());
                }
            }
        }
    }
}

impl fmt::Debug for ExtraHeaders {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_of_the_client_are_refused() {
        for name in [
            "x-api-key",
            "X-API-Key",
            "Host",
            "Content-Length",
            "user-agent",
        ] {
            let refused = ExtraHeaders::new().with(name, "1").unwrap_err().to_string();
            assert!(refused.contains("client itself"), "{refused}");
        }
    }

    #[test]
    fn invalid_headers_are_refused_without_their_value() {
        assert!(ExtraHeaders::new().with("two words", "1").is_err());
        let refused = ExtraHeaders::new().with("x-team", "SECRET\n").unwrap_err();
        assert!(!format!("{refused:?}").contains("SECRET"), "{refused:?}");
    }

    #[test]
    fn debug_shows_no_value() {
        let headers = ExtraHeaders::new().with("x-gateway", "SECRET").unwrap();
        assert_eq!(format!("{headers:?}"), "{\"x-gateway\"}");
    }
}
