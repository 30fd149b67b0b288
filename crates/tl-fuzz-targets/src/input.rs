//! Reading an input as several parts.

use std::fs::File;
use std::io::Write;
use std::os::fd::AsRawFd;
use std::path::PathBuf;

use http::{HeaderMap, HeaderName, HeaderValue};

/// The text of `data`, and what follows the first NUL.
pub(crate) fn split(data: &[u8]) -> (&[u8], &[u8]) {
    let at = data.iter().position(|byte| *byte == 0);
    let at = at.unwrap_or(data.len());
    (&data[..at], data.get(at + 1..).unwrap_or_default())
}

/// Header lines. Lines that are no header are dropped.
pub(crate) fn headers(lines: &[u8]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for line in lines.split(|byte| *byte == b'\n') {
        let at = line.iter().position(|byte| *byte == b':');
        let (name, value) = line.split_at(at.unwrap_or(line.len()));
        let value = value.get(1..).unwrap_or_default().trim_ascii();
        let value = HeaderValue::from_bytes(value);
        // The map refuses more than 32,768 entries by a panic.
        if let (Ok(name), Ok(value), 0..1000) = (HeaderName::from_bytes(name), value, headers.len())
        {
            headers.append(name, value);
        }
    }
    headers
}

/// A file in memory, and a path by which it can be opened as long as it exists.
pub(crate) fn file(data: &[u8]) -> (File, PathBuf) {
    let memory = rustix::fs::memfd_create("fuzz", rustix::fs::MemfdFlags::CLOEXEC);
    let mut file = File::from(memory.expect("memory"));
    file.write_all(data).expect("memory");
    let path = format!("/proc/self/fd/{}", file.as_raw_fd());
    (file, path.into())
}
