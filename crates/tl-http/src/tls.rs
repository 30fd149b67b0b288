//! TLS client configuration and root certificates for every client in the workspace: TLS 1.2 and
//! 1.3.
//!
//! The crypto provider is, in this order: the one that the program installed with
//! `CryptoProvider::install_default`; aws-lc (feature `tls-aws-lc`); ring (feature `tls-ring`),
//! which initializes in a few milliseconds while other providers take 30. Nothing is installed for
//! the whole process, and `tls-ring` leaves the features of rustls as they are, so that other users
//! of rustls in the program find what they found before (`docs/decisions` has the reasons).
//!
//! This is the only module of the crate that may read files: the system's root certificates, if
//! [`HttpSettings::system_roots`] is set (feature `native-roots`).

#[cfg(feature = "tls-ring")]
#[cfg_attr(
    feature = "tls-aws-lc",
    allow(dead_code, reason = "aws-lc is preferred")
)]
mod ring_provider;

use std::sync::Arc;

use rustls::{
    ClientConfig, RootCertStore,
    crypto::CryptoProvider,
    pki_types::{CertificateDer, pem::PemObject},
};

use crate::{HttpSettings, SetupError};

/// The TLS configuration for these settings: the built-in roots and those of `settings`.
///
/// # Errors
/// A certificate in the settings is not valid PEM, or the system roots cannot be loaded.
pub fn client_config(settings: &HttpSettings) -> Result<ClientConfig, SetupError> {
    with_roots(root_store(settings)?)
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
    let mut config = ClientConfig::builder_with_provider(provider()?)
        .with_safe_default_protocol_versions()
        .map_err(|error| SetupError::new("TLS cannot be set up").with_source(error))?
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(config)
}

fn provider() -> Result<Arc<CryptoProvider>, SetupError> {
    match CryptoProvider::get_default() {
        Some(installed) => Ok(Arc::clone(installed)),
        None => built_in_provider(),
    }
}

#[cfg(feature = "tls-aws-lc")]
#[expect(clippy::unnecessary_wraps, reason = "a build may have no provider")]
fn built_in_provider() -> Result<Arc<CryptoProvider>, SetupError> {
    Ok(Arc::new(rustls::crypto::aws_lc_rs::default_provider()))
}

#[cfg(all(feature = "tls-ring", not(feature = "tls-aws-lc")))]
#[expect(clippy::unnecessary_wraps, reason = "a build may have no provider")]
fn built_in_provider() -> Result<Arc<CryptoProvider>, SetupError> {
    Ok(Arc::new(ring_provider::provider()))
}

#[cfg(not(any(feature = "tls-ring", feature = "tls-aws-lc")))]
fn built_in_provider() -> Result<Arc<CryptoProvider>, SetupError> {
    Err(SetupError::new(
        "this build has no crypto provider for TLS: enable the feature `tls-ring` or `tls-aws-lc`",
    ))
}

/// The certificates that are trusted with these settings.
///
/// # Errors
/// As [`client_config`].
pub fn root_store(settings: &HttpSettings) -> Result<RootCertStore, SetupError> {
    let mut roots = RootCertStore {
        roots: webpki_roots::TLS_SERVER_ROOTS.to_vec(),
    };
    if settings.system_roots {
        add_system_roots(&mut roots)?;
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

#[cfg(feature = "native-roots")]
fn add_system_roots(roots: &mut RootCertStore) -> Result<(), SetupError> {
    let loaded = rustls_native_certs::load_native_certs();
    let (added, _) = roots.add_parsable_certificates(loaded.certs);
    match (added, loaded.errors.into_iter().next()) {
        (0, Some(error)) => Err(SetupError::new(
            "the system's trusted certificates cannot be loaded",
        )
        .with_source(error)),
        _ => Ok(()),
    }
}

#[cfg(not(feature = "native-roots"))]
fn add_system_roots(_: &mut RootCertStore) -> Result<(), SetupError> {
    Err(SetupError::new(
        "`system_roots` is set, but this build cannot load the system's trusted certificates: \
         enable the feature `native-roots`",
    ))
}
