//! Recognizes URLs in text that is meant to be a path.

use std::path::Path;

use tl_validate::web;
use url::Url;

use crate::{Error, ErrorKind};

/// What to do instead of giving a `file://` URL.
pub(crate) const WITHOUT_FILE: &str = "pass the path without `file://`";

/// What to do instead of giving a URL that the platform cannot fetch.
pub(crate) const PRESIGNED: &str = "use an https URL of the file, e.g. a presigned URL";

/// The scheme of a text that looks like a URL. A single letter is a drive, as in `C://clips`.
pub(crate) fn url_scheme(text: &str) -> Option<&str> {
    let (scheme, _) = text.split_once("://")?;
    let is_scheme = scheme.len() > 1
        && scheme
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b"+-.".contains(&b));
    is_scheme.then_some(scheme)
}

/// The error for a URL in place of a path; `None` if the path does not look like a URL.
pub(crate) fn url_as_path(path: &Path) -> Option<Error> {
    let text = path.to_str()?;
    let scheme = url_scheme(text)?;
    // The query may be a permission, as in presigned URLs.
    let shown = match Url::parse(text) {
        Ok(url) => web::shown(&url),
        Err(_) => format!("{scheme}://…"),
    };
    let instead = match scheme.to_ascii_lowercase().as_str() {
        "http" | "https" => {
            "for a link, pass a `Url`; for text that may be a link or a path, call `Input::parse`"
                .to_owned()
        }
        "file" => WITHOUT_FILE.to_owned(),
        _ => format!("{PRESIGNED}, or open the object as `source::ObjectSource`"),
    };
    Some(Error::new(
        ErrorKind::Configuration,
        format!("`{shown}` is a URL and not a path: {instead}"),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn url_in_place_of_a_path_names_the_right_call() {
        let check = |text: &str, parts: &[&str]| {
            let error = url_as_path(text.as_ref()).unwrap();
            assert_eq!(error.kind(), ErrorKind::Configuration, "{error}");
            let text = error.to_string();
            assert!(
                !text.contains("SECRET") && !text.contains("no file"),
                "{text}"
            );
            for part in parts {
                assert!(text.contains(part), "{text}");
            }
        };
        check(
            "https://user:SECRET@example.com/a.mp4?signature=SECRET",
            &[
                "`https://example.com/a.mp4?…` is a URL",
                "pass a `Url`",
                "`Input::parse`",
            ],
        );
        check("HTTP://example.com/a.mp4", &["`Input::parse`"]);
        check("https://", &["`https://…` is a URL", "`Input::parse`"]);
        check(
            "s3://bucket/a.mp4",
            &["`source::ObjectSource`", "presigned URL"],
        );
        check("file:///clips/a.mp4", &["without `file://`"]);
        for path in [
            "clips/gone.mp4",
            "C://clips/a.mp4",
            "./odd://name.mp4",
            "://",
        ] {
            assert!(url_as_path(path.as_ref()).is_none(), "{path}");
        }
    }
}
