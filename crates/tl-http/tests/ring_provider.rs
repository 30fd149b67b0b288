//! The crypto provider over ring against the one of rustls: every cipher suite and every group, in
//! both directions, with changed records refused.

#![cfg(feature = "tls-ring")]

use std::{
    io::{Read, Write},
    sync::Arc,
};

use rcgen::{CertificateParams, KeyPair, PKCS_ECDSA_P256_SHA256, PKCS_ED25519};
use rustls::{
    ClientConfig, ClientConnection, NamedGroup, ServerConfig, ServerConnection,
    SupportedCipherSuite,
    crypto::{CryptoProvider, ring},
    pki_types::{CertificateDer, PrivateKeyDer, ServerName},
};
use tl_http::{HttpSettings, tls};

/// A 2048-bit key for the cipher suites with RSA: ring cannot generate one.
const RSA_KEY: &str = include_str!("data/rsa-key.pem");

struct Identity {
    certificate: CertificateDer<'static>,
    key: KeyPair,
}

fn identity(key: KeyPair) -> Identity {
    let params = CertificateParams::new(["localhost".to_owned()]).expect("no failure in this test");
    let certificate = params
        .self_signed(&key)
        .expect("no failure in this test")
        .der()
        .clone();
    Identity { certificate, key }
}

fn server(identity: &Identity, provider: CryptoProvider) -> ServerConnection {
    let key =
        PrivateKeyDer::try_from(identity.key.serialize_der()).expect("no failure in this test");
    let config = ServerConfig::builder_with_provider(Arc::new(provider))
        .with_safe_default_protocol_versions()
        .expect("no failure in this test")
        .with_no_client_auth()
        .with_single_cert(vec![identity.certificate.clone()], key)
        .expect("no failure in this test");
    ServerConnection::new(Arc::new(config)).expect("no failure in this test")
}

fn client_config(identity: &Identity) -> Arc<ClientConfig> {
    let settings =
        HttpSettings::default().with_extra_roots(vec![pem(&identity.certificate).into()]);
    let mut config = tls::client_config(&settings).expect("no failure in this test");
    config.alpn_protocols.clear();
    Arc::new(config)
}

fn pem(certificate: &CertificateDer<'_>) -> String {
    use base64::Engine as _;
    let body = base64::engine::general_purpose::STANDARD.encode(certificate);
    format!("-----BEGIN CERTIFICATE-----\n{body}\n-----END CERTIFICATE-----\n")
}

fn client(identity: &Identity) -> ClientConnection {
    let name = ServerName::try_from("localhost").expect("no failure in this test");
    ClientConnection::new(client_config(identity), name).expect("no failure in this test")
}

/// Moves what both sides have to send, until neither has anything.
fn exchange(client: &mut ClientConnection, server: &mut ServerConnection) {
    while client.wants_write() || server.wants_write() {
        let mut wire = Vec::new();
        while client.wants_write() {
            client
                .write_tls(&mut wire)
                .expect("no failure in this test");
        }
        let mut wire = &wire[..];
        while !wire.is_empty() {
            server.read_tls(&mut wire).expect("no failure in this test");
            server
                .process_new_packets()
                .expect("no failure in this test");
        }
        let mut wire = Vec::new();
        while server.wants_write() {
            server
                .write_tls(&mut wire)
                .expect("no failure in this test");
        }
        let mut wire = &wire[..];
        while !wire.is_empty() {
            client.read_tls(&mut wire).expect("no failure in this test");
            client
                .process_new_packets()
                .expect("no failure in this test");
        }
    }
}

fn received(mut reader: impl Read, len: usize) -> Vec<u8> {
    let mut bytes = vec![0; len];
    reader
        .read_exact(&mut bytes)
        .expect("no failure in this test");
    bytes
}

fn handshake(
    identity: &Identity,
    provider: CryptoProvider,
) -> (ClientConnection, ServerConnection) {
    let (mut client, mut server) = (client(identity), server(identity, provider));
    exchange(&mut client, &mut server);
    assert!(!client.is_handshaking() && !server.is_handshaking());
    (client, server)
}

fn with_suite(suite: SupportedCipherSuite) -> CryptoProvider {
    CryptoProvider {
        cipher_suites: vec![suite],
        ..ring::default_provider()
    }
}

fn is_rsa(suite: SupportedCipherSuite) -> bool {
    format!("{:?}", suite.suite()).contains("_RSA_")
}

