//! The URL of a file to fetch: which are accepted, and what the file is called.

use percent_encoding::percent_decode_str;
use url::Url;

use crate::core::Refusal;

/// Checks the value of `parameter`.
pub(crate) fn check(parameter: &str, url: Url) -> Result<Url, Refusal> {
    if matches!(url.scheme(), "http" | "https") && url.host().is_some() {
        return Ok(url);
    }
    Err(Refusal::invalid(
        parameter,
        &format!("the scheme `{}` is not one of http, https", url.scheme()),
    ))
}

/// The last segment of the URL path, which the platform uses as the file name.
pub(crate) fn filename_of(url: &Url) -> String {
    let last = url
        .path_segments()
        .and_then(Iterator::last)
        .unwrap_or_default();
    match last {
        "" => url.host_str().unwrap_or("video").to_owned(),
        last => percent_decode_str(last).decode_utf8_lossy().into_owned(),
    }
}
