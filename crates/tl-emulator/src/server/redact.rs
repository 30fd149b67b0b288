//! Redaction of texts sent by clients and by the platform: truncates them and removes secrets.
//!
//! Removed are API keys, the query and user info of URLs (a presigned URL is a credential), and
//! JSON members whose name suggests a secret.

use std::fmt::Write as _;

use serde_json::Value;
use tl_protocol::endpoint::{Field, FieldValue};

use crate::platform::Upload;

/// Maximum number of characters of a short text.
const MAX_EXCERPT: usize = 200;
/// Maximum number of characters of a body.
const MAX_BODY: usize = 4000;
/// Maximum size of a body that is parsed as JSON, in bytes. The start of a larger body is shown as
/// text.
const MAX_JSON: usize = 1 << 20;
/// Replacement for removed text.
const REDACTED: &str = "…";
/// Substrings of member names that mark a secret.
const SECRET_NAMES: [&str; 9] = [
    "secret",
    "token",
    "password",
    "passwd",
    "api_key",
    "apikey",
    "developer_key",
    "authorization",
    "credential",
];

/// The start of a text, with API keys redacted.
pub(super) fn excerpt(text: &str) -> String {
    truncate(&redact_keys(text), MAX_EXCERPT)
}

/// The start of a body, with secrets redacted.
pub(super) fn body(bytes: &[u8]) -> String {
    if bytes.len() <= MAX_JSON
        && let Ok(mut value) = serde_json::from_slice::<Value>(bytes)
    {
        redact_json(&mut value);
        return truncate(&value.to_string(), MAX_BODY);
    }
    // Cut first to avoid scanning a large body. The cut is generous, so that no URL within the
    // limit is cut in its query.
    let piece = &bytes[..bytes.len().min(4 * MAX_BODY)];
    truncate(&redact_text(&String::from_utf8_lossy(piece)), MAX_BODY)
}

/// The parts of a form: texts as they are, files as name and size.
pub(super) fn form(fields: &[Field], uploads: &[Upload]) -> String {
    let mut uploads = uploads.iter();
    let mut out = String::new();
    for Field { name, value, .. } in fields {
        let name = excerpt(name);
        // Writing to a string cannot fail.
        _ = match value {
            FieldValue::Text(_) if is_secret(&name) => writeln!(out, "{name}={REDACTED}"),
            FieldValue::Text(value) => writeln!(out, "{name}={}", body(value.as_bytes())),
            FieldValue::File(_) => match uploads.next() {
                Some(upload) => writeln!(
                    out,
                    "{name}=@{} ({} bytes)",
                    excerpt(&upload.filename),
                    upload.bytes
                ),
                None => writeln!(out, "{name}=@file"),
            },
        };
    }
    truncate(out.trim_end(), MAX_BODY)
}

fn truncate(text: &str, max: usize) -> String {
    match text.char_indices().nth(max) {
        Some((end, _)) => format!("{}{REDACTED}", &text[..end]),
        None => text.to_owned(),
    }
}

fn redact_json(value: &mut Value) {
    match value {
        Value::String(string) => *string = redact_text(string),
        Value::Array(items) => items.iter_mut().for_each(redact_json),
        Value::Object(members) => {
            for (name, value) in members.iter_mut() {
                if is_secret(name) {
                    *value = Value::from(REDACTED);
                } else {
                    redact_json(value);
                }
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

fn is_secret(name: &str) -> bool {
    let name = name.to_ascii_lowercase().replace('-', "_");
    SECRET_NAMES.iter().any(|secret| name.contains(secret))
}

/// Redacts API keys, and the queries and user info of URLs.
fn redact_text(text: &str) -> String {
    let text = redact_keys(text);
    let mut redacted = String::with_capacity(text.len());
    let mut rest = text.as_str();
    while let Some(at) = rest.find("://") {
        let (before, after) = rest.split_at(at + 3);
        redacted.push_str(before);
        let end = after
            .find(|sign: char| sign.is_whitespace() || sign.is_control() || "\"'<>".contains(sign))
            .unwrap_or(after.len());
        let (url, more) = after.split_at(end);
        let (location, query) = match url.find(['?', '#']) {
            Some(at) => (&url[..at], Some(&url[at..=at])),
            None => (url, None),
        };
        let (authority, path) = location.split_at(location.find('/').unwrap_or(location.len()));
        match authority.rsplit_once('@') {
            Some((_, host)) => _ = write!(redacted, "{REDACTED}@{host}"),
            None => redacted.push_str(authority),
        }
        redacted.push_str(path);
        if let Some(mark) = query {
            _ = write!(redacted, "{mark}{REDACTED}");
        }
        rest = more;
    }
    redacted.push_str(rest);
    redacted
}

fn redact_keys(text: &str) -> String {
    let mut rest = text;
    let mut redacted = String::with_capacity(text.len());
    while let Some(at) = rest.find("tlk_") {
        redacted.push_str(&rest[..at]);
        redacted.push_str("tlk_");
        redacted.push_str(REDACTED);
        let key = &rest[at..];
        let end = key
            .find(|character: char| !character.is_ascii_alphanumeric() && !"_-".contains(character))
            .unwrap_or(key.len());
        rest = &key[end..];
    }
    redacted.push_str(rest);
    redacted
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn api_keys_are_redacted() {
        assert_eq!(excerpt("a=tlk_0123-AB_c&b=1 tlk_"), "a=tlk_…&b=1 tlk_…");
        assert_eq!(excerpt("nothing"), "nothing");
        // A key that crosses the limit is removed completely.
        let long = format!("{}tlk_0123456789", "a".repeat(MAX_EXCERPT - 6));
        assert!(!excerpt(&long).contains("0123"), "{}", excerpt(&long));
    }

    #[test]
    fn secrets_in_bodies_are_redacted() {
        let redacted = |text: &str| body(text.as_bytes());
        assert_eq!(
            redacted(
                r#"{"url": "http://u:p@127.0.0.1:1/_storage/x/1?X-Amz-Signature=abc&y=1", "n": 1}"#
            ),
            r#"{"n":1,"url":"http://…@127.0.0.1:1/_storage/x/1?…"}"#
        );
        assert_eq!(
            redacted(r#"{"Client-Secret": "s", "access_token": {"a": 1}, "list": ["tlk_1", "b"]}"#),
            r#"{"Client-Secret":"…","access_token":"…","list":["tlk_…","b"]}"#
        );
        assert_eq!(
            redacted("see https://a.example/x?k=1, https://b.example/"),
            "see https://a.example/x?… https://b.example/"
        );
        assert_eq!(
            redacted("{\"video_url\": \"https://a.example/x?k=1\", cut"),
            "{\"video_url\": \"https://a.example/x?…\", cut"
        );
        assert_eq!(body(b"\xff\xfe"), "\u{fffd}\u{fffd}");
        let long = format!("{{\"a\": \"{}\"}}", "b".repeat(100_000));
        assert_eq!(body(long.as_bytes()).chars().count(), MAX_BODY + 1);
    }
}
