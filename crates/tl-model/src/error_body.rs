//! Error bodies: the three JSON shapes of the platform, and the bodies of proxies and object
//! stores.
//!
//! This module does not decide whether a failed request may be retried.

use std::fmt;

use serde_json::{Map, Value};

use crate::plain_text::{element, one_line, unescape, without_tags};
use crate::{ErrorCode, Extra};

/// Maximum number of characters kept of a body that is not the platform's.
const EXCERPT_CHARS: usize = 300;
/// Maximum number of characters of a message or title in the one-line summary.
const SUMMARY_CHARS: usize = 600;
/// Maximum number of bytes read of a body that is not the platform's.
const EXCERPT_BYTES: usize = 16 * 1024;

/// The format of an error body.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorShape {
    /// `{code, message, docs_url?}`: the platform's usual format. Also a lone `message`, as
    /// gateways send it.
    Flat,
    /// `{error: {code, message, details?}}`: the second version of the embedding endpoints.
    Nested,
    /// `{error_code: 104, message}`: older versions of the API.
    Numeric,
    /// Other JSON.
    Json,
    /// JSON that ends too early.
    CutJson,
    /// An HTML page, as proxies and load balancers send it.
    Html,
    /// An XML document, as object stores send it for a presigned URL.
    Xml,
    /// Other text.
    Text,
    /// Bytes that are not text.
    Binary,
    /// Empty, or white space only.
    Empty,
}

/// The body of an unsuccessful response, as far as it can be parsed.
///
/// The texts are as received and may contain any characters. [`Display`](fmt::Display) returns one
/// line that is safe to print.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct ErrorBody {
    /// The HTTP status of the response.
    pub status: u16,
    /// The format of the body.
    pub shape: ErrorShape,
    /// The named code. For an XML document, the code of that document (`AccessDenied`).
    pub code: Option<ErrorCode>,
    /// The numeric code of older API versions; see [`ErrorCode::from_numeric`].
    pub number: Option<i64>,
    /// The message for the user, as received.
    pub message: Option<String>,
    /// The page of the documentation that explains the error.
    pub docs_url: Option<String>,
    /// The title of an HTML page (`502 Bad Gateway`), on one line.
    pub title: Option<String>,
    /// The start of a body in an unknown format: one line of at most 300 characters, without markup
    /// or control characters.
    pub excerpt: Option<String>,
    /// The members of a JSON object that have no field here, at their original position: those of
    /// [`ErrorShape::Nested`] are still inside `error`.
    pub extra: Extra,
}

impl ErrorBody {
    /// Parses a body. Never fails: a body in an unknown format is summarized.
    ///
    /// `content_type` is only a hint; the bytes decide. JSON is parsed as a whole, so the caller
    /// must limit the length of `body`.
    pub fn parse(status: u16, content_type: Option<&str>, body: &[u8]) -> Self {
        let body = body
            .strip_prefix(b"\xef\xbb\xbf")
            .unwrap_or(body)
            .trim_ascii();
        if body.is_empty() {
            return Self::blank(status, ErrorShape::Empty);
        }
        if matches!(body[0], b'{' | b'[' | b'"') {
            match serde_json::from_slice(body) {
                Ok(Value::Object(object)) => return Self::from_object(status, object, body),
                Ok(Value::String(message)) => {
                    return Self {
                        message: Some(message),
                        ..Self::blank(status, ErrorShape::Json)
                    };
                }
                Ok(_) => {
                    return Self {
                        excerpt: excerpt(body),
                        ..Self::blank(status, ErrorShape::Json)
                    };
                }
                Err(error) if error.is_eof() => {
                    return Self {
                        excerpt: excerpt(body),
                        ..Self::blank(status, ErrorShape::CutJson)
                    };
                }
                Err(_) => {}
            }
        }
        Self::from_non_json(status, content_type, body)
    }

    /// An error in the platform's usual format, for a server that emulates the platform.
    pub fn flat(status: u16, code: impl Into<ErrorCode>, message: impl Into<String>) -> Self {
        Self {
            code: Some(code.into()),
            message: Some(message.into()),
            ..Self::blank(status, ErrorShape::Flat)
        }
    }

    /// The details of a nested error, or of a flat one that has this member.
    pub fn details(&self) -> Option<&Value> {
        let nested = self
            .extra
            .get("error")
            .and_then(|error| error.get("details"));
        nested.or_else(|| self.extra.get("details"))
    }

    /// The error as JSON in the platform's usual format: `code`, `message`, `docs_url` and the
    /// members of `extra`.
    ///
    /// Other formats are converted. A numeric code becomes its named code by
    /// [`ErrorCode::from_numeric`], or stays `error_code` if it has none. A body in an unknown
    /// format becomes its summary.
    pub fn to_flat_json(&self) -> Vec<u8> {
        let mut object = self.extra.clone();
        let named = self.number.and_then(ErrorCode::from_numeric);
        if let Some(code) = self.code.as_ref().or(named.as_ref()) {
            object.insert("code".to_owned(), Value::from(code.as_str()));
        } else if let Some(number) = self.number {
            object.insert("error_code".to_owned(), Value::from(number));
        }
        let message = match &self.message {
            Some(message) => Some(message.clone()),
            None if matches!(
                self.shape,
                ErrorShape::Flat | ErrorShape::Nested | ErrorShape::Numeric
            ) =>
            {
                None
            }
            None => Some(self.to_string()),
        };
        if let Some(message) = message {
            object.insert("message".to_owned(), Value::from(message));
        }
        if let Some(url) = &self.docs_url {
            object.insert("docs_url".to_owned(), Value::from(url.as_str()));
        }
        Value::Object(object).to_string().into_bytes()
    }

