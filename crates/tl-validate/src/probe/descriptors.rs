//! Retries for opening a file when the process or the system has no free file descriptor. The
//! condition is temporary and unrelated to the file.

use std::io;
use std::thread;
use std::time::{Duration, Instant};

/// The first delay; it doubles up to [`MAX_DELAY`].
const FIRST_DELAY: Duration = Duration::from_millis(10);

/// The longest delay between two attempts.
const MAX_DELAY: Duration = Duration::from_millis(500);

/// The default limit of [`retry_open`].
pub const RETRY_LIMIT: Duration = Duration::from_secs(60);

/// Calls `open` and retries with exponential backoff while no file descriptor is free, for at most
/// `limit`. Blocks.
///
/// # Errors
/// The last error of `open`.
pub fn retry_open<T>(limit: Duration, mut open: impl FnMut() -> io::Result<T>) -> io::Result<T> {
    let began = Instant::now();
    let mut delay = FIRST_DELAY;
    loop {
        match open() {
            Err(error) if is_exhausted(&error) && began.elapsed() + delay < limit => {
                thread::sleep(delay);
                delay = (delay * 2).min(MAX_DELAY);
            }
            result => return result,
        }
    }
}

/// Whether `error` means that the process (`EMFILE`) or the system (`ENFILE`) has no file
/// descriptor left.
pub fn is_exhausted(error: &io::Error) -> bool {
    error
        .raw_os_error()
        .is_some_and(|code| CODES.contains(&code))
}

// The values of `<errno.h>`, the same on Linux, macOS and the BSDs. The standard library has no
// names for them.
#[cfg(unix)]
const CODES: [i32; 2] = [24, 23];
// `ERROR_TOO_MANY_OPEN_FILES`, `WSAEMFILE` (system error codes of Windows).
#[cfg(windows)]
const CODES: [i32; 2] = [4, 10024];
#[cfg(not(any(unix, windows)))]
const CODES: [i32; 0] = [];

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    #[test]
    fn only_exhaustion_is_retried() {
        let mut calls = 0;
        let opened = retry_open(RETRY_LIMIT, || {
            calls += 1;
            match calls {
                1 => Err(io::Error::from_raw_os_error(24)),
                2 => Err(io::Error::from_raw_os_error(23)),
                _ => Ok(calls),
            }
        });
        assert_eq!(opened.unwrap(), 3);
        let mut calls = 0;
        let refused: io::Result<()> = retry_open(RETRY_LIMIT, || {
            calls += 1;
            Err(io::ErrorKind::NotFound.into())
        });
        assert_eq!(
            (refused.unwrap_err().kind(), calls),
            (io::ErrorKind::NotFound, 1)
        );
    }

    #[test]
    fn retries_end_at_the_limit() {
        let began = Instant::now();
        let result: io::Result<()> = retry_open(Duration::from_millis(100), || {
            Err(io::Error::from_raw_os_error(24))
        });
        assert!(is_exhausted(&result.unwrap_err()));
        assert!(began.elapsed() < Duration::from_secs(10));
    }
}
