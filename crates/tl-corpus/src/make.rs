//! Creates one file, with `ffmpeg` or from bytes: atomically, and only once across processes.

use std::error;
use std::fmt;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

/// A file could not be created.
#[derive(Debug)]
pub struct Failure {
    message: String,
    source: Option<io::Error>,
}

impl Failure {
    pub(crate) fn new(message: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            source: None,
        }
    }

    pub(crate) fn at(path: &Path, source: io::Error) -> Self {
        Self {
            message: format!("{} cannot be made", path.display()),
            source: Some(source),
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl error::Error for Failure {
    fn source(&self) -> Option<&(dyn error::Error + 'static)> {
        self.source.as_ref().map(|source| source as _)
    }
}

/// A unique temporary path. It ends with `name`, because `ffmpeg` derives the container from it.
fn temporary_path(folder: &Path, name: &str) -> PathBuf {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    folder.join(format!(".{}-{number}.{name}", std::process::id()))
}

/// Encodes `name` in `folder` with these `ffmpeg` arguments, separated by spaces. Does nothing if
/// it exists.
///
/// # Errors
/// `ffmpeg` is missing or fails, or the directory is not writable.
pub fn clip(folder: &Path, name: &str, arguments: &str) -> Result<PathBuf, Failure> {
    let path = folder.join(name);
    if path.exists() {
        return Ok(path);
    }
    let failed = |error| Failure::at(&path, error);
    // One process encodes while the others wait: test processes run in parallel.
    let lock = File::create(folder.join(format!(".{name}.lock"))).map_err(failed)?;
    lock.lock().map_err(failed)?;
    if path.exists() {
        return Ok(path);
    }
    let temporary = temporary_path(folder, name);
    let output = Command::new("ffmpeg")
        .args(["-nostdin", "-hide_banner", "-loglevel", "error", "-y"])
        .args(arguments.split_whitespace())
        .arg(&temporary)
        .current_dir(folder)
        .stdin(Stdio::null())
        .output()
        .map_err(|error| Failure {
            message: "the `ffmpeg` program is needed to make media (apt-get install ffmpeg)"
                .to_owned(),
            source: Some(error),
        })?;
    // On a full disk, ffmpeg succeeds with an empty file.
    let is_empty = fs::metadata(&temporary).is_ok_and(|metadata| metadata.len() == 0);
    if !output.status.success() || is_empty {
        // Remove a partial file; an error means that there is none.
        let _ = fs::remove_file(&temporary);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        return Err(Failure::new(format!("ffmpeg {arguments}: {said}")));
    }
    fs::rename(&temporary, &path).map_err(failed)?;
    Ok(path)
}

/// Writes a file with this content.
///
/// # Errors
/// The directory is not writable.
pub fn bytes(folder: &Path, name: &str, content: &[u8]) -> Result<PathBuf, Failure> {
    let path = folder.join(name);
    if fs::read(&path).is_ok_and(|there| there == content) {
        return Ok(path);
    }
    let temporary = temporary_path(folder, name);
    let written = fs::write(&temporary, content).and_then(|()| fs::rename(&temporary, &path));
    written.map_err(|error| Failure::at(&path, error))?;
    Ok(path)
}

pub(crate) fn read(folder: &Path, name: &str) -> Result<Vec<u8>, Failure> {
    let path = folder.join(name);
    fs::read(&path).map_err(|error| Failure {
        message: format!("{} cannot be read", path.display()),
        source: Some(error),
    })
}
