//! Protection of TLS 1.3 records (RFC 8446, 5.2) and TLS 1.2 records (RFC 5288 for AES-GCM, RFC
//! 7905 for ChaCha20-Poly1305) with ring.

use ring::aead::{self, LessSafeKey, UnboundKey};
use rustls::{
    ConnectionTrafficSecrets, ContentType, Error, ProtocolVersion,
    crypto::cipher::{
        AeadKey, InboundOpaqueMessage, InboundPlainMessage, Iv, KeyBlockShape, MessageDecrypter,
        MessageEncrypter, NONCE_LEN, Nonce, OutboundOpaqueMessage, OutboundPlainMessage,
        PrefixedPayload, Tls12AeadAlgorithm, Tls13AeadAlgorithm, UnsupportedOperationError,
        make_tls12_aad, make_tls13_aad,
    },
};

pub(super) static AES_128_GCM: Aead = Aead(&aead::AES_128_GCM, Kind::Aes128Gcm);
pub(super) static AES_256_GCM: Aead = Aead(&aead::AES_256_GCM, Kind::Aes256Gcm);
pub(super) static CHACHA20_POLY1305: Aead = Aead(&aead::CHACHA20_POLY1305, Kind::ChaCha20Poly1305);

/// Length of the tag of each algorithm (RFC 5116, 5.1; RFC 8439, 2.8).
const TAG: usize = 16;

/// Length of the part of a nonce that a TLS 1.2 record with AES-GCM carries (RFC 5288, 3).
const EXPLICIT_NONCE: usize = 8;

/// Maximum length of the plaintext of a record (RFC 8446, 5.1; RFC 5246, 6.2.1).
const MAX_PLAINTEXT: usize = 1 << 14;

