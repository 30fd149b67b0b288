//! Inputs: files, links, sources and assets; and parsing of user input.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use bytes::Bytes;
use tl_model::AssetId;
use tl_protocol::{BytesSource, Source};
#[cfg(any(feature = "async", feature = "blocking"))]
use tl_validate::web;
use url::Url;

use crate::{
    Error, ErrorKind, FileSource, ProbedFile,
    link::{PRESIGNED, WITHOUT_FILE, url_scheme},
};

/// The input of an upload or ingestion.
///
/// Every method that takes an input also takes what can be converted to it:
///
/// | Type | Input |
/// |---|---|
/// | `&str`, `String`, `&Path`, `PathBuf` | a local file |
/// | [`FileSource`], `Arc<FileSource>` | a local file that is already open |
/// | `(name, bytes)`, [`BytesSource`] | bytes in memory: [`bytes::Bytes`], `Vec<u8>`, … |
/// | `source::AsyncSource` | an async reader (feature `async`) |
/// | `source::ObjectSource` | an object of an object store (feature `object_store`) |
/// | `Arc<dyn Source>` | any other source; see [`Input::source`] |
/// | [`Url`] | a link that the platform fetches |
/// | [`AssetId`] | an existing asset |
///
/// A string is always a path. For text from a user, which may be a path or a link, use
/// [`Input::parse`]. A link in place of a path is an error that says so.
///
/// ```
/// use tl_client::Input;
///
/// let path = Input::from("clips/match.mp4");
/// let bytes = Input::from(("match.mp4", vec![0; 16]));
/// let link = Input::parse("https://example.com/match.mp4")?;
/// assert!(matches!(link, Input::Url(_)));
/// # Ok::<(), tl_client::Error>(())
/// ```
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum Input {
    /// A local file.
    File(PathBuf),
    /// A local file that was probed before. It is not probed again.
    Probed(ProbedFile),
    /// A local file that is already open.
    OpenFile(Arc<FileSource>),
    /// A direct link to the raw file, which the platform fetches.
    Url(Url),
    /// Bytes from any other source. The check reads them in place, by ranges; every built-in prober
    /// can. With a custom prober that reads only files, or if the bytes arrive too slowly for its
    /// deadline, they are sent unchecked, as reported by
    /// [`Event::NotChecked`](crate::Event::NotChecked) and
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
    /// without a host. A `source::ObjectSource` (feature `object_store`) reads `s3://` and similar
    /// objects.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let Some(scheme) = url_scheme(text) else {
            return Ok(Self::File(text.into()));
        };
        if !["http", "https"]
            .iter()
            .any(|known| scheme.eq_ignore_ascii_case(known))
        {
            let instead = match scheme.eq_ignore_ascii_case("file") {
                true => WITHOUT_FILE,
                false => PRESIGNED,
            };
            return Err(Error::new(
                ErrorKind::Configuration,
                format!("unsupported URL scheme `{scheme}`: {instead}"),
            ));
        }
        let url = Url::parse(text).map_err(|error| {
            Error::new(ErrorKind::Configuration, "invalid URL").with_source(error)
        })?;
        Ok(Self::Url(url))
    }

    /// Uses any source of bytes.
    pub fn source(source: impl Source + 'static) -> Self {
        Self::Source(Arc::new(source))
    }

    /// Uses bytes in memory, with the file name `name`. Cloning [`Bytes`] does not copy them.
    pub fn bytes(name: impl Into<String>, bytes: impl Into<Bytes>) -> Self {
        Self::source(BytesSource::new(name, bytes))
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

/// Implements conversions from types by an expression.
macro_rules! from {
    ($($(#[$attribute:meta])* $type:ty, $value:ident => $input:expr;)+) => {
        $(
            $(#[$attribute])*
            impl From<$type> for Input {
                fn from($value: $type) -> Self {
                    $input
                }
            }
        )+
    };
}

from! {
    /// A path; use [`Input::parse`] or [`Url`] for a link.
    &str, path => Self::File(path.into());
    /// A path; use [`Input::parse`] or [`Url`] for a link.
    String, path => Self::File(path.into());
    /// A path; use [`Input::parse`] or [`Url`] for a link.
    &String, path => Self::File(path.into());
    PathBuf, path => Self::File(path);
    &PathBuf, path => Self::File(path.clone());
    &Path, path => Self::File(path.to_owned());
    FileSource, file => Self::OpenFile(Arc::new(file));
    Arc<FileSource>, file => Self::OpenFile(file);
    BytesSource, bytes => Self::source(bytes);
    ProbedFile, file => Self::Probed(file);
    Arc<dyn Source>, source => Self::Source(source);
    #[cfg(feature = "async")]
    crate::source::AsyncSource, reader => Self::source(reader);
    #[cfg(feature = "object_store")]
    crate::source::ObjectSource, object => Self::source(object);
    Url, url => Self::Url(url);
    AssetId, asset_id => Self::Asset(asset_id);
}

impl<N: Into<String>, B: Into<Bytes>> From<(N, B)> for Input {
    /// A file name and bytes in memory.
    fn from((name, bytes): (N, B)) -> Self {
        Self::bytes(name, bytes)
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
        check("C://clips/a.mp4", "file C://clips/a.mp4");
        check("ftp://example.com/a.mp4", "unsupported URL scheme `ftp`");
        check("s3://bucket/a.mp4", "unsupported URL scheme `s3`");
        check("file:///clips/a.mp4", "pass the path without `file://`");
        check("https://", "invalid URL");
    }

    #[test]
    fn converts_from_everything_that_has_bytes() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.mp4");
        std::fs::write(&path, b"bytes").unwrap();
        let text = path.to_str().unwrap().to_owned();
        let open = || FileSource::open(&path).unwrap();
        let any: Arc<dyn Source> = Arc::new(open());
        let inputs: [(Input, &str); 14] = [
            (text.as_str().into(), "file"),
            ((&text).into(), "file"),
            (text.clone().into(), "file"),
            (path.as_path().into(), "file"),
            ((&path).into(), "file"),
            (path.clone().into(), "file"),
            (open().into(), "open file"),
            (Arc::new(open()).into(), "open file"),
            (any.into(), "source"),
            (("a.mp4", Bytes::from_static(b"bytes")).into(), "source"),
            (("a.mp4".to_owned(), b"bytes".to_vec()).into(), "source"),
            (BytesSource::new("a.mp4", "bytes").into(), "source"),
            (Input::bytes("a.mp4", "bytes"), "source"),
            (Input::source(open()), "source"),
        ];
        for (at, (input, expected)) in inputs.into_iter().enumerate() {
            let (kind, name, len) = match input {
                Input::File(path) => {
                    let file = FileSource::open(path).unwrap();
                    ("file", file.name().to_owned(), file.len())
                }
                Input::OpenFile(file) => ("open file", file.name().to_owned(), file.len()),
                Input::Source(source) => ("source", source.name().to_owned(), source.len()),
                other => panic!("{other:?}"),
            };
            assert_eq!((kind, name.as_str(), len), (expected, "a.mp4", 5), "{at}");
        }
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
