//! Interprets the response to the first range request: the size of the file, a redirect, or why it
//! cannot be read.

use std::fmt;

/// The relevant parts of a response.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Head<'a> {
    /// The status code.
    pub status: u16,
    /// The `Content-Range` header.
    pub content_range: Option<&'a str>,
    /// The `Content-Length` header.
    pub content_length: Option<u64>,
    /// The `Content-Type` header.
    pub content_type: Option<&'a str>,
    /// The `Location` header.
    pub location: Option<&'a str>,
    /// The first bytes of the body, if known.
    pub begins: &'a [u8],
}

impl<'a> Head<'a> {
    /// A response without headers.
    #[must_use]
    pub fn new(status: u16, begins: &'a [u8]) -> Self {
        Self {
            status,
            begins,
            ..Self::default()
        }
    }
}

/// A usable response.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Answer {
    /// The server supports range requests.
    Ranges {
        /// Size of the whole file in bytes.
        size: u64,
    },
    /// The server sent the whole file, which is not longer than the requested range.
    Whole {
        /// Size of the whole file in bytes.
        size: u64,
    },
    /// A redirect.
    Elsewhere {
        /// The `Location` header; may be relative to the requested URL.
        location: String,
    },
}

/// Kind of a [`Problem`] with a URL.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ProblemKind {
    /// 401, 403 and similar: credentials are missing or have expired.
    Forbidden,
    /// 404 or 410.
    NotFound,
    /// The response is a web page instead of a video.
    Html,
    /// The server does not support range requests, so the file cannot be checked without
    /// downloading it.
    NoRanges,
    /// The file is empty.
    Empty,
    /// 429 or 5xx: a retry may succeed.
    Temporary,
    /// Any other response that is not a file.
    Unexpected,
}

/// A problem with a URL.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    kind: ProblemKind,
    seen: String,
}

/// Interprets the response to a request for the first `asked` bytes.
///
/// # Errors
/// [`Problem`] for every response that is neither the start of a file nor a redirect.
pub fn read_head(head: &Head<'_>, asked: u64) -> Result<Answer, Problem> {
    let wrong = |kind, seen: String| Err(Problem { kind, seen });
    let html = is_html(head);
    match head.status {
        206 => {
            if html {
                return wrong(ProblemKind::Html, "the server sent a web page".to_owned());
            }
            match head.content_range.map(size_of_range) {
                Some(Some(0)) => wrong(ProblemKind::Empty, "the file is empty (0 bytes)".to_owned()),
                Some(Some(size)) => Ok(Answer::Ranges { size }),
                _ => wrong(
                    ProblemKind::NoRanges,
                    format!("the server sent a range without the size of the file (Content-Range: {})", head.content_range.unwrap_or("none")),
                ),
            }
        }
        // The whole file instead of a range: it is not longer, or the server does not support
        // ranges.
        200 if html => wrong(ProblemKind::Html, "the server sent a web page".to_owned()),
        200 => match head.content_length {
            Some(0) => wrong(ProblemKind::Empty, "the file is empty (0 bytes)".to_owned()),
            Some(size) if size <= asked => Ok(Answer::Whole { size }),
            size => wrong(
                ProblemKind::NoRanges,
                format!(
                    "the server sent the whole file{} instead of the requested range",
                    size.map(|size| format!(" ({size} bytes)")).unwrap_or_default()
                ),
            ),
        },
        // Not even the first byte exists.
        416 => wrong(ProblemKind::Empty, "the file is empty (status 416)".to_owned()),
        301 | 302 | 303 | 307 | 308 => match head.location {
            Some(location) if !location.is_empty() => Ok(Answer::Elsewhere { location: location.to_owned() }),
            _ => wrong(ProblemKind::Unexpected, format!("the server redirects without a location (status {})", head.status)),
        },
        401 | 402 | 403 | 407 | 451 => wrong(ProblemKind::Forbidden, format!("the server refuses access (status {})", head.status)),
        404 | 410 => wrong(ProblemKind::NotFound, format!("not found (status {})", head.status)),
        // S3 returns this status if a signature is malformed or was made for another method.
        400 => wrong(ProblemKind::Forbidden, "the server rejects the request (status 400), for example because of a damaged signature".to_owned()),
        408 | 425 | 429 | 500..=599 => wrong(ProblemKind::Temporary, format!("the server is temporarily unavailable (status {})", head.status)),
        other => wrong(ProblemKind::Unexpected, format!("the server returned status {other}")),
    }
}

