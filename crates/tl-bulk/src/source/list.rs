//! Lists of paths and links: one per line, or separated by NUL.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use super::error::{SourceError, SourceErrorKind};
use super::lines::{Line, Lines, MAX_LINE, is_utf16};

/// A file with paths and links. The path `-` is standard input.
///
/// Paths are relative to the working directory and need not be UTF-8. Empty lines are skipped, and
/// nothing in a line has a special meaning: no comments, no patterns. A directory in a list is
/// searched like one on the command line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct List {
    path: PathBuf,
    separator: u8,
}

impl List {
    /// A list with one path per line. Line ends may be LF or CRLF.
    pub fn lines(path: impl Into<PathBuf>) -> Self {
        Self {
            path: path.into(),
            separator: b'\n',
        }
    }

    /// A list whose paths are separated by NUL, as `find -print0` writes it.
    pub fn nul_separated(path: impl Into<PathBuf>) -> Self {
        Self {
            path: path.into(),
            separator: 0,
        }
    }

    /// The file; `-` for standard input.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Whether the list is standard input.
    #[must_use]
    pub fn is_stdin(&self) -> bool {
        self.path == Path::new("-")
    }

    pub(super) fn open(&self) -> Result<ListReader, SourceError> {
        Ok(ListReader {
            lines: Lines::new(open(&self.path, "list")?, self.separator),
            name: shown(&self.path),
            is_text: self.separator == b'\n',
            has_ended: false,
        })
    }
}

/// Opens a list or manifest.
pub(super) fn open(path: &Path, what: &str) -> Result<Box<dyn Read + Send>, SourceError> {
    if path == Path::new("-") {
        return Ok(Box::new(io::stdin()));
    }
    let refused = |error: io::Error| {
        SourceError::new(
            SourceErrorKind::Unreadable,
            format!("failed to read the {what} `{}`", path.display()),
        )
        .with_source(error)
        .with_hint("pass a readable file, or `-` for standard input")
        .at(path)
    };
    let file = File::open(path).map_err(refused)?;
    if file.metadata().map_err(refused)?.is_dir() {
        return Err(refused(io::ErrorKind::IsADirectory.into()));
    }
    Ok(Box::new(file))
}

/// The name of a list or manifest in messages.
pub(super) fn shown(path: &Path) -> String {
    match path == Path::new("-") {
        true => "standard input".to_owned(),
        false => format!("`{}`", path.display()),
    }
}

/// The entries of a list that is being read.
#[derive(Debug)]
pub(super) struct ListReader {
    lines: Lines,
    name: String,
    is_text: bool,
    has_ended: bool,
}

impl ListReader {
    fn failed(&self, line: u64, why: &str) -> SourceError {
        SourceError::new(
            SourceErrorKind::Row,
            format!("list {}, line {line}: {why}", self.name),
        )
        .on_line(line)
    }
}

impl Iterator for ListReader {
    type Item = Result<(u64, PathBuf), SourceError>;

    fn next(&mut self) -> Option<Self::Item> {
        while !self.has_ended {
            let (number, line) = match self.lines.next() {
                Ok(Some(line)) => line,
                Ok(None) => break,
                Err(error) => {
                    self.has_ended = true;
                    return Some(Err(SourceError::new(
                        SourceErrorKind::List,
                        format!("failed to read the list {} to its end", self.name),
                    )
                    .with_source(error)
                    .with_hint("the entries before the error were used")));
                }
            };
            let Line::Bytes(line) = line else {
                return Some(Err(self
                    .failed(number, &format!("it is longer than {MAX_LINE} bytes"))
                    .with_hint("pass one path per line")));
            };
            if !self.is_text {
                match path_of(line) {
                    Some(path) => return Some(Ok((number, path))),
                    None => continue,
                }
            }
            if number == 1 && is_utf16(&line) {
                self.has_ended = true;
                return Some(Err(SourceError::new(
                    SourceErrorKind::List,
                    format!("list {} is UTF-16", self.name),
                )
                .with_hint("save it as UTF-8")));
            }
            if line.contains(&0) {
                return Some(Err(self
                    .failed(number, "it contains NUL")
                    .with_hint("use --files-from0 for a list that is separated by NUL")));
            }
            let line = line.strip_suffix(b"\r").unwrap_or(&line).to_vec();
            if let Some(path) = path_of(line) {
                return Some(Ok((number, path)));
            }
        }
        None
    }
}

/// The path of an entry; `None` if it is empty.
fn path_of(line: Vec<u8>) -> Option<PathBuf> {
    if line.is_empty() {
        return None;
    }
    #[cfg(unix)]
    {
        use std::os::unix::ffi::OsStringExt;
        Some(std::ffi::OsString::from_vec(line).into())
    }
    #[cfg(not(unix))]
    {
        Some(PathBuf::from(String::from_utf8_lossy(&line).into_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &[u8], list: fn(PathBuf) -> List) -> Vec<Result<(u64, PathBuf), String>> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("list");
        std::fs::write(&path, text).unwrap();
        list(path)
            .open()
            .unwrap()
            .map(|found| found.map_err(|error| format!("{:?}", error.kind())))
            .collect()
    }

    #[test]
    fn lists_are_split_by_line_or_nul() {
        let paths = |found: Vec<Result<(u64, PathBuf), String>>| {
            found.into_iter().map(Result::unwrap).collect::<Vec<_>>()
        };
        assert_eq!(
            paths(read(b"\xef\xbb\xbfa.mp4\r\n\n#b [1]*.mp4\nc", List::lines)),
            [
                (1, "a.mp4".into()),
                (3, "#b [1]*.mp4".into()),
                (4, "c".into())
            ]
        );
        assert_eq!(
            paths(read(b"a\nb\0\0c\r", List::nul_separated)),
            [(1, "a\nb".into()), (3, "c\r".into())]
        );
    }

    #[test]
    fn malformed_lists_are_reported() {
        assert_eq!(
            read(b"a\0b\nc\n", List::lines),
            [Err("Row".to_owned()), Ok((2, "c".into()))]
        );
        assert_eq!(
            read(b"\xff\xfea\0\n\0", List::lines),
            [Err("List".to_owned())]
        );
        let folder = tempfile::tempdir().unwrap();
        for path in [folder.path().to_owned(), folder.path().join("none")] {
            let error = List::lines(path).open().unwrap_err();
            assert_eq!(error.kind(), SourceErrorKind::Unreadable);
        }
    }

    #[test]
    #[cfg(unix)]
    fn a_path_need_not_be_utf8() {
        use std::os::unix::ffi::OsStrExt;
        let found = read(b"a\xff.mp4\n", List::lines);
        let (_, path) = found[0].as_ref().unwrap();
        assert_eq!(path.as_os_str().as_bytes(), b"a\xff.mp4");
    }
}