#[test]
fn every_cipher_suite_carries_data_both_ways() {
    let ecdsa =
        identity(KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).expect("no failure in this test"));
    let rsa = identity(KeyPair::from_pem(RSA_KEY).expect("no failure in this test"));
    let suites = ring::default_provider().cipher_suites;
    assert_eq!(suites.len(), 9);
    for suite in suites {
        let identity = if is_rsa(suite) { &rsa } else { &ecdsa };
        let (mut client, mut server) = handshake(identity, with_suite(suite));
        let negotiated = client
            .negotiated_cipher_suite()
            .expect("no failure in this test")
            .suite();
        assert_eq!(negotiated, suite.suite());
        // A full record, and several in sequence.
        for len in [1, 16_384, 0, 9_999, 12_345] {
            let bytes: Vec<u8> = (0..len).map(|n| n as u8).collect();
            client
                .writer()
                .write_all(&bytes)
                .expect("no failure in this test");
            server
                .writer()
                .write_all(&bytes)
                .expect("no failure in this test");
            exchange(&mut client, &mut server);
            assert_eq!(received(server.reader(), len), bytes, "{negotiated:?}");
            assert_eq!(received(client.reader(), len), bytes, "{negotiated:?}");
        }
        client.send_close_notify();
        exchange(&mut client, &mut server);
        assert_eq!(
            server
                .reader()
                .read(&mut [0])
                .expect("no failure in this test"),
            0
        );
    }
}

#[test]
fn every_group_and_key_type_is_negotiated() {
    for algorithm in [&PKCS_ECDSA_P256_SHA256, &PKCS_ED25519] {
        let identity = identity(KeyPair::generate_for(algorithm).expect("no failure in this test"));
        for group in [
            NamedGroup::X25519,
            NamedGroup::secp256r1,
            NamedGroup::secp384r1,
        ] {
            let mut provider = ring::default_provider();
            provider.kx_groups.retain(|known| known.name() == group);
            let (client, _) = handshake(&identity, provider);
            let negotiated = client
                .negotiated_key_exchange_group()
                .expect("no failure in this test")
                .name();
            assert_eq!(negotiated, group);
        }
    }
}

#[test]
fn a_changed_record_is_refused() {
    let ecdsa =
        identity(KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).expect("no failure in this test"));
    let rsa = identity(KeyPair::from_pem(RSA_KEY).expect("no failure in this test"));
    for suite in ring::default_provider().cipher_suites {
        let identity = if is_rsa(suite) { &rsa } else { &ecdsa };
        let record = |from_client: bool| {
            let (mut client, mut server) = handshake(identity, with_suite(suite));
            let mut wire = Vec::new();
            if from_client {
                client
                    .writer()
                    .write_all(b"secret")
                    .expect("no failure in this test");
                client
                    .write_tls(&mut wire)
                    .expect("no failure in this test");
            } else {
                server
                    .writer()
                    .write_all(b"secret")
                    .expect("no failure in this test");
                server
                    .write_tls(&mut wire)
                    .expect("no failure in this test");
            }
            assert!(!wire.windows(6).any(|part| part == b"secret"));
            (client, server, wire)
        };
        // Nonce, ciphertext or tag; the header is not encrypted.
        let len = record(true).2.len();
        for at in [5, len / 2, len - 1] {
            let (_, mut server, mut wire) = record(true);
            wire[at] ^= 1;
            server
                .read_tls(&mut &wire[..])
                .expect("no failure in this test");
            assert!(server.process_new_packets().is_err(), "{suite:?} {at}");
            let (mut client, _, mut wire) = record(false);
            wire[at] ^= 1;
            client
                .read_tls(&mut &wire[..])
                .expect("no failure in this test");
            assert!(client.process_new_packets().is_err(), "{suite:?} {at}");
        }
        // Shorter than nonce and tag.
        let (mut client, _, wire) = record(false);
        let mut short = wire[..5 + 8].to_vec();
        short[3..5].copy_from_slice(&8_u16.to_be_bytes());
        client
            .read_tls(&mut &short[..])
            .expect("no failure in this test");
        assert!(client.process_new_packets().is_err(), "{suite:?}");
        // A repeated record has the wrong sequence number.
        let (mut client, _, wire) = record(false);
        client
            .read_tls(&mut &wire[..])
            .expect("no failure in this test");
        client
            .process_new_packets()
            .expect("no failure in this test");
        client
            .read_tls(&mut &wire[..])
            .expect("no failure in this test");
        assert!(client.process_new_packets().is_err(), "{suite:?}");
    }
}

#[test]
fn untrusted_certificate_is_refused() {
    let new = || {
        identity(KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).expect("no failure in this test"))
    };
    let (trusted, other) = (new(), new());
    let (mut client, mut server) = (client(&trusted), server(&other, ring::default_provider()));
    let mut wire = Vec::new();
    client
        .write_tls(&mut wire)
        .expect("no failure in this test");
    server
        .read_tls(&mut &wire[..])
        .expect("no failure in this test");
    server
        .process_new_packets()
        .expect("no failure in this test");
    let mut wire = Vec::new();
    while server.wants_write() {
        server
            .write_tls(&mut wire)
            .expect("no failure in this test");
    }
    client
        .read_tls(&mut &wire[..])
        .expect("no failure in this test");
    let error = client.process_new_packets().unwrap_err();
    assert!(
        matches!(error, rustls::Error::InvalidCertificate(_)),
        "{error}"
    );
}

#[test]
fn nothing_is_installed_for_the_process() {
    let identity =
        identity(KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).expect("no failure in this test"));
    drop(handshake(&identity, ring::default_provider()));
    assert!(CryptoProvider::get_default().is_none());
}
