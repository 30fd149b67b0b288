//! Presigned URLs: their format and expiry. Signatures are not verified.

use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use url::Url;

/// A presigned URL.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Presigned {
    /// The format, such as `S3 (Signature Version 4)`.
    pub form: &'static str,
    /// When the URL expires; `None` if the URL does not contain a readable time.
    pub expires: Option<Timestamp>,
}

impl Presigned {
    /// The remaining time at `now`; negative if the URL has expired.
    pub fn time_left(&self, now: Timestamp) -> Option<SignedDuration> {
        Some(self.expires?.duration_since(now))
    }
}

/// Recognizes presigned URLs: S3 and compatible services (signature versions 4 and 2), CloudFront,
/// Google Cloud Storage, Azure shared access signatures, and Alibaba.
pub fn presigned(url: &Url) -> Option<Presigned> {
    // Some servers ignore the case of the names, so ignore it here too.
    let get = |name: &str| {
        url.query_pairs()
            .find(|(key, _)| key.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.into_owned())
    };
    let started = |date: Option<String>, seconds: Option<String>| {
        let begin = basic(&date?)?;
        let seconds: i64 = seconds?.parse().ok()?;
        begin.checked_add(SignedDuration::from_secs(seconds)).ok()
    };
    let epoch = || get("Expires").and_then(|text| Timestamp::from_second(text.parse().ok()?).ok());
    let is = |form, expires| Some(Presigned { form, expires });
    if get("X-Amz-Signature").is_some() {
        return is(
            "S3 (Signature Version 4)",
            started(get("X-Amz-Date"), get("X-Amz-Expires")),
        );
    }
    if get("X-Goog-Signature").is_some() {
        return is(
            "Google Cloud Storage",
            started(get("X-Goog-Date"), get("X-Goog-Expires")),
        );
    }
    if get("x-oss-signature").is_some() {
        return is(
            "Alibaba Object Storage",
            started(get("x-oss-date"), get("x-oss-expires")),
        );
    }
    if get("Signature").is_some() {
        if get("AWSAccessKeyId").is_some() {
            return is("S3 (Signature Version 2)", epoch());
        }
        if get("GoogleAccessId").is_some() {
            return is("Google Cloud Storage (Version 2)", epoch());
        }
        if get("Key-Pair-Id").is_some() {
            // With a custom policy the expiry is in the policy, which is not parsed.
            return is("CloudFront", epoch());
        }
        if get("OSSAccessKeyId").is_some() {
            return is("Alibaba Object Storage (Version 1)", epoch());
        }
    }
    if get("sig").is_some() && (get("se").is_some() || get("sv").is_some()) {
        return is(
            "Azure shared access signature",
            get("se").and_then(|text| iso(&text)),
        );
    }
    None
}

/// `20260102T030405Z`
fn basic(text: &str) -> Option<Timestamp> {
    if text.len() != 16 || !text.ends_with('Z') {
        return None;
    }
    text.parse::<Timestamp>().ok()
}

/// The formats that Azure allows: a date, or a date and time with or without seconds, in UTC.
fn iso(text: &str) -> Option<Timestamp> {
    if let Ok(time) = text.parse::<Timestamp>() {
        return Some(time);
    }
    let bare = text.trim_end_matches('Z');
    let utc = |time: DateTime| {
        time.to_zoned(TimeZone::UTC)
            .ok()
            .map(|zoned| zoned.timestamp())
    };
    bare.parse::<DateTime>().ok().and_then(utc)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn expiry_is_parsed_from_every_format() {
        let now: Timestamp = "2026-01-02T03:00:00Z".parse().expect("a time");
        for (query, form, left) in [
            (
                "X-Amz-Date=20260102T025500Z&X-Amz-Expires=600&X-Amz-Signature=a",
                Some("S3 (Signature Version 4)"),
                Some(300),
            ),
            (
                "x-amz-date=20260102T025500Z&x-amz-expires=60&x-amz-signature=a",
                Some("S3 (Signature Version 4)"),
                Some(-240),
            ),
            (
                "X-Amz-Date=yesterday&X-Amz-Expires=60&X-Amz-Signature=a",
                Some("S3 (Signature Version 4)"),
                None,
            ),
            (
                "X-Amz-Date=20260102T025500Z&X-Amz-Expires=99999999999999999999&X-Amz-Signature=a",
                Some("S3 (Signature Version 4)"),
                None,
            ),
            (
                "AWSAccessKeyId=k&Expires=1767322860&Signature=a",
                Some("S3 (Signature Version 2)"),
                Some(60),
            ),
            (
                "GoogleAccessId=k&Expires=1767322860&Signature=a",
                Some("Google Cloud Storage (Version 2)"),
                Some(60),
            ),
            (
                "X-Goog-Date=20260102T030000Z&X-Goog-Expires=3600&X-Goog-Signature=a",
                Some("Google Cloud Storage"),
                Some(3600),
            ),
            (
                "Expires=1767322860&Signature=a&Key-Pair-Id=k",
                Some("CloudFront"),
                Some(60),
            ),
            (
                "sv=2024-01-01&se=2026-01-02T04%3A00%3A00Z&sig=a",
                Some("Azure shared access signature"),
                Some(3600),
            ),
            (
                "sv=2024-01-01&se=2026-01-02T04:00Z&sig=a",
                Some("Azure shared access signature"),
                Some(3600),
            ),
            (
                "sv=2024-01-01&se=2026-01-03&sig=a",
                Some("Azure shared access signature"),
                Some(75_600),
            ),
            ("Expires=1767322860", None, None),
            ("sig=a", None, None),
            ("", None, None),
        ] {
            let url = format!("https://host.example/key.mp4?{query}")
                .parse()
                .expect("a URL");
            let found = presigned(&url);
            assert_eq!(found.as_ref().map(|p| p.form), form, "{query}");
            let seconds = found
                .and_then(|p| p.time_left(now))
                .map(|left| left.as_secs());
            assert_eq!(seconds, left, "{query}");
        }
    }
}
