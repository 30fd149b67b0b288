//! Classifies errors of reqwest, hyper, rustls and the system.

use std::{error::Error, io};

use tl_http::TransportErrorKind;

/// The innermost cause: the message of the system or of TLS.
fn root_cause<'e>(error: &'e (dyn Error + 'static)) -> &'e (dyn Error + 'static) {
    let mut cause = error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    cause
}

/// Whether TLS failed, as opposed to the connection below it.
pub(crate) fn is_tls(error: &(dyn Error + 'static)) -> bool {
    // `io::Error::source` skips the wrapped error and returns its source.
    let within = error
        .downcast_ref::<io::Error>()
        .and_then(io::Error::get_ref);
    is_tls_error(error)
        || within.is_some_and(|inner| is_tls(inner))
        || error.source().is_some_and(is_tls)
}

#[cfg(feature = "tls")]
fn is_tls_error(error: &(dyn Error + 'static)) -> bool {
    error.is::<rustls::Error>()
}

#[cfg(not(feature = "tls"))]
fn is_tls_error(_: &(dyn Error + 'static)) -> bool {
    false
}

/// Whether the process or the system ran out of file descriptors.
pub(crate) fn is_out_of_descriptors(error: &(dyn Error + 'static)) -> bool {
    cause::<io::Error>(error).is_some_and(tl_http::is_out_of_descriptors)
}

/// Classifies a failure after the connection was established.
pub(crate) fn kind(error: &(dyn Error + 'static)) -> TransportErrorKind {
    let hyper = cause::<hyper::Error>(error);
    if hyper.is_some_and(hyper::Error::is_parse_too_large) {
        TransportErrorKind::TooLarge
    } else if hyper.is_some_and(hyper::Error::is_parse) {
        TransportErrorKind::NotHttp
    } else {
        TransportErrorKind::Lost
    }
}

/// Whether no byte of the request was passed to a connection.
pub(crate) fn was_not_started(error: &(dyn Error + 'static)) -> bool {
    cause::<hyper::Error>(error).is_some_and(hyper::Error::is_canceled)
}

/// The message of the innermost cause; the outer ones repeat it in general terms.
pub(crate) fn root_message(error: &(dyn Error + 'static)) -> String {
    root_cause(error).to_string()
}

pub(crate) fn cause<'e, E: Error + 'static>(error: &'e (dyn Error + 'static)) -> Option<&'e E> {
    let mut cause = Some(error);
    while let Some(error) = cause {
        if let Some(found) = error.downcast_ref() {
            return Some(found);
        }
        cause = error.source();
    }
    None
}