/// The size after the slash in `bytes 0-99/1000`; `None` if it is `*` or invalid.
fn size_of_range(text: &str) -> Option<u64> {
    let (range, size) = text
        .trim()
        .strip_prefix("bytes")?
        .trim_start()
        .rsplit_once('/')?;
    let size = size.trim().parse().ok()?;
    let starts_at_zero = range
        .trim()
        .split_once('-')
        .is_some_and(|(from, _)| from.trim() == "0");
    starts_at_zero.then_some(size)
}

fn is_html(head: &Head<'_>) -> bool {
    let kind = head
        .content_type
        .unwrap_or_default()
        .trim_start()
        .to_ascii_lowercase();
    if kind.starts_with("text/html") || kind.starts_with("application/xhtml") {
        return true;
    }
    let begins: String =
        String::from_utf8_lossy(&head.begins[..head.begins.len().min(256)]).to_ascii_lowercase();
    let begins = begins.trim_start_matches(|c: char| c.is_whitespace() || c == '\u{feff}');
    begins.starts_with("<!doctype html") || begins.starts_with("<html")
}

impl Problem {
    /// Kind of the problem.
    pub fn kind(&self) -> ProblemKind {
        self.kind
    }

    /// What was seen, as a clause.
    pub fn seen(&self) -> &str {
        &self.seen
    }

    /// What to do next, as a clause.
    pub fn next(&self) -> &'static str {
        match self.kind {
            ProblemKind::Forbidden => {
                "make the file readable for everyone, or use a fresh presigned URL (made for GET)"
            }
            ProblemKind::NotFound => "check the URL; it is case-sensitive",
            ProblemKind::Html => {
                "use the URL of the file itself: in a private window it must play or download without a login"
            }
            ProblemKind::NoRanges => {
                "download the file and check it locally; the platform may still be able to fetch it"
            }
            ProblemKind::Empty => "upload the file again",
            ProblemKind::Temporary => "retry later",
            ProblemKind::Unexpected => "open the URL in a browser",
        }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}; {}", self.seen, self.next())
    }
}

impl std::error::Error for Problem {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn responses_are_classified() {
        let range = |text| Head {
            status: 206,
            content_range: Some(text),
            ..Head::default()
        };
        let status = |status| Head {
            status,
            ..Head::default()
        };
        let long = |length| Head {
            status: 200,
            content_length: length,
            ..Head::default()
        };
        let check = |head: Head<'_>, expected: Result<Answer, ProblemKind>| {
            assert_eq!(
                read_head(&head, 1000).map_err(|p| p.kind()),
                expected,
                "{head:?}"
            );
        };
        check(
            range("bytes 0-999/123456"),
            Ok(Answer::Ranges { size: 123_456 }),
        );
        check(range("bytes 0-0/1"), Ok(Answer::Ranges { size: 1 }));
        check(range("bytes 0-999/*"), Err(ProblemKind::NoRanges));
        check(range("bytes 5-999/123456"), Err(ProblemKind::NoRanges));
        check(range("pages 1-2/3"), Err(ProblemKind::NoRanges));
        check(
            range("bytes 0-0/99999999999999999999999"),
            Err(ProblemKind::NoRanges),
        );
        check(status(206), Err(ProblemKind::NoRanges));
        check(long(Some(1000)), Ok(Answer::Whole { size: 1000 }));
        check(long(Some(1001)), Err(ProblemKind::NoRanges));
        check(long(None), Err(ProblemKind::NoRanges));
        check(long(Some(0)), Err(ProblemKind::Empty));
        check(
            Head {
                content_type: Some("text/html; charset=utf-8"),
                ..long(Some(5))
            },
            Err(ProblemKind::Html),
        );
        check(
            Head {
                begins: b"\n <!DOCTYPE html><p>",
                ..range("bytes 0-9/10")
            },
            Err(ProblemKind::Html),
        );
        check(
            Head {
                location: Some("/b"),
                ..status(302)
            },
            Ok(Answer::Elsewhere {
                location: "/b".to_owned(),
            }),
        );
        check(status(302), Err(ProblemKind::Unexpected));
        check(status(304), Err(ProblemKind::Unexpected));
        check(status(401), Err(ProblemKind::Forbidden));
        check(status(403), Err(ProblemKind::Forbidden));
        check(status(404), Err(ProblemKind::NotFound));
        check(status(416), Err(ProblemKind::Empty));
        check(status(429), Err(ProblemKind::Temporary));
        check(status(503), Err(ProblemKind::Temporary));
        check(status(0), Err(ProblemKind::Unexpected));
    }
}
