//! The server that every contender sends to: one thread per connection, and nothing is kept.
//!
//! It is cheap, so that the client is measured: the system drops the bodies of plain connections
//! without a copy, those of TLS are decrypted into one buffer, and ETags come from a list.

mod answers;
mod http;
mod input;
mod session;

use std::{
    io::{self, Write},
    net::{TcpListener, TcpStream},
    sync::Arc,
    thread,
    time::Duration,
};

use rcgen::{CertificateParams, KeyPair};
use rustls::{
    ServerConfig, ServerConnection, StreamOwned, crypto::ring, pki_types::PrivatePkcs8KeyDer,
};

use crate::{Failure, arguments::Arguments};
use input::Plain;
use session::Sessions;

/// The behavior of the sink.
struct Sink {
    sessions: Sessions,
    /// Delay of the storage before it responds to a chunk.
    latency: Duration,
}

/// Serves until the process is killed. Prints the two ports as JSON, and writes the certificate to
/// `ca=`.
pub(crate) fn serve(arguments: &Arguments) -> Result<(), Failure> {
    let plain = TcpListener::bind("127.0.0.1:0")?;
    let tls = TcpListener::bind("127.0.0.1:0")?;
    let (config, certificate) = server_config()?;
    std::fs::write(arguments.text("ca")?, certificate)?;
    let etags = match arguments.optional("etags") {
        None => Vec::new(),
        Some(path) => session::etags(path, arguments.number("chunk")?)?,
    };
    let sink = Arc::new(Sink {
        sessions: Sessions::new(arguments.number("chunk")?, etags),
        latency: Duration::from_millis(arguments.number("latency_ms")?),
    });
    println!(
        r#"{{"plain":{},"tls":{}}}"#,
        plain.local_addr()?.port(),
        tls.local_addr()?.port()
    );
    io::stdout().flush()?;
    let secure = Arc::clone(&sink);
    thread::spawn(move || {
        accept(&tls, |socket| {
            let (sink, config) = (Arc::clone(&secure), Arc::clone(&config));
            thread::spawn(move || {
                let stream = Plain::new(socket)?;
                let tls = ServerConnection::new(config).map_err(io::Error::other)?;
                http::serve(&mut StreamOwned::new(tls, stream), &sink, "https")
            });
        });
    });
    accept(&plain, |socket| {
        let sink = Arc::clone(&sink);
        thread::spawn(move || http::serve(&mut Plain::new(socket)?, &sink, "http"));
    });
    Ok(())
}

fn accept(listener: &TcpListener, serve: impl Fn(TcpStream)) {
    // A client that disconnected before it was accepted does not end the server.
    for socket in listener.incoming().flatten() {
        serve(socket);
    }
}

fn server_config() -> Result<(Arc<ServerConfig>, String), Failure> {
    let key = KeyPair::generate()?;
    let names = ["127.0.0.1".to_owned(), "localhost".to_owned()];
    let certificate = CertificateParams::new(names)?.self_signed(&key)?;
    let pem = certificate.pem();
    let mut config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(
            vec![certificate.der().clone()],
            PrivatePkcs8KeyDer::from(key.serialize_der()).into(),
        )?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok((Arc::new(config), pem))
}
