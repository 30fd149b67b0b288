//! TLS client configuration and root certificates for every client in the workspace: TLS 1.2 and
//! 1.3 with ring, which initializes in a few milliseconds while other providers take 30.
//!
//! This is the only module of the crate that may read files: the system's root certificates, if
//! [`HttpSettings::system_roots`] is set.

use std::sync::Arc;

use rustls::{
    ClientConfig, RootCertStore,
    crypto::ring,
    pki_types::{CertificateDer, pem::PemObject},
};

use crate::{HttpSettings, SetupError};

/// The TLS configuration for these settings: the built-in roots and those of `settings`.
///
/// # Errors
/// A certificate in the settings is not valid PEM, or the system roots cannot be loaded.
pub fn client_config(settings: &HttpSettings) -> Result<ClientConfig, SetupError> {
    with_roots(roots(settings)?)
}

/// A TLS configuration that trusts no certificate, for a client that connects to this machine over
/// plain HTTP only.
///
/// # Errors
/// TLS cannot be initialized.
pub fn client_config_without_roots() -> Result<ClientConfig, SetupError> {
    with_roots(RootCertStore::empty())
}

fn with_roots(roots: RootCertStore) -> Result<ClientConfig, SetupError> {
    let mut config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| SetupError::new("TLS cannot be set up").with_source(error))?
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(config)
}

fn roots(settings: &HttpSettings) -> Result<RootCertStore, SetupError> {
    let mut roots = RootCertStore {
        roots: webpki_roots::TLS_SERVER_ROOTS.to_vec(),
    };
    if settings.system_roots {
        let loaded = rustls_native_certs::load_native_certs();
        let (added, _) = roots.add_parsable_certificates(loaded.certs);
        if let (0, Some(error)) = (added, loaded.errors.into_iter().next()) {
            return Err(
                SetupError::new("the system's trusted certificates cannot be loaded")
                    .with_source(error),
            );
        }
    }
    for (number, pem) in (1..).zip(&settings.extra_roots) {
        let wrong = || {
            SetupError::new(format!(
                "the root certificate {number} of the settings is no certificate in PEM"
            ))
        };
        let before = roots.len();
        for certificate in CertificateDer::pem_slice_iter(pem) {
            let certificate = certificate.map_err(|error| wrong().with_source(error))?;
            roots
                .add(certificate)
                .map_err(|error| wrong().with_source(error))?;
        }
        if roots.len() == before {
            return Err(wrong());
        }
    }
    Ok(roots)
}
