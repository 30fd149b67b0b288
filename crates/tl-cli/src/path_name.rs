//! The name of a file as text, for messages, reports and JSON. On Unix a name is any bytes, not always UTF-8.

use std::path::Path;

/// The path as text. Names that differ have texts that differ: where a path is not UTF-8, each byte that is part of no
/// character becomes `\xHH`, and a backslash becomes `\\`. Every other path is itself.
pub(crate) fn path_name(path: &Path) -> String {
    if let Some(text) = path.to_str() {
        return text.to_owned();
    }
    let mut text = String::new();
    for chunk in path.as_os_str().as_encoded_bytes().utf8_chunks() {
        text.push_str(&chunk.valid().replace('\\', "\\\\"));
        for byte in chunk.invalid() {
            text.push_str(&format!("\\x{byte:02X}"));
        }
    }
    text
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt;

    use super::*;

    #[test]
    fn names_that_differ_stay_different() {
        let name = |bytes: &[u8]| path_name(Path::new(OsStr::from_bytes(bytes)));
        assert_eq!(name("é\\日.mp4".as_bytes()), "é\\日.mp4");
        assert_eq!(name(b"a\xff.mp4"), "a\\xFF.mp4");
        assert_eq!(name(b"a\xfe.mp4"), "a\\xFE.mp4");
        assert_eq!(name(b"\\xFF\xff"), "\\\\xFF\\xFF");
        assert_eq!(name("a\u{fffd}.mp4".as_bytes()), "a\u{fffd}.mp4");
    }
}
