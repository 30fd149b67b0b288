//! Elliptic-curve Diffie-Hellman of ring, as rustls uses it.

use ring::{
    agreement::{self, EphemeralPrivateKey, UnparsedPublicKey},
    rand::SystemRandom,
};
use rustls::{
    Error, NamedGroup, PeerMisbehaved,
    crypto::{ActiveKeyExchange, GetRandomFailed, SharedSecret, SupportedKxGroup},
    ffdhe_groups::FfdheGroup,
};

pub(super) static X25519: Group = Group(NamedGroup::X25519, &agreement::X25519);
pub(super) static SECP256R1: Group = Group(NamedGroup::secp256r1, &agreement::ECDH_P256);
pub(super) static SECP384R1: Group = Group(NamedGroup::secp384r1, &agreement::ECDH_P384);

/// A group of elliptic-curve points.
#[derive(Debug)]
pub(super) struct Group(NamedGroup, &'static agreement::Algorithm);

impl SupportedKxGroup for Group {
    fn start(&self) -> Result<Box<dyn ActiveKeyExchange>, Error> {
        let private = EphemeralPrivateKey::generate(self.1, &SystemRandom::new())
            .map_err(|_| GetRandomFailed)?;
        let public = private.compute_public_key().map_err(|_| GetRandomFailed)?;
        Ok(Box::new(Exchange {
            group: self.0,
            algorithm: self.1,
            private,
            public,
        }))
    }

    fn ffdhe_group(&self) -> Option<FfdheGroup<'static>> {
        None
    }

    fn name(&self) -> NamedGroup {
        self.0
    }
}

/// A key pair for one handshake.
struct Exchange {
    group: NamedGroup,
    algorithm: &'static agreement::Algorithm,
    private: EphemeralPrivateKey,
    public: agreement::PublicKey,
}

impl ActiveKeyExchange for Exchange {
    fn complete(self: Box<Self>, peer: &[u8]) -> Result<SharedSecret, Error> {
        // ring checks the encoding, that the point is on the curve, and that the secret of X25519
        // is not zero.
        let peer = UnparsedPublicKey::new(self.algorithm, peer);
        agreement::agree_ephemeral(self.private, &peer, |secret| SharedSecret::from(secret))
            .map_err(|_| PeerMisbehaved::InvalidKeyShare.into())
    }

    fn ffdhe_group(&self) -> Option<FfdheGroup<'static>> {
        None
    }

    fn pub_key(&self) -> &[u8] {
        self.public.as_ref()
    }

    fn group(&self) -> NamedGroup {
        self.group
    }
}
