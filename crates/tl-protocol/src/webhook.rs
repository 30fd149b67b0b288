//! Signatures of webhook requests: verified by a receiver, created by a test.
//!
//! The platform signs each request to a registered URL with the secret of the registration. A
//! receiver verifies the signature over the *raw* body before it parses the body. [`receive`] does
//! both; [`verify`] is the first step alone, for another tolerance or another parser.
//!
//! ```
//! use std::time::{Duration, UNIX_EPOCH};
//!
//! use http::{HeaderMap, HeaderValue};
//! use tl_protocol::webhook;
//!
//! let body = br#"{"id":"whe_1","type":"index.task.ready","data":{"id":"64a0"}}"#;
//! let now = UNIX_EPOCH + Duration::from_secs(1_700_000_000); // SystemTime::now() in a program
//! let signature = HeaderValue::from_str(&webhook::sign("whsec_test", now, body)).unwrap();
//! let headers = HeaderMap::from_iter([(webhook::SIGNATURE_HEADER, signature)]);
//!
//! let event = webhook::receive("whsec_test", &headers, body, now)?;
//! assert_eq!(event.id.as_str(), "whe_1");
//! # Ok::<(), webhook::SignatureError>(())
//! ```
//!
//! The platform repeats a delivery with the same event id until the receiver responds with 2xx, so
//! a receiver that acts on an event remembers the ids that it has processed.

use std::{
    error, fmt,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use hmac::{Hmac, KeyInit, Mac};
use http::{HeaderMap, HeaderName};
use sha2::Sha256;
use tl_model::WebhookEvent;

/// The header that carries the signature, `TL-Signature`: `t=<Unix seconds>,v1=<hex>`.
///
/// Source: the platform's page on webhooks, read in 2026.
pub const SIGNATURE_HEADER: HeaderName = HeaderName::from_static("tl-signature");

/// Maximum difference between the time of the signature and the receiver's clock.
///
/// 5 minutes, the window that the platform's page on webhooks suggests against replayed requests
/// (read in 2026).
pub const TOLERANCE: Duration = Duration::from_secs(5 * 60);

/// Maximum length of a signature header that is read, in bytes. A real one has about 80.
const MAX_HEADER: usize = 4096;

/// Why a webhook request was not accepted. Respond with 400 or 401 and do not parse the body.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum SignatureError {
    /// The secret is empty, so that anyone can create signatures. Check where it is read from.
    EmptySecret,
    /// The header is not `t=<Unix seconds>,v1=<hex>`. The request is not from the platform, or a
    /// proxy changed it.
    Malformed,
    /// No signature matches. The secret is wrong, or the body is not the raw body that was sent.
    Mismatch,
    /// The signature is valid, but its time differs too much from the receiver's clock. The request
    /// is a replay, or the clock is wrong.
    Expired {
        /// The difference between the two times.
        off_by: Duration,
        /// The maximum that the receiver allows.
        tolerance: Duration,
    },
    /// The signature is valid, but the body is not an event. Log the request: the platform may have
    /// changed its format.
    NotAnEvent,
}

impl fmt::Display for SignatureError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::EmptySecret => f.write_str("cannot verify the webhook: the secret is empty"),
            Self::Malformed => f.write_str(
                "webhook rejected: the signature header is not `t=<Unix seconds>,v1=<hex>`",
            ),
            Self::Mismatch => f.write_str("webhook rejected: the signature does not match"),
            Self::Expired { off_by, tolerance } => write!(
                f,
                "webhook rejected: the signature is {} s off the local clock (maximum {} s)",
                off_by.as_secs(),
                tolerance.as_secs()
            ),
            Self::NotAnEvent => f.write_str(
                "webhook rejected: the signature is valid, but the body is not an event",
            ),
        }
    }
}

impl error::Error for SignatureError {}

/// Verifies a request by its headers and its raw `body`, and returns its event.
///
/// The tolerance is [`TOLERANCE`]. The same event can arrive several times: see
/// [`WebhookEvent::id`].
///
/// # Errors
/// See [`SignatureError`]. A missing header is [`SignatureError::Malformed`], and so are two.
pub fn receive(
    secret: &str,
    headers: &HeaderMap,
    body: &[u8],
    now: SystemTime,
) -> Result<WebhookEvent, SignatureError> {
    let mut values = headers.get_all(SIGNATURE_HEADER).iter();
    let header = match (values.next(), values.next()) {
        (Some(value), None) => value.to_str().map_err(|_| SignatureError::Malformed)?,
        _ => return Err(SignatureError::Malformed),
    };
    verify(secret, header, body, now, TOLERANCE)?;
    serde_json::from_slice(body).map_err(|_| SignatureError::NotAnEvent)
}