/// An algorithm for authenticated encryption.
pub(super) struct Aead(&'static aead::Algorithm, Kind);

#[derive(Clone, Copy)]
enum Kind {
    Aes128Gcm,
    Aes256Gcm,
    ChaCha20Poly1305,
}

impl Aead {
    pub(super) const fn is_gcm(&self) -> bool {
        !matches!(self.1, Kind::ChaCha20Poly1305)
    }

    fn key(&self, key: &AeadKey) -> LessSafeKey {
        let key = UnboundKey::new(self.0, key.as_ref());
        LessSafeKey::new(key.expect("rustls derives keys of the length that the algorithm names"))
    }

    fn secrets(&self, key: AeadKey, iv: Iv) -> ConnectionTrafficSecrets {
        match self.1 {
            Kind::Aes128Gcm => ConnectionTrafficSecrets::Aes128Gcm { key, iv },
            Kind::Aes256Gcm => ConnectionTrafficSecrets::Aes256Gcm { key, iv },
            Kind::ChaCha20Poly1305 => ConnectionTrafficSecrets::Chacha20Poly1305 { key, iv },
        }
    }

    /// Joins the two parts of an IV: rustls splits them by [`KeyBlockShape`].
    fn joined(fixed: &[u8], explicit: &[u8]) -> Iv {
        let mut iv = [0; NONCE_LEN];
        iv[..fixed.len()].copy_from_slice(fixed);
        iv[fixed.len()..].copy_from_slice(explicit);
        Iv::new(iv)
    }
}

impl Tls13AeadAlgorithm for Aead {
    fn encrypter(&self, key: AeadKey, iv: Iv) -> Box<dyn MessageEncrypter> {
        Box::new(Tls13 {
            key: self.key(&key),
            iv,
        })
    }

    fn decrypter(&self, key: AeadKey, iv: Iv) -> Box<dyn MessageDecrypter> {
        Box::new(Tls13 {
            key: self.key(&key),
            iv,
        })
    }

    fn key_len(&self) -> usize {
        self.0.key_len()
    }

    fn extract_keys(
        &self,
        key: AeadKey,
        iv: Iv,
    ) -> Result<ConnectionTrafficSecrets, UnsupportedOperationError> {
        Ok(self.secrets(key, iv))
    }
}

impl Tls12AeadAlgorithm for Aead {
    fn encrypter(&self, key: AeadKey, fixed: &[u8], explicit: &[u8]) -> Box<dyn MessageEncrypter> {
        Box::new(Tls12Encrypter {
            key: self.key(&key),
            iv: Self::joined(fixed, explicit),
            has_explicit_nonce: self.is_gcm(),
        })
    }

    fn decrypter(&self, key: AeadKey, fixed: &[u8]) -> Box<dyn MessageDecrypter> {
        let key = self.key(&key);
        if self.is_gcm() {
            let mut salt = [0; NONCE_LEN - EXPLICIT_NONCE];
            salt.copy_from_slice(fixed);
            Box::new(GcmDecrypter { key, salt })
        } else {
            let iv = Iv::copy(fixed);
            Box::new(ChaChaDecrypter { key, iv })
        }
    }

    fn key_block_shape(&self) -> KeyBlockShape {
        let explicit_nonce_len = if self.is_gcm() { EXPLICIT_NONCE } else { 0 };
        KeyBlockShape {
            enc_key_len: self.0.key_len(),
            fixed_iv_len: NONCE_LEN - explicit_nonce_len,
            explicit_nonce_len,
        }
    }

    fn extract_keys(
        &self,
        key: AeadKey,
        fixed: &[u8],
        explicit: &[u8],
    ) -> Result<ConnectionTrafficSecrets, UnsupportedOperationError> {
        Ok(self.secrets(key, Self::joined(fixed, explicit)))
    }
}

/// The nonce of record `seq`: rustls never repeats a sequence number under one key.
fn nonce(iv: &Iv, seq: u64) -> aead::Nonce {
    aead::Nonce::assume_unique_for_key(Nonce::new(iv, seq).0)
}

/// TLS 1.3 in one direction.
struct Tls13 {
    key: LessSafeKey,
    iv: Iv,
}

impl MessageEncrypter for Tls13 {
    fn encrypt(
        &mut self,
        message: OutboundPlainMessage<'_>,
        seq: u64,
    ) -> Result<OutboundOpaqueMessage, Error> {
        let len = self.encrypted_payload_len(message.payload.len());
        let mut payload = PrefixedPayload::with_capacity(len);
        payload.extend_from_chunks(&message.payload);
        payload.extend_from_slice(&[u8::from(message.typ)]);
        let aad = aead::Aad::from(make_tls13_aad(len));
        let tag = self
            .key
            .seal_in_place_separate_tag(nonce(&self.iv, seq), aad, payload.as_mut())
            .map_err(|_| Error::EncryptError)?;
        payload.extend_from_slice(tag.as_ref());
        // The outer type and version of every protected record (RFC 8446, 5.2).
        Ok(OutboundOpaqueMessage::new(
            ContentType::ApplicationData,
            ProtocolVersion::TLSv1_2,
            payload,
        ))
    }

    fn encrypted_payload_len(&self, len: usize) -> usize {
        len + 1 + TAG
    }
}

impl MessageDecrypter for Tls13 {
    fn decrypt<'a>(
        &mut self,
        mut message: InboundOpaqueMessage<'a>,
        seq: u64,
    ) -> Result<InboundPlainMessage<'a>, Error> {
        let payload = &mut message.payload;
        if payload.len() < TAG {
            return Err(Error::DecryptError);
        }
        let aad = aead::Aad::from(make_tls13_aad(payload.len()));
        let len = self
            .key
            .open_in_place(nonce(&self.iv, seq), aad, payload)
            .map_err(|_| Error::DecryptError)?
            .len();
        payload.truncate(len);
        message.into_tls13_unpadded_message()
    }
}

/// TLS 1.2, outgoing.
struct Tls12Encrypter {
    key: LessSafeKey,
    iv: Iv,
    has_explicit_nonce: bool,
}

