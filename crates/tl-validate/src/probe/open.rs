//! Opens a media file safely: does not block on a FIFO and rejects devices and directories.

use std::fs::{File, OpenOptions};
use std::io;
use std::path::Path;

use crate::probe::descriptors::{RETRY_LIMIT, retry_open};
use crate::probe::{ProbeError, ProbeErrorKind};

/// Opens a regular file for reading, without blocking.
///
/// # Errors
/// [`ProbeErrorKind::NotFound`], [`ProbeErrorKind::Unreadable`], [`ProbeErrorKind::NotAFile`],
/// [`ProbeErrorKind::Empty`] or [`ProbeErrorKind::Io`].
pub fn open_media(path: &Path) -> Result<File, ProbeError> {
    let name = path.to_string_lossy();
    // Check before opening, because opening a device or a FIFO can affect the process at its other
    // end. Check again afterwards, because the path may have been replaced in between.
    let meta = std::fs::metadata(path).map_err(|error| open_error(&error, &name))?;
    if !meta.is_file() {
        return Err(not_a_file(&meta, &name));
    }
    let mut options = OpenOptions::new();
    options.read(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt;
        options.custom_flags(O_NONBLOCK);
    }
    let file = retry_open(RETRY_LIMIT, || options.open(path))
        .map_err(|error| open_error(&error, &name))?;
    check_regular(&file, &name)?;
    Ok(file)
}

/// Checks that the file is a regular file with content, and returns its size in bytes.
///
/// # Errors
/// [`ProbeErrorKind::NotAFile`], [`ProbeErrorKind::Empty`] or [`ProbeErrorKind::Io`].
pub(crate) fn check_regular(file: &File, name: &str) -> Result<u64, ProbeError> {
    let meta = file.metadata().map_err(|error| open_error(&error, name))?;
    if !meta.is_file() {
        return Err(not_a_file(&meta, name));
    }
    if meta.len() == 0 {
        return Err(empty(name));
    }
    Ok(meta.len())
}

pub(crate) fn empty(name: &str) -> ProbeError {
    ProbeError::new(ProbeErrorKind::Empty, name, "the file is empty (0 bytes)")
}

fn open_error(error: &io::Error, name: &str) -> ProbeError {
    match error.kind() {
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => {
            ProbeError::new(ProbeErrorKind::NotFound, name, "no such file")
        }
        io::ErrorKind::PermissionDenied => {
            ProbeError::new(ProbeErrorKind::Unreadable, name, "permission denied")
        }
        io::ErrorKind::IsADirectory => ProbeError::new(
            ProbeErrorKind::NotAFile,
            name,
            "this is a directory, not a file",
        ),
        _ => ProbeError::new(
            ProbeErrorKind::Io,
            name,
            format!("the file cannot be opened ({error})"),
        ),
    }
}

fn not_a_file(meta: &std::fs::Metadata, name: &str) -> ProbeError {
    ProbeError::new(
        ProbeErrorKind::NotAFile,
        name,
        format!("this is {}, not a file", kind_of(meta)),
    )
}

fn kind_of(meta: &std::fs::Metadata) -> &'static str {
    let kind = meta.file_type();
    if kind.is_dir() {
        return "a directory";
    }
    #[cfg(unix)]
    {
        use std::os::unix::fs::FileTypeExt;
        if kind.is_fifo() {
            return "a FIFO";
        }
        if kind.is_socket() {
            return "a socket";
        }
        if kind.is_char_device() || kind.is_block_device() {
            return "a device";
        }
    }
    "something else"
}

// The value of `<fcntl.h>`, written out to avoid a dependency for one number.
#[cfg(any(target_os = "linux", target_os = "android"))]
const O_NONBLOCK: i32 = 0o4000;
#[cfg(all(unix, not(any(target_os = "linux", target_os = "android"))))]
const O_NONBLOCK: i32 = 0x4;
