//! Encryption and authentication under the session keys of SRTP or of SRTCP.
//!
//! What is expensive is done once for each key: the AES key schedule, the hash of the two pads of HMAC, the table of
//! GHASH. A packet costs one pass of AES-CTR and one of SHA-1 (the started hash is copied on the stack), or one of
//! AES-GCM, and no allocation.

use aws_lc_rs::aead::{AES_128_GCM, AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use aws_lc_rs::cipher::{EncryptingKey, EncryptionContext};
use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::hmac;
use aws_lc_rs::iv::FixedLength;
use zeroize::Zeroizing;

use super::SrtpError;
use super::keys::{SessionKeys, counter_key};

/// The transform of a suite with its keys: 1.7 KiB in counter mode, for two key schedules and three hashes. The library
/// wipes its keys when they are dropped.
pub(super) enum Cipher {
    CounterMode(Box<CounterMode>),
    Aead(Aead),
}

impl Cipher {
    pub(super) fn new(keys: &SessionKeys) -> Cipher {
        if keys.suite.is_aead() {
            Cipher::Aead(Aead::new(keys))
        } else {
            Cipher::CounterMode(Box::new(CounterMode::new(keys)))
        }
    }
}

/// AES in counter mode and HMAC-SHA1 (RFC 3711 sections 4.1.1 and 4.2.1, RFC 6188 section 2).
pub(super) struct CounterMode {
    key: EncryptingKey,
    salt: Zeroizing<[u8; 14]>,
    authentication: hmac::Key,
}

impl CounterMode {
    fn new(keys: &SessionKeys) -> CounterMode {
        let mut salt = Zeroizing::new([0; 14]);
        salt.copy_from_slice(keys.salt());
        CounterMode {
            key: counter_key(keys.encryption()),
            salt,
            authentication: hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, &keys.authentication),
        }
    }

    /// Encrypts or decrypts. The counter begins at `(salt * 2^16) XOR (SSRC * 2^64) XOR (index * 2^16)`.
    pub(super) fn apply(&self, ssrc: u32, index: u64, data: &mut [u8]) -> Result<(), SrtpError> {
        let mut block = [0; 16];
        block[..14].copy_from_slice(&self.salt[..]);
        xor(&mut block[4..8], &ssrc.to_be_bytes());
        xor(&mut block[8..14], &index.to_be_bytes()[2..]);
        self.key
            .less_safe_encrypt(data, EncryptionContext::Iv128(FixedLength::from(block)))
            .map(|_| ())
            .map_err(|_| SrtpError::Malformed)
    }

    /// The whole tag over `data` and what follows it without being sent.
    pub(super) fn tag(&self, data: &[u8], unsent: &[u8]) -> hmac::Tag {
        let mut context = hmac::Context::with_key(&self.authentication);
        context.update(data);
        context.update(unsent);
        context.sign()
    }

    /// Compares the first bytes of the tag with what was received, in constant time.
    pub(super) fn verify(&self, data: &[u8], unsent: &[u8], received: &[u8]) -> Result<(), SrtpError> {
        let tag = self.tag(data, unsent);
        let expected = tag.as_ref().get(..received.len()).ok_or(SrtpError::Malformed)?;
        verify_slices_are_equal(expected, received).map_err(|_| SrtpError::Unauthenticated)
    }
}

/// AES-GCM (RFC 7714).
pub(super) struct Aead {
    key: LessSafeKey,
    salt: Zeroizing<[u8; NONCE_LEN]>,
}

/// Bytes of a tag of AES-GCM.
pub(super) const AEAD_TAG_BYTES: usize = 16;

impl Aead {
    fn new(keys: &SessionKeys) -> Aead {
        let mut salt = Zeroizing::new([0; NONCE_LEN]);
        salt.copy_from_slice(keys.salt());
        let algorithm = if keys.encryption().len() == 16 { &AES_128_GCM } else { &AES_256_GCM };
        let key = UnboundKey::new(algorithm, keys.encryption())
            // The only lengths that a suite has are those of the two algorithms.
            .expect("an AES key of 16 or 32 bytes");
        Aead { key: LessSafeKey::new(key), salt }
    }

    /// The nonce of an SRTP packet (section 8.1) or SRTCP packet (section 9.1): two zero bytes, SSRC, 48-bit index.
    fn nonce(&self, ssrc: u32, index: u64) -> Nonce {
        let mut nonce = *self.salt;
        xor(&mut nonce[2..6], &ssrc.to_be_bytes());
        xor(&mut nonce[6..12], &index.to_be_bytes()[2..]);
        Nonce::assume_unique_for_key(nonce)
    }

    /// Encrypts `data` in place and gives the tag. The caller never uses an index twice.
    pub(super) fn seal(
        &self,
        ssrc: u32,
        index: u64,
        associated: &[u8],
        data: &mut [u8],
    ) -> Result<[u8; AEAD_TAG_BYTES], SrtpError> {
        let tag = self
            .key
            .seal_in_place_separate_tag(self.nonce(ssrc, index), Aad::from(associated), data)
            .map_err(|_| SrtpError::Malformed)?;
        tag.as_ref().try_into().map_err(|_| SrtpError::Malformed)
    }

    /// Decrypts `data` in place when the tag is right; else its bytes are lost.
    pub(super) fn open(
        &self,
        ssrc: u32,
        index: u64,
        associated: &[u8],
        data: &mut [u8],
        tag: &[u8],
    ) -> Result<(), SrtpError> {
        self.key
            .open_in_place_separate_tag(self.nonce(ssrc, index), Aad::from(associated), tag, data)
            .map(|_| ())
            .map_err(|_| SrtpError::Unauthenticated)
    }
}

fn xor(into: &mut [u8], with: &[u8]) {
    for (byte, other) in into.iter_mut().zip(with) {
        *byte ^= other;
    }
}
