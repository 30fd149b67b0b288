//! The URI of a source: how a file is named in the ledger.

use std::path::{Path, PathBuf};

use url::Url;

/// The URI of a file: absolute, with percent-encoding for other bytes than ASCII.
pub(crate) fn of_file(path: &Path) -> Option<String> {
    let path = std::path::absolute(path).ok()?;
    Url::from_file_path(path).ok().map(String::from)
}

/// What a URI names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Named {
    File(PathBuf),
    Link(Url),
}

/// Reads a URI of the ledger.
pub(crate) fn read(uri: &str) -> Option<Named> {
    let url = Url::parse(uri).ok()?;
    match url.scheme() {
        "file" => url.to_file_path().ok().map(Named::File),
        "http" | "https" => Some(Named::Link(url)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(unix)]
    #[test]
    fn paths_survive_a_round_trip() {
        use std::os::unix::ffi::OsStrExt;
        for bytes in [&b"/a b/\xc3\xa9 #?%.mp4"[..], b"/not utf-8 \xff.mp4"] {
            let path = Path::new(std::ffi::OsStr::from_bytes(bytes));
            let uri = of_file(path).unwrap();
            assert!(uri.is_ascii(), "{uri}");
            assert_eq!(read(&uri), Some(Named::File(path.to_owned())));
        }
        let link = "https://example.com/a.mp4?x=1";
        assert!(matches!(read(link), Some(Named::Link(url)) if url.as_str() == link));
        assert_eq!(read("s3://b/k"), None);
    }
}
