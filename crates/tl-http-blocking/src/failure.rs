//! What an error of ureq means, where nothing below it said so already.

use tl_http::{Delivery, TransportError, TransportErrorKind};

use crate::progress::Progress;

/// The error of an exchange that ureq ended with `error`.
pub(crate) fn failure(progress: &Progress, error: ureq::Error) -> TransportError {
    if let Some(fault) = progress.take_fault() {
        return fault;
    }
    let kind = match &error {
        ureq::Error::Protocol(_) => TransportErrorKind::NotHttp,
        ureq::Error::LargeResponseHeader(..) => TransportErrorKind::TooLarge,
        ureq::Error::Http(_) | ureq::Error::BadUri(_) => {
            // The text would show the address, and with it the query of a presigned one.
            return TransportError::new(TransportErrorKind::Refused, Delivery::NotSent)
                .with_source("the request is no valid HTTP");
        }
        _ => TransportErrorKind::Lost,
    };
    let failed = progress.failure(kind);
    match (progress.take_broken(), error) {
        (Some(cause), _) => failed.with_source(cause),
        (None, ureq::Error::Io(cause)) => failed.with_source(cause),
        (None, other) => failed.with_source(other),
    }
}
