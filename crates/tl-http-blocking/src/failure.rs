//! Classifies errors of sockets while a connection is established, and errors of ureq that no lower
//! layer has classified.

use std::io;

use tl_http::{Delivery, TransportError, TransportErrorKind};

use crate::progress::Progress;

/// The transport error for `error` from ureq.
pub(crate) fn failure(progress: &Progress, error: ureq::Error) -> TransportError {
    if let Some(fault) = progress.take_error() {
        return fault;
    }
    let kind = match &error {
        ureq::Error::Protocol(_) => TransportErrorKind::NotHttp,
        ureq::Error::LargeResponseHeader(..) => TransportErrorKind::TooLarge,
        ureq::Error::Http(_) | ureq::Error::BadUri(_) => {
            // The message could contain the URL, and with it a presigned query.
            return TransportError::new(TransportErrorKind::Refused, Delivery::NotSent)
                .with_source("the request is no valid HTTP");
        }
        _ => TransportErrorKind::Lost,
    };
    let failed = progress.failure(kind);
    match (progress.take_write_error(), error) {
        (Some(cause), _) => failed.with_source(cause),
        (None, ureq::Error::Io(cause)) => failed.with_source(cause),
        (None, other) => failed.with_source(other),
    }
}

/// Result of a read or write. Returns 0 on a timeout; the next check of the remaining time reports
/// it.
pub(crate) fn or_timeout(
    result: io::Result<usize>,
    to: &str,
    progress: &Progress,
) -> Result<usize, ureq::Error> {
    use io::ErrorKind::{Interrupted, TimedOut, WouldBlock};
    match result {
        Err(error) if matches!(error.kind(), Interrupted | TimedOut | WouldBlock) => {
            progress.connect_time_left(to)?;
            Ok(0)
        }
        other => other.map_err(|error| lost(to, &error, progress)),
    }
}

pub(crate) fn lost(to: &str, error: &io::Error, progress: &Progress) -> ureq::Error {
    let kind = if tl_http::is_out_of_descriptors(error) {
        TransportErrorKind::NoDescriptor
    } else {
        TransportErrorKind::Unreachable
    };
    progress.fail(kind, format!("{to}: {error}"))
}