/// Verifies the value `header` of [`SIGNATURE_HEADER`] for the raw `body` of a request.
///
/// A header with several `v1` signatures is valid if one of them is, so that a secret can be
/// replaced without losing events. Other schemes than `v1` are ignored. Signatures are compared in
/// constant time. The time of a request is checked only after its signature.
///
/// # Errors
/// See [`SignatureError`].
pub fn verify(
    secret: &str,
    header: &str,
    body: &[u8],
    now: SystemTime,
    tolerance: Duration,
) -> Result<(), SignatureError> {
    if secret.is_empty() {
        return Err(SignatureError::EmptySecret);
    }
    let header = SignatureHeader::parse(header).ok_or(SignatureError::Malformed)?;
    let expected = mac(secret, header.time, body);
    let matches = header
        .signatures
        .iter()
        .any(|signature| expected.clone().verify_slice(signature).is_ok());
    if !matches {
        return Err(SignatureError::Mismatch);
    }
    let sent_at = header
        .time
        .parse()
        .ok()
        .and_then(|seconds| UNIX_EPOCH.checked_add(Duration::from_secs(seconds)))
        .ok_or(SignatureError::Malformed)?;
    let off_by = match now.duration_since(sent_at) {
        Ok(age) => age,
        Err(error) => error.duration(),
    };
    if off_by > tolerance {
        return Err(SignatureError::Expired { off_by, tolerance });
    }
    Ok(())
}

/// Creates the value of [`SIGNATURE_HEADER`] for `body`, as the platform does. For tests of a
/// receiver.
///
/// Fractions of a second are cut off. A time before 1970 counts as 1970.
#[must_use]
pub fn sign(secret: &str, now: SystemTime, body: &[u8]) -> String {
    let seconds = now
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default()
        .as_secs()
        .to_string();
    let code = mac(secret, &seconds, body).finalize().into_bytes();
    let hex: String = code.iter().map(|byte| format!("{byte:02x}")).collect();
    format!("t={seconds},v1={hex}")
}

/// HMAC-SHA256 over `<time>.<body>`.
fn mac(secret: &str, time: &str, body: &[u8]) -> Hmac<Sha256> {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes())
        .expect("HMAC accepts a key of any length");
    mac.update(time.as_bytes());
    mac.update(b".");
    mac.update(body);
    mac
}

/// The parts of a signature header.
struct SignatureHeader<'a> {
    /// The text of `t`, which is part of the signed message.
    time: &'a str,
    signatures: Vec<[u8; 32]>,
}

impl<'a> SignatureHeader<'a> {
    fn parse(header: &'a str) -> Option<Self> {
        if header.len() > MAX_HEADER {
            return None;
        }
        let mut time = None;
        let mut signatures = Vec::new();
        for part in header.split(',') {
            match part.trim().split_once('=')? {
                ("t", _) if time.is_some() => return None,
                ("t", text) => time = Some(text),
                ("v1", text) => signatures.push(digest(text)?),
                _ => {}
            }
        }
        let time =
            time.filter(|text| !text.is_empty() && text.bytes().all(|c| c.is_ascii_digit()))?;
        (!signatures.is_empty()).then_some(Self { time, signatures })
    }
}

