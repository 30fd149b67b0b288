//! Opens the file behind a URL, following redirects, and reads its bytes for the probe.

use std::io;

use bytes::Bytes;
use http::header::{CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE, ETAG, LAST_MODIFIED, LOCATION};
use http::{HeaderMap, HeaderName};
use tl_validate::RangeRead;
use tl_validate::web::{self, Answer, Head, ProblemKind};
use url::Url;

use super::fetch::{Fetched, Fetcher};
use crate::failure::Failure;
use crate::failure::exit::Exit;
use crate::text::units::format_bytes;

/// Size of the first request. Files with their index at the start usually need no second one.
const FIRST_REQUEST: u64 = 512 << 10;

/// Maximum number of redirects.
const MAX_REDIRECTS: usize = 5;

/// An opened file.
pub(super) struct Opened {
    pub(super) file: RemoteFile,
    /// The final URL if it was redirected.
    pub(super) redirected: Option<Url>,
}

/// The bytes of a file behind a URL.
pub(super) struct RemoteFile {
    fetcher: Fetcher,
    url: Url,
    size: u64,
    /// Validator of the file's version.
    state: Option<String>,
    begins: Bytes,
    failure: Option<Failure>,
}

/// Requests the start of the file and follows redirects.
pub(super) fn open(mut fetcher: Fetcher, from: &Url) -> Result<Opened, Failure> {
    let mut url = from.clone();
    for redirects in 0..=MAX_REDIRECTS {
        let asked = FIRST_REQUEST.min(fetcher.left.max(1));
        let fetched = fetcher.range(&url, 0, asked)?;
        let name = web::shown(&url);
        match classify(&fetched, asked, &name)? {
            Answer::Ranges { size } | Answer::Whole { size } => {
                let file = RemoteFile {
                    state: state(&fetched.headers),
                    begins: fetched.body,
                    fetcher,
                    url: url.clone(),
                    size,
                    failure: None,
                };
                return Ok(Opened {
                    file,
                    redirected: (redirects > 0).then_some(url),
                });
            }
            Answer::Elsewhere { location } => url = next(&url, &location)?,
            // Added by a later version.
            other => {
                return Err(Failure::new(
                    Exit::Refused,
                    "unexpected_response",
                    format!("`{name}`: {other:?}"),
                ));
            }
        }
    }
    Err(Failure::new(
        Exit::RefusedLocally,
        "too_many_redirects",
        format!(
            "`{}`: more than {MAX_REDIRECTS} redirects",
            web::shown(from)
        ),
    )
    .hint("pass the final URL"))
}

/// Target of a redirect; never from https to http, and never a web page.
fn next(url: &Url, location: &str) -> Result<Url, Failure> {
    let from = web::shown(url);
    let to = url.join(location).map_err(|error| {
        Failure::new(
            Exit::RefusedLocally,
            "bad_redirect",
            format!("`{from}` redirects to an invalid URL"),
        )
        .with_source(&error)
        .hint("pass the URL of the file")
    })?;
    let refused = |why: &str| {
        Failure::new(
            Exit::RefusedLocally,
            "bad_redirect",
            format!("`{from}` redirects to `{}`: {why}", web::shown(&to)),
        )
    };
    if let Some(page) = web::page(&to) {
        return Err(refused(&format!(
            "{} of {}, not a video file",
            page.what, page.service
        ))
        .hint(page.instead));
    }
    match (url.scheme(), to.scheme()) {
        ("https", "http") => {
            Err(refused("redirect from https to http").hint("pass the https URL of the file"))
        }
        (_, "http" | "https") => Ok(to),
        _ => Err(refused("unsupported URL scheme").hint("pass the URL of the file")),
    }
}

