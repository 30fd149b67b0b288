//! Whom this side trusts: the roots, and the TLS settings made of them.
//!
//! The blocking transport has the same few lines: the crates below both are free of TLS, and a crate for these alone
//! would be more to keep than they are.

use std::sync::Arc;

use rustls::{
    ClientConfig, RootCertStore,
    crypto::ring,
    pki_types::{CertificateDer, pem::PemObject},
};
use tl_protocol::{HttpSettings, SetupError};

/// TLS 1.2 and 1.3 through ring, which starts in a few milliseconds where others take 30.
pub(crate) fn client_config(settings: &HttpSettings) -> Result<ClientConfig, SetupError> {
    let mut config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| SetupError::new("TLS cannot be set up").because(error))?
        .with_root_certificates(roots(settings)?)
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
                    .because(error),
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
            let certificate = certificate.map_err(|error| wrong().because(error))?;
            roots
                .add(certificate)
                .map_err(|error| wrong().because(error))?;
        }
        if roots.len() == before {
            return Err(wrong());
        }
    }
    Ok(roots)
}