/// Decodes the 64 hexadecimal digits of a SHA-256 code.
fn digest(text: &str) -> Option<[u8; 32]> {
    if text.len() != 64 || !text.bytes().all(|c| c.is_ascii_hexdigit()) {
        return None;
    }
    let mut code = [0; 32];
    for (byte, digits) in code.iter_mut().zip(text.as_bytes().chunks(2)) {
        *byte = u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()?;
    }
    Some(code)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const SECRET: &str = "whsec_test";
    const BODY: &[u8] = br#"{"name":"test"}"#;
    /// The test vector of the platform's page on webhooks.
    const VECTOR: &str =
        "t=1700000000,v1=fa0dcce4edf852e110983c9ca76f2fd01a30d31db190e44954d2130690a0fee3";

    fn at(seconds: u64) -> SystemTime {
        UNIX_EPOCH + Duration::from_secs(seconds)
    }

    fn check(header: &str) -> Result<(), SignatureError> {
        verify(SECRET, header, BODY, at(1_700_000_000), TOLERANCE)
    }

    #[test]
    fn published_vector_is_created_and_accepted() {
        assert_eq!(sign(SECRET, at(1_700_000_000), BODY), VECTOR);
        assert_eq!(check(VECTOR), Ok(()));
    }

    #[test]
    fn a_request_with_one_valid_signature_is_an_event() {
        let now = at(1_700_000_000);
        let event = br#"{"id":"whe_1","type":"index.task.ready"}"#;
        let receive_signed = |body: &[u8], count| {
            let mut headers = HeaderMap::new();
            for _ in 0..count {
                let value = sign(SECRET, now, body).parse().unwrap();
                headers.append(SIGNATURE_HEADER, value);
            }
            receive(SECRET, &headers, body, now).map(|event| event.id.to_string())
        };
        assert_eq!(receive_signed(event, 1), Ok("whe_1".to_owned()));
        assert_eq!(receive_signed(BODY, 1), Err(SignatureError::NotAnEvent));
        assert_eq!(receive_signed(event, 0), Err(SignatureError::Malformed));
        assert_eq!(receive_signed(event, 2), Err(SignatureError::Malformed));
        let headers = HeaderMap::from_iter([(SIGNATURE_HEADER, VECTOR.parse().unwrap())]);
        let other = receive(SECRET, &headers, event, now);
        assert_eq!(other, Err(SignatureError::Mismatch));
    }

    #[test]
    fn wrong_secret_or_body_is_a_mismatch() {
        let now = at(1_700_000_000);
        let mismatch = Err(SignatureError::Mismatch);
        assert_eq!(verify("other", VECTOR, BODY, now, TOLERANCE), mismatch);
        assert_eq!(verify(SECRET, VECTOR, b"{}", now, TOLERANCE), mismatch);
        // The time is signed: it cannot be moved into the window.
        assert_eq!(check(&VECTOR.replace("t=17", "t=18")), mismatch);
    }

    #[test]
    fn old_and_future_signatures_are_rejected() {
        for (now, expected) in [
            (1_700_000_300, true),
            (1_700_000_301, false),
            (1_699_999_700, true),
            (1_699_999_699, false),
        ] {
            let result = verify(SECRET, VECTOR, BODY, at(now), TOLERANCE);
            assert_eq!(result.is_ok(), expected, "{now}: {result:?}");
        }
    }

    #[test]
    fn one_valid_signature_of_several_is_enough() {
        let old = sign("old", at(1_700_000_000), BODY).replace("t=1700000000,", "");
        assert_eq!(check(&format!("{VECTOR},{old},v2=x")), Ok(()));
        assert_eq!(check(&format!("{old}, {VECTOR}")), Ok(()));
    }

    #[test]
    fn malformed_headers_are_rejected() {
        let repeated = format!("t=1700000000,{VECTOR}");
        let long = format!("{VECTOR},{}", "v2=x,".repeat(2000));
        for header in [
            "",
            "t=1700000000",
            "v1=fa0dcce4edf852e110983c9ca76f2fd01a30d31db190e44954d2130690a0fee3",
            "t=,v1=fa0dcce4edf852e110983c9ca76f2fd01a30d31db190e44954d2130690a0fee3",
            "t=+1700000000,v1=fa0dcce4edf852e110983c9ca76f2fd01a30d31db190e44954d2130690a0fee3",
            "t=1700000000,v1=fa0d",
            "t=1700000000,v1=zz0dcce4edf852e110983c9ca76f2fd01a30d31db190e44954d2130690a0fee3",
            &repeated,
            &long,
        ] {
            assert_eq!(check(header), Err(SignatureError::Malformed), "{header}");
        }
    }

    #[test]
    fn longest_header_is_read_and_a_longer_one_is_not() {
        let padded = |length: usize| {
            let rest = length - VECTOR.len() - ",v2=".len();
            format!("{VECTOR},v2={}", "x".repeat(rest))
        };
        assert_eq!(padded(MAX_HEADER).len(), 4096);
        assert_eq!(check(&padded(MAX_HEADER)), Ok(()));
        let malformed = Err(SignatureError::Malformed);
        assert_eq!(check(&padded(MAX_HEADER + 1)), malformed);
    }

    #[test]
    fn errors_name_what_is_wrong() {
        let expired = verify(SECRET, VECTOR, BODY, at(1_700_000_400), TOLERANCE).unwrap_err();
        assert_eq!(
            expired.to_string(),
            "webhook rejected: the signature is 400 s off the local clock (maximum 300 s)"
        );
        for (error, words) in [
            (SignatureError::EmptySecret, "secret is empty"),
            (SignatureError::Malformed, "t=<Unix seconds>,v1=<hex>"),
            (SignatureError::Mismatch, "does not match"),
            (SignatureError::NotAnEvent, "not an event"),
        ] {
            assert!(error.to_string().contains(words), "{error}");
        }
    }

    #[test]
    fn time_before_1970_is_signed_as_1970() {
        let early = UNIX_EPOCH - Duration::from_secs(7);
        assert_eq!(sign(SECRET, early, BODY), sign(SECRET, UNIX_EPOCH, BODY));
    }

    #[test]
    fn empty_secret_verifies_nothing() {
        let header = sign("", at(1_700_000_000), BODY);
        let result = verify("", &header, BODY, at(1_700_000_000), TOLERANCE);
        assert_eq!(result, Err(SignatureError::EmptySecret));
    }

    #[test]
    fn a_time_beyond_the_clock_is_not_a_panic() {
        let header = "t=18446744073709551615,v1=".to_owned() + &"0".repeat(64);
        assert_eq!(check(&header), Err(SignatureError::Mismatch));
        let code = mac(SECRET, "18446744073709551615", BODY).finalize();
        let hex: String = code
            .into_bytes()
            .iter()
            .map(|b| format!("{b:02x}"))
            .collect();
        let signed = check(&format!("t=18446744073709551615,v1={hex}"));
        assert!(signed.is_err(), "{signed:?}");
    }

    proptest! {
        #[test]
        fn signed_requests_verify(secret in ".{1,40}", body: Vec<u8>, seconds in 0..u64::from(u32::MAX)) {
            let header = sign(&secret, at(seconds), &body);
            prop_assert_eq!(verify(&secret, &header, &body, at(seconds), TOLERANCE), Ok(()));
        }

        #[test]
        fn arbitrary_headers_are_rejected(header in ".{0,200}") {
            prop_assert!(check(&header).is_err());
        }
    }
}
