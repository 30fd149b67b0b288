//! The TLS handshake of a new connection, within the connect timeout.

use std::{fmt, io, net::TcpStream, sync::Arc};

use rustls::{ClientConfig, ClientConnection, pki_types::ServerName};
use tl_http::TransportErrorKind;
use ureq::Error;

use crate::{
    failure::{lost, or_timeout},
    progress::Progress,
};

/// Performs the handshake with `host` over `socket`.
pub(crate) fn handshake(
    mut socket: &TcpStream,
    host: &str,
    to: &str,
    config: Arc<ClientConfig>,
    progress: &Progress,
) -> Result<ClientConnection, Error> {
    let untrusted =
        |error: &dyn fmt::Display| progress.fail(TransportErrorKind::Tls, format!("{to}: {error}"));
    let bare = host
        .trim_start_matches('[')
        .trim_end_matches(']')
        .to_owned();
    let name = ServerName::try_from(bare).map_err(|error| untrusted(&error))?;
    let mut tls = ClientConnection::new(config, name).map_err(|error| untrusted(&error))?;
    while tls.is_handshaking() {
        let left = progress.connect_time_left(to)?;
        if tls.wants_write() {
            socket
                .set_write_timeout(Some(left))
                .map_err(|error| lost(to, &error, progress))?;
            or_timeout(tls.write_tls(&mut socket), to, progress)?;
            continue;
        }
        socket
            .set_read_timeout(Some(left))
            .map_err(|error| lost(to, &error, progress))?;
        let result = tls.read_tls(&mut socket);
        if matches!(result, Ok(0)) {
            let closed = io::Error::new(
                io::ErrorKind::UnexpectedEof,
                "it closed the connection before TLS stood",
            );
            return Err(lost(to, &closed, progress));
        }
        if or_timeout(result, to, progress)? > 0
            && let Err(error) = tls.process_new_packets()
        {
            // Send the TLS alert with the reason, if possible.
            drop(tls.write_tls(&mut socket));
            return Err(untrusted(&error));
        }
    }
    Ok(tls)
}