    fn blank(status: u16, shape: ErrorShape) -> Self {
        Self {
            status,
            shape,
            code: None,
            number: None,
            message: None,
            docs_url: None,
            title: None,
            excerpt: None,
            extra: Extra::new(),
        }
    }

    fn from_object(status: u16, mut object: Map<String, Value>, body: &[u8]) -> Self {
        if let Some(Value::Object(inner)) = object.get_mut("error")
            && (inner
                .get("code")
                .is_some_and(|code| code.is_string() || code.is_i64())
                || inner.get("message").is_some_and(Value::is_string))
        {
            let mut error = Self::blank(status, ErrorShape::Nested);
            error.extract_members(inner);
            if inner.is_empty() {
                object.remove("error");
            }
            error.extra = object;
            return error;
        }
        let mut error = Self::blank(status, ErrorShape::Flat);
        error.extract_members(&mut object);
        error.extra = object;
        if error.code.is_none() && error.number.is_some() {
            error.shape = ErrorShape::Numeric;
        } else if error.code.is_none() && error.message.is_none() {
            error.shape = ErrorShape::Json;
            error.message = ["error", "detail", "error_message"]
                .into_iter()
                .find_map(|key| error.extra.get(key).and_then(Value::as_str))
                .map(str::to_owned);
            error.excerpt = excerpt(body);
        }
        error
    }

    /// Takes the members that all formats share. A member with another type stays in the object.
    fn extract_members(&mut self, object: &mut Map<String, Value>) {
        self.code = take_text(object, "code")
            .or_else(|| take_text(object, "error_code"))
            .map(ErrorCode::from);
        let number = ["error_code", "code"]
            .into_iter()
            .find(|key| object.get(*key).is_some_and(Value::is_i64));
        self.number = number
            .and_then(|key| object.remove(key))
            .and_then(|value| value.as_i64());
        self.message = take_text(object, "message").or_else(|| take_text(object, "Message"));
        self.docs_url = take_text(object, "docs_url");
    }

    fn from_non_json(status: u16, content_type: Option<&str>, body: &[u8]) -> Self {
        let text = String::from_utf8_lossy(&body[..body.len().min(EXCERPT_BYTES)]);
        let start = text.get(..16).unwrap_or(&text).to_ascii_lowercase();
        let says = |word: &str| {
            content_type.is_some_and(|media_type| media_type.to_ascii_lowercase().contains(word))
        };
        let is_markup = start.starts_with('<');
        if is_markup
            && (start.starts_with("<!doctype html") || start.starts_with("<html") || says("html"))
        {
            let title =
                element(&text, "title").map(|title| one_line(&unescape(title), SUMMARY_CHARS));
            return Self {
                title: title.filter(|title| !title.is_empty()),
                excerpt: some_text(one_line(&without_tags(&text), EXCERPT_CHARS)),
                ..Self::blank(status, ErrorShape::Html)
            };
        }
        if is_markup && (start.starts_with("<?xml") || start.starts_with("<error") || says("xml")) {
            return Self {
                code: element(&text, "Code").map(|code| ErrorCode::from(unescape(code.trim()))),
                message: element(&text, "Message").map(|message| unescape(message.trim())),
                excerpt: some_text(one_line(&without_tags(&text), EXCERPT_CHARS)),
                ..Self::blank(status, ErrorShape::Xml)
            };
        }
        // More than a tenth of unreadable characters is more than a wrongly decoded Western text
        // has.
        let unreadable = text
            .chars()
            .filter(|character| matches!(character, '\0' | '\u{fffd}'))
            .count();
        if unreadable * 10 > text.chars().count() {
            return Self::blank(status, ErrorShape::Binary);
        }
        Self {
            excerpt: excerpt(body),
            ..Self::blank(status, ErrorShape::Text)
        }
    }
}

fn take_text(object: &mut Map<String, Value>, key: &str) -> Option<String> {
    match object.remove(key) {
        Some(Value::String(text)) => Some(text),
        Some(other) => {
            object.insert(key.to_owned(), other);
            None
        }
        None => None,
    }
}

fn excerpt(body: &[u8]) -> Option<String> {
    let text = String::from_utf8_lossy(&body[..body.len().min(EXCERPT_BYTES)]);
    some_text(one_line(&text, EXCERPT_CHARS))
}

fn some_text(text: String) -> Option<String> {
    Some(text).filter(|text| !text.is_empty())
}

/// One line without control characters: the code and the message, or a summary of the body.
impl fmt::Display for ErrorBody {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let code = match (&self.code, self.number) {
            (Some(code), _) => some_text(one_line(code.as_str(), SUMMARY_CHARS)),
            (None, Some(number)) => Some(format!("error {number}")),
            (None, None) => None,
        };
        let message = self.message.as_deref();
        let message = message.and_then(|message| some_text(one_line(message, SUMMARY_CHARS)));
        match (code, message) {
            (Some(code), Some(message)) => return write!(f, "{code}: {message}"),
            (Some(text), None) | (None, Some(text)) => return f.write_str(&text),
            (None, None) => {}
        }
        let kind = match self.shape {
            ErrorShape::Flat | ErrorShape::Nested | ErrorShape::Numeric => {
                return f.write_str("an error without code and message");
            }
            ErrorShape::Empty => return f.write_str("an empty body"),
            ErrorShape::Binary => return f.write_str("a body that is not text"),
            ErrorShape::Json => "JSON of an unknown form",
            ErrorShape::CutJson => "JSON that ends too early",
            ErrorShape::Html => "an HTML page",
            ErrorShape::Xml => "an XML document",
            ErrorShape::Text => "a text",
        };
        match self.title.as_ref().or(self.excerpt.as_ref()) {
            Some(text) => write!(f, "{kind}: {text}"),
            None => f.write_str(kind),
        }
    }
}
