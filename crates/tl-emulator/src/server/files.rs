//! Serves stored files, completely or as a single range: renditions for players, received files for
//! the page.

use std::{io::SeekFrom, ops::RangeInclusive, path::Path, sync::Arc, time::UNIX_EPOCH};

use axum::{
    body::Body,
    extract::{self, State},
    response::{IntoResponse, Response},
};
use http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use tokio::io::{AsyncReadExt, AsyncSeekExt};
use url::form_urlencoded;

use super::{
    Runtime,
    renderer::{MEDIA_FILE, MEDIA_PLAYLIST},
};
use crate::{
    media::renditions::{EXPIRES, PLAYLIST},
    platform::MediaKey,
};

/// Bytes read from a file at once.
const READ_SIZE: usize = 256 * 1024;

/// Serves a file of a rendition. As on the platform, the URL needs no API key, and a player may be
/// embedded in any page.
pub(super) async fn rendition(
    State(runtime): State<Arc<Runtime>>,
    extract::Path((folder, name)): extract::Path<(String, String)>,
    extract::RawQuery(query): extract::RawQuery,
    method: Method,
    headers: HeaderMap,
) -> Response {
    if is_expired(&runtime, query.as_deref().unwrap_or_default()) {
        return StatusCode::FORBIDDEN.into_response();
    }
    let kind = match name.as_str() {
        PLAYLIST | MEDIA_PLAYLIST => "application/vnd.apple.mpegurl",
        MEDIA_FILE => "video/mp4",
        thumbnail if is_thumbnail(thumbnail) => "image/jpeg",
        _ => return StatusCode::NOT_FOUND.into_response(),
    };
    if !matches!(method, Method::GET | Method::HEAD) {
        return (
            StatusCode::METHOD_NOT_ALLOWED,
            [(header::ALLOW, "GET, HEAD")],
        )
            .into_response();
    }
    // Directory names are generated, so anything else cannot exist.
    let is_plain = |character: char| character.is_ascii_hexdigit() || character == '-';
    if folder.is_empty() || !folder.chars().all(is_plain) {
        return StatusCode::NOT_FOUND.into_response();
    }
    let path = runtime.media.path_of(&MediaKey::new(folder)).join(&name);
    let mut response = serve(&path, kind, &headers).await;
    let fields = response.headers_mut();
    let anyone = HeaderValue::from_static("*");
    fields.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, anyone);
    fields.insert(
        header::ACCESS_CONTROL_EXPOSE_HEADERS,
        HeaderValue::from_static("content-length, content-range"),
    );
    response
}

/// Whether a URL has a time after which it is not valid, and it has passed.
fn is_expired(runtime: &Runtime, query: &str) -> bool {
    let mut parameters = form_urlencoded::parse(query.as_bytes());
    let expires = parameters.find(|(name, _)| name == EXPIRES);
    let expires = expires.and_then(|(_, value)| value.parse::<u64>().ok());
    let now = runtime.clock.now().wall.duration_since(UNIX_EPOCH);
    let now = now.map_or(0, |since| since.as_secs());
    expires.is_some_and(|expires| expires <= now)
}

fn is_thumbnail(name: &str) -> bool {
    let number = name
        .strip_prefix("thumbnail-")
        .and_then(|rest| rest.strip_suffix(".jpg"));
    number.is_some_and(|number| number.len() < 4 && number.parse::<u32>().is_ok())
}

/// Serves the file at `path` with the media type `kind`.
pub(crate) async fn serve(path: &Path, kind: &'static str, headers: &HeaderMap) -> Response {
    let Ok(mut file) = tokio::fs::File::open(path).await else {
        return StatusCode::NOT_FOUND.into_response();
    };
    let Ok(length) = file.metadata().await.map(|metadata| metadata.len()) else {
        return StatusCode::NOT_FOUND.into_response();
    };
    let header = headers
        .get(header::RANGE)
        .and_then(|range| range.to_str().ok());
    let (status, start, count) = match header.map(|header| range(header, length)) {
        None => (StatusCode::OK, 0, length),
        Some(Some(range)) => {
            let count = range.end() - range.start() + 1;
            (StatusCode::PARTIAL_CONTENT, *range.start(), count)
        }
        Some(None) => {
            let content_range = format!("bytes */{length}");
            return (
                StatusCode::RANGE_NOT_SATISFIABLE,
                [(header::CONTENT_RANGE, content_range)],
            )
                .into_response();
        }
    };
    if file.seek(SeekFrom::Start(start)).await.is_err() {
        return StatusCode::NOT_FOUND.into_response();
    }
    let body = futures_util::stream::try_unfold((file, count), async |(mut file, left)| {
        if left == 0 {
            return Ok::<_, std::io::Error>(None);
        }
        let mut piece = vec![0; usize::try_from(left).unwrap_or(READ_SIZE).min(READ_SIZE)];
        let read = file.read(&mut piece).await?;
        if read == 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
        piece.truncate(read);
        Ok(Some((piece, (file, left - read as u64))))
    });
    let mut response = Response::new(Body::from_stream(body));
    *response.status_mut() = status;
    let fields = response.headers_mut();
    fields.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    fields.insert(
        header::X_CONTENT_TYPE_OPTIONS,
        HeaderValue::from_static("nosniff"),
    );
    fields.insert(header::ACCEPT_RANGES, HeaderValue::from_static("bytes"));
    fields.insert(header::CONTENT_LENGTH, count.into());
    if status == StatusCode::PARTIAL_CONTENT
        && let Ok(content_range) = format!("bytes {start}-{}/{length}", start + count - 1).parse()
    {
        fields.insert(header::CONTENT_RANGE, content_range);
    }
    response
}

/// Parses the single byte range of `text` for a file of `length` bytes. Multiple ranges are not
/// supported.
fn range(text: &str, length: u64) -> Option<RangeInclusive<u64>> {
    let (first, last) = text.strip_prefix("bytes=")?.split_once('-')?;
    let end = length.checked_sub(1)?;
    let range = match (first.trim(), last.trim()) {
        ("", last) => length.saturating_sub(last.parse().ok().filter(|count| *count > 0)?)..=end,
        (first, "") => first.parse().ok()?..=end,
        (first, last) => first.parse().ok()?..=last.parse::<u64>().ok()?.min(end),
    };
    (range.start() <= range.end()).then_some(range)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_single_ranges_are_parsed() {
        for (text, expected) in [
            ("bytes=0-", Some(0..=9)),
            ("bytes=2-5", Some(2..=5)),
            ("bytes=2-500", Some(2..=9)),
            ("bytes=-3", Some(7..=9)),
            ("bytes=-30", Some(0..=9)),
            ("bytes=10-", None),
            ("bytes=5-2", None),
            ("bytes=-0", None),
            ("bytes=0-1,3-4", None),
            ("bytes=a-b", None),
            ("bytes=-99999999999999999999999", None),
            ("lines=0-1", None),
            ("bytes=", None),
        ] {
            assert_eq!(range(text, 10), expected, "{text}");
        }
        assert_eq!(range("bytes=0-", 0), None);
    }

    #[test]
    fn thumbnail_names_are_recognized() {
        for (name, expected) in [
            ("thumbnail-1.jpg", true),
            ("thumbnail-.jpg", false),
            ("thumbnail-1.png", false),
            ("thumbnail-../../x.jpg", false),
            ("thumbnail-123456789.jpg", false),
        ] {
            assert_eq!(is_thumbnail(name), expected, "{name}");
        }
    }
}
