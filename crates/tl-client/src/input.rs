//! Inputs: files, links, sources and assets; and parsing of user input.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use tl_model::AssetId;
use tl_protocol::Source;
#[cfg(any(feature = "async", feature = "blocking"))]
use tl_validate::web;
use url::Url;

use crate::{Error, ErrorKind, ProbedFile};

/// The input of an upload or ingestion.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum Input {
    /// A local file.
    File(PathBuf),
    /// A local file that was probed before. It is not probed again.
    Probed(ProbedFile),
    /// A direct link to the raw file, which the platform fetches.
    Url(Url),
    /// Bytes from any other source. The check reads them in place. If its prober reads only files,
    /// they are sent unchecked, as reported by [`Event::NotChecked`](crate::Event::NotChecked) and
    /// [`Ingested::not_checked`](crate::Ingested::not_checked).
    Source(Arc<dyn Source>),
    /// An existing asset.
    Asset(AssetId),
}

impl Input {
    /// Parses user input: an `http://` or `https://` URL is a link, anything else a path.
    ///
    /// # Errors
    /// [`ErrorKind::Configuration`] for another scheme, such as `ftp://` or `s3://`, and for a URL
    /// without a host.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let Some((scheme, _)) = text.split_once("://").filter(|(scheme, _)| {
            !scheme.is_empty()
                && scheme
                    .bytes()
                    .all(|b| b.is_ascii_alphanumeric() || b"+-.".contains(&b))
        }) else {
            return Ok(Self::File(text.into()));
        };
        if !matches!(scheme.to_ascii_lowercase().as_str(), "http" | "https") {
            return Err(Error::new(
                ErrorKind::Configuration,
                format!(
                    "unsupported URL scheme `{scheme}`: use an https URL of the file, e.g. a presigned URL"
                ),
            ));
        }
        let url = Url::parse(text).map_err(|error| {
            Error::new(ErrorKind::Configuration, "invalid URL").with_source(error)
        })?;
        Ok(Self::Url(url))
    }
}

/// Rejects a link that cannot be fetched: a web page that shows a video, or an expired presigned
/// URL.
///
/// # Errors
/// [`ErrorKind::RefusedLocally`]; the message says what to use instead.
#[cfg(any(feature = "async", feature = "blocking"))]
pub(crate) fn refuse_link(url: &Url, now: std::time::SystemTime) -> Result<(), Error> {
    let name = web::shown(url);
    if let Some(page) = web::page(url) {
        return Err(Error::new(
            ErrorKind::RefusedLocally,
            format!(
                "`{name}` is {} of {}, not a video file: {}",
                page.what, page.service, page.instead
            ),
        ));
    }
    let left = jiff::Timestamp::try_from(now)
        .ok()
        .zip(web::presigned(url))
        .and_then(|(now, presigned)| presigned.time_left(now));
    match left {
        Some(left) if !left.is_positive() => Err(Error::new(
            ErrorKind::RefusedLocally,
            format!(
                "`{name}`: the presigned URL expired {:#} ago; create a new one",
                left.abs()
            ),
        )),
        _ => Ok(()),
    }
}

impl From<&str> for Input {
    /// A path; use [`Input::parse`] or [`Url`] for a link.
    fn from(path: &str) -> Self {
        Self::File(path.into())
    }
}

impl From<PathBuf> for Input {
    fn from(path: PathBuf) -> Self {
        Self::File(path)
    }
}

impl From<&Path> for Input {
    fn from(path: &Path) -> Self {
        Self::File(path.to_owned())
    }
}

impl From<ProbedFile> for Input {
    fn from(file: ProbedFile) -> Self {
        Self::Probed(file)
    }
}

impl From<Url> for Input {
    fn from(url: Url) -> Self {
        Self::Url(url)
    }
}

impl From<Arc<dyn Source>> for Input {
    fn from(source: Arc<dyn Source>) -> Self {
        Self::Source(source)
    }
}

impl From<AssetId> for Input {
    fn from(asset_id: AssetId) -> Self {
        Self::Asset(asset_id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn input_is_a_path_or_a_link() {
        let check = |text: &str, expected: &str| {
            let seen = match Input::parse(text) {
                Ok(Input::File(path)) => format!("file {}", path.display()),
                Ok(Input::Url(url)) => format!("url {url}"),
                Ok(other) => format!("{other:?}"),
                Err(error) => error.to_string(),
            };
            assert!(seen.contains(expected), "{text}: {seen}");
        };
        check("clips/a.mp4", "file clips/a.mp4");
        check("C:\\clips\\a.mp4", "file C:\\clips\\a.mp4");
        check("./odd://name.mp4", "file ./odd://name.mp4");
        check(
            "https://example.com/a.mp4?x=1",
            "url https://example.com/a.mp4?x=1",
        );
        check("HTTPS://example.com/a.mp4", "url https://example.com/a.mp4");
        check("ftp://example.com/a.mp4", "unsupported URL scheme `ftp`");
        check("s3://bucket/a.mp4", "unsupported URL scheme `s3`");
        check("https://", "invalid URL");
    }

    #[cfg(any(feature = "async", feature = "blocking"))]
    #[test]
    fn page_links_and_expired_urls_are_refused() {
        let now = std::time::UNIX_EPOCH + std::time::Duration::from_secs(1_800_000_000);
        let check = |url: &str, part: Option<&str>| {
            let refused = refuse_link(&url.parse().unwrap(), now);
            let text = refused.err().map(|error| error.to_string());
            assert_eq!(text.is_some(), part.is_some(), "{url}: {text:?}");
            let (text, part) = (text.unwrap_or_default(), part.unwrap_or_default());
            assert!(text.contains(part) && !text.contains("SECRET"), "{text}");
        };
        check("https://example.com/a.mp4?x=1", None);
        check("https://www.youtube.com/watch?v=SECRET", Some("YouTube"));
        check(
            "https://drive.google.com/file/d/1/view",
            Some("Google Drive"),
        );
        let presigned = |seconds: u32| {
            format!(
                "https://b.s3.amazonaws.com/a.mp4?X-Amz-Date=20270115T075900Z&X-Amz-Expires={seconds}&X-Amz-Signature=SECRET"
            )
        };
        check(&presigned(3600), None);
        check(&presigned(30), Some("expired 30s ago"));
    }
}