impl MessageEncrypter for Tls12Encrypter {
    fn encrypt(
        &mut self,
        message: OutboundPlainMessage<'_>,
        seq: u64,
    ) -> Result<OutboundOpaqueMessage, Error> {
        let (typ, version, len) = (message.typ, message.version, message.payload.len());
        let mut payload = PrefixedPayload::with_capacity(self.encrypted_payload_len(len));
        let nonce = nonce(&self.iv, seq);
        if self.has_explicit_nonce {
            payload.extend_from_slice(&nonce.as_ref()[NONCE_LEN - EXPLICIT_NONCE..]);
        }
        let start = payload.as_ref().len();
        payload.extend_from_chunks(&message.payload);
        let aad = aead::Aad::from(make_tls12_aad(seq, typ, version, len));
        let tag = self
            .key
            .seal_in_place_separate_tag(nonce, aad, &mut payload.as_mut()[start..])
            .map_err(|_| Error::EncryptError)?;
        payload.extend_from_slice(tag.as_ref());
        Ok(OutboundOpaqueMessage::new(typ, version, payload))
    }

    fn encrypted_payload_len(&self, len: usize) -> usize {
        let explicit = if self.has_explicit_nonce {
            EXPLICIT_NONCE
        } else {
            0
        };
        explicit + len + TAG
    }
}

/// TLS 1.2 with AES-GCM, incoming: the record carries a part of its nonce.
struct GcmDecrypter {
    key: LessSafeKey,
    salt: [u8; NONCE_LEN - EXPLICIT_NONCE],
}

impl MessageDecrypter for GcmDecrypter {
    fn decrypt<'a>(
        &mut self,
        mut message: InboundOpaqueMessage<'a>,
        seq: u64,
    ) -> Result<InboundPlainMessage<'a>, Error> {
        let payload = &mut message.payload;
        let Some(len) = payload.len().checked_sub(EXPLICIT_NONCE + TAG) else {
            return Err(Error::DecryptError);
        };
        let mut nonce = [0; NONCE_LEN];
        nonce[..self.salt.len()].copy_from_slice(&self.salt);
        nonce[self.salt.len()..].copy_from_slice(&payload[..EXPLICIT_NONCE]);
        let nonce = aead::Nonce::assume_unique_for_key(nonce);
        let aad = aead::Aad::from(make_tls12_aad(seq, message.typ, message.version, len));
        // Moves the plaintext to the start of the buffer.
        self.key
            .open_within(nonce, aad, payload, EXPLICIT_NONCE..)
            .map_err(|_| Error::DecryptError)?;
        plain(message, len)
    }
}

/// TLS 1.2 with ChaCha20-Poly1305, incoming.
struct ChaChaDecrypter {
    key: LessSafeKey,
    iv: Iv,
}

impl MessageDecrypter for ChaChaDecrypter {
    fn decrypt<'a>(
        &mut self,
        mut message: InboundOpaqueMessage<'a>,
        seq: u64,
    ) -> Result<InboundPlainMessage<'a>, Error> {
        let payload = &mut message.payload;
        let Some(len) = payload.len().checked_sub(TAG) else {
            return Err(Error::DecryptError);
        };
        let aad = aead::Aad::from(make_tls12_aad(seq, message.typ, message.version, len));
        self.key
            .open_in_place(nonce(&self.iv, seq), aad, payload)
            .map_err(|_| Error::DecryptError)?;
        plain(message, len)
    }
}

/// The first `len` bytes of a decrypted TLS 1.2 record.
fn plain(
    mut message: InboundOpaqueMessage<'_>,
    len: usize,
) -> Result<InboundPlainMessage<'_>, Error> {
    if len > MAX_PLAINTEXT {
        return Err(Error::PeerSentOversizedRecord);
    }
    message.payload.truncate(len);
    Ok(message.into_plain_message())
}