fn classify(fetched: &Fetched, asked: u64, name: &str) -> Result<Answer, Failure> {
    let text = |header: HeaderName| {
        fetched
            .headers
            .get(header)
            .and_then(|value| value.to_str().ok())
    };
    let mut head = Head::new(fetched.status.as_u16(), &fetched.body);
    head.content_range = text(CONTENT_RANGE);
    head.content_length = text(CONTENT_LENGTH)
        .and_then(|length| length.parse().ok())
        .or(Some(fetched.body.len() as u64));
    head.content_type = text(CONTENT_TYPE);
    head.location = text(LOCATION);
    web::read_head(&head, asked).map_err(|problem| {
        let (exit, kind) = match problem.kind() {
            ProblemKind::Forbidden => (Exit::RefusedLocally, "url_forbidden"),
            ProblemKind::NotFound => (Exit::RefusedLocally, "url_not_found"),
            ProblemKind::Html => (Exit::RefusedLocally, "html_page"),
            ProblemKind::NoRanges => (Exit::RefusedLocally, "no_ranges"),
            ProblemKind::Empty => (Exit::RefusedLocally, "empty"),
            ProblemKind::Temporary => (Exit::Temporary, "url_busy"),
            _ => (Exit::RefusedLocally, "unexpected_response"),
        };
        Failure::new(exit, kind, format!("`{name}`: {}", problem.seen())).hint(problem.next())
    })
}

/// The strong entity tag, or the time of the last modification.
fn state(headers: &HeaderMap) -> Option<String> {
    let text = |name: HeaderName| headers.get(name).and_then(|value| value.to_str().ok());
    text(ETAG)
        .filter(|tag| !tag.starts_with("W/"))
        .or_else(|| text(LAST_MODIFIED))
        .map(str::to_owned)
}

impl RemoteFile {
    /// `12.5 MB, 512.0 kB fetched in 1 request`
    pub(super) fn summary(&self) -> String {
        let requests = self.fetcher.requests;
        format!(
            "{}, {} fetched in {requests} request{}",
            format_bytes(self.size),
            format_bytes(self.fetcher.fetched),
            if requests == 1 { "" } else { "s" }
        )
    }

    /// The first bytes.
    pub(super) fn begins(&self) -> &[u8] {
        &self.begins
    }

    /// The final URL.
    pub(super) fn url(&self) -> &Url {
        &self.url
    }

    /// The rest of the budget, for another file.
    pub(super) fn into_fetcher(self) -> Fetcher {
        self.fetcher
    }

    /// Takes the last network error.
    pub(super) fn take_failure(&mut self) -> Option<Failure> {
        self.failure.take()
    }

    fn fetch(&mut self, offset: u64, length: u64) -> Result<Bytes, Failure> {
        let name = web::shown(&self.url);
        let fetched = self.fetcher.range(&self.url, offset, length)?;
        let changed = || {
            Failure::new(
                Exit::Temporary,
                "url_changed",
                format!("`{name}` changed while it was read"),
            )
            .hint("retry when the file is complete")
        };
        if fetched.status != http::StatusCode::PARTIAL_CONTENT {
            // Report what the status means, e.g. an expired URL or a busy server.
            classify(&fetched, 0, &name)?;
            return Err(changed());
        }
        let range = fetched
            .headers
            .get(CONTENT_RANGE)
            .and_then(|value| value.to_str().ok())
            .unwrap_or_default();
        let expected = format!("{offset}-");
        let from = range.trim_start_matches("bytes").trim_start();
        let size = range
            .rsplit('/')
            .next()
            .and_then(|size| size.trim().parse::<u64>().ok());
        if !from.starts_with(&expected)
            || size.is_some_and(|size| size != self.size)
            || state(&fetched.headers) != self.state
        {
            return Err(changed());
        }
        Ok(fetched.body)
    }
}

impl RangeRead for RemoteFile {
    fn size(&self) -> u64 {
        self.size
    }

    fn remaining(&self) -> Option<u64> {
        // Reading from the first response needs no further request.
        Some(self.fetcher.left.saturating_add(self.begins.len() as u64))
    }

    fn read_at(&mut self, offset: u64, into: &mut [u8]) -> io::Result<usize> {
        if into.is_empty() || offset >= self.size {
            return Ok(0);
        }
        if offset < self.begins.len() as u64 {
            // The offset is less than the length of a slice.
            let from = offset as usize;
            let count = into.len().min(self.begins.len() - from);
            into[..count].copy_from_slice(&self.begins[from..from + count]);
            return Ok(count);
        }
        let wanted = (into.len() as u64).min(self.size - offset);
        if wanted > self.fetcher.left {
            return Err(io::ErrorKind::QuotaExceeded.into());
        }
        match self.fetch(offset, wanted) {
            Ok(bytes) => {
                let count = into.len().min(bytes.len());
                into[..count].copy_from_slice(&bytes[..count]);
                Ok(count)
            }
            Err(failure) => {
                let error = io::Error::other(failure.message().to_owned());
                self.failure = Some(failure);
                Err(error)
            }
        }
    }
}
