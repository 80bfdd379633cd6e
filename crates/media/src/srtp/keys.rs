//! Master keys, and the session keys derived from them (RFC 3711 section 4.3, RFC 6188 section 3, RFC 7714 section 11).

use aws_lc_rs::cipher::{AES_128, AES_256, EncryptingKey, EncryptionContext, UnboundCipherKey};
use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::iv::FixedLength;
use zeroize::{Zeroize, ZeroizeOnDrop};

use super::{RTP_LIFETIME_PACKETS, Suite};

/// Longest MKI that is understood, in bytes. RFC 4568 section 9.1 allows 128; phones use 1 to 4.
pub const MKI_BYTES_MAX: usize = 16;

/// Longest key and salt together: AES-256 with a salt of 112 bits.
const KEY_AND_SALT_BYTES_MAX: usize = 46;

/// Why a master key was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyError {
    /// Key and salt are not as long as the suite wants.
    Length,
    /// The MKI is longer than [`MKI_BYTES_MAX`] or empty.
    Mki,
    /// A lifetime of zero packets.
    Lifetime,
}

/// Master key and master salt of one direction, wiped when dropped. It has no `Debug`.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct MasterKey {
    #[zeroize(skip)]
    suite: Suite,
    bytes: [u8; KEY_AND_SALT_BYTES_MAX],
    mki: [u8; MKI_BYTES_MAX],
    mki_bytes: usize,
    lifetime_packets: u64,
}

impl MasterKey {
    /// From key and salt one after the other, as `a=crypto` has them in base64 (RFC 4568 section 6.1). DTLS exports both
    /// keys before both salts (RFC 5764 section 4.2): whoever takes them apart joins them again.
    pub fn new(suite: Suite, key_and_salt: &[u8]) -> Result<MasterKey, KeyError> {
        if key_and_salt.len() != suite.key_bytes() + suite.salt_bytes() {
            return Err(KeyError::Length);
        }
        let mut bytes = [0; KEY_AND_SALT_BYTES_MAX];
        bytes[..key_and_salt.len()].copy_from_slice(key_and_salt);
        Ok(MasterKey {
            suite,
            bytes,
            mki: [0; MKI_BYTES_MAX],
            mki_bytes: 0,
            lifetime_packets: RTP_LIFETIME_PACKETS,
        })
    }

    /// The MKI that the sender announced with this key, as it stands in his packets. He may leave it out.
    pub fn with_mki(mut self, mki: &[u8]) -> Result<MasterKey, KeyError> {
        if mki.is_empty() || mki.len() > MKI_BYTES_MAX {
            return Err(KeyError::Mki);
        }
        self.mki[..mki.len()].copy_from_slice(mki);
        self.mki_bytes = mki.len();
        Ok(self)
    }

    /// The lifetime of RFC 4568 section 6.1: this many SRTP packets or this many SRTCP packets at most.
    pub fn with_lifetime(mut self, packets: u64) -> Result<MasterKey, KeyError> {
        if packets == 0 {
            return Err(KeyError::Lifetime);
        }
        self.lifetime_packets = packets.min(RTP_LIFETIME_PACKETS);
        Ok(self)
    }

    pub fn suite(&self) -> Suite {
        self.suite
    }

    /// Whether `other` is the same key of the same suite, told in constant time. A description that repeats a key goes on
    /// with its contexts: new ones would begin at the first index again and use it twice.
    pub fn is_same(&self, other: &MasterKey) -> bool {
        self.suite == other.suite && verify_slices_are_equal(&self.bytes, &other.bytes).is_ok()
    }

    pub(super) fn mki(&self) -> &[u8] {
        &self.mki[..self.mki_bytes]
    }

    pub(super) fn lifetime_packets(&self) -> u64 {
        self.lifetime_packets
    }

    /// The session keys of SRTP (`rtcp` false) or SRTCP.
    pub(super) fn session_keys(&self, rtcp: bool) -> SessionKeys {
        let first_label = if rtcp { 3 } else { 0 };
        let mut keys =
            SessionKeys { suite: self.suite, encryption: [0; 32], authentication: [0; 20], salt: [0; 14] };
        self.derive(first_label, &mut keys.encryption[..self.suite.key_bytes()]);
        self.derive(first_label + 1, &mut keys.authentication);
        self.derive(first_label + 2, &mut keys.salt[..self.suite.salt_bytes()]);
        keys
    }

    /// AES in counter mode over zeros from `x * 2^16`, where `x` is the salt XOR the label (RFC 3711 sections 4.3.1 and
    /// 4.3.3; RFC 6188 section 3.1 for AES-256). The 96-bit salt of AEAD has 16 zero bits behind it (RFC 7714 section 11).
    pub(super) fn derive(&self, label: u8, out: &mut [u8]) {
        let (key, rest) = self.bytes.split_at(self.suite.key_bytes());
        let mut block = [0; 16];
        block[..self.suite.salt_bytes()].copy_from_slice(&rest[..self.suite.salt_bytes()]);
        block[7] ^= label;
        out.fill(0);
        counter_key(key)
            .less_safe_encrypt(out, EncryptionContext::Iv128(FixedLength::from(block)))
            // Counter mode takes any length and this key takes a 128-bit counter.
            .expect("AES in counter mode");
    }
}

/// Session keys on their way into a cipher.
#[derive(Zeroize, ZeroizeOnDrop)]
pub(super) struct SessionKeys {
    #[zeroize(skip)]
    pub(super) suite: Suite,
    encryption: [u8; 32],
    pub(super) authentication: [u8; 20],
    salt: [u8; 14],
}

impl SessionKeys {
    pub(super) fn encryption(&self) -> &[u8] {
        &self.encryption[..self.suite.key_bytes()]
    }

    pub(super) fn salt(&self) -> &[u8] {
        &self.salt[..self.suite.salt_bytes()]
    }

    /// Keys given by a test vector instead of derived.
    #[cfg(test)]
    pub(super) fn given(suite: Suite, encryption: &[u8], authentication: &[u8], salt: &[u8]) -> SessionKeys {
        let mut keys = SessionKeys { suite, encryption: [0; 32], authentication: [0; 20], salt: [0; 14] };
        keys.encryption[..encryption.len()].copy_from_slice(encryption);
        keys.authentication[..authentication.len()].copy_from_slice(authentication);
        keys.salt[..salt.len()].copy_from_slice(salt);
        keys
    }
}

/// An AES key in counter mode; `key` has 16 or 32 bytes.
pub(super) fn counter_key(key: &[u8]) -> EncryptingKey {
    let algorithm = if key.len() == 16 { &AES_128 } else { &AES_256 };
    UnboundCipherKey::new(algorithm, key)
        .and_then(EncryptingKey::ctr)
        // The only lengths that a suite has are those of the two algorithms.
        .expect("an AES key of 16 or 32 bytes")
}
