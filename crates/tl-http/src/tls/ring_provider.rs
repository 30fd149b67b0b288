//! A crypto provider for rustls over ring, without the feature `ring` of rustls.
//!
//! `rustls::ClientConfig::builder()` takes its provider from the features of rustls, and panics if
//! both `ring` and `aws_lc_rs` are enabled (`CryptoProvider::from_crate_features` of rustls 0.23).
//! Cargo unifies features, so a library that enables `ring` breaks each program that uses rustls
//! with its default, `aws_lc_rs`. This provider leaves the features of rustls as they are. All
//! cryptography is ring's; the certificate algorithms are those of `rustls-webpki` over ring.
//!
//! It has the cipher suites and groups of the provider that rustls has over ring, and is for
//! clients without a client certificate.

mod cipher;
mod hash;
mod key_exchange;

use std::sync::Arc;

use ring::rand::{SecureRandom as _, SystemRandom};
use rustls::{
    CipherSuite, CipherSuiteCommon, Error, SignatureScheme, SupportedCipherSuite, Tls12CipherSuite,
    Tls13CipherSuite,
    crypto::{
        CryptoProvider, GetRandomFailed, KeyExchangeAlgorithm, KeyProvider, SecureRandom,
        WebPkiSupportedAlgorithms, tls12::PrfUsingHmac, tls13::HkdfUsingHmac,
    },
    pki_types::PrivateKeyDer,
    sign::SigningKey,
};
use webpki::ring as algorithms;

use self::{
    cipher::{AES_128_GCM, AES_256_GCM, Aead, CHACHA20_POLY1305},
    hash::{HMAC_SHA256, HMAC_SHA384, SHA256, SHA384},
    key_exchange::{SECP256R1, SECP384R1, X25519},
};

/// The provider.
pub(super) fn provider() -> CryptoProvider {
    CryptoProvider {
        cipher_suites: vec![
            SupportedCipherSuite::Tls13(&TLS13_AES_256_GCM_SHA384),
            SupportedCipherSuite::Tls13(&TLS13_AES_128_GCM_SHA256),
            SupportedCipherSuite::Tls13(&TLS13_CHACHA20_POLY1305_SHA256),
            SupportedCipherSuite::Tls12(&ECDHE_ECDSA_AES_256_GCM_SHA384),
            SupportedCipherSuite::Tls12(&ECDHE_ECDSA_AES_128_GCM_SHA256),
            SupportedCipherSuite::Tls12(&ECDHE_ECDSA_CHACHA20_POLY1305_SHA256),
            SupportedCipherSuite::Tls12(&ECDHE_RSA_AES_256_GCM_SHA384),
            SupportedCipherSuite::Tls12(&ECDHE_RSA_AES_128_GCM_SHA256),
            SupportedCipherSuite::Tls12(&ECDHE_RSA_CHACHA20_POLY1305_SHA256),
        ],
        kx_groups: vec![&X25519, &SECP256R1, &SECP384R1],
        signature_verification_algorithms: SIGNATURES,
        secure_random: &System,
        key_provider: &System,
    }
}

/// Records that one AES-GCM key may protect: 2^24.5 (RFC 8446, 5.5), rounded down.
const GCM_RECORDS: u64 = 1 << 24;

const fn tls13(
    suite: CipherSuite,
    hash: &'static hash::Digest,
    hkdf: &'static HkdfUsingHmac<'static>,
    aead: &'static Aead,
) -> Tls13CipherSuite {
    Tls13CipherSuite {
        common: common(suite, hash, aead),
        hkdf_provider: hkdf,
        aead_alg: aead,
        quic: None,
    }
}

const fn tls12(
    suite: CipherSuite,
    sign: &'static [SignatureScheme],
    hash: &'static hash::Digest,
    prf: &'static PrfUsingHmac<'static>,
    aead: &'static Aead,
) -> Tls12CipherSuite {
    Tls12CipherSuite {
        common: common(suite, hash, aead),
        prf_provider: prf,
        kx: KeyExchangeAlgorithm::ECDHE,
        sign,
        aead_alg: aead,
    }
}

const fn common(
    suite: CipherSuite,
    hash: &'static hash::Digest,
    aead: &'static Aead,
) -> CipherSuiteCommon {
    CipherSuiteCommon {
        suite,
        hash_provider: hash,
        confidentiality_limit: if aead.is_gcm() { GCM_RECORDS } else { u64::MAX },
    }
}

static HKDF_SHA256: HkdfUsingHmac<'static> = HkdfUsingHmac(&HMAC_SHA256);
static HKDF_SHA384: HkdfUsingHmac<'static> = HkdfUsingHmac(&HMAC_SHA384);
static PRF_SHA256: PrfUsingHmac<'static> = PrfUsingHmac(&HMAC_SHA256);
static PRF_SHA384: PrfUsingHmac<'static> = PrfUsingHmac(&HMAC_SHA384);

static TLS13_AES_256_GCM_SHA384: Tls13CipherSuite = tls13(
    CipherSuite::TLS13_AES_256_GCM_SHA384,
    &SHA384,
    &HKDF_SHA384,
    &AES_256_GCM,
);
static TLS13_AES_128_GCM_SHA256: Tls13CipherSuite = tls13(
    CipherSuite::TLS13_AES_128_GCM_SHA256,
    &SHA256,
    &HKDF_SHA256,
    &AES_128_GCM,
);
static TLS13_CHACHA20_POLY1305_SHA256: Tls13CipherSuite = tls13(
    CipherSuite::TLS13_CHACHA20_POLY1305_SHA256,
    &SHA256,
    &HKDF_SHA256,
    &CHACHA20_POLY1305,
);

