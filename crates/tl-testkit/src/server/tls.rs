//! A certificate authority for one test.

use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use rustls::{
    ServerConfig,
    crypto::ring,
    pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer},
};

/// An authority with one server certificate.
pub struct Authority {
    root: String,
    certificate: CertificateDer<'static>,
    key: KeyPair,
}

impl Authority {
    /// Creates an authority with a certificate for `localhost`, `127.0.0.1` and `names`.
    #[must_use]
    pub fn new(names: &[&str]) -> Self {
        let root_key = KeyPair::generate().expect("a key can be made");
        let mut root = CertificateParams::default();
        root.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        root.distinguished_name
            .push(rcgen::DnType::CommonName, "tl test authority");
        let root_certificate = root.self_signed(&root_key).expect("a root can be signed");
        let key = KeyPair::generate().expect("a key can be made");
        let names: Vec<String> = ["localhost", "127.0.0.1"]
            .iter()
            .chain(names)
            .map(|&name| name.to_owned())
            .collect();
        let params = CertificateParams::new(names).expect("the names are valid");
        let certificate = params
            .signed_by(&key, &Issuer::new(root, root_key))
            .expect("a certificate can be signed");
        Self {
            root: root_certificate.pem(),
            certificate: certificate.der().clone(),
            key,
        }
    }

    /// Root certificate (PEM).
    #[must_use]
    pub fn pem(&self) -> String {
        self.root.clone()
    }

    /// TLS server configuration for the names.
    #[must_use]
    pub(crate) fn server_config(&self) -> Arc<ServerConfig> {
        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(self.key.serialize_der()));
        let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .expect("ring has the default versions")
            .with_no_client_auth()
            .with_single_cert(vec![self.certificate.clone()], key)
            .expect("the key belongs to the certificate");
        Arc::new(config)
    }
}

impl std::fmt::Debug for Authority {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Authority")
    }
}
