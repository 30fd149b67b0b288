//! What an error of the layers below means.

use std::{error::Error, io};

use tl_protocol::TransportErrorKind;

/// The innermost cause: what the system or TLS said.
pub(crate) fn root_cause<'e>(error: &'e (dyn Error + 'static)) -> &'e (dyn Error + 'static) {
    let mut cause = error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    cause
}

/// Whether TLS itself failed, and not the connection below it.
pub(crate) fn is_tls(error: &(dyn Error + 'static)) -> bool {
    let mut cause = Some(error);
    while let Some(error) = cause {
        if error.is::<rustls::Error>() {
            return true;
        }
        let within = error
            .downcast_ref::<io::Error>()
            .and_then(io::Error::get_ref);
        if within.is_some_and(|inner| inner.is::<rustls::Error>()) {
            return true;
        }
        cause = error.source();
    }
    false
}

/// What a failure means that came after the connection stood; `answered` says whether the server ever said anything.
pub(crate) fn kind(error: &hyper::Error, answered: bool) -> TransportErrorKind {
    // hyper tells this apart for servers only.
    if error.is_parse() && error.to_string() == "message head is too large" {
        TransportErrorKind::TooLarge
    } else if error.is_parse() {
        TransportErrorKind::NotHttp
    } else if !answered && is_tls(error) {
        TransportErrorKind::Tls
    } else {
        TransportErrorKind::Lost
    }
}