const ECDSA: &[SignatureScheme] = &[
    SignatureScheme::ED25519,
    SignatureScheme::ECDSA_NISTP384_SHA384,
    SignatureScheme::ECDSA_NISTP256_SHA256,
];

const RSA: &[SignatureScheme] = &[
    SignatureScheme::RSA_PSS_SHA512,
    SignatureScheme::RSA_PSS_SHA384,
    SignatureScheme::RSA_PSS_SHA256,
    SignatureScheme::RSA_PKCS1_SHA512,
    SignatureScheme::RSA_PKCS1_SHA384,
    SignatureScheme::RSA_PKCS1_SHA256,
];

static ECDHE_ECDSA_AES_256_GCM_SHA384: Tls12CipherSuite = tls12(
    CipherSuite::TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384,
    ECDSA,
    &SHA384,
    &PRF_SHA384,
    &AES_256_GCM,
);
static ECDHE_ECDSA_AES_128_GCM_SHA256: Tls12CipherSuite = tls12(
    CipherSuite::TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,
    ECDSA,
    &SHA256,
    &PRF_SHA256,
    &AES_128_GCM,
);
static ECDHE_ECDSA_CHACHA20_POLY1305_SHA256: Tls12CipherSuite = tls12(
    CipherSuite::TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256,
    ECDSA,
    &SHA256,
    &PRF_SHA256,
    &CHACHA20_POLY1305,
);
static ECDHE_RSA_AES_256_GCM_SHA384: Tls12CipherSuite = tls12(
    CipherSuite::TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
    RSA,
    &SHA384,
    &PRF_SHA384,
    &AES_256_GCM,
);
static ECDHE_RSA_AES_128_GCM_SHA256: Tls12CipherSuite = tls12(
    CipherSuite::TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
    RSA,
    &SHA256,
    &PRF_SHA256,
    &AES_128_GCM,
);
static ECDHE_RSA_CHACHA20_POLY1305_SHA256: Tls12CipherSuite = tls12(
    CipherSuite::TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256,
    RSA,
    &SHA256,
    &PRF_SHA256,
    &CHACHA20_POLY1305,
);

/// What signatures of certificates and handshakes are accepted, preferred ones first.
static SIGNATURES: WebPkiSupportedAlgorithms = WebPkiSupportedAlgorithms {
    all: &[
        algorithms::ECDSA_P256_SHA256,
        algorithms::ECDSA_P256_SHA384,
        algorithms::ECDSA_P384_SHA256,
        algorithms::ECDSA_P384_SHA384,
        algorithms::ED25519,
        algorithms::RSA_PSS_2048_8192_SHA256_LEGACY_KEY,
        algorithms::RSA_PSS_2048_8192_SHA384_LEGACY_KEY,
        algorithms::RSA_PSS_2048_8192_SHA512_LEGACY_KEY,
        algorithms::RSA_PKCS1_2048_8192_SHA256,
        algorithms::RSA_PKCS1_2048_8192_SHA384,
        algorithms::RSA_PKCS1_2048_8192_SHA512,
        algorithms::RSA_PKCS1_2048_8192_SHA256_ABSENT_PARAMS,
        algorithms::RSA_PKCS1_2048_8192_SHA384_ABSENT_PARAMS,
        algorithms::RSA_PKCS1_2048_8192_SHA512_ABSENT_PARAMS,
    ],
    mapping: &[
        // The curve is not part of an ECDSA scheme in TLS 1.2. TLS 1.3 takes the first.
        (
            SignatureScheme::ECDSA_NISTP384_SHA384,
            &[algorithms::ECDSA_P384_SHA384, algorithms::ECDSA_P256_SHA384],
        ),
        (
            SignatureScheme::ECDSA_NISTP256_SHA256,
            &[algorithms::ECDSA_P256_SHA256, algorithms::ECDSA_P384_SHA256],
        ),
        (SignatureScheme::ED25519, &[algorithms::ED25519]),
        (
            SignatureScheme::RSA_PSS_SHA512,
            &[algorithms::RSA_PSS_2048_8192_SHA512_LEGACY_KEY],
        ),
        (
            SignatureScheme::RSA_PSS_SHA384,
            &[algorithms::RSA_PSS_2048_8192_SHA384_LEGACY_KEY],
        ),
        (
            SignatureScheme::RSA_PSS_SHA256,
            &[algorithms::RSA_PSS_2048_8192_SHA256_LEGACY_KEY],
        ),
        (
            SignatureScheme::RSA_PKCS1_SHA512,
            &[algorithms::RSA_PKCS1_2048_8192_SHA512],
        ),
        (
            SignatureScheme::RSA_PKCS1_SHA384,
            &[algorithms::RSA_PKCS1_2048_8192_SHA384],
        ),
        (
            SignatureScheme::RSA_PKCS1_SHA256,
            &[algorithms::RSA_PKCS1_2048_8192_SHA256],
        ),
    ],
};

/// Randomness of the system, and no client certificates.
#[derive(Debug)]
struct System;

impl SecureRandom for System {
    fn fill(&self, buffer: &mut [u8]) -> Result<(), GetRandomFailed> {
        SystemRandom::new()
            .fill(buffer)
            .map_err(|_| GetRandomFailed)
    }
}

impl KeyProvider for System {
    fn load_private_key(&self, _: PrivateKeyDer<'static>) -> Result<Arc<dyn SigningKey>, Error> {
        Err(Error::General(
            "this TLS configuration has no client certificate".to_owned(),
        ))
    }
}
