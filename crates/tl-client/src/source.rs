//! Files as sources: opened once, read in place by offset, never copied, never changed.

use std::{
    fs::File,
    io,
    path::{Path, PathBuf},
};

use tl_protocol::Source;

use crate::{Error, ErrorKind};

/// A regular file. Reads go to absolute offsets, so that several can be under way at once.
#[derive(Debug)]
pub struct FileSource {
    file: File,
    path: PathBuf,
    name: String,
    len: u64,
}

impl FileSource {
    /// Opens `path` for reading.
    ///
    /// # Errors
    /// [`ErrorKind::File`] where nothing is there, where it is no regular file (a directory, a pipe, a device), where it
    /// may not be read, or where it is empty.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, Error> {
        let path = path.as_ref();
        // Asked before it is opened: opening a pipe would wait for its writer.
        let metadata = path.metadata().map_err(|error| unusable(path, error))?;
        if !metadata.is_file() {
            let what = if metadata.is_dir() {
                "a directory"
            } else {
                "not a regular file"
            };
            return Err(Error::new(
                ErrorKind::File,
                format!("`{}` is {what}: name a video file", path.display()),
            ));
        }
        let file = File::open(path).map_err(|error| unusable(path, error))?;
        let len = file
            .metadata()
            .map_err(|error| unusable(path, error))?
            .len();
        if len == 0 {
            return Err(Error::new(
                ErrorKind::File,
                format!("`{}` is empty: there is no byte to send", path.display()),
            ));
        }
        let name = path.file_name().map_or_else(
            || "video".to_owned(),
            |name| name.to_string_lossy().into_owned(),
        );
        Ok(Self {
            file,
            path: path.to_owned(),
            name,
            len,
        })
    }

    /// Where the file is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// A second handle on the same open file, whatever its path names by now.
    ///
    /// # Errors
    /// Where the system has no handle left.
    pub fn try_clone_file(&self) -> io::Result<File> {
        self.file.try_clone()
    }
}

impl Source for FileSource {
    fn name(&self) -> &str {
        &self.name
    }

    fn len(&self) -> u64 {
        self.len
    }

    #[cfg(unix)]
    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        std::os::unix::fs::FileExt::read_at(&self.file, buffer, offset)
    }

    #[cfg(windows)]
    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        std::os::windows::fs::FileExt::seek_read(&self.file, buffer, offset)
    }
}

fn unusable(path: &Path, error: io::Error) -> Error {
    let what = match error.kind() {
        io::ErrorKind::NotFound => "there is no file at this path",
        io::ErrorKind::PermissionDenied => "it may not be read by this user",
        _ => "it cannot be read",
    };
    Error::new(ErrorKind::File, format!("`{}`: {what}", path.display())).because(error)
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    #[test]
    fn a_file_is_read_in_place_at_any_offset() {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(b"0123456789").unwrap();
        let source = FileSource::open(file.path()).unwrap();
        let mut buffer = [0; 4];
        assert_eq!(source.read_at(8, &mut buffer).unwrap(), 2);
        assert_eq!(source.read_at(3, &mut buffer).unwrap(), 4);
        assert_eq!(&buffer, b"3456");
        assert_eq!(source.read_at(10, &mut buffer).unwrap(), 0);
    }

    #[test]
    fn what_is_no_file_is_refused_by_name() {
        let folder = tempfile::tempdir().unwrap();
        let empty = tempfile::NamedTempFile::new().unwrap();
        let missing = folder.path().join("gone.mp4");
        for (path, part) in [
            (folder.path(), "is a directory"),
            (empty.path(), "is empty"),
            (&missing, "there is no file at this path"),
        ] {
            let error = FileSource::open(path).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::File);
            let text = error.to_string();
            assert!(
                text.contains(part) && text.contains(&path.display().to_string()),
                "{text}"
            );
        }
    }
}
