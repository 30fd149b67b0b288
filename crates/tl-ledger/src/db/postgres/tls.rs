//! TLS to a server: the crypto provider of the program, and the checks of each `sslmode`.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{ClientConfig, verify_server_cert_signed_by_trust_anchor};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{DigitallySignedStruct, RootCertStore, SignatureScheme};
use tl_http::HttpSettings;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_postgres::Socket;
use tokio_postgres::tls::{ChannelBinding, MakeTlsConnect, TlsConnect, TlsStream};

use super::address::{Roots, TlsMode};
use crate::error::{Error, ErrorKind, Result};

/// The protocol that clients name since PostgreSQL 17; a server refuses another.
const PROTOCOL: &[u8] = b"postgresql";

/// Makes TLS connections.
#[derive(Clone)]
pub(super) struct Connector(Arc<ClientConfig>);

impl Connector {
    /// # Errors
    /// There is no crypto provider, or the file with the trusted certificates cannot be read.
    pub(super) fn new(mode: TlsMode, roots: &Roots) -> Result<Self> {
        let failed = |error: tl_http::SetupError| {
            Error::new(ErrorKind::Other, error.to_string()).with_source(error)
        };
        let settings = HttpSettings::default().with_system_roots(*roots == Roots::System);
        let mut config = tl_http::tls::client_config(&settings).map_err(failed)?;
        let provider = Arc::clone(config.crypto_provider());
        let trusted = match roots {
            Roots::File(path) => read_roots(path)?,
            Roots::BuiltIn | Roots::System => {
                tl_http::tls::root_store(&settings).map_err(failed)?
            }
        };
        match mode {
            TlsMode::VerifyFull => config = with_roots(&provider, trusted)?,
            TlsMode::VerifyCa => {
                let verifier = Verifier {
                    provider,
                    roots: Some(trusted),
                };
                config
                    .dangerous()
                    .set_certificate_verifier(Arc::new(verifier));
            }
            _ => {
                let verifier = Verifier {
                    provider,
                    roots: None,
                };
                config
                    .dangerous()
                    .set_certificate_verifier(Arc::new(verifier));
            }
        }
        config.alpn_protocols = vec![PROTOCOL.to_vec()];
        Ok(Self(Arc::new(config)))
    }
}

fn with_roots(provider: &Arc<CryptoProvider>, roots: RootCertStore) -> Result<ClientConfig> {
    let builder = ClientConfig::builder_with_provider(Arc::clone(provider));
    let builder = builder.with_safe_default_protocol_versions();
    let builder = builder
        .map_err(|error| Error::new(ErrorKind::Other, "TLS cannot be set up").with_source(error))?;
    Ok(builder.with_root_certificates(roots).with_no_client_auth())
}

fn read_roots(path: &str) -> Result<RootCertStore> {
    let failed = |what: &str| {
        Error::new(
            ErrorKind::Invalid,
            format!("the certificates of `sslrootcert` in `{path}` {what}"),
        )
    };
    let pem = std::fs::read(path)
        .map_err(|error| failed(&format!("cannot be read: {error}")).with_source(error))?;
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(&pem) {
        let certificate =
            certificate.map_err(|error| failed("are not valid PEM").with_source(error))?;
        roots
            .add(certificate)
            .map_err(|error| failed("are not valid").with_source(error))?;
    }
    if roots.is_empty() {
        return Err(failed("are missing"));
    }
    Ok(roots)
}

/// Checks less than the name: the issuer, or nothing but that the server has the key.
#[derive(Debug)]
struct Verifier {
    provider: Arc<CryptoProvider>,
    /// `None`: any certificate, as `sslmode=require` says.
    roots: Option<RootCertStore>,
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        certificate: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        if let Some(roots) = &self.roots {
            verify_server_cert_signed_by_trust_anchor(
                &ParsedCertificate::try_from(certificate)?,
                roots,
                intermediates,
                now,
                self.provider.signature_verification_algorithms.all,
            )?;
        }
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        rustls::crypto::verify_tls12_signature(message, certificate, signature, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        rustls::crypto::verify_tls13_signature(message, certificate, signature, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider
            .signature_verification_algorithms
            .supported_schemes()
    }
}

impl MakeTlsConnect<Socket> for Connector {
    type Stream = Stream;
    type TlsConnect = Handshake;
    type Error = io::Error;

    fn make_tls_connect(&mut self, host: &str) -> io::Result<Handshake> {
        // Without a name, e.g. of a local socket, there is no handshake either.
        let name = ServerName::try_from(host.to_owned()).ok();
        Ok(Handshake {
            config: Arc::clone(&self.0),
            name,
        })
    }
}

/// A TLS handshake with a host.
pub(super) struct Handshake {
    config: Arc<ClientConfig>,
    name: Option<ServerName<'static>>,
}

impl TlsConnect<Socket> for Handshake {
    type Stream = Stream;
    type Error = io::Error;
    type Future = Pin<Box<dyn Future<Output = io::Result<Stream>> + Send>>;

    fn connect(self, socket: Socket) -> Self::Future {
        Box::pin(async move {
            let invalid = || io::Error::new(io::ErrorKind::InvalidInput, "the host has no name");
            let name = self.name.ok_or_else(invalid)?;
            let connector = tokio_rustls::TlsConnector::from(self.config);
            connector.connect(name, socket).await.map(Stream)
        })
    }
}

/// An encrypted connection.
pub(super) struct Stream(tokio_rustls::client::TlsStream<Socket>);

impl TlsStream for Stream {
    fn channel_binding(&self) -> ChannelBinding {
        ChannelBinding::none()
    }
}

impl AsyncRead for Stream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(context, buffer)
    }
}

impl AsyncWrite for Stream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(context)
    }
}
