//! Opens regular files without blocking. Anyone who can write to the checkpoint folder may have put
//! a pipe there, which would block on open.

use std::{
    fs::{File, OpenOptions},
    io::{self, Read},
    path::Path,
};

/// Maximum size of a checkpoint, in bytes. The maximum number of chunks with the longest accepted
/// ETags needs less than half of it.
pub(super) const MAX_BYTES: u64 = 32 << 20;

/// Opens `path` with `options`.
pub(super) fn open(path: &Path, options: &mut OpenOptions) -> io::Result<File> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt;
        let flags = rustix::fs::OFlags::NONBLOCK.bits();
        options.custom_flags(i32::try_from(flags).unwrap_or_default());
    }
    let file = options.open(path)?;
    if file.metadata()?.is_file() {
        return Ok(file);
    }
    Err(io::Error::new(
        io::ErrorKind::InvalidInput,
        "it is not a regular file",
    ))
}

/// Reads the whole file at `path`.
pub(super) fn read(path: &Path) -> io::Result<Vec<u8>> {
    let file = open(path, OpenOptions::new().read(true))?;
    let mut bytes = Vec::new();
    file.take(MAX_BYTES + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > MAX_BYTES {
        return Err(io::Error::new(
            io::ErrorKind::FileTooLarge,
            format!("it has more than {MAX_BYTES} bytes, which no checkpoint has"),
        ));
    }
    Ok(bytes)
}
