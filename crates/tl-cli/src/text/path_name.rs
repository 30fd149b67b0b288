//! File names as text, for messages, reports and JSON. On Unix, a name may not be valid UTF-8.

use std::path::Path;

/// Returns the path as text. Different paths have different texts: if a path is not UTF-8, each
/// invalid byte becomes `\xHH`, and a backslash becomes `\\`. Valid UTF-8 is unchanged.
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
    fn different_names_have_different_texts() {
        let name = |bytes: &[u8]| path_name(Path::new(OsStr::from_bytes(bytes)));
        assert_eq!(name("é\\日.mp4".as_bytes()), "é\\日.mp4");
        assert_eq!(name(b"a\xff.mp4"), "a\\xFF.mp4");
        assert_eq!(name(b"a\xfe.mp4"), "a\\xFE.mp4");
        assert_eq!(name(b"\\xFF\xff"), "\\\\xFF\\xFF");
        assert_eq!(name("a\u{fffd}.mp4".as_bytes()), "a\u{fffd}.mp4");
    }
}
