//! Classifies errors of ureq that no lower layer has classified.

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
