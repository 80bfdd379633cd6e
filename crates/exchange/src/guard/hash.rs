//! Keyed hashes for tables of fixed size. The key is secret, so nobody can choose what collides.

use crate::world::Secrets;
use aws_lc_rs::hmac;
use std::hash::Hasher;
// The one hasher of the standard library that takes a key. Deprecated for hash maps, not for this.
#[allow(deprecated)]
use std::hash::SipHasher;

#[derive(Clone, zeroize::Zeroize, zeroize::ZeroizeOnDrop)]
pub struct HashKey([u64; 2]);

impl HashKey {
    pub fn new(secrets: &Secrets) -> Self {
        let key = hmac::Key::new(hmac::HMAC_SHA256, &secrets.nonce);
        let tag = hmac::sign(&key, b"coeur guard hash key");
        let word =
            |at: usize| tag.as_ref()[at..at + 8].iter().fold(0, |word, byte| word << 8 | u64::from(*byte));
        Self([word(0), word(8)])
    }

    /// A hash for one table from hashes made with [`HashKey::of`]. They are secret and uniform, so multiplying and
    /// folding is enough to make tables independent of each other (the finalizer of MurmurHash3, Appleby).
    pub fn mixed(&self, purpose: Purpose, who: u64, source: u64) -> u64 {
        let mut word = who ^ source.rotate_left(29) ^ self.0[0].wrapping_mul(2 * purpose as u64 + 1);
        for factor in [0xff51_afd7_ed55_8ccd, 0xc4ce_b9fe_1a85_ec53] {
            word = (word ^ word >> 33).wrapping_mul(factor);
        }
        word ^ word >> 33
    }

    /// SipHash-2-4 over the parts with their lengths, so that they cannot borrow bytes of each other.
    #[allow(deprecated)]
    pub fn of(&self, purpose: Purpose, parts: &[&[u8]]) -> u64 {
        let mut hasher = SipHasher::new_with_keys(self.0[0] ^ purpose as u64, self.0[1]);
        for part in parts {
            hasher.write_u32(part.len() as u32);
            hasher.write(part);
        }
        hasher.finish()
    }
}

/// The number of a conference, by name and domain.
pub(crate) fn room_of(secrets: &Secrets, name: &[u8], domain: &[u8]) -> u64 {
    HashKey::new(secrets).of(Purpose::Room, &[name, domain])
}

/// Each table hashes in its own way.
#[derive(Clone, Copy)]
pub enum Purpose {
    NonceCount = 1,
    Who,
    Source,
    OfferSketch,
    Room,
    Failures,
    FailuresOfSource,
    Known,
    KnownPath,
    Messages,
    Request,
}
